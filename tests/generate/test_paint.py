"""A clip becomes a video file: frames beside it meanwhile, Ctrl-C, going on, and what `auto` stands for."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import simcraft as sc
from simcraft.clip.store import save_clip
from simcraft.clip.types import MotionClip
from simcraft.errors import Cancelled, Failure, UserError
from simcraft.generate import embedded
from simcraft.generate.embedded import Choice, best_generator, choose
from simcraft.generate.streaming import OtherWork
from simcraft.paint import check_choice, kept_folder, paint_to
from simcraft.recording.format import only_writer
from simcraft.video import load_video
from tests.analytic import sliding_square
from tests.generate.checkpoints import save_checkpoint

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def tiny(models: Path, monkeypatch: pytest.MonkeyPatch) -> Choice:
    """The generator with a tiny embedded model and two steps a frame."""
    monkeypatch.setenv("SIMCRAFT_MODELS", str(models))
    options = {"model": "simcraft-image", "steps": 2, "guidance": 1.0, "resolution": 16}
    return Choice("motioncraft", options)


def stop_at(step_of_all: int) -> Any:
    """A progress that is interrupted as by Ctrl-C."""

    def progress(stage: str, step: int, steps: int, detail: str = "") -> None:
        if stage == "motioncraft" and step == step_of_all:
            raise KeyboardInterrupt

    return progress


def test_frames_lie_beside_the_video_until_it_is_written(clip: MotionClip, tiny: Choice, tmp_path: Path) -> None:
    out, seen = tmp_path / "v.mp4", []

    def frame_written(index: int, count: int, path: Path) -> None:
        assert not out.exists() and load_video(path.parent).frames[index].shape == clip.image.shape
        seen.append((index, count, path.name))

    video = paint_to(out, clip, tiny, frame_written=frame_written)
    assert seen == [(t, 4, f"frame_000{t}.png") for t in (1, 2, 3)]
    assert np.array_equal(video.frames, sc.generate(clip, "motioncraft", **tiny.options).frames)
    assert [path.name for path in tmp_path.iterdir()] == ["v.mp4"]


def test_after_ctrl_c_the_same_work_goes_on(clip: MotionClip, tiny: Choice, tmp_path: Path) -> None:
    out = tmp_path / "v.mp4"
    with pytest.raises(Cancelled) as told:
        paint_to(out, clip, tiny, progress=stop_at(5))
    assert "2 finished frames are kept in" in told.value.fix and str(kept_folder(out)) in told.value.fix
    video = paint_to(out, clip, tiny)
    assert video.made_by["resumed_after_frame"] == 2
    assert np.array_equal(video.frames, sc.generate(clip, "motioncraft", **tiny.options).frames)
    assert not kept_folder(out).exists()


def test_stopped_before_the_first_frame_nothing_stays(clip: MotionClip, tiny: Choice, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        paint_to(tmp_path / "v.mp4", clip, tiny, progress=stop_at(1))
    assert not list(tmp_path.iterdir())


def test_frames_of_other_work_are_replaced_beside_the_video_but_not_elsewhere(
    clip: MotionClip, tiny: Choice, tmp_path: Path
) -> None:
    out, other = tmp_path / "v.mp4", Choice("motioncraft", {**tiny.options, "seed": 5})
    for keep in (None, tmp_path / "mine"):
        with pytest.raises(Cancelled):
            paint_to(out, clip, tiny, keep=keep, progress=stop_at(5))
    assert "resumed_after_frame" not in paint_to(out, clip, other).made_by
    assert not kept_folder(out).exists()
    with pytest.raises(OtherWork):
        paint_to(out, clip, other, keep=tmp_path / "mine")
    assert len(list((tmp_path / "mine").glob("*.png"))) == 3
    paint_to(out, clip, tiny, keep=tmp_path / "mine")
    assert len(list((tmp_path / "mine").glob("*.png"))) == 4


def test_another_process_frames_are_left_alone(clip: MotionClip, tiny: Choice, tmp_path: Path) -> None:
    out = tmp_path / "v.mp4"
    kept_folder(out).mkdir()
    with only_writer(kept_folder(out) / "work.json"), pytest.raises(UserError, match="Another process is writing"):
        paint_to(out, clip, tiny)
    assert kept_folder(out).is_dir()


def test_generators_of_all_frames_at_once_write_no_frames(clip: MotionClip, tmp_path: Path) -> None:
    paint_to(tmp_path / "v.mp4", clip, Choice("warp"), frame_written=lambda *_: pytest.fail("there are none"))
    assert [path.name for path in tmp_path.iterdir()] == ["v.mp4"]


@pytest.mark.slow
def test_a_killed_process_goes_on(models: Path, tmp_path: Path) -> None:
    """SIGKILL, as by the system when memory is short."""
    save_clip(sliding_square(count=8), tmp_path / "clip.npz")
    command = [sys.executable, "-m", "simcraft", "generate", "clip.npz", "-g", "motioncraft", "--steps", "30"]
    environment = {**os.environ, "SIMCRAFT_MODELS": str(models)}
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL)
    third = tmp_path / ".clip.mp4.frames" / "frame_0003.png"
    while not third.exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert "goes on after frame" in done.stderr
    assert load_video(tmp_path / "clip.mp4").made_by["resumed_after_frame"] >= 2
    assert not third.parent.exists()


# ------------------------------------------------------------------------------------------------------- the best one


def write_default(folder: Path, **content: Any) -> None:
    (folder / "default.json").write_text(json.dumps(content))


@pytest.fixture
def only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder of models."""
    monkeypatch.setenv("SIMCRAFT_MODELS", str(tmp_path))

    def missing(relative: str) -> Path:
        raise Failure(f"{relative} is missing.")

    monkeypatch.setattr(embedded, "asset", missing)
    return tmp_path


def test_auto_is_what_the_file_says(only: Path) -> None:
    assert best_generator() == Choice("warp", why="there is no model here")
    write_default(only, generator="motioncraft", model="small", options={"steps": 4}, why="PSNR 30 dB")
    assert best_generator().generator == "warp" and "small" in best_generator().why
    save_checkpoint(only / "small")
    assert best_generator() == Choice("motioncraft", {"model": "small", "steps": 4}, "PSNR 30 dB")
    (only / "default.json").rename(only / "other.json")
    assert best_generator().generator == "warp" and "default.json" in best_generator().why
    (only / "other.json").rename(only / "default.json")
    assert best_generator().sentence == "motioncraft with small: PSNR 30 dB"
    assert choose("auto", {"steps": 9, "seed": 1}).options == {"model": "small", "steps": 9, "seed": 1}
    assert choose("warp", {"inpaint_radius": 2}) == Choice("warp", {"inpaint_radius": 2})
    assert check_choice("auto", {}).generator == "motioncraft"
    write_default(only, generator="warp", options={"interpolation": "nearest"}, why="it is the fastest")
    assert best_generator() == Choice("warp", {"interpolation": "nearest"}, "it is the fastest")


def test_auto_paints(only: Path, clip: MotionClip) -> None:
    write_default(only, generator="warp", options={"interpolation": "nearest"}, why="it is the fastest")
    assert sc.generate(clip, "auto").made_by["options"]["interpolation"] == "nearest"


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"generator": "warp"}', '{"generator": "warp", "options": 3, "why": ""}']
)
def test_a_damaged_default_is_named(only: Path, content: str) -> None:
    (only / "default.json").write_text(content)
    with pytest.raises(Failure, match=r"default\.json is damaged"):
        best_generator()
