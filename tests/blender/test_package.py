"""The add-on's zips: what is in them, and that real Blenders install and run them."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts import build_addon
from simcraft.assets import asset
from simcraft.video import load_video
from tests.blender.conftest import blender_executable
from tests.blender.installing import Installed, Zips, install, zips

HERE = Path(__file__).parent
PRESET = """
import bpy
bpy.ops.simcraft.add_preset(name="roll", seed=7)
scene = bpy.context.scene
scene.frame_end = 6
settings = scene.simcraft
settings.generator, settings.preview_first_frame = "warp", True
settings.size_from, settings.width, settings.height = "CUSTOM", 96, 64
bpy.ops.simcraft.generate(output={out!r})
"""
IN_BLENDER = {"bpy", "bmesh", "mathutils", "numpy", "gpu", "gpu_extras", "blf", "bpy_extras", "_cycles"}


@pytest.fixture(name="zips")
def built_zips() -> Zips:
    return zips()


def test_the_same_sources_give_the_same_bytes(zips: Zips, tmp_path: Path) -> None:
    again = Zips(*build_addon.build(tmp_path))
    assert again.extension.read_bytes() == zips.extension.read_bytes()
    assert again.legacy.read_bytes() == zips.legacy.read_bytes()


def test_the_extension_is_flat_and_the_legacy_zip_has_one_folder(zips: Zips) -> None:
    with zipfile.ZipFile(zips.extension) as extension, zipfile.ZipFile(zips.legacy) as legacy:
        flat, nested = extension.namelist(), legacy.namelist()
        assert {f"simcraft/{name}" for name in flat} - set(nested) == {"simcraft/blender_manifest.toml"}
        assert {"__init__.py", "blender_manifest.toml", "LICENSE", "recording_format/types.py"} <= set(flat)
        assert {"builders/catalogue.py", "builders/index.json"} <= set(flat)
        assert all(extension.read(name) == legacy.read(f"simcraft/{name}") for name in flat if name in nested)
    wheels = [name for name in flat if name.endswith(".whl")]
    assert wheels == [f"wheels/simcraft_video-{build_addon.released_version()}-py3-none-any.whl"]


def test_the_engine_in_the_zip_is_its_code_alone(zips: Zips, tmp_path: Path) -> None:
    with zipfile.ZipFile(zips.extension) as extension:
        (name,) = [name for name in extension.namelist() if name.endswith(".whl")]
        wheel = Path(extension.extract(name, tmp_path))
    assert wheel.stat().st_size < 1_000_000
    with zipfile.ZipFile(wheel) as packed:
        names = packed.namelist()
    assert "simcraft/worker.py" in names
    assert not [name for name in names if "_assets" in name or name.endswith((".blend", ".safetensors"))]


def test_what_blender_imports_is_in_the_zip_or_in_blender(zips: Zips) -> None:
    """Every import is relative, or of the standard library, numpy and Blender; syntax of Python 3.10 at most."""
    with zipfile.ZipFile(zips.extension) as extension:
        for name in extension.namelist():
            if not name.endswith(".py"):
                continue
            tree = ast.parse(extension.read(name), name, feature_version=(3, 10))
            for node in ast.walk(tree):
                modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom) and not node.level:
                    modules = [node.module or ""]
                for module in modules:
                    top = module.split(".")[0]
                    assert top in IN_BLENDER or top in sys.stdlib_module_names, f"{name} imports {module}"


def test_versions_that_differ_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("__init__.py", "blender_manifest.toml"):
        text = (build_addon.ADDON / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(text.replace('version = "0.1.0"', 'version = "0.0.9"'), encoding="utf-8")
    monkeypatch.setattr(build_addon, "ADDON", tmp_path)
    with pytest.raises(build_addon.BuildError, match=r"blender_manifest.toml says version 0\.0\.9"):
        build_addon.released_version()


@pytest.fixture(scope="module", params=["blender", "blender-5.2"])
def installed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    executable = blender_executable(request.param)
    assert executable is not None
    there = install(request.param, executable, tmp_path_factory.mktemp("home"))
    before = there.files()
    yield there
    assert there.files() == before  # nothing is ever written into the add-on's own folder


@pytest.mark.blender
def test_blender_finds_the_extension_valid(zips: Zips) -> None:
    executable = blender_executable("blender-5.2")
    done = subprocess.run(
        [str(executable), "--command", "extension", "validate", str(zips.extension)],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "error" not in (done.stdout + done.stderr).lower()


@pytest.mark.blender
def test_it_registers_all_it_declares_and_takes_all_of_it_back(installed: Installed, tmp_path: Path) -> None:
    notes = tmp_path / "notes.json"
    done = installed.run("-b", "--python-exit-code", 1, "-P", HERE / "installed.py", "--", notes)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    found = json.loads(notes.read_text())
    assert found["module"] == ("bl_ext.user_default.simcraft" if installed.kind == "blender-5.2" else "simcraft")
    assert str(installed.home) in found["folder"]
    assert found["declared"] == found["enabled"]["classes"]
    assert set(found["enabled"]["tabs"]) <= {"SimCraft"}
    assert not any(found["disabled"].values()), found["disabled"]
    assert found["again"] == found["enabled"]
    assert found["own"]


@pytest.mark.blender
@pytest.mark.slow
def test_a_preset_becomes_a_video(installed: Installed, tmp_path: Path) -> None:
    out = tmp_path / "made.mp4"
    code = PRESET.format(out=str(out))
    done = installed.run("-b", "--python-exit-code", 1, "--python-expr", code, SIMCRAFT_PYTHON=sys.executable)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert load_video(out).frames.shape == (6, 64, 96, 3)
    assert str(out) in done.stdout


@pytest.mark.blender
@pytest.mark.slow
def test_without_an_engine_the_exit_code_and_a_sentence_say_so(installed: Installed, tmp_path: Path) -> None:
    code = PRESET.format(out=str(tmp_path / "made.mp4"))
    done = installed.run("-b", "--python-exit-code", 7, "--python-expr", code)
    assert done.returncode == 7, done.stdout + done.stderr
    assert "There is no engine yet" in done.stdout + done.stderr
    assert not (tmp_path / "made.mp4").exists()


@pytest.mark.blender
@pytest.mark.slow
def test_render_video_in_a_blender_that_has_the_add_on(installed: Installed, tmp_path: Path) -> None:
    out, script = tmp_path / "made.mp4", asset("scripts/render_video.py")
    given = "--preview", "--size", "96x64", "--frames", "1:6", "--out", out
    opened = "-b", asset("scenes/roll.blend"), "-P", script, "--"
    done = installed.run(*opened, *given, SIMCRAFT_PYTHON=sys.executable)
    assert done.returncode == 0, done.stdout + done.stderr
    assert load_video(out).frames.shape == (6, 64, 96, 3)
    # it is there now, and is not replaced
    assert installed.run(*opened, *given, SIMCRAFT_PYTHON=sys.executable).returncode == 2
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    failed = installed.run(*opened, *given[:-1], tmp_path / "other.mp4", SIMCRAFT_PYTHON=str(broken))
    assert failed.returncode in (1, 2) and "Traceback" not in failed.stderr, failed.stderr
    assert not (tmp_path / "other.mp4").exists()
