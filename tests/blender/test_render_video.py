"""scripts/render_video.py inside a real Blender executable, as users call it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from simcraft.assets import asset
from simcraft.video import load_video

BLENDER = os.environ.get("SIMCRAFT_BLENDER") or shutil.which("blender")
SCRIPT = asset("scripts/render_video.py")
pytestmark = [pytest.mark.blender, pytest.mark.skipif(BLENDER is None, reason="no Blender executable")]


def render_video(scene: Path, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """`blender -b scene -P render_video.py -- ARGUMENTS`, without --python-exit-code."""
    command = [str(BLENDER), "-b", str(scene), "-P", str(SCRIPT)]
    if arguments:
        command += ["--", *map(str, arguments)]
    variables = {**os.environ, "SIMCRAFT_PYTHON": sys.executable, **environment}
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=False, timeout=300)


@pytest.fixture
def dominoes(tmp_path: Path) -> Path:
    return Path(shutil.copy(asset("scenes/dominoes.blend"), tmp_path))


def test_options_reach_the_video(dominoes: Path, tmp_path: Path) -> None:
    done = render_video(
        dominoes, "--out", tmp_path / "made.mp4", "--size", "96x64", "--frames", "1:6", "--samples", 1,
        "--clip", tmp_path / "clip.npz", "--sheet", tmp_path / "sheet.png", "--report", tmp_path / "report.json",
        "--interpolation", "bilinear", "--seed", 5,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    video = load_video(tmp_path / "made.mp4")
    assert video.frames.shape == (6, 64, 96, 3)
    for name in ("clip.npz", "sheet.png", "report.json"):
        assert (tmp_path / name).stat().st_size > 500
    assert "median error" in done.stdout
    assert "of 6" in done.stdout  # progress, one line at a time


def test_without_arguments_the_video_lies_beside_the_scene(dominoes: Path) -> None:
    shrink = "import bpy; s = bpy.context.scene; s.render.resolution_x = s.render.resolution_y = 96; s.frame_end = 4; "
    shrink += "s.cycles.samples = 1; bpy.ops.wm.save_mainfile()"
    subprocess.run([str(BLENDER), "-b", str(dominoes), "--python-expr", shrink], check=True, capture_output=True)
    before = dominoes.read_bytes()
    done = render_video(dominoes)
    assert done.returncode == 0, done.stdout + done.stderr
    made = dominoes.with_suffix(".mp4")
    assert str(made) in done.stdout
    assert load_video(made).frames.shape == (4, 96, 96, 3)
    assert dominoes.read_bytes() == before  # the user's file is never written


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--size", "0x0"), 2, "16 to 16384"),
        (("--size", "20000x20000"), 2, "16 to 16384"),
        (("--frames", "12:1"), 2, "forwards"),
        (("--frames", "1:400"), 2, "cache"),
        (("--engine-python", "/nowhere/python"), 2, "/nowhere/python"),
        (("--generator", "magic"), 2, "magic"),
        (("--no-such-option", "1"), 2, "no_such_option"),
        (("--out", "/proc/video.mp4"), 2, "/proc"),
    ],
)
def test_mistakes_have_exit_code_and_one_line(
    dominoes: Path, arguments: tuple[str, ...], code: int, words: str, tmp_path: Path
) -> None:
    small = ("--size", "64x64", "--frames", "1:4", "--preview", "--out", str(tmp_path / "v.mp4"))
    done = render_video(dominoes, *small, *arguments)
    assert done.returncode == code, done.stdout + done.stderr
    assert "simulate" not in done.stdout  # it was said before any work
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_what_was_named_and_exists_is_not_replaced(dominoes: Path, tmp_path: Path) -> None:
    (tmp_path / "v.mp4").write_text("precious")
    done = render_video(dominoes, "--preview", "--size", "64x64", "--frames", "1:4", "--out", tmp_path / "v.mp4")
    assert done.returncode == 2
    assert "--force" in done.stderr
    assert (tmp_path / "v.mp4").read_text() == "precious"


def test_an_engine_without_simcraft(dominoes: Path) -> None:
    done = render_video(
        dominoes, "--preview", "--size", "64x64", "--frames", "1:4", "--engine-python", "/usr/bin/python3"
    )
    assert done.returncode == 2
    assert "simcraft" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_scene_without_camera(tmp_path: Path) -> None:
    path = tmp_path / "no_camera.blend"
    build = "import bpy; bpy.data.objects.remove(bpy.context.scene.camera); "
    build += f"bpy.ops.wm.save_as_mainfile(filepath={str(path)!r})"
    command = [str(BLENDER), "-b", "--factory-startup", "--python-expr", build]
    subprocess.run(command, check=True, capture_output=True)
    done = render_video(path, "--preview", "--size", "64x64")
    assert done.returncode == 2
    assert "camera" in done.stderr
