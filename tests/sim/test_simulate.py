"""`simulate`: a child process that records, and every way in which it can go wrong."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import simcraft as sc
from simcraft.assets import asset
from simcraft.errors import Cancelled, DiskFull, Failure, UserError
from simcraft.sim import rigid
from simcraft.sim.blender import Blender, ChildCrash, clean_environment, find_blender, run_child
from simcraft.sim.simulate import find_scene, record_in_child
from simcraft.sim.stage import working_folder
from tests.blender.conftest import BLENDERS, blender_executable

SCRIPT = Path(__file__).with_name("scenes_for_simulate.py")


def record(function: str, data: Path, kind: str = "bpy", out: Path | None = None, **options: Any) -> sc.Recording:
    """Build one of the scenes above in a Blender and record it."""
    blender = blender_executable(kind)
    progress = options.pop("progress", lambda stage, step, steps: None)
    source = {"build": {"script": str(SCRIPT), "function": function, "data": str(data)}}
    return record_in_child(source, {"preview": True, **options}, out=out, blender=blender, progress=progress)


def leftovers(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if p.name.startswith("."))


@pytest.mark.parametrize("kind", BLENDERS)
def test_true_frames_show_what_was_recorded(tmp_path: Path, kind: str) -> None:
    recording = record("moving_cube", tmp_path, kind, preview=False, true_frames=True, out=tmp_path / "r")
    assert recording.image is not None and recording.frames is not None
    assert recording.frames.shape == (4, 32, 48, 3)
    np.testing.assert_array_equal(recording.image, recording.frames[0])
    assert_cube_is_lit(recording)
    glow = next(m for m in recording.materials if m.name == "Glow")
    np.testing.assert_allclose(glow.base_color, (1.0, 0.5, 0.1), atol=1e-6)
    assert glow.emission == 1.0
    # what the material says is what the renderer shows: sRGB of (1, 0.5, 0.1)
    pixels = recording.frames[0][recording.frames[0, ..., 0] > 250]
    np.testing.assert_allclose(np.median(pixels, axis=0), (255, 188, 89), atol=2)


@pytest.mark.parametrize("kind", BLENDERS)
def test_true_frames_show_the_simulation(tmp_path: Path, kind: str) -> None:
    """Renders evaluate the scene anew: they must find the stepped frames in the cache, from the first one on."""
    recording = record("falling_cube", tmp_path, kind, preview=False, true_frames=True, frames=(8, 11))
    assert_cube_is_lit(recording)
    fall = np.diff(recording.bodies[0].transforms[:, 2, 3])
    assert (fall < -0.1).all()


def assert_cube_is_lit(recording: sc.Recording) -> None:
    """The bright pixels of each true frame lie around the picture of the recorded cube's centre."""
    cube, camera = recording.bodies[0], recording.camera
    assert recording.frames is not None
    for t, frame in enumerate(recording.frames):
        center = np.argwhere(frame[..., 0] > 128).mean(0)[::-1] + 0.5
        x, y, z, _ = np.linalg.inv(camera.camera_to_world[t]) @ cube.transforms[t][:, 3]
        u, v, _ = camera.intrinsics[t] @ (x / z, y / z, 1)
        # the cube's side shows a little, so its silhouette's middle is not quite its centre's picture
        np.testing.assert_allclose(center, (u, v), atol=1.0)


@pytest.mark.bpy
def test_the_log_is_kept_and_an_older_recording_replaced(tmp_path: Path) -> None:
    for frames in ((1, 2), (1, 3)):
        recording = record("moving_cube", tmp_path, out=tmp_path / "r", frames=frames)
        assert recording.image is None
        assert recording.frame_count == frames[1]
    assert (tmp_path / "r" / "simulate.log").is_file()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["r"]


@pytest.mark.bpy
def test_an_older_recording_survives_a_failed_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record("moving_cube", tmp_path, out=tmp_path / "r", frames=(1, 3))
    rename = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if self.name == "recording":
            raise OSError(errno.EIO, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(Failure, match=r"name .*/r: Input/output error"):
        record("moving_cube", tmp_path, out=tmp_path / "r", frames=(1, 4))
    assert sc.load_recording(tmp_path / "r").frame_count == 3
    assert leftovers(tmp_path) == []


@pytest.mark.bpy
def test_the_seed_reaches_the_scene(tmp_path: Path) -> None:
    recording = record("seeded_cube", tmp_path, seed=3)
    assert recording.seed == 3
    np.testing.assert_allclose(recording.bodies[0].transforms[:, 2, 3], 3)
    np.testing.assert_allclose(record("seeded_cube", tmp_path).bodies[0].transforms[:, 2, 3], 0)


@pytest.mark.bpy
def test_progress_names_its_stages(tmp_path: Path) -> None:
    said: list[tuple[str, int, int]] = []
    record("moving_cube", tmp_path, preview=False, progress=lambda *event: said.append(event))
    assert list(dict.fromkeys(stage for stage, _, _ in said)) == ["build", "simulate", "render", "save"]
    assert ("simulate", 4, 4) in said


@pytest.mark.bpy
def test_a_shipped_scene_by_name() -> None:
    recording = sc.simulate("dominoes", frames=(1, 3), size=(64, 64), preview=True)
    assert recording.name == "dominoes"
    assert recording.size == (64, 64)
    assert {b.solver for b in recording.bodies} >= {"bullet", "static"}


@pytest.mark.parametrize("kind", BLENDERS)
def test_scripts_in_a_file_never_run(tmp_path: Path, kind: str) -> None:
    blend = tmp_path / "scripted.blend"
    record("save_scripted", blend, kind)
    Path(f"{blend}.ran").unlink(missing_ok=True)
    recording = sc.simulate(blend, preview=True, blender=blender_executable(kind))
    assert not Path(f"{blend}.ran").exists()
    assert any("driver of Object 'Cube' (location) needs Python" in w for w in recording.warnings)
    np.testing.assert_array_equal(recording.bodies[0].transforms[:, 2, 3], 0)


@pytest.mark.parametrize("kind", BLENDERS)
def test_without_a_graphics_driver_cycles_renders(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # where libglvnd looks for drivers: nothing there, as on a bare server
    for name in ("__EGL_VENDOR_LIBRARY_DIRS", "LIBGL_DRIVERS_PATH"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.delenv("DISPLAY", raising=False)
    recording = record("workbench", tmp_path, kind, preview=False, out=tmp_path / "r")
    assert recording.image is not None and recording.image.max() > 200
    assert any("BLENDER_WORKBENCH cannot run here; CYCLES rendered" in w for w in recording.warnings)
    assert leftovers(tmp_path) == []


# --------------------------------------------------------------------------------------------------------- bad input


def test_a_missing_scene_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nothing\.blend does not exist"):
        sc.simulate(tmp_path / "nothing.blend")
    with pytest.raises(UserError, match="no shipped scene") as caught:
        sc.simulate("domino")
    assert "dominoes" in caught.value.fix


@pytest.mark.parametrize("seed", [-1, 2**31, 99999999999])
def test_a_seed_that_blender_cannot_hold_is_refused_at_once(tmp_path: Path, seed: int) -> None:
    scene = rigid.RigidScene((rigid.Body("floor", rigid.Box((1, 1, 1))),))
    for attempt in (lambda: sc.simulate("dominoes", seed=seed), lambda: rigid.simulate(scene, seed=seed)):
        with pytest.raises(UserError, match=f"seed is {seed}") as caught:
            attempt()
        assert "0 to 2147483647" in caught.value.fix


def test_a_file_that_is_no_blend_is_refused(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.blend"
    wrong.write_bytes(b"PK\x03\x04 a zip, perhaps")
    with pytest.raises(UserError, match="is not a Blender file"):
        find_scene(wrong)
    wrong.write_bytes(b"")
    with pytest.raises(UserError, match="is not a Blender file"):
        find_scene(wrong)


@pytest.mark.parametrize("kind", BLENDERS)
def test_a_truncated_blend_is_damaged(tmp_path: Path, kind: str) -> None:
    whole = find_scene("dominoes").read_bytes()
    cut = tmp_path / "cut.blend"
    cut.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"cut\.blend is damaged or incomplete"):
        sc.simulate(cut, blender=blender_executable(kind), out=tmp_path / "r")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cut.blend"]


@pytest.mark.bpy
def test_the_childs_errors_arrive_as_they_are(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="3:1 is reversed") as caught:
        record("moving_cube", tmp_path, frames=(3, 1))
    assert caught.value.fix
    assert caught.value.exit_code == 2
    with pytest.raises(Failure, match="a bug in the scene builder"):
        record("mistake", tmp_path)


def test_an_unwritable_folder_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for out in (tmp_path / "file" / "r", Path("/proc/simcraft/r")):
        with pytest.raises(UserError, match="Nothing can be written"):
            sc.simulate("dominoes", out=out)
    (tmp_path / "mine").mkdir()
    with pytest.raises(UserError, match="is not a recording"):
        sc.simulate("dominoes", out=tmp_path / "mine")


@pytest.mark.bpy
def test_a_full_disk_is_an_error(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", small], capture_output=True).returncode:
        pytest.skip("no right to mount a small disk")
    try:
        with pytest.raises(DiskFull, match="is full"):
            record("big_cloth", tmp_path, out=small / "r")
        assert leftovers(small) == []
    finally:
        subprocess.run(["umount", small], check=True)


# ------------------------------------------------------------------------------------------------------------- death


@pytest.mark.parametrize("kind", BLENDERS)
def test_a_crash_names_signal_and_stage(tmp_path: Path, kind: str) -> None:
    with pytest.raises(ChildCrash, match=r"killed by SIG\w+ at the stage 'build'") as caught:
        record("die", tmp_path, kind, out=tmp_path / "r")
    assert caught.value.exit_code == 1
    assert (tmp_path / "r.log").is_file()
    assert not (tmp_path / "r").exists()
    assert leftovers(tmp_path) == []


@pytest.mark.bpy
def test_a_silent_exit_is_a_crash(tmp_path: Path) -> None:
    with pytest.raises(ChildCrash, match="exit code 3 and without a result"):
        record("leave", tmp_path, out=tmp_path / "r")


@pytest.mark.parametrize("kind", BLENDERS)
@pytest.mark.parametrize("stop", [Cancelled, KeyboardInterrupt])
def test_stopping_kills_the_child(tmp_path: Path, kind: str, stop: type[BaseException]) -> None:
    pid_file = tmp_path / "pid"

    def wait_then_stop(stage: str, step: int, steps: int, detail: str = "") -> None:
        wait_until(lambda: pid_file.exists() and pid_file.read_text() != "")
        raise stop("enough")

    with pytest.raises(stop):
        record("sleep", pid_file, kind, out=tmp_path / "r", progress=wait_then_stop)
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)
    assert leftovers(tmp_path) == []


PARENT = """
import sys
from pathlib import Path
from tests.sim.test_simulate import record
scene, data, kind, out = sys.argv[1:]
record(scene, Path(data), kind, out=Path(out))
"""


@pytest.mark.parametrize("kind", BLENDERS)
@pytest.mark.parametrize("scene", ["sleep", "work"])
def test_the_child_dies_with_its_parent(tmp_path: Path, kind: str, scene: str) -> None:
    """Killed outright the parent can clean nothing up: the child notices, and the next run removes what was left."""
    blender_executable(kind)
    pid_file, out = tmp_path / "pid", tmp_path / "r"
    command = [sys.executable, "-c", PARENT, scene, str(pid_file), kind, str(out)]
    parent = subprocess.Popen(command, cwd=SCRIPT.parents[2], start_new_session=True)
    wait_until(lambda: pid_file.exists() and pid_file.read_text() != "")
    parent.kill()
    parent.wait()
    wait_until(lambda: not runs(int(pid_file.read_text())))
    assert len(leftovers(tmp_path)) == 1
    record("moving_cube", tmp_path, out=out)
    assert leftovers(tmp_path) == []


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def runs(pid: int) -> bool:
    """Is there such a process, and not only its exit code that nobody has asked for?"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_only_abandoned_working_folders_are_removed(tmp_path: Path) -> None:
    target = tmp_path / "r"
    kept = [tmp_path / name for name in (".r.other.partial", ".r.b.abandon.partial", ".q.abandon.partial")]
    gone = tmp_path / ".r.abandon.partial"
    for folder in (*kept, gone):
        folder.mkdir()
    for folder in (*kept[1:], gone):
        (folder / "owner").touch()
    with working_folder(target) as first, working_folder(target) as second:
        assert first != second
        assert first.is_dir() and second.is_dir()
        assert not gone.exists()
        assert all(folder.is_dir() for folder in kept)
    assert not first.exists() and not second.exists()


@pytest.mark.bpy
@pytest.mark.blender
def test_a_file_from_a_newer_blender_is_suspected(tmp_path: Path) -> None:
    """Blender 3.4 segfaults on a file saved by 4.5."""
    executable = blender_executable("blender")
    assert executable is not None
    version = subprocess.run([executable, "--version"], capture_output=True, text=True, check=True).stdout
    if not version.startswith("Blender 3."):
        pytest.skip("this Blender opens newer files")
    blend = tmp_path / "newer.blend"
    record("save_scripted", blend)
    with pytest.raises(ChildCrash, match="at the stage 'open'") as caught:
        sc.simulate(blend, blender=executable, out=tmp_path / "r")
    assert "newer Blender" in caught.value.fix


@pytest.mark.bpy
def test_the_add_on_works_outside_the_checkout(tmp_path: Path) -> None:
    """As in a zip: the add-on's folder alone, with its own copies of the format and of the scenes' builders."""
    addon = tmp_path / "elsewhere" / "blender_addon"
    shutil.copytree(asset("blender_addon"), addon, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(SCRIPT.parents[2] / "simcraft/recording/format", addon / "recording_format")
    shutil.copytree(asset("scenes/builders"), addon / "builders", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(asset("scenes/index.json"), addon / "builders")
    build = {"script": str(SCRIPT), "function": "moving_cube", "data": str(tmp_path)}
    request = {"addon": str(addon), "build": build, "out": str(tmp_path / "r"), "options": {"preview": True}}
    path = run_child(Blender(None), request, tmp_path / "log", lambda stage, step, steps: None)
    assert sc.load_recording(path).frame_count == 4


# ----------------------------------------------------------------------------------------------------- finding Blender


def test_a_named_blender_must_be_executable(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"blender names .*not an executable"):
        find_blender(tmp_path / "blender")


def test_a_blender_that_is_named_comes_before_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = tmp_path / "blender"
    monkeypatch.setenv("SIMCRAFT_BLENDER", str(named))
    with pytest.raises(UserError, match="SIMCRAFT_BLENDER"):
        find_blender()
    named.touch(mode=0o755)
    assert find_blender() == Blender(named)
    monkeypatch.delenv("SIMCRAFT_BLENDER")
    assert find_blender() == Blender(None)  # the tests have the package


def test_the_environment_is_cleaned(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PYTHONHOME", "PYTHONPATH", "LD_PRELOAD", "OCIO", "DYLD_LIBRARY_PATH"):
        monkeypatch.setenv(name, "/nowhere")
    monkeypatch.setenv("SIMCRAFT_TEST", "kept")
    environment = clean_environment()
    assert environment["SIMCRAFT_TEST"] == "kept"
    assert "/nowhere" not in environment.values()


@pytest.mark.parametrize("kind", BLENDERS)
def test_a_foreign_python_home_does_not_reach_blender(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONHOME", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert record("moving_cube", tmp_path, kind).frame_count == 4


def test_an_executable_never_runs_scripts_by_itself() -> None:
    command = Blender(Path("/usr/bin/blender")).command(Path("folder"))
    assert {"--disable-autoexec", "--factory-startup", "-b"} <= set(command)
