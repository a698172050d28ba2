"""The preferences in real Blenders: an engine of a few bytes is installed, tested, chosen and updated."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from blender_addon.engine_setup.request import PINS
from scripts import build_addon
from tests.blender.conftest import blender_executable
from tests.blender.installing import FOREIGN, install
from tests.engine_setup.stand_ins import ENGINE_VERSION, Wheels, write_wheels

SCRIPT = Path(__file__).with_name("engine_preferences.py")


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Wheels:
    return write_wheels(tmp_path_factory.mktemp("wheels"))


def give(addon: Path, wheels: Wheels) -> None:
    """Let the add-on carry the stand-in for its engine."""
    for wheel in (addon / "wheels").glob("*.whl"):
        wheel.unlink()
    (addon / "wheels").mkdir(exist_ok=True)
    (addon / "wheels" / wheels.engine.name).write_bytes(wheels.engine.read_bytes())
    (addon / PINS).write_bytes(wheels.pins.read_bytes())


def request_of(folder: Path, wheels: Wheels, package: str, **more: Any) -> list[str]:
    """The arguments of the script."""
    values = {"package": package, "from": None, "engine": str(folder / "engine"), "wheels": str(wheels.folder), **more}
    (folder / "request.json").write_text(json.dumps(values))
    return [str(folder / "request.json"), str(folder / "notes.json")]


def in_bpy(folder: Path, wheels: Wheels, has_settings: bool) -> dict[str, Any]:
    """Run the script with the bpy package and a copy of the add-on as zips have it."""
    addon = folder / "addons/simcraft_of_a_zip"
    for name, data in build_addon.addon_files().items():
        (addon / name).parent.mkdir(parents=True, exist_ok=True)
        (addon / name).write_bytes(data)
    give(addon, wheels)
    arguments = request_of(folder, wheels, addon.name, **{"from": str(addon.parent), "has_settings": has_settings})
    kept = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--", *arguments],
        env={**kept, "HOME": str(folder)},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((folder / "notes.json").read_text())


def check(found: dict[str, Any], folder: Path) -> None:
    """What is the same in all Blenders."""
    assert found["unknown_names"] == []
    assert found["before"] == "There is no engine yet."
    assert "no permission to go online" in found["offline"]
    assert "The wheel folder is not there" in found["no_wheels"]
    assert found["installed"] == ["FINISHED"]
    assert found["said"]["simcraft"] == ENGINE_VERSION
    assert found["said"]["device"] == "a stand-in"
    if not found["has_settings"]:
        return
    assert Path(found["used_folder"]) == folder / "engine"
    assert found["log"]
    assert found["command"][0].startswith(str(folder / "engine/environment"))
    assert found["can_test"] == [False, True, False]
    assert found["tested"] == found["tested_remote"] == found["updated"] == ["FINISHED"]
    assert found["remote"]
    assert "No command" in found["no_command"]
    assert found["existing"] == found["command"] == found["after"]
    assert "is not a program" in found["no_python"]
    assert "the engine is out of date" in found["older"]


@pytest.mark.bpy
@pytest.mark.parametrize("has_settings", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_an_engine_is_installed_and_used_with_the_bpy_package(
    wheels: Wheels, tmp_path: Path, has_settings: bool
) -> None:
    blender_executable("bpy")
    found = in_bpy(tmp_path, wheels, has_settings)
    assert found["has_settings"] == has_settings
    check(found, tmp_path)


@pytest.mark.blender
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["blender", "blender-5.2"])
def test_an_engine_is_installed_and_used_in_blender(kind: str, wheels: Wheels, tmp_path: Path) -> None:
    executable = blender_executable(kind)
    assert executable is not None
    blender = install(kind, executable, tmp_path)
    (init,) = tmp_path.rglob("simcraft/__init__.py")
    give(init.parent, wheels)
    package = "bl_ext.user_default.simcraft" if kind == "blender-5.2" else "simcraft"
    arguments = request_of(tmp_path, wheels, package)
    done = blender.run("-b", "--python-exit-code", 1, "-P", SCRIPT, "--", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    found = json.loads((tmp_path / "notes.json").read_text())
    check(found, tmp_path)
    assert not Path(found["folder"]).is_relative_to(init.parent)
    assert (".user" in found["folder"]) == (kind == "blender-5.2")
