"""The benchmark of Motion Dreamer: held-out clips, rows that run the real pipeline, and honest tables."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from argparse import Namespace
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import command, dreamer
from benchmarks.dreamer_cases import GROUPS, Case
from benchmarks.dreamer_measures import Measured, frechet, frechet_order, measure
from benchmarks.dreamer_rows import (
    MOVED,
    ONE,
    PAINTING,
    REASONING,
    SMALL,
    SMALL_PAINTING,
    AtRest,
    Made,
    Model,
    given,
    painted,
    reasoned,
    rows,
    sparse,
    still,
)
from benchmarks.dreamer_store import Store, row_key
from benchmarks.dreamer_sweep import DEFAULT, VARIANTS
from benchmarks.dreamer_sweep import table as sweep_table
from benchmarks.dreamer_table import (
    EQUAL_BUDGET,
    FULL,
    PAPER,
    against_moved,
    against_simulation,
    against_warp,
    main_table,
    order_table,
)
from simcraft.data.manifest import expand
from simcraft.data.recipe import load_recipe
from simcraft.errors import UserError
from simcraft.generate.motion_dreamer.stage_one import Beginning
from simcraft.train.dreamer_loss import Options
from tests.benchmarks.tiny_case import FRAMES, SIZE, Tiny, saved
from tests.generate import tiny_dreamer


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """A square slides before a still background."""
    return saved(tiny_dreamer.small_clip(FRAMES), tmp_path_factory.mktemp("case"))


@pytest.fixture(scope="module")
def models() -> dict[str, Any]:
    tiny = Tiny()
    return {PAINTING: tiny, REASONING: tiny, ONE: tiny, SMALL_PAINTING: tiny, SMALL: Tiny(seed=5)}


# ---------------------------------------------------------------------------------------------------------------- cases


@pytest.fixture(scope="module")
def training_seeds() -> set[int]:
    return {row.seed for row in expand(load_recipe("train-dreamer"), 4000)}


@pytest.mark.parametrize("group", GROUPS)
def test_training_shows_none_of_the_clips(group: str, training_seeds: set[int]) -> None:
    name, count = GROUPS[group]
    training, held_out = load_recipe("train-dreamer"), load_recipe(name)
    assert not training_seeds & {row.seed for row in expand(held_out, count)}
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
    np.testing.assert_array_equal(
        painted(pipeline, case.clip, case.conditions), pipeline(case.clip, resolution=SIZE).frames
    )
    poses = case.clip.camera_to_world
    wanted = pipeline.predict(case.scene, case.arrows, frames=FRAMES, camera_to_world=poses, resolution=SIZE)
    motion, clip = reasoned(case, pipeline, case.arrows)
    # the pipeline takes arrows as means over instances and paints them again: other roundings
    np.testing.assert_allclose(clip.flow_backward, wanted.flow_backward, atol=1e-4)
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


def test_sparse_flow_moves_nothing_that_stage_one_adds_to(case: Case) -> None:
    told, poses = sparse(case), case.clip.camera_to_world
    start = (case.clip.image, case.motion.first, told, case.scene.intrinsics)
    assert poses is not None and case.motion.segmentation is not None
    whole, resting = (kind(*start).moved(poses).representation for kind in (Beginning, AtRest))
    assert np.count_nonzero(whole.flow[1].any(-1)) > 100 and not resting.flow.any()
    assert resting.segmentation is not None
    np.testing.assert_array_equal(resting.segmentation[-1], case.motion.segmentation[0])


def test_another_size_is_refused(case: Case) -> None:
    pipeline = Tiny().pipeline
    pipeline.register_to_config(suits={})
    with pytest.raises(UserError, match=r"The model works at .* the clips of the benchmark are 64x48"):
        reasoned(case, pipeline, case.arrows)
    with pytest.raises(UserError, match="The model works at"):
        painted(pipeline, case.clip, case.conditions)


@pytest.mark.parametrize(
    "name",
    [
        "simulation, without depth",
        "two stages, sparse flow",
        "two stages, no arrows",
        "stage one, painted by warp",
        "two stages, small budget",
        "one stage, small budget",
    ],
)
def test_rows_run(name: str, case: Case, models: dict[str, Any]) -> None:
    row = next(row for row in rows() if row.name == name)
    made = row.make(case, {name: models[name] for name in row.models})
    assert made.frames is not None and made.frames.shape == case.frames.shape
    np.testing.assert_array_equal(made.frames[0], case.frames[0])
    assert (made.motion is None) == name.startswith(("simulation", "one stage"))
    if made.motion is not None:
        usual, _ = reasoned(case, models[REASONING].pipeline, case.arrows)
        assert np.array_equal(made.motion.flow, usual.flow) == (name == "stage one, painted by warp")


def test_without_a_network_things_go_on_along_their_arrows(case: Case, models: dict[str, Any]) -> None:
    row = next(row for row in rows() if row.name == MOVED)
    made = row.make(case, {PAINTING: models[PAINTING]})
    begin = Beginning(case.clip.image, case.motion.first, case.arrows, case.scene.intrinsics)
    there = begin.moved(np.asarray(case.clip.camera_to_world)).representation
    assert made.motion is not None and np.abs(there.flow).max() > 0
    np.testing.assert_array_equal(made.motion.flow, there.flow)
    found = {FULL: {"a": Measured({"flow": 1.5})}, MOVED: {"a": Measured({"flow": 2.0})}}
    text = against_moved(found)
    assert text is not None and "-0.500" in text and against_moved({FULL: found[FULL]}) is None


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
    assert ", farther" in table and "+9.2" in table and "sparse" not in table
    assert "| two stages | 12 |" in main_table({"the truth": truth, FULL: near}, [FULL, "warp"], ["frames"])


def test_intervals_hold_their_value_however_few_clips_there_are() -> None:
    """Resampled sets are smaller than they are, and so farther apart: not so the interval."""
    random = np.random.default_rng(5)
    first, second = (
        {str(i): Measured({}, {"frames": row.tolist()}) for i, row in enumerate(random.normal(size=(12, 8)))}
        for _ in range(2)
    )
    found = frechet(first, second, "frames")
    assert found is not None and found.low < found.value < found.high


def against(new: float, elsewhere: float, shift: float, count: int = 10) -> dict[str, Measured]:
    return {
        case: replace(each, values={"new_psnr": new + int(case), "elsewhere_psnr": elsewhere + int(case)})
        for case, each in sets(shift, count).items()
    }


def test_warp_is_beaten_only_where_nothing_is_lost() -> None:
    results = {"the truth": sets(0, 10), "warp": against(20, 30, 2), "better": against(21, 30, 1)}
    results["paid for"] = against(21, 29, 3)
    better, paid = (str(against_warp(results, name, ["frames"])) for name in ("better", "paid for"))
    assert ": HOLDS" in better and "FVD, own features -12 [" in better and ", nearer." in better
    assert "DOES NOT HOLD" in paid and ", farther." in paid
    assert against_warp(results, "missing", ["frames"]) is None
    few = {name: dict(list(found.items())[:9]) for name, found in results.items()}
    line = str(against_warp(few, "better", ["frames"]))
    assert "HOLD" not in line and "TOO FEW CLIPS TO TELL" in line and ", too few clips to tell." in line


def test_what_stage_one_loses_is_told_beside_the_simulation() -> None:
    results = {"the truth": sets(0), FULL: sets(2), "simulation in place of stage one": sets(1)}
    assert "Two stages minus simulation in place" in str(against_simulation(results, ["frames"]))
    assert ", farther." in str(against_simulation(results, ["frames"]))
    assert against_simulation({"the truth": sets(0), FULL: sets(2)}, ["frames"]) is None


def test_results_are_found_again(case: Case, models: dict[str, Any], tmp_path: Path) -> None:
    store, row = Store(tmp_path), rows()[1]
    made = still(case, {})
    kept = Measured({"psnr": 1.5, "flow": None}, {"frames": [1.0, 2.0]})
    key = row_key(row, case, models, None)
    assert store.measured(key) is None and store.arrays(key) == {}
    store.keep(key, made, kept)
    assert store.measured(key) == kept
    np.testing.assert_array_equal(store.arrays(key)["frames"], made.frames)


@pytest.mark.parametrize("changed", ["clip", "source", "row", "model", "another model", "i3d"])
def test_results_depend_on_all_that_makes_them(
    changed: str, case: Case, models: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = next(row for row in rows() if row.models == (PAINTING,))
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    usual = row_key(row, case, models, None)
    if changed == "source":
        monkeypatch.setattr("benchmarks.dreamer_store.source_digest", lambda places, without: "other")
    other = row_key(
        replace(row, name="other") if changed == "row" else row,
        saved(tiny_dreamer.small_clip(FRAMES - 1), tmp_path, case.name) if changed == "clip" else case,
        {**models, {"model": PAINTING, "another model": REASONING}.get(changed, "none"): Tiny(seed=9)},
        tmp_path if changed == "i3d" else None,
    )
    assert (usual == other) == (changed == "another model")


def test_a_model_is_known_by_the_network_that_is_used(tmp_path: Path) -> None:
    def write(name: str, content: str) -> dict[str | None, str]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
        return {network: Model(tmp_path, network).digest for network in (None, "stage_one", "stage_two")}

    write("model_index.json", '{"stage_one": [null, null], "suits": {"stage_two": {"steps": 1}}}')
    first = write("stage_two/model.safetensors", "two")
    write("model_index.json", '{"stage_one": ["a", "b"], "suits": {"stage_one": {}, "stage_two": {"steps": 1}}}')
    second = write("stage_one/model.safetensors", "one")
    assert [name for name in first if first[name] == second[name]] == ["stage_two"]
    third = write("vae/model.safetensors", "vae")
    assert not set(second.values()) & set(third.values())
    fourth = write("model_index.json", '{"stage_one": ["a", "b"], "suits": {"stage_one": {}, "stage_two": {}}}')
    assert [name for name in first if third[name] == fourth[name]] == ["stage_one"]


def test_a_mistyped_model_is_refused_and_a_missing_stage_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def chosen(*arguments: str) -> dict[str, Model]:
        monkeypatch.setattr("sys.argv", ["dreamer", *arguments])
        return dreamer.chosen_models(dreamer.read_options())

    with pytest.raises(UserError, match="--model: nowhere has no stage_two and no stage_one"):
        chosen("--model", "nowhere")
    (tmp_path / "stage_two").mkdir()
    with pytest.raises(UserError, match=r"--no-enhancement: .* has no stage_one"):
        chosen("--model", str(tmp_path), "--no-enhancement", str(tmp_path))
    capsys.readouterr()
    found = chosen("--model", str(tmp_path), "--small", str(tmp_path))
    assert {PAINTING, SMALL_PAINTING} <= found.keys() and not {REASONING, SMALL} & found.keys()
    told = capsys.readouterr().err.splitlines()
    assert told == [f"{option}: {tmp_path} has no stage_one." for option in ("--model", "--small")]


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


# ----------------------------------------------------------------------------------------------------------- whole runs


def test_a_page_without_a_place_for_tables_is_refused_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("# Page")
    done = []
    for page, says in (("page.md", "The page has no place for tables"), ("none.md", "none.md cannot be read")):
        with pytest.raises(SystemExit, match=says):
            command.run(done.append, lambda page=page: Namespace(page=tmp_path / page))
    assert not done and (tmp_path / "page.md").read_text() == "# Page"


def test_numbers_in_files_are_finite(tmp_path: Path) -> None:
    command.write_json({"a": [np.nan, 1.5], "b": {"c": float("inf"), "d": 2}}, tmp_path / "numbers.json")
    assert json.loads((tmp_path / "numbers.json").read_text()) == {"a": [None, 1.5], "b": {"c": None, "d": 2}}


def test_a_run_without_time_tells_what_is_there(case: Case, models: dict[str, Any], tmp_path: Path) -> None:
    run = dreamer.Run(models, rows()[:3], Store(tmp_path), None, until=0.0, quick=True, cases={"held-out": [case]})
    dreamer.work(run)
    assert run.results == {"held-out": {row.name: {} for row in run.rows}} and not run.errors
    assert dreamer.report(run).startswith("A quick run")
    dreamer.draw(run, tmp_path / "pictures")
    assert not (tmp_path / "pictures").exists()


@pytest.mark.slow
def test_a_quick_run_fills_a_page_and_the_second_paints_nothing(tmp_path: Path) -> None:
    pipeline = tiny_dreamer.pipeline(tiny_dreamer.small_clip(FRAMES))
    suits = {stage: {**each, "resolution": 64} for stage, each in pipeline.config["suits"].items()}
    pipeline.register_to_config(suits=suits)
    for unet in (pipeline.stage_one, pipeline.stage_two):
        unet.register_to_config(num_frames=14)  # one window, as with the model of these clips
    pipeline.save_pretrained(tmp_path / "model")
    (tmp_path / "page.md").write_text("# Page\n\n<!-- tables -->\n<!-- end of tables -->\n\nEnd.\n")
    wanted = ["two stages", "warp", "simulation in place of stage one"]
    line = [sys.executable, "-m", "benchmarks.dreamer", "--quick", "--model", "model", "--folder", "kept"]
    line += ["--page", "page.md", "--json", "numbers.json", "--pictures", "pictures", "--rows", *wanted]
    root = Path(__file__).resolve().parents[2]
    settings: Any = {
        "cwd": tmp_path,
        "env": {**os.environ, "PYTHONPATH": str(root)},
        "capture_output": True,
        "text": True,
    }
    first = subprocess.run(line, **settings)
    assert first.returncode == 0, first.stderr
    page = (tmp_path / "page.md").read_text()
    assert "A quick run" in page and "HOLD" not in page
    assert "## Held-out clips" in page and "## Towers" in page and "## When the chain falls" in page
    assert page.endswith("End.\n")
    assert {path.name for path in (tmp_path / "pictures").iterdir()} == {
        f"dreamer_{group}_{what}.png" for group in ("held-out", "tower") for what in ("videos", "motion")
    }
    again = subprocess.run(line, **settings)
    assert again.returncode == 0 and ", warp" not in again.stderr and ", warp" in first.stderr
