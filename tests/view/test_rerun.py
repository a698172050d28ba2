"""What is written for Rerun is there when it is read back."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simcraft.clip import MotionClip
from simcraft.errors import UserError
from simcraft.recording import save_recording
from simcraft.video import Video
from simcraft.view import view
from simcraft.view.rerun_log import depth_points
from simcraft.view.rerun_sinks import rerun_problem
from tests.view.scenes import FRAMES, every_kind

needs_rerun = pytest.mark.skipif(bool(rerun_problem()), reason=rerun_problem() or "Rerun is there")


@pytest.fixture(autouse=True)
def _nothing_is_only_warned_of() -> Iterator[None]:
    """What Rerun cannot log it leaves out with a warning; here that is an error."""
    if rerun_problem():
        yield
        return
    import rerun as rr

    rr.set_strict_mode(True)
    yield
    rr.set_strict_mode(False)


def load(path: Path) -> Any:
    from rerun import dataframe

    return dataframe.load_recording(path)


def entities(recording: Any) -> set[str]:
    return {column.entity_path for column in recording.schema().component_columns()}


def frames_of(recording: Any, entity: str, timeline: str = "frame") -> list[int]:
    """The times at which something is logged there: frames, or nanoseconds."""
    return recording.view(index=timeline, contents=entity).select().read_all()[timeline].cast("int64").to_pylist()


def column(recording: Any, entity: str, component: str) -> list[Any]:
    table = recording.view(index="frame", contents=entity).select().read_all()
    return table[f"{entity}:{component}"].to_pylist()


@needs_rerun
def test_a_clip_on_its_timelines(clip: MotionClip, clip_path: Path, tmp_path: Path) -> None:
    view(clip_path, rrd=tmp_path / "clip.rrd")
    recording = load(tmp_path / "clip.rrd")
    assert {f"/sliding/image/{key}" for key in ("picture", "flow", "depth", "instances", "visibility")} < entities(
        recording
    )
    assert {"/sliding/world/camera", "/sliding/world/depth", "/sliding/image/picture/tracks"} < entities(recording)
    assert frames_of(recording, "/sliding/image/depth") == [0, 1, 2, 3, 4, 5]
    assert frames_of(recording, "/sliding/image/flow") == [0, 1, 2, 3, 4]  # the last frame has no next one
    nanoseconds = frames_of(recording, "/sliding/world/camera", "time")
    np.testing.assert_allclose(nanoseconds, 1e9 * np.arange(6) / clip.fps, atol=1)
    metres = column(recording, "/sliding/image/depth", "ImageBuffer")[2][0]
    np.testing.assert_array_equal(np.array(metres, np.uint8).view(np.float32).reshape(72, 96), clip.depth[2])  # type: ignore[index]
    lens = column(recording, "/sliding/world/camera", "PinholeProjection")[3][0]
    np.testing.assert_allclose(np.reshape(lens, (3, 3)).T, clip.intrinsics[3])  # type: ignore[index]


@needs_rerun
def test_names_of_instances_travel_along(clip_path: Path, tmp_path: Path) -> None:
    view(clip_path, rrd=tmp_path / "clip.rrd")
    table = (
        load(tmp_path / "clip.rrd").view(index="frame", contents="/sliding/image/instances").select_static().read_all()
    )
    assert "square 1" in str(table["/sliding/image/instances:AnnotationContext"].to_pylist())


@needs_rerun
def test_bodies_of_every_kind(tmp_path: Path) -> None:
    path = save_recording(every_kind(), tmp_path / "zoo.recording")
    view(path, rrd=tmp_path / "zoo.rrd")
    recording = load(tmp_path / "zoo.rrd")
    bodies = "/zoo/world/bodies"
    names = {"floor", "square", "cloth", "liquid", "flock", "drops", "smoke"}
    assert {f"{bodies}/{name}" for name in names} < entities(recording)
    assert {"/zoo/image/picture", "/zoo/image/smoke", "/zoo/world/camera"} < entities(recording)
    assert "/zoo/world/depth" not in entities(recording)  # the bodies themselves are there
    every = list(range(FRAMES))
    for name in ("square", "cloth", "liquid", "drops", "smoke"):
        assert frames_of(recording, f"{bodies}/{name}") == every, name
    places = column(recording, f"{bodies}/square", "Translation3D")
    np.testing.assert_allclose(np.array(places)[:, 0, 0], [0, 0.1, 0.2, 0.3], atol=1e-6)
    triangles = [len(faces) for faces in column(recording, f"{bodies}/liquid", "TriangleIndices")]
    assert triangles == [1, 2, 0, 1]
    # gone in frame 2, and there again in frame 3
    shown = [
        None if faces is None else len(faces) for faces in column(recording, f"{bodies}/square", "TriangleIndices")
    ]
    assert shown == [2, None, 0, 2]
    assert [len(drops) for drops in column(recording, f"{bodies}/drops", "Position3D")] == [2, 3, 4, 5]
    copies = column(recording, f"{bodies}/flock", "PoseTranslation3D")
    assert [None if poses is None else len(poses) for poses in copies] == [2, 1, None, 1]


@needs_rerun
def test_several_inputs_share_the_timeline(clip: MotionClip, clip_path: Path, tmp_path: Path) -> None:
    longer = Video(np.zeros((9, 20, 30, 3), np.uint8), 10.0, {"generator": "warp"})
    view(clip_path, longer, clip, rrd=tmp_path / "all.rrd", size=(32, 32))
    recording = load(tmp_path / "all.rrd")
    assert {path.split("/")[1] for path in entities(recording)} >= {"sliding", "warp", "sliding 2".replace(" ", "\\ ")}
    assert recording.application_id() == "simcraft: sliding, warp, sliding 2"  # the viewer keeps a layout for each
    assert frames_of(recording, "/warp/image/picture") == list(range(9))
    assert column(recording, "/sliding/image/depth", "ImageFormat")[0][0]["width"] == 32


@needs_rerun
def test_a_clip_of_which_little_is_known(moving_clip: Path, tmp_path: Path) -> None:
    view(moving_clip, rrd=tmp_path / "bare.rrd")
    found = {path for path in entities(load(tmp_path / "bare.rrd")) if path.startswith("/moving/")}
    assert found == {"/moving/about", "/moving/image/picture", "/moving/image/flow"}


@needs_rerun
def test_an_orthographic_camera_is_a_frame(clip: MotionClip, tmp_path: Path) -> None:
    assert clip.intrinsics is not None
    flat = dataclasses.replace(clip, projection="orthographic", intrinsics=clip.intrinsics / [[[10.0], [10], [1]]])
    view(flat, rrd=tmp_path / "flat.rrd")
    recording = load(tmp_path / "flat.rrd")
    (strip,) = column(recording, "/sliding/world/camera/outline", "LineStrip3D")[0]
    lens = flat.intrinsics[0]  # type: ignore[index]
    extent = np.ptp(np.array(strip), axis=0)
    np.testing.assert_allclose(extent, [96 / lens[0, 0], 72 / lens[1, 1], 0], rtol=1e-6)
    components = {c.component_name for c in recording.schema().component_columns() if c.entity_path.endswith("/camera")}
    assert not any("Pinhole" in name for name in components)


@needs_rerun
def test_what_is_there_is_not_replaced_unasked(clip_path: Path, tmp_path: Path) -> None:
    path = tmp_path / "clip.rrd"
    path.write_bytes(b"mine")
    with pytest.raises(UserError, match="exists"):
        view(clip_path, rrd=path)
    assert path.read_bytes() == b"mine"
    view(clip_path, rrd=path, force=True)
    assert frames_of(load(path), "/sliding/image/depth") == list(range(6))
    assert [p.name for p in tmp_path.iterdir()] == ["clip.rrd"]  # and no temporary file


@needs_rerun
def test_a_file_that_could_not_be_finished_is_not_left_behind(clip_path: Path, tmp_path: Path) -> None:
    """No file of the process may grow beyond 64 kB, as on a full disk."""
    limited = (
        "import resource, sys, simcraft\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))\n"
        f"simcraft.view({str(clip_path)!r}, rrd='clip.rrd')\n"
    )
    done = subprocess.run([sys.executable, "-c", limited], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "clip.rrd could not be written to its end" in done.stderr
    assert not list(tmp_path.iterdir())


def test_depth_becomes_points_where_the_camera_saw_them(clip: MotionClip) -> None:
    pose = np.eye(4)
    pose[:3, 3] = 1, 2, 3
    moved = dataclasses.replace(clip, camera_to_world=np.tile(pose, (6, 1, 1)))
    places, colours = depth_points(moved, 1, (1.0, 20.0))
    assert len(places) == len(colours) == 72 * 96
    camera = places - pose[:3, 3]
    pixels = camera[:, :2] / camera[:, 2:] * 96 + [48, 36]
    np.testing.assert_allclose(pixels[:2], [[0.5, 0.5], [1.5, 0.5]], atol=1e-4)
    np.testing.assert_allclose(camera[:, 2], moved.depth[1].ravel())  # type: ignore[index]
    assert (colours == moved.frames[1].reshape(-1, 3)).all()  # type: ignore[index]
    near, _ = depth_points(moved, 1, (1.0, 5.0))
    assert (near[:, 2] - 3 < 10).all()  # without the background, which is at 10 m
