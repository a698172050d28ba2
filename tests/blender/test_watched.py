"""Scenes with effects in pictures: Blender waits with the scene open until they are simulated, and then renders."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from simcraft.assets import asset
from simcraft.progress import silent
from simcraft.recording import Recording, Volume, load_recording, save_recording
from simcraft.sim.blender import ChildCrash, find_blender, run_child
from simcraft.sim.effects import simulate_effects
from simcraft.video import load_video
from tests.blender.conftest import BLENDERS, HERE, blender_executable

BLENDER = os.environ.get("SIMCRAFT_BLENDER") or shutil.which("blender")
LEFT, RIGHT = np.s_[18:30, 8:20], np.s_[:, 28:]
"""Where the smoke is, and where it is not but the falling body is."""


def record(kind: str, folder: Path, name: str, **request: object) -> tuple[Path, list[Recording]]:
    """What the child made last, and what it asked to be simulated."""
    asked: list[Recording] = []

    def solve(path: Path) -> Path:
        recording = load_recording(path)
        asked.append(recording)
        return save_recording(simulate_effects(recording), folder / "solved")

    build = {"script": str(HERE / "staging.py"), "function": "watched", "data": str(folder / "notes.json")}
    addon = str(asset("blender_addon").resolve())
    full = {"addon": addon, "build": build, "out": str(folder / name), "options": {"true_frames": True}, **request}
    blender = find_blender(blender_executable(kind))
    return run_child(blender, full, folder / f"{name}.log", silent, solve), asked


@pytest.mark.parametrize("kind", BLENDERS)
def test_results_are_in_the_pictures_and_all_else_is_as_it_was(tmp_path: Path, kind: str) -> None:
    bare, none_asked = record(kind, tmp_path, "bare")
    without = load_recording(bare)
    assert none_asked == []
    images, (asked,) = record(kind, tmp_path, "first", images=str(tmp_path / "images"))
    assert images == tmp_path / "images"
    assert [e.name for e in asked.effects] == ["Smoke"]
    assert asked.image is None
    solved = load_recording(tmp_path / "solved")
    assert isinstance(solved.bodies[-1], Volume)
    first = np.load(images / "image.npy", allow_pickle=False)
    frames = np.load(images / "frames.npy", allow_pickle=False)
    assert frames.shape == without.frames.shape == (3, 48, 48, 3)
    np.testing.assert_array_equal(first, frames[0])
    assert json.loads((images / "warnings.json").read_text()) == []
    # the sky is white, and without its smoke the domain is nothing to be seen
    assert without.frames[0][LEFT].min() > 250
    assert frames[0][LEFT].mean() < 215
    # what Blender itself simulates was stepped to the same places again
    assert (without.frames[2][RIGHT] != without.frames[0][RIGHT]).any()
    seen, expected = frames[..., RIGHT[1], :].astype(int), without.frames[..., RIGHT[1], :].astype(int)
    assert np.abs(seen - expected).mean() < 3


@pytest.mark.bpy
def test_what_stops_the_simulation_stops_blender(tmp_path: Path) -> None:
    def fail(path: Path) -> Path:
        raise KeyboardInterrupt

    build = {"script": str(HERE / "staging.py"), "function": "watched", "data": str(tmp_path / "notes.json")}
    request = {"addon": str(asset("blender_addon").resolve()), "build": build, "options": {}}
    request |= {"out": str(tmp_path / "first"), "images": str(tmp_path / "images")}
    with pytest.raises(KeyboardInterrupt):
        run_child(find_blender(), request, tmp_path / "log", silent, fail)
    assert not (tmp_path / "images").exists()


def children() -> set[int]:
    """Process ids of this process's children."""
    return {int(pid) for file in Path("/proc/self/task").glob("*/children") for pid in file.read_text().split()}


@pytest.mark.bpy
def test_a_child_that_dies_while_it_waits_is_a_crash(tmp_path: Path) -> None:
    def kill(path: Path) -> Path:
        (child,) = children() - before
        os.kill(child, signal.SIGKILL)
        return path

    before = children()
    build = {"script": str(HERE / "staging.py"), "function": "watched", "data": str(tmp_path / "notes.json")}
    request = {"addon": str(asset("blender_addon").resolve()), "build": build, "options": {}}
    request |= {"out": str(tmp_path / "first"), "images": str(tmp_path / "images")}
    with pytest.raises(ChildCrash, match="SIGKILL"):
        run_child(find_blender(), request, tmp_path / "log", silent, kill)


@pytest.mark.bpy
def test_without_pictures_blender_need_not_wait(tmp_path: Path) -> None:
    path, asked = record("bpy", tmp_path, "first", images=str(tmp_path / "images"), options={"preview": True})
    assert asked == []
    assert load_recording(path).effects[0].solved is False


@pytest.mark.blender
@pytest.mark.skipif(BLENDER is None, reason="no Blender executable")
def test_render_video_simulates_effects(tmp_path: Path) -> None:
    scene, out = tmp_path / "smoke.blend", tmp_path / "smoke.mp4"
    build = f"import sys; sys.path[:0] = [{str(asset('scripts').resolve().parent)!r}, {str(HERE)!r}]; import staging; "
    build += "import bpy; bpy.ops.wm.read_factory_settings(use_empty=True); staging.watched(None); "
    build += f"bpy.ops.wm.save_as_mainfile(filepath={str(scene)!r})"
    command = [str(BLENDER), "-b", "--factory-startup", "--python-exit-code", "1", "--python-expr", build]
    subprocess.run(command, check=True, capture_output=True)
    command = [str(BLENDER), "-b", str(scene), "-P", str(asset("scripts/render_video.py")), "--"]
    command += ["--out", str(out), "--recording", str(tmp_path / "kept")]
    environment = {**os.environ, "SIMCRAFT_PYTHON": sys.executable}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert load_video(out).frames.shape == (3, 48, 48, 3)
    kept = load_recording(tmp_path / "kept")
    assert kept.effects[0].solved
    assert isinstance(kept.bodies[-1], Volume)
    assert kept.image[LEFT].mean() < 215
