"""The benchmark of MotionCraft: held-out clips, fair rows, honest verdicts, and a run that goes on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.motioncraft_cases import CLIPS, RECIPE, Case, cut_clip
from benchmarks.motioncraft_methods import Method, Model, methods, still
from benchmarks.motioncraft_pictures import new_content_picture, worst_cases
from benchmarks.motioncraft_store import Result, Store, key_of, result_of
from benchmarks.motioncraft_table import ELSEWHERE, LIKENESS, NEW, claims, paired, speed_table, table
from benchmarks.motioncraft_zero import mean_motion, text_to_video_zero
from benchmarks.sheets import Block, sheet
from benchmarks.tables import page_with
from simcraft.clip.store import save_clip
from simcraft.data.manifest import expand
from simcraft.data.recipe import LoadedRecipe, SplitWish, load_recipe
from simcraft.errors import UserError
from simcraft.generate.motioncraft.pipeline import MotionCraftPipeline
from simcraft.picture import save_png
from tests.analytic import sliding_square
from tests.generate import tiny


@pytest.fixture
def case(tmp_path: Path) -> Case:
    """Six of the eight frames of a square that slides to the right."""
    return Case("slide", Path(save_clip(sliding_square(), tmp_path / "clip.npz")), 6)


# ---------------------------------------------------------------------------------------------------------------- cases


def test_no_held_out_family_takes_a_value_that_training_draws() -> None:
    """What a split of the training recipe would have to fulfil to be `held_out` there."""
    training, held_out = load_recipe("train-image"), load_recipe(RECIPE).recipe
    split = SplitWish(share=1.0, held_out=True, set=held_out.changes, families=held_out.families)
    both = training.recipe.model_copy(update={"splits": {**training.recipe.splits, "held_out": split}})
    assert expand(LoadedRecipe(both, training.path, training.text), 10)
    own = {row.seed for row in expand(load_recipe(RECIPE), CLIPS)}
    assert not own & {row.seed for row in expand(training, 3000)}
    families = {row.family for row in expand(load_recipe(RECIPE), CLIPS)}
    assert families == {"dominoes", "support", "collide", "contain", "drop", "link", "roll", "drape"}
    assert not set(held_out.changes["paint"]) & set(training.recipe.changes["paint"])


def test_a_cut_clip_is_the_beginning_of_the_clip(case: Case) -> None:
    whole = sliding_square()
    assert case.clip.frame_count == 6 and whole.frame_count == 8
    np.testing.assert_array_equal(case.clip.flow_backward, whole.flow_backward[:5])
    np.testing.assert_array_equal(case.truth, whole.frames[:6])
    assert case.new.shape == case.truth.shape[:3]
    assert not case.new[0].any() and case.new[5].sum() > case.new[1].sum() > 0
    assert cut_clip(whole, 20) is whole


# -------------------------------------------------------------------------------------------------------------- methods


def test_every_method_of_the_paper_and_every_ablation_is_there() -> None:
    names = [method.name for method in methods()]
    assert len(set(names)) == len(names)
    for name in ("warp", "Text2Video-Zero", "reference", "fast", "turbo", "inpaint", "inpaint, composited"):
        assert name in names
    changed = [method.settings for method in methods() if method.part == "ablations"]
    assert {settings["attention"] for settings in changed} == {"none", "first", "previous", "both"}
    assert {settings["source"] for settings in changed} == {"previous", "first", "picture"}
    assert {settings["eta"] for settings in changed} == {0.0, 1.0}
    assert {settings["invert"] for settings in changed} == {True, False}


def test_text_to_video_zero_runs_on_our_networks() -> None:
    clip = sliding_square(64, 64, 6)
    pipeline = MotionCraftPipeline(**tiny.stable_diffusion())
    frames, evaluations = text_to_video_zero(pipeline, clip, "a square", steps=8)
    assert frames.shape == clip.frames.shape and frames.dtype == np.uint8
    # inverting 8, two steps and three of the first frame alone, and six of all, each twice for guidance
    assert evaluations == 8 + 2 * 2 + 2 * 3 + 2 * 6 * 6
    again = text_to_video_zero(pipeline, clip, "a square", steps=8)[0]
    np.testing.assert_array_equal(frames, again)


def test_text_to_video_zero_is_told_to_move_as_the_clip_does() -> None:
    from diffusers.pipelines.deprecated.text_to_video_synthesis import pipeline_text_to_video_zero as stock

    clip = sliding_square(64, 64, step=(8.0, 4.0))
    motion = mean_motion(clip)
    np.testing.assert_allclose(motion, (8.0, 4.0), atol=1e-4)
    strength = -motion / clip.size * 512
    latents = torch.zeros(2, 1, 16, 16)
    latents[:, :, 4, 4] = 1  # cells of four pixels: two to the right and one down each frame
    moved = stock.create_motion_field_and_warp_latents(*map(float, strength), [1, 2], latents)
    assert [tuple(np.argwhere(frame[0].numpy() == 1)[0]) for frame in moved] == [(5, 6), (6, 8)]


# ---------------------------------------------------------------------------------------------------------------- store


def test_a_run_goes_on_and_measures_anew_what_was_measured_otherwise(case: Case, tmp_path: Path) -> None:
    store, method = Store(tmp_path / "results"), Method("standing still", still)
    key = key_of(method.name, case, None, {}, 1)
    assert store.result(key, lambda frames: {}, "one") is None
    made = still(case, None, {})
    store.keep(key, made.frames, result_of(method, case, made, 1.0, {"psnr": 3.0}), "one")
    there = store.result(key, lambda frames: {"psnr": 4.0}, "one")
    assert there == Result("standing still", "slide", 0.0, 0, 0.2, {"psnr": 3.0})
    anew = store.result(key, lambda frames: {"psnr": float(len(frames))}, "other")
    assert anew is not None and anew.measures == {"psnr": 6.0}
    assert store.result(key, lambda frames: {}, "other") == anew


def test_a_key_is_of_all_that_a_result_depends_on(case: Case, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a" / "unet.safetensors").write_bytes(b"1")
    (tmp_path / "b" / "unet.safetensors").write_bytes(b"2")
    models = [None, Model(tmp_path / "a"), Model(tmp_path / "b")]
    shorter = Case(case.name, case.path, 5)
    keys = [key_of("fast", case, model, {}, 1) for model in models]
    keys += [key_of("fast", shorter, None, {}, 1), key_of("fast", case, None, {"eta": 0}, 1)]
    keys += [key_of("fast", case, None, {}, 2), key_of("slow", case, None, {}, 1)]
    assert len(set(keys)) == 7
    (tmp_path / "a" / "README.md").write_text("a model card, which changes no video")
    assert key_of("fast", case, Model(tmp_path / "a"), {}, 1) == keys[1]


# -------------------------------------------------------------------------------------------------- tables and pictures


def results(method: str, new: list[float], elsewhere: list[float], cost: float = 0.0, **others: Any) -> list[Result]:
    return [
        Result(method, f"case {k}", cost, 0, cost / 100, {"new_psnr": a, "elsewhere_psnr": b, "psnr": b, **others})
        for k, (a, b) in enumerate(zip(new, elsewhere, strict=True))
    ]


def test_clips_are_compared_one_by_one() -> None:
    rows = results("warp", [20, 10, 30], [30, 30, 30]) + results("fast", [21, 12, 30], [30, 30, 30])
    pair = paired(rows, "fast", "warp", NEW.value)
    assert pair is not None
    assert (pair.clips, pair.mean, pair.better) == (3, pytest.approx(1.0), pytest.approx(2 / 3))
    assert 0 <= pair.low < pair.mean < pair.high <= 2
    assert paired(rows, "fast", "turbo", NEW.value) is None


def test_tables_say_over_how_many_clips() -> None:
    rows = results("warp", [20, 22], [30, 31])
    rows[1].measures["new_psnr"] = None
    text = table(rows, ["warp", "fast"], (NEW, LIKENESS[0], ELSEWHERE))
    assert text.splitlines()[-1] == "| warp | 2 | 20.00 (1) | 30.50 | 30.50 |"


def test_claims_are_earned() -> None:
    consistent = {"motion_consistency": 0.9, "frame_consistency": 0.9}
    rows = [
        *results("warp", 4 * [20, 21, 22], 4 * [30, 30, 30]),
        *results("reference", 4 * [19, 19, 19], 4 * [25, 25, 25], 560, **consistent),
        *results("fast", 4 * [21, 23, 23], 4 * [30, 30, 30], 60, **consistent),
        *results("turbo", 4 * [21, 23, 23], 4 * [29, 29, 30], 80, **consistent),
    ]
    lines = claims({"twelve": rows, "physion": results("warp", [50], [50])})
    found = [line.split(".")[0] for line in lines if line.startswith("- ")]
    warp_lines, reference_lines = lines[1:3], lines[5:7]
    assert warp_lines[0].startswith("- fast: HOLDS.") and warp_lines[1].startswith("- turbo: DOES NOT HOLD.")
    assert "9.3 times fewer evaluations: yes" in reference_lines[0]
    assert "7.0 times fewer evaluations: no" in reference_lines[1]
    assert found[2:] == ["- fast against reference: HOLDS", "- turbo against reference: DOES NOT HOLD"]
    few = [row for row in rows if row.case in ("case 0", "case 1", "case 2")]
    assert claims({"twelve": few})[1].startswith("- fast: TOO FEW CLIPS TO TELL.")
    assert claims({})[1] == claims({})[4] == "- not measured"
    assert "| fast | 9.3 | 9.3 |" in speed_table(rows, ["fast"])


def test_tables_go_between_the_marks_of_the_page() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "benchmarks" / "motioncraft.md").read_text(encoding="utf-8")
    once = page_with(page, "| a table |")
    assert once.count("| a table |") == 1 and "## What is measured" in once
    assert page_with(once, "| a table |") == once
    with pytest.raises(UserError, match="no place for tables"):
        page_with("# A page", "| a table |")


def test_sheets_have_a_row_for_each_method_and_failures_come_first(case: Case, tmp_path: Path) -> None:
    assert case.truth is not None
    revealed = new_content_picture(case.truth, case.new)
    np.testing.assert_array_equal(revealed[case.new], case.truth[case.new])
    block = Block("slide: a square", (("truth", case.truth), ("new content", revealed)))
    picture = sheet([block, block], moments=3)
    save_png(picture, tmp_path / "sheet.png")
    assert picture.shape[0] > 4 * case.truth.shape[1] and picture.shape[1] > 3 * case.truth.shape[2]
    rows = results("warp", [20, 21, 22], [30] * 3) + results("fast", [21, 15, 21], [30] * 3)
    assert worst_cases(rows, "fast", 2) == ["case 1", "case 2"]


# -------------------------------------------------------------------------------------------------------- the whole run


def tiny_model(folder: Path, inpaint: bool) -> Path:
    """An untrained model of the layout "tiny"."""
    from diffusers import StableDiffusionInpaintPipeline

    from simcraft.train.export import save_pipeline
    from simcraft.train.layout import build_autoencoder, build_text_encoder, build_unet, layout_of
    from simcraft.train.tokenizer import train_tokenizer

    torch.manual_seed(0)
    layout = layout_of("tiny", (128, 128))
    tokenizer = train_tokenizer(["a ball falls"], layout.vocabulary, layout.tokens)
    save_pipeline(
        folder,
        vae=build_autoencoder(layout),
        text_encoder=build_text_encoder(layout, tokenizer),
        tokenizer=tokenizer,
        unet=build_unet(layout, inpaint=inpaint),
        pipeline=StableDiffusionInpaintPipeline if inpaint else None,
        index={"painted_hint": inpaint, "suits": {"attention": "none", "invert": False} if inpaint else {}},
    )
    return folder


@pytest.mark.slow
@pytest.mark.bpy
def test_a_quick_run_from_clips_to_tables_and_pictures(tmp_path: Path) -> None:
    plain, inpaint = tiny_model(tmp_path / "plain", False), tiny_model(tmp_path / "inpaint", True)
    command = [sys.executable, "-m", "benchmarks.motioncraft", "--quick", "--threads", "1", "--model", str(plain)]
    command += ["--inpaint-model", str(inpaint), "--folder", str(tmp_path / "kept")]
    command += ["--json", str(tmp_path / "numbers.json"), "--pictures", str(tmp_path / "pictures")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    first = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert first.returncode == 0, first.stderr
    for part in ("## The six scenes", "Ablations", "## Motion of pictures", "TOO FEW CLIPS TO TELL"):
        assert part in first.stdout
    numbers = json.loads((tmp_path / "numbers.json").read_text())
    found = {row["method"]: row["evaluations_per_frame"] for row in numbers["groups"]["twelve"]}
    assert set(found) == {method.name for method in methods()}
    assert found["warp"] == 0 and found["reference"] == 2 * 3 * 2 + 2 and found["fast"] == 6
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == [
        "motioncraft_failures_fast.png",
        "motioncraft_failures_inpaint.png",
        "motioncraft_physion.png",
        "motioncraft_scenes.png",
        "motioncraft_twelve.png",
    ]
    # with no time left everything that is told comes from the first run
    again = subprocess.run([*command, "--minutes", "0"], capture_output=True, text=True, env=environment)
    assert again.returncode == 0, again.stderr
    tables = first.stdout.split("## Motion of pictures")[0]
    assert again.stdout.startswith(tables)
