"""Observing into memory and straight to disk give the same clip, also after an interruption."""

from pathlib import Path

import numpy as np
import pytest

from simcraft.clip import ARRAYS, MotionClip
from simcraft.clip.store import load_clip
from simcraft.clip.zarr_store import partial_path
from simcraft.errors import Cancelled, UserError
from simcraft.observe import observe, observe_to
from simcraft.observe.observation import STILL
from simcraft.recording import Recording, save_recording
from tests.scenes import sliding_square


def assert_same(a: MotionClip, b: MotionClip) -> None:
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)
    assert a.metadata == b.metadata
    assert (a.fps, a.seed, a.instance_table, a.image_source) == (b.fps, b.seed, b.instance_table, b.image_source)


@pytest.mark.parametrize("true_frames", [False, True])
def test_on_disk_as_in_memory(tmp_path: Path, true_frames: bool) -> None:
    warnings = observe_to(sliding_square(), tmp_path / "a.zarr", tracks=50, true_frames=true_frames)
    assert warnings == ()
    assert_same(load_clip(tmp_path / "a.zarr"), observe(sliding_square(), tracks=50, true_frames=true_frames))


@pytest.mark.parametrize("stop", [0, 1, 3, 5])
def test_an_interrupted_clip_is_recognised_and_resumed(tmp_path: Path, stop: int) -> None:
    path = tmp_path / "a.zarr"
    interrupt(sliding_square(), path, stop)
    assert not path.exists()
    with pytest.raises(UserError, match="incomplete"):
        load_clip(path)
    kept = {file: file.stat().st_mtime_ns for file in (partial_path(path) / "depth" / "c").glob("*/0/0")}
    assert len(kept) == stop
    observe_to(sliding_square(), path, tracks=50)
    assert_same(load_clip(path), observe(sliding_square(), tracks=50))
    moved = {path / file.relative_to(partial_path(path)): time for file, time in kept.items()}
    assert all(file.stat().st_mtime_ns == time for file, time in moved.items())  # not written again


def interrupt(recording: Recording, path: Path, stop: int) -> None:
    """Observe, as the tests do it, until `stop` frames are written."""

    def cancel(stage: str, step: int, steps: int, detail: str = "") -> None:
        if stage == "observe" and step == stop:
            raise Cancelled("Stopped.")

    with pytest.raises(Cancelled):
        observe_to(recording, path, tracks=50, progress=cancel)


def test_other_settings_do_not_resume(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    interrupt(sliding_square(), path, 2)
    with pytest.raises(UserError, match="other settings"):
        observe_to(sliding_square(), path, tracks=20)
    observe_to(sliding_square(), path, tracks=20, force=True)
    assert len(load_clip(path).tracks) == 20


@pytest.mark.parametrize("repaired", [sliding_square(speed=0.3), sliding_square(speed=0.3, frames=8)])
def test_another_recording_of_the_same_name_starts_afresh(tmp_path: Path, repaired: Recording) -> None:
    path = tmp_path / "a.zarr"
    interrupt(sliding_square(), path, 3)
    observe_to(repaired, path, tracks=50)
    assert_same(load_clip(path), observe(repaired, tracks=50))


def test_the_same_recording_resumes_from_disk_and_from_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    interrupt(sliding_square(), path, 3)
    depth = partial_path(path) / "depth/c/0/0/0"
    written = depth.stat().st_mtime_ns
    observe_to(save_recording(sliding_square(), tmp_path / "recording"), path, tracks=50)
    assert (path / "depth/c/0/0/0").stat().st_mtime_ns == written


@pytest.mark.parametrize(("steps", "still"), [((0, 0, 0, 0), True), ((0, 1, 1, 1), False), ((0, 0, 0, 1), False)])
def test_nothing_moves_is_right_after_an_interruption(tmp_path: Path, steps: tuple[int, ...], still: bool) -> None:
    path, recording = tmp_path / "a.zarr", sliding_square(frames=4)
    recording.bodies[0].transforms[:, 0, 3] = steps
    interrupt(recording, path, 2)
    assert observe_to(recording, path, tracks=50) == ((STILL,) if still else ())


def test_one_process_observes_into_a_clip_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"

    def meanwhile(stage: str, step: int, steps: int, detail: str = "") -> None:
        if stage == "observe" and step == 2:
            with pytest.raises(UserError, match="Another process is writing"):
                observe_to(sliding_square(), path, tracks=50, force=True)

    observe_to(sliding_square(), path, tracks=50, progress=meanwhile)
    assert_same(load_clip(path), observe(sliding_square(), tracks=50))


def test_nothing_moves_is_a_warning(tmp_path: Path) -> None:
    assert "Nothing moves" in observe_to(sliding_square(speed=0.0), tmp_path / "a.zarr")[0]
    assert "Nothing moves" in observe(sliding_square(speed=0.0)).metadata["warnings"][0]
