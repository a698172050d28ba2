"""The generator that users call: models found or refused, options, frames that are kept, too little memory."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

import simcraft as sc
from simcraft.clip.types import MotionClip
from simcraft.errors import Cancelled, Failure, UserError
from simcraft.generate import embedded
from simcraft.generate.motioncraft.checkpoints import find_checkpoint
from simcraft.generate.motioncraft.generator import paint_clip, settings_for
from simcraft.generate.motioncraft.loading import load_pipeline
from simcraft.generate.motioncraft.options import GENERATOR, PAINTING
from simcraft.generate.motioncraft.pipeline import MotionCraftPipeline
from simcraft.generate.motioncraft.settings import STEPS, Settings
from simcraft.generate.registry import complete_options, find_generator
from simcraft.generate.streaming import OtherWork
from simcraft.recording.format import only_writer
from simcraft.video import load_video
from tests.generate import tiny
from tests.generate.single_file import save_single_file

pytestmark = pytest.mark.usefixtures("one_thread")
QUICK = {"steps": 2, "guidance": 2.0}


@pytest.fixture(scope="module")
def checkpoint(models: Path) -> Path:
    return models / "simcraft-image"


def options(checkpoint: Path, **given: Any) -> dict[str, Any]:
    return complete_options(GENERATOR, {"model": str(checkpoint), "device": "cpu", **QUICK, **given})


# ---------------------------------------------------------------------------------------------------------- the models


def test_embedded_models_are_found_by_name_and_by_default(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMCRAFT_MODELS", str(models))
    named = find_checkpoint("simcraft-image")
    assert named.folder == models / "simcraft-image" and named.name == "simcraft-image"
    by_name, by_path = ({"model": model} for model in ("simcraft-image", str(models / "simcraft-image")))
    stamps = [GENERATOR.check(complete_options(GENERATOR, given)) for given in (by_name, by_path)]
    assert stamps[0] == stamps[1] != ""


def test_the_inpainting_model_comes_first(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("simcraft-image", "simcraft-image-inpaint", "mine"):
        shutil.copytree(models / "simcraft-image", tmp_path / name)
    monkeypatch.setenv("SIMCRAFT_MODELS", str(tmp_path))
    assert find_checkpoint(None).name == "simcraft-image-inpaint"
    shutil.rmtree(tmp_path / "simcraft-image-inpaint")
    if not (Path(sc.__file__).parents[1] / "models" / "simcraft-image-inpaint").exists():
        assert find_checkpoint(None).name == "simcraft-image"


def test_a_model_that_is_not_there_is_said_with_the_ways_to_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "asset", missing)
    with pytest.raises(UserError, match=r"simcraft-image is not here.*docs/training.md.*SIMCRAFT_MODELS.*--model PATH"):
        GENERATOR.check(complete_options(GENERATOR, {}))
    monkeypatch.setenv("SIMCRAFT_MODELS", str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match="nowhere, which is no folder"):
        find_checkpoint(None)


def missing(relative: str) -> Path:
    """An installation without models."""
    raise Failure(f"SimCraft's own '{relative}' is missing.")


def test_the_registry_knows_it() -> None:
    assert find_generator("motioncraft") is GENERATOR
    assert "motioncraft" in sc.generate.generator_names()  # type: ignore[attr-defined]


def test_every_setting_is_an_option_and_says_its_usual_value() -> None:
    usual = Settings()
    named = {option.name: option for option in PAINTING}
    assert set(named) == {field.name for field in fields(Settings)}
    for name, option in named.items():
        if option.unset.startswith("the model's, or ") and name != "steps":
            value = getattr(usual, name)
            words = {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
            assert option.unset == f"the model's, or {words}"
    assert named["steps"].unset == "the model's, or " + ", ".join(
        f"{STEPS[m]} {m}" for m in ("fast", "turbo", "reference")
    )


def test_what_is_not_given_is_what_suits_the_model(clip: MotionClip) -> None:
    suits = {"strength": 0.6, "steps": 8, "attention": "none", "invert": False}
    suited = MotionCraftPipeline(**tiny.stable_diffusion(), suits=suits)
    given = {option.name: None for option in PAINTING} | {"steps": 3, "seed": 0}
    chosen = settings_for(suited, clip, given)
    assert chosen == Settings(strength=0.6, steps=3, attention="none", invert=False)


def test_pickles_are_refused_with_the_way_to_convert_them(checkpoint: Path, tmp_path: Path) -> None:
    unsafe = tmp_path / "unsafe"
    shutil.copytree(checkpoint, unsafe)
    weights = next((unsafe / "unet").glob("*.safetensors"))
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(UserError, match=r"unet/diffusion_pytorch_model.bin holds a pickle.*save_pretrained"):
        load_pipeline(str(unsafe), device="cpu")
    with pytest.raises(UserError, match="holds a pickle"):
        MotionCraftPipeline.from_pretrained(unsafe)
    (tmp_path / "model.ckpt").write_bytes(b"\x80\x04")
    with pytest.raises(UserError, match=r"model.ckpt is a pickle.*weights_only=True"):
        load_pipeline(str(tmp_path / "model.ckpt"), device="cpu")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("nowhere", "no checkpoint at nowhere"),
        ("org/name", "nothing is downloaded unasked.*--hub"),
    ],
)
def test_nothing_is_downloaded_silently(name: str, text: str) -> None:
    with pytest.raises(UserError, match=text):
        load_pipeline(name, device="cpu")


def test_incomplete_checkpoints_are_named(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no model_index\.json"):
        load_pipeline(str(tmp_path), device="cpu")
    shutil.copytree(checkpoint, tmp_path / "part")
    shutil.rmtree(tmp_path / "part" / "unet")
    with pytest.raises(UserError, match="part is not a complete Stable Diffusion checkpoint"):
        load_pipeline(str(tmp_path / "part"), device="cpu")
    (tmp_path / "model.safetensors").write_bytes(b"nonsense")
    with pytest.raises(UserError, match="--model-config FOLDER"):
        load_pipeline(str(tmp_path / "model.safetensors"), device="cpu")
    with pytest.raises(UserError, match=r"--model-config .*nowhere is no folder"):
        load_pipeline(str(tmp_path / "model.safetensors"), device="cpu", config=str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match="not a readable safetensors file"):
        load_pipeline(str(tmp_path / "model.safetensors"), device="cpu", config=str(checkpoint))


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"device": "gpu"}, "no device 'gpu'"),
        ({"dtype": "int8"}, "dtype is 'int8'"),
        ({"offload": "some"}, "offload is 'some'"),
        ({"offload": "model"}, "this runs on the CPU"),
    ],
)
def test_wrong_places(checkpoint: Path, given: dict[str, str], text: str) -> None:
    with pytest.raises(UserError, match=text):
        load_pipeline(str(checkpoint), **{"device": "cpu", **given})


# -------------------------------------------------------------------------------------------------------- the generator


def test_the_generator_loads_once_and_paints_clips(checkpoint: Path, clip: MotionClip) -> None:
    paint = GENERATOR.load(options(checkpoint, prompt="a ball", attention="first", warp="bilinear"))
    seen: list[tuple[int, int, str]] = []
    video = paint(clip, progress=lambda stage, step, steps, detail="": seen.append((step, steps, detail)))
    assert video.frame_count == clip.frame_count and np.array_equal(video.frames[0], clip.image)
    assert [step for step, _, _ in seen] == [0, 1, 2, 3, 4, 5, 6]
    assert [detail for _, _, detail in seen[1:]] == [f"frame {k} of 3" for k in (1, 1, 2, 2, 3, 3)]
    made_by = video.made_by
    assert made_by["evaluations_per_frame"] == 6 and made_by["evaluations_first_frame"] == 2
    assert made_by["options"]["attention"] == "first" and made_by["model"] == str(checkpoint)
    json.dumps(made_by)
    assert np.array_equal(paint(clip).frames, video.frames)


def test_the_prompt_defaults_to_the_caption(checkpoint: Path, clip: MotionClip) -> None:
    paint = GENERATOR.load(options(checkpoint))
    titled = replace(clip, captions=("A ball falls.", "Another."))
    assert paint(titled).made_by["options"]["prompt"] == "A ball falls."
    assert paint(clip).made_by["options"]["prompt"] == ""
    assert paint(titled, prompt="").made_by["options"]["prompt"] == ""


# ------------------------------------------------------------------------------------------------------- kept frames


def test_frames_are_kept_and_work_resumes(checkpoint: Path, clip: MotionClip, tmp_path: Path) -> None:
    paint, folder = GENERATOR.load(options(checkpoint)), tmp_path / "kept"
    whole = paint(clip)
    shown: dict[int, np.ndarray] = {}

    def stop(stage: str, step: int, steps: int, detail: str = "") -> None:
        if step == 5:
            raise Cancelled("stopped")

    def frame_done(index: int, image: np.ndarray) -> None:
        assert np.array_equal(cv2.imread(str(folder / f"frame_{index:04d}.png"))[..., ::-1], image)
        shown[index] = image

    with pytest.raises(Cancelled):
        paint(clip, keep=folder, frame_done=frame_done, progress=stop)
    assert sorted(path.name for path in folder.glob("*.png")) == ["frame_0000.png", "frame_0001.png", "frame_0002.png"]
    assert sorted(shown) == [1, 2] and all(np.array_equal(image, whole.frames[t]) for t, image in shown.items())
    told: list[tuple[int, int, str]] = []
    resumed = paint(clip, keep=folder, progress=lambda stage, *rest: told.append(rest))
    assert told[0] == (4, 6, "goes on after frame 2 of 3")
    assert np.array_equal(resumed.frames, whole.frames)
    assert resumed.made_by["evaluations_per_frame"] == 6 and resumed.made_by["resumed_after_frame"] == 2
    with pytest.raises(OtherWork, match="another clip or of other settings"):
        paint(clip, keep=folder, seed=9)


def test_kept_frames_belong_to_one_state_of_the_weights(checkpoint: Path, clip: MotionClip, tmp_path: Path) -> None:
    copy = tmp_path / "model"
    shutil.copytree(checkpoint, copy)
    GENERATOR.load(options(copy))(clip, keep=tmp_path / "kept")
    weights = next((copy / "unet").glob("*.safetensors"))
    os.utime(weights, ns=(0, 0))
    with pytest.raises(OtherWork):
        GENERATOR.load(options(copy))(clip, keep=tmp_path / "kept")


def test_a_folder_of_something_else_is_left_alone(checkpoint: Path, clip: MotionClip, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("precious")
    with pytest.raises(UserError, match="holds something else"):
        sc.generate(clip, "motioncraft", keep=tmp_path, model=str(checkpoint), **QUICK)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_two_processes_do_not_share_a_folder(checkpoint: Path, clip: MotionClip, tmp_path: Path) -> None:
    with only_writer(tmp_path / "work.json"), pytest.raises(UserError, match="Another process is writing frames"):
        GENERATOR.load(options(checkpoint))(clip, keep=tmp_path)


def test_generators_of_all_frames_at_once_keep_none(clip: MotionClip, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="all frames at once"):
        sc.generate(clip, "warp", keep=tmp_path)


# ------------------------------------------------------------------------------------------------------- out of memory


def use_too_much(kind: str) -> None:
    """Run out of memory, as torch tells it of a GPU and of the CPU."""
    if kind == "gpu":
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
    torch.empty(1 << 60, dtype=torch.uint8)


@pytest.mark.parametrize("kind", ["gpu", "cpu"])
@pytest.mark.parametrize("keep", [True, False])
def test_out_of_memory_keeps_the_frames(clip: MotionClip, tmp_path: Path, keep: bool, kind: str) -> None:
    """The network itself runs out of memory in frame 2; with memory again the work goes on."""
    small = MotionCraftPipeline(**tiny.stable_diffusion())
    folder = tmp_path / "kept" if keep else None
    frames: list[int] = []

    def full(*_: Any) -> None:
        if frames == [1]:
            use_too_much(kind)

    def frame_done(index: int, _: np.ndarray) -> None:
        frames.append(index)

    hook = small.unet.register_forward_pre_hook(full)
    with pytest.raises(
        Failure, match=r"Out of memory at frame 2; the 2 frames before are in .*--dtype bfloat16"
    ) as told:
        paint_clip(small, clip, Settings(**QUICK), keep=folder, frame_done=frame_done)
    where = Path(told.value.message.split(" are in ")[1].rstrip("."))
    if folder is None:
        assert load_video(where).frame_count == 2
        return
    assert where == folder and len(list(where.glob("*.png"))) == 2
    assert "the same command goes on" in told.value.fix
    hook.remove()
    resumed = paint_clip(small, clip, Settings(**QUICK), keep=folder)
    assert np.array_equal(resumed.frames, paint_clip(small, clip, Settings(**QUICK)).frames)


def test_other_errors_of_the_network_stay_what_they_are(clip: MotionClip) -> None:
    small = MotionCraftPipeline(**tiny.stable_diffusion())

    def broken(*_: Any) -> None:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    small.unet.register_forward_pre_hook(broken)
    with pytest.raises(RuntimeError, match="mat1"):
        paint_clip(small, clip, Settings(**QUICK))


# -------------------------------------------------------------------------------------------------------- single files


def test_a_single_file_loads(checkpoint: Path, clip: MotionClip, tmp_path: Path) -> None:
    path = tmp_path / "tiny.safetensors"
    save_single_file(tiny.stable_diffusion(), path)
    loaded = load_pipeline(str(path), device="cpu", config=str(checkpoint))
    expected = load_pipeline(str(checkpoint), device="cpu")
    frames = [which(clip, "a ball", **QUICK).frames.astype(int) for which in (loaded, expected)]
    assert np.abs(frames[0] - frames[1]).max() <= 1  # weights lie elsewhere in memory: sums differ in the last digit
