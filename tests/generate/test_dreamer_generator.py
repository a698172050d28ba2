"""The generator `motion_dreamer` and `simcraft.predict`: models found or refused, options, arrows, errors."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

import simcraft as sc
from simcraft.clip.types import MotionClip
from simcraft.errors import Failure, UserError
from simcraft.generate import embedded
from simcraft.generate.motion_dreamer.checkpoints import find_model
from simcraft.generate.motion_dreamer.generator import paint_clip
from simcraft.generate.motion_dreamer.loading import load_pipeline
from simcraft.generate.motion_dreamer.options import GENERATOR, PAINTING
from simcraft.generate.motion_dreamer.settings import Settings
from simcraft.generate.prediction import PREDICTOR, asked
from simcraft.generate.registry import complete_options, find_generator
from simcraft.video import Video
from tests.generate import tiny_dreamer, tiny_svd
from tests.generate.checkpoints import save_checkpoint

pytestmark = pytest.mark.usefixtures("one_thread")
ARROWS = "square 1=12,3"


@pytest.fixture(scope="module")
def moving() -> MotionClip:
    return tiny_dreamer.small_clip(3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, moving: MotionClip) -> Path:
    """A folder of models, as SIMCRAFT_MODELS names one: `simcraft-dreamer`, tiny and untrained."""
    models = tmp_path_factory.mktemp("models")
    tiny_dreamer.save_model(models / "simcraft-dreamer", moving)
    return models


@pytest.fixture(scope="module")
def model(folder: Path) -> Path:
    return folder / "simcraft-dreamer"


@pytest.fixture(scope="module")
def paint(model: Path) -> Callable[..., Video]:
    return GENERATOR.open(complete_options(GENERATOR, {"model": str(model), "device": "cpu"}))


# ---------------------------------------------------------------------------------------------------------- the models


def test_models_are_found_by_path_by_name_and_by_default(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMCRAFT_MODELS", str(folder))
    found = [find_model(name) for name in (None, "simcraft-dreamer", str(folder / "simcraft-dreamer"))]
    assert {each.folder for each in found} == {folder / "simcraft-dreamer"} and found[0].name == "simcraft-dreamer"
    stamps = {GENERATOR.check(complete_options(GENERATOR, {"model": each.name})) for each in found}
    assert len(stamps) == 1 and stamps != {""}


def missing(relative: str) -> Path:
    """An installation without models."""
    raise Failure(f"SimCraft's own '{relative}' is missing.")


def test_without_a_model_it_is_said_how_to_train_one(monkeypatch: pytest.MonkeyPatch, moving: MotionClip) -> None:
    monkeypatch.setattr(embedded, "asset", missing)
    with pytest.raises(UserError, match=r"no trained weights.*simcraft train dreamer --stage 2.*--model PATH"):
        sc.generate(moving, "motion_dreamer")
    with pytest.raises(UserError, match="simcraft-dreamer is not here"):
        sc.predict(moving, [ARROWS])


def test_models_of_another_layout_are_refused(model: Path, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "sd")
    tiny_svd.save_svd(tmp_path / "svd")
    (tmp_path / "one.safetensors").write_bytes(b"nothing")
    with pytest.raises(UserError, match="holds a StableDiffusionPipeline; expected a MotionDreamerPipeline"):
        load_pipeline(str(tmp_path / "sd"))
    with pytest.raises(UserError, match=r"is Stable Video Diffusion, .*from_svd\('.*svd'\)"):
        load_pipeline(str(tmp_path / "svd"))
    with pytest.raises(UserError, match=r"tokenizer|single file"):
        find_model(str(tmp_path / "one.safetensors"))
    with pytest.raises(UserError, match=r"nothing is downloaded unasked.*--hub"):
        find_model("org/name")
    with pytest.raises(UserError, match=r"There is no model '/no/where'.*simcraft train dreamer"):
        find_model("/no/where")
    shutil.copytree(model, tmp_path / "part")
    shutil.rmtree(tmp_path / "part" / "vae")
    with pytest.raises(UserError, match="part is not a complete Motion Dreamer model"):
        load_pipeline(str(tmp_path / "part"), device="cpu")


def test_pickles_are_refused(model: Path, tmp_path: Path) -> None:
    shutil.copytree(model, tmp_path / "unsafe")
    weights = next((tmp_path / "unsafe" / "stage_two").glob("*.safetensors"))
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(UserError, match=r"stage_two/.*\.bin holds a pickle"):
        load_pipeline(str(tmp_path / "unsafe"), device="cpu")


def test_a_stage_that_a_model_lacks_is_told_before_the_work(model: Path, tmp_path: Path) -> None:
    for lacking in ("stage_one", "stage_two"):
        shutil.copytree(model, tmp_path / lacking, ignore=shutil.ignore_patterns(lacking))
    painter = {"model": str(tmp_path / "stage_one")}
    assert GENERATOR.check(complete_options(GENERATOR, painter)) != ""
    with pytest.raises(UserError, match=r"no stage one.*--stage 1"):
        GENERATOR.check(complete_options(GENERATOR, {**painter, "arrows": ARROWS}))
    with pytest.raises(UserError, match=r"no stage one.*--stage 1"):
        PREDICTOR.check(complete_options(PREDICTOR, painter))
    reasoner = {"model": str(tmp_path / "stage_two")}
    assert PREDICTOR.check(complete_options(PREDICTOR, reasoner)) != ""
    for arrows in (None, ARROWS):
        with pytest.raises(UserError, match=r"no stage two.*--stage 2"):
            GENERATOR.check(complete_options(GENERATOR, {**reasoner, "arrows": arrows}))


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"device": "gpu"}, "no device 'gpu'"),
        ({"dtype": "int8"}, "dtype is 'int8'"),
        ({"offload": "model"}, "this runs on the CPU"),
    ],
)
def test_wrong_places(model: Path, given: dict[str, str], text: str) -> None:
    with pytest.raises(UserError, match=text):
        load_pipeline(str(model), **{"device": "cpu", **given})


# ------------------------------------------------------------------------------------------------------- the generator


def test_the_registry_knows_it_and_its_usual_values() -> None:
    assert find_generator("motion_dreamer") is GENERATOR
    usual = Settings()
    named = {option.name: option for option in PAINTING}
    # how noise falls is the model's business
    assert {field.name for field in fields(Settings)} - set(named) == {"largest", "smallest"}
    for name, option in named.items():
        if option.unset.startswith("the model's, or "):
            value = getattr(usual, name)
            words = {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
            assert option.unset == f"the model's, or {words}"


def test_clips_are_painted_as_they_move(model: Path, moving: MotionClip) -> None:
    options = complete_options(GENERATOR, {"model": str(model), "device": "cpu", "steps": "3"})
    paint = GENERATOR.load(options)
    told: list[tuple[str, int, int]] = []
    video = paint(moving, progress=lambda stage, step, steps, detail="": told.append((stage, step, steps)))
    assert told == [("paint", step, 3) for step in range(4)]
    assert np.array_equal(video.frames, load_pipeline(str(model), device="cpu")(moving, steps=3).frames)
    assert video.made_by["generator"] == "motion_dreamer" and video.made_by["model"] == str(model)
    assert video.made_by["options"]["steps"] == 3 and video.made_by["options"]["largest"] == 10
    json.dumps(video.made_by)


def test_with_arrows_motion_is_predicted_first(
    paint: Callable[..., Video], model: Path, moving: MotionClip, tmp_path: Path
) -> None:
    video = paint(moving, arrows=ARROWS)
    predicted = sc.predict(moving, {"square 1": (12, 3)}, model=str(model), device="cpu")
    assert np.array_equal(paint(predicted).frames, video.frames)
    assert video.made_by["options"]["arrows"] == ARROWS and video.made_by["predicted_with"]["largest"] == 20
    row = {"name": "", "object": "square 1", "kind": "instance", "frames": [1, 3], "points": [[44, 44], [68, 50]]}
    file = tmp_path / "arrows.json"
    file.write_text(json.dumps({"version": 1, "size": [128, 96], "arrows": [row]}))
    elsewhere = replace(moving, flow_forward=0 * moving.flow_forward, flow_backward=0 * moving.flow_backward)
    assert np.array_equal(paint(elsewhere, arrows=str(file)).frames, video.frames)


def test_what_the_networks_did_is_told(paint: Callable[..., Video], moving: MotionClip) -> None:
    """Windows hold 4 frames; the model suits 2 steps of each stage."""

    def evaluations(clip: MotionClip, **painting: Any) -> float:
        return float(paint(clip, **painting).made_by["evaluations_per_frame"])

    assert evaluations(moving, steps=3) == 3
    # the last step, to no noise at all, has no second half
    assert evaluations(moving, steps=3, sampler="heun") == 5
    assert evaluations(moving, arrows=ARROWS) == 2 + 2
    # frame 0 with 1 to 3, 2 to 4 and 3 to 5
    assert evaluations(tiny_dreamer.small_clip(6), steps=1, overlap=2) == 3 * 4 / 6


@pytest.mark.parametrize(
    ("arrows", "text"),
    [
        ("ball=1,1", "no instance 'ball'.*square 1"),
        ("square 1=far", "not INSTANCE=DX,DY"),
        ("nowhere.json", "nowhere.json"),
        ("2,2=5,5", "begins at .* on no instance"),
    ],
)
def test_arrows_that_move_nothing(paint: Callable[..., Video], moving: MotionClip, arrows: str, text: str) -> None:
    with pytest.raises(UserError, match=text):
        paint(moving, arrows=arrows)


def test_clips_that_lack_something_need_a_word(paint: Callable[..., Video], moving: MotionClip) -> None:
    flat = replace(moving, depth=None)
    for arrows in (None, ARROWS):
        with pytest.raises(UserError, match=r"--partial yes.* needs depth"):
            paint(flat, arrows=arrows)
        assert paint(flat, arrows=arrows, partial=True).frame_count == 3
    with pytest.raises(UserError, match="needs instances"):
        paint(replace(flat, instances=None), arrows=ARROWS, partial=True)


def test_out_of_memory_is_told_with_what_to_try(model: Path, moving: MotionClip) -> None:
    pipeline = load_pipeline(str(model), device="cpu")

    def full(*_: Any) -> None:
        torch.empty(1 << 60, dtype=torch.uint8)

    pipeline.stage_two.register_forward_pre_hook(full)
    with pytest.raises(Failure, match=r"Out of memory.*--dtype bfloat16.*smaller --resolution"):
        paint_clip(pipeline, moving)


# ----------------------------------------------------------------------------------------------------------- prediction


def test_a_photo_with_a_painted_mask_is_predicted(model: Path, moving: MotionClip, tmp_path: Path) -> None:
    mask = np.zeros((48, 64, 3), np.uint8)
    assert moving.instances is not None and moving.depth is not None
    mask[moving.instances[0] == 1] = 255, 0, 0
    cv2.imwrite(str(tmp_path / "photo.png"), moving.image[..., ::-1])
    cv2.imwrite(str(tmp_path / "mask.png"), mask[..., ::-1])
    np.save(tmp_path / "depth.npy", moving.depth[0])
    paths = {"masks": tmp_path / "mask.png", "depth": tmp_path / "depth.npy"}
    clip = sc.predict(tmp_path / "photo.png", {"red": (12, 3)}, frames=4, **paths, model=str(model), device="cpu")
    assert clip.frame_count == 4 and clip.fps == 12 and [row.name for row in clip.instance_table] == ["red"]
    assert np.array_equal(clip.image, moving.image) and clip.depth is not None and clip.camera_to_world is None
    again = sc.predict(moving.image, ["red=12,3"], frames=4, masks=mask, model=str(model), device="cpu")
    assert again.depth is None and np.array_equal(again.image, moving.image)
    with pytest.raises(UserError, match=r"What is in the picture is not known.*--masks"):
        sc.predict(tmp_path / "photo.png", {"red": (12, 3)}, model=str(model))
    with pytest.raises(UserError, match="32x24"):
        sc.predict(moving.image, {"red": (12, 3)}, masks=mask[::2, ::2], model=str(model))


def test_frames_and_rate_are_the_clips_unless_said(model: Path, moving: MotionClip, tmp_path: Path) -> None:
    assert asked(moving, [ARROWS]).frames == 3 and asked(moving, [ARROWS]).fps == moving.fps
    longer = asked(moving, [ARROWS], frames=6, fps=10)
    assert longer.frames == 6 and longer.fps == 10
    assert longer.camera_to_world is not None and longer.camera_to_world.shape == (6, 4, 4)
    with pytest.raises(UserError, match="no option 'composite'"):
        sc.predict(moving, [ARROWS], model=str(model), composite=False)
    row = {"name": "", "object": "square 1", "kind": "instance", "frames": [10, 20], "points": [[22, 22], [42, 32]]}
    (tmp_path / "arrows.json").write_text(json.dumps({"version": 1, "size": [64, 48], "arrows": [row]}))
    numbered = replace(moving, metadata={"frame_numbers": [11, 13, 15]})
    for clip, share in ((moving, 1.0), (numbered, 0.4)):  # of ten frames four are within the clip
        (arrow,) = asked(clip, tmp_path / "arrows.json").arrows
        assert arrow.displacement == pytest.approx((20 * share, 10 * share))
    # beyond the clip's end frames are numbered as before: 17, 19, 21
    (arrow,) = asked(numbered, tmp_path / "arrows.json", frames=6).arrows
    assert arrow.displacement == pytest.approx((18, 9))
    picture = asked(moving, [ARROWS]).picture()
    assert picture.shape[1] >= 640 and picture.dtype == np.uint8


def test_a_prediction_says_of_itself_what_its_clip_says(model: Path, moving: MotionClip) -> None:
    about = {"name": "push", "captions": ("A square slides.",), "image_source": "render"}
    first = replace(moving, **about, metadata={"frame_numbers": [11, 13, 15], "origin": "a test"})
    clip = sc.predict(first, [ARROWS], frames=4, model=str(model), device="cpu", seed=7)
    assert {name: getattr(clip, name) for name in about} == about and clip.seed == 7
    assert clip.metadata["frame_numbers"] == [11, 13, 15, 17]
    assert clip.metadata.keys() == {"frame_numbers", "predicted_with"}


def test_masks_of_a_clip_keep_what_else_is_known_of_it(moving: MotionClip) -> None:
    mask = np.zeros((48, 64), np.uint8)
    mask[10:20, 30:50] = 7
    scene = asked(replace(moving, instances=None), {7: (3, 0)}, masks=mask).scene
    assert np.array_equal(scene.instances, mask) and scene.names() == {7: "7"}
    assert moving.intrinsics is not None and moving.depth is not None
    assert np.array_equal(scene.intrinsics, moving.intrinsics[0]) and np.array_equal(scene.depth, moving.depth[0])
    assert np.array_equal(scene.image, moving.image)


def test_points_without_segment_anything_are_refused(moving: MotionClip, tmp_path: Path) -> None:
    mask = np.zeros((48, 64), np.uint8)
    mask[10:20, 30:50] = 7
    for masks in (None, mask, tmp_path):
        with pytest.raises(UserError, match=r"Points ask Segment Anything.*--masks"):
            asked(moving, {7: (3, 0)}, masks=masks, points=[(35.0, 15.0)])
