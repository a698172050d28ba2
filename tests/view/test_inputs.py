"""What is given is told apart, opened a frame at a time, and refused with a reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from simcraft.clip import ARRAYS, MotionClip
from simcraft.clip.lazy import StoredFrames, open_clip
from simcraft.clip.store import save_clip
from simcraft.errors import UserError
from simcraft.recording import save_recording
from simcraft.video import Video, save_video
from simcraft.view.inputs import fitted, kind_of, name_of, opened, unique_names
from tests.scenes import sliding_square


def test_kinds_are_told_apart(clip: MotionClip, clip_path: Path, tmp_path: Path) -> None:
    recording = save_recording(sliding_square(), tmp_path / "slide.recording")
    frames = np.zeros((2, 16, 16, 3), np.uint8)
    sources = {
        clip_path: "clip",
        save_clip(clip, tmp_path / "small.npz"): "clip",
        recording: "recording",
        recording / "recording.json": "recording",
        save_video(Video(frames), tmp_path / "film.gif"): "video",
        save_video(Video(frames), tmp_path / "pictures"): "video",
    }
    assert {source: kind_of(source) for source in sources} == sources
    assert [kind_of(thing) for thing in (clip, sliding_square(), Video(frames))] == ["clip", "recording", "video"]
    assert [name_of(source) for source in sources] == ["sliding", "small", "slide", "slide", "film", "pictures"]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("missing.zarr", "does not exist"),
        ("notes.txt", r"no clip, recording or video.*\.npz"),
        ("scene.blend", "simcraft simulate"),
        ("seen.rrd", "rerun "),
        ("empty", "holds no clip"),
        ("set", "simcraft dataset gallery"),
    ],
)
def test_what_cannot_be_viewed_is_refused_with_the_reason(name: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "set").mkdir()
    for file in ("notes.txt", "scene.blend", "seen.rrd", "set/manifest.jsonl"):
        (tmp_path / file).write_text("")
    with pytest.raises(UserError, match=says):
        kind_of(tmp_path / name)


def test_the_folder_that_one_is_in_is_refused_as_any_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="holds no clip"):
        kind_of(".")


def test_a_damaged_input_is_named(tmp_path: Path) -> None:
    for name in ("torn.npz", "torn.mp4"):
        (tmp_path / name).write_bytes(b"PK\x03\x04 and no more")
        with pytest.raises(UserError, match=name), opened([tmp_path / name]):
            pass


def test_names_are_unique() -> None:
    assert unique_names(["a", "b", "a", "a 2", "a"]) == ["a", "b", "a 2", "a 2 2", "a 3"]


@pytest.mark.parametrize(
    ("size", "box", "shown"),
    [((640, 360), (512, 512), (512, 288)), ((300, 900), (512, 512), (171, 512)), ((64, 48), (512, 512), (64, 48))],
)
def test_pictures_are_shrunk_in_proportion_and_never_enlarged(size, box, shown) -> None:
    assert fitted(size, box) == shown


def test_frames_stay_on_disk_until_they_are_read(clip: MotionClip, clip_path: Path) -> None:
    lazy = open_clip(clip_path)
    for name in ARRAYS:
        whole, stored = getattr(clip, name), getattr(lazy, name)
        if whole is None:
            assert stored is None
            continue
        framewise = name not in ("image", "tracks", "track_visible", "intrinsics", "camera_to_world")
        assert isinstance(stored, StoredFrames) == framewise
        np.testing.assert_array_equal(stored[1], whole[1])
        np.testing.assert_array_equal(stored[::2], whole[::2])
        np.testing.assert_array_equal(stored[-1], whole[-1])
    assert (lazy.name, lazy.captions, lazy.instance_table) == (clip.name, clip.captions, clip.instance_table)


def test_a_lost_frame_is_told_when_it_is_read(clip: MotionClip, tmp_path: Path) -> None:
    path = save_clip(clip, tmp_path / "lost.zarr")
    (path / "depth" / "c" / "3" / "0" / "0").unlink()
    lazy = open_clip(path)
    assert lazy.depth is not None
    assert np.isfinite(lazy.depth[2]).any()
    with pytest.raises(UserError, match="missing"):
        lazy.depth[3]


def test_a_recording_is_observed_and_leaves_nothing_behind(tmp_path: Path) -> None:
    path = save_recording(sliding_square(frames=3, size=(96, 64)), tmp_path / "slide.recording")
    with opened([path, path], (48, 48)) as inputs:
        assert [source.name for source in inputs] == ["slide", "slide 2"]
        assert inputs[0].size == (48, 32)
        assert inputs[0].clip is not None and inputs[0].clip.frames is not None
        assert inputs[0].frame_count == 3
        folder = inputs[0].clip.frames._folder.parent.parent  # type: ignore[union-attr]
        assert folder.is_dir()
    assert not folder.exists()
