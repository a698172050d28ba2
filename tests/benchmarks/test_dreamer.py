"""The benchmark of Motion Dreamer: held-out clips, rows that run the real pipeline, and honest tables."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.dreamer_cases import GROUPS, Case
from benchmarks.dreamer_measures import Measured, frechet, frechet_order, measure
from benchmarks.dreamer_reasoning import (
    one_arrow,
    onset,
    predictions,
    prompted,
    rank_correlation,
    topple_time,
    unprompted_errors,
)
from benchmarks.dreamer_rows import PAINTING, REASONING, Made, given, painted, reasoned, rows, sparse, still
from benchmarks.dreamer_store import Store, key_of, row_key
from benchmarks.dreamer_sweep import DEFAULT, VARIANTS
from benchmarks.dreamer_sweep import table as sweep_table
from benchmarks.dreamer_table import EQUAL_BUDGET, FULL, PAPER, against_warp, main_table, order_table, topple_table
from simcraft.clip.store import save_clip
from simcraft.data.manifest import expand
from simcraft.data.recipe import load_recipe
from simcraft.generate.motion_dreamer.pipeline import MotionDreamerPipeline
from simcraft.train.dreamer_loss import Options
from tests.generate import tiny_dreamer

FRAMES = 4
SIZE = 48
"""The shorter side of the clip."""


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """A square slides before a still background."""
    path = tmp_path_factory.mktemp("case") / "clip.npz"
    return Case("slide 0", Path(save_clip(tiny_dreamer.small_clip(FRAMES), path)))


class Tiny:
    """Stands for a `Model` whose pipeline has never been saved."""

    digest = "tiny"

    @cached_property
    def pipeline(self) -> MotionDreamerPipeline:
        return tiny_dreamer.pipeline(tiny_dreamer.small_clip(FRAMES))


@pytest.fixture(scope="module")
def models() -> dict[str, Any]:
    tiny = Tiny()
    return {PAINTING: tiny, REASONING: tiny}


# ---------------------------------------------------------------------------------------------------------------- cases


@pytest.mark.parametrize("group", GROUPS)
def test_training_shows_none_of_the_clips(group: str) -> None:
    name, count = GROUPS[group]
    training, held_out = load_recipe("train-dreamer"), load_recipe(name)
    seeds = {row.seed for row in expand(training, 4000)}
    assert not seeds & {row.seed for row in expand(held_out, count)}
    assert held_out.recipe.size == training.recipe.size and held_out.recipe.frames == training.recipe.frames
    if group == "held-out":
        assert set(held_out.recipe.families) == set(training.recipe.families)
        for name in ("paint", "camera_turn"):
            ours, theirs = (set(np.ravel(recipe.recipe.changes[name])) for recipe in (held_out, training))
            assert not ours & theirs


# ----------------------------------------------------------------------------------------------------------------- rows


def test_every_row_of_the_paper_is_there() -> None:
    names = [row.name for row in rows()]
    assert len(set(names)) == len(names)
    assert {name for name, _, _ in PAPER} | {FULL, EQUAL_BUDGET, "warp", "motioncraft"} <= set(names)


def test_rows_paint_and_predict_as_the_pipeline_does(case: Case, models: dict[str, Any]) -> None:
    pipeline = models[REASONING].pipeline
    np.testing.assert_array_equal(painted(pipeline, case.conditions), pipeline(case.clip, resolution=SIZE).frames)
    poses = case.clip.camera_to_world
    wanted = pipeline.predict(case.scene, case.arrows, frames=FRAMES, camera_to_world=poses, resolution=SIZE)
    motion, clip = reasoned(case, pipeline, case.arrows)
    # the pipeline takes arrows as means over instances and paints them again: other roundings
    np.testing.assert_allclose(clip.flow_backward, wanted.flow_backward, atol=1e-5)
    np.testing.assert_array_equal(clip.instances, wanted.instances)
    np.testing.assert_array_equal(motion.flow[1:], clip.flow_backward)


def test_what_is_hidden_is_hidden_from_stage_two(case: Case) -> None:
    assert given(case, case.conditions, None) is case.conditions
    assert given(case, case.conditions, "segmentation").representation.segmentation is None
    depthless = given(case, case.conditions, "depth")
    assert depthless.representation.depth is None and not depthless.geometry.any()
    still_hint = given(case, case.conditions, "flow")
    assert not still_hint.representation.flow.any() and still_hint.new.min() == 1
    np.testing.assert_array_equal(still_hint.hint[-1], case.frames[0])
    assert case.conditions.representation.flow.any()


def test_sparse_flow_says_one_pixel_of_each_instance(case: Case) -> None:
    told, labels = sparse(case), case.scene.instances
    known = np.unique(labels[case.arrows.known])
    assert sorted(labels[told.known].tolist()) == sorted(known.tolist())
    np.testing.assert_array_equal(told.flow[told.known], case.arrows.flow[told.known])
    assert not told.flow[~told.known].any()


@pytest.mark.parametrize("name", ["simulation, without depth", "two stages, sparse flow", "stage one, painted by warp"])
def test_rows_run(name: str, case: Case, models: dict[str, Any]) -> None:
    row = next(row for row in rows() if row.name == name)
    made = row.make(case, models)
    assert made.frames is not None and made.frames.shape == case.frames.shape
    assert (made.motion is None) == name.startswith("simulation")


# ------------------------------------------------------------------------------------------------------------- measures


def test_the_truth_has_no_errors_and_standing_still_has(case: Case) -> None:
    true, frozen = measure(case, Made(case.frames, case.motion, case.clip)), measure(case, still(case, {}))
    assert true.values["psnr"] is None and true.values["flow"] == 0 and true.values["labels"] == 1
    assert frozen.values["psnr"] < 30 and "flow" not in frozen.values
    assert set(true.features) == {"frames", "estimated", "tracks"} and set(frozen.features) == {"frames", "estimated"}


def sets(shift: float, count: int = 12) -> dict[str, Measured]:
    features = np.random.default_rng(3).normal(size=(count, 4)) + shift
    return {str(i): Measured({"new_psnr": 20 + shift}, {"frames": row.tolist()}) for i, row in enumerate(features)}


def test_distances_compare_sets_and_tell_their_order() -> None:
    truth, near, far = sets(0), sets(0.5), sets(2)
    same, near_distance = frechet(truth, truth, "frames"), frechet(near, truth, "frames")
    assert same is not None and same.value == pytest.approx(0, abs=1e-8)
    assert near_distance is not None and near_distance.value == pytest.approx(4 * 0.25)
    difference = frechet_order(far, near, truth, "frames")
    assert difference is not None and difference.value == pytest.approx(4 * (4 - 0.25))
    assert difference.low <= difference.value <= difference.high and difference.low > 0
    assert frechet(near, truth, "i3d") is None
    table = order_table({"the truth": truth, FULL: near, "two stages, without depth": far}, ["frames"])
    assert ": farther" in table and "+9.2" in table and "sparse" not in table
    assert "| two stages | 12 |" in main_table({"the truth": truth, FULL: near}, [FULL, "warp"], ["frames"])


def test_warp_is_beaten_only_where_nothing_is_lost() -> None:
    def row(new: float, elsewhere: float) -> dict[str, Measured]:
        return {str(i): Measured({"new_psnr": new + i, "elsewhere_psnr": elsewhere + i}) for i in range(5)}

    results = {"warp": row(20, 30), "better": row(21, 30), "paid for": row(21, 29)}
    assert ": HOLDS" in str(against_warp(results, "better"))
    assert "DOES NOT HOLD" in str(against_warp(results, "paid for"))
    assert against_warp(results, "missing") is None


def test_results_are_found_again_until_a_model_changes(case: Case, models: dict[str, Any], tmp_path: Path) -> None:
    store, row = Store(tmp_path), rows()[1]
    made = still(case, {})
    kept = Measured({"psnr": 1.5, "flow": None}, {"frames": [1.0, 2.0]})
    key = row_key(row, case, models, None)
    assert store.measured(key) is None and store.arrays(key) == {}
    store.keep(key, made, kept)
    assert store.measured(key) == kept
    np.testing.assert_array_equal(store.arrays(key)["frames"], made.frames)
    other = {REASONING: type("Other", (), {"digest": "other"})()}
    assert key_of("x", (REASONING,), case, models) != key_of("x", (REASONING,), case, other)


# ------------------------------------------------------------------------------------------------------------ reasoning


def test_the_arrow_goes_to_what_moves_and_its_error_is_not_counted(case: Case, models: dict[str, Any]) -> None:
    label = prompted(case)
    assert label is not None and onset(case.motion)[label] == 1
    arrow = one_arrow(case)
    assert arrow is not None
    np.testing.assert_array_equal(arrow.known, case.motion.segmentation[0] == label)
    found = predictions(case, models[REASONING].pipeline)
    assert found is not None
    # nothing else moves: there is nothing that reasoning could be wrong about
    assert np.isnan(list(unprompted_errors(case, found, 0.1).values())).all()


def test_constant_motion_knows_of_the_camera(case: Case, tmp_path: Path, models: dict[str, Any]) -> None:
    poses = np.tile(np.eye(4), (FRAMES, 1, 1))
    poses[:, 0, 3] = np.arange(FRAMES)
    path = save_clip(replace(tiny_dreamer.small_clip(FRAMES), camera_to_world=poses), tmp_path / "moves.npz")
    found = predictions(Case("moves", Path(path)), models[REASONING].pipeline)
    assert found is not None
    # 60 pixels over a depth of 10 metres
    np.testing.assert_allclose(np.median(found["constant motion"].flow[1:, :8], (0, 1, 2)), (6, 0), atol=1e-4)


def test_the_time_of_toppling_is_the_mean_onset(case: Case) -> None:
    flow, labels = np.zeros((FRAMES, 4, 4, 2), np.float32), np.zeros((FRAMES, 4, 4), np.uint8)
    labels[:, 0], labels[:, 1] = 1, 2
    flow[2:, 0] = 1.0
    motion = replace(case.motion, flow=flow, segmentation=labels)
    assert onset(motion) == {1: 2, 2: FRAMES}
    assert topple_time(motion, {1}) == 2 and topple_time(motion, {1, 2}) == (2 + FRAMES) / 2


def test_rank_correlation_is_of_ranks() -> None:
    rising = np.arange(20.0)
    assert rank_correlation(rising, np.exp(rising)) == pytest.approx((1, 1, 1))
    assert rank_correlation(rising, -rising)[0] == pytest.approx(-1)
    assert rank_correlation(np.ones(20), rising)[0] == 0
    times = {
        str(i): {"simulation": i, "still": 13, **dict.fromkeys(("constant motion", "stage one, all arrows"), 2.0 * i)}
        | dict.fromkeys(("stage one, one arrow", "stage one, no arrows"), -1.0 * i)
        for i in range(6)
    }
    table = topple_table(times)
    assert "| stage one, all arrows | 6 | +1.00" in table and "| stage one, one arrow | 6 | -1.00" in table


# ---------------------------------------------------------------------------------------------------------------- sweep


def test_the_sweep_changes_one_thing_at_a_time() -> None:
    default = Options()
    for variant in VARIANTS:
        mine, usual = asdict(variant.options), asdict(default)
        changed = [name for name in usual if name != "hiding" and mine[name] != usual[name]]
        changed += [name for name in usual["hiding"] if mine["hiding"][name] != usual["hiding"][name]]
        changed += ["delta"] * (variant.delta != 1) + ["stage"] * (variant.stage != "1")
        assert len(changed) == (variant.name != DEFAULT), variant
    assert {variant.model for variant in VARIANTS if variant.delta != 1} == {DEFAULT}


def test_the_table_of_the_sweep_is_against_the_default() -> None:
    def errors(more: float) -> dict[str, dict[str, float]]:
        return {str(i): {"flow of what moves, all arrows": i + more, "labels": 0.5} for i in range(6)}

    lines = sweep_table({DEFAULT: errors(0), "p-0.2": errors(0.5)}).splitlines()
    assert len(lines) == 4 and "| 2.500 | - | - | 0.500 | - |" in lines[2]
    assert lines[3].startswith("| p 0.2 | 3.000 (+0.500 [+0.500, +0.500]) |")


@pytest.mark.slow
def test_a_quick_run_fills_a_page_and_the_second_paints_nothing(tmp_path: Path) -> None:
    pipeline = tiny_dreamer.pipeline(tiny_dreamer.small_clip(FRAMES))
    suits = {stage: {**each, "overlap": 2} for stage, each in pipeline.config["suits"].items()}
    pipeline.register_to_config(suits=suits)
    pipeline.save_pretrained(tmp_path / "model")
    (tmp_path / "page.md").write_text("# Page\n\n<!-- tables -->\n<!-- end of tables -->\n\nEnd.\n")
    wanted = ["two stages", "warp", "simulation in place of stage one"]
    command = [sys.executable, "-m", "benchmarks.dreamer", "--quick", "--model", "model", "--folder", "kept"]
    command += ["--page", "page.md", "--json", "numbers.json", "--pictures", "pictures", "--rows", *wanted]
    root = Path(__file__).resolve().parents[2]
    settings = {"cwd": tmp_path, "env": {**os.environ, "PYTHONPATH": str(root)}, "capture_output": True, "text": True}
    first = subprocess.run(command, **settings)
    assert first.returncode == 0, first.stderr
    page = (tmp_path / "page.md").read_text()
    assert "## Held-out clips" in page and "## Towers" in page and "## When the chain falls" in page
    assert page.endswith("End.\n")
    assert {path.name for path in (tmp_path / "pictures").iterdir()} == {
        f"dreamer_{group}_{what}.png" for group in ("held-out", "tower") for what in ("videos", "motion")
    }
    again = subprocess.run(command, **settings)
    assert again.returncode == 0 and ", warp" not in again.stderr and ", warp" in first.stderr
