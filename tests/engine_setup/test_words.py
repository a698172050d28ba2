"""What uv and pip print, turned into progress and into problems; which engine is meant, and whether it fits."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import tomllib

from blender_addon import bl_info
from blender_addon.engine_setup import layout, plans
from blender_addon.engine_setup.choice import Choice, engine_command
from blender_addon.engine_setup.errors import SetupError
from blender_addon.engine_setup.examination import version_mismatch
from blender_addon.engine_setup.packages import Packages
from blender_addon.engine_setup.request import PINS, pinned
from blender_addon.engine_setup.running import without_passwords
from blender_addon.engine_setup.troubles import explain
from blender_addon.jobs import EngineCommand, Problem
from tests.engine_setup.stand_ins import ENGINE_VERSION

ROOT = Path(__file__).resolve().parents[2]
UV = """Using Python 3.12.1 environment at: env312
Resolved 9 packages in 1.04s
Downloading scipy (33.6MiB)
 Downloaded scipy
Prepared 9 packages in 7.85s
Installed 9 packages in 487ms
 + scipy==1.17.1"""
PIP = """Looking in links: /wheels
Processing /wheels/tiny_one-1.1-py3-none-any.whl
Collecting diffusers>=0.42
  Downloading diffusers-0.42.1-py3-none-any.whl (6.4 MB)
Requirement already satisfied: numpy>=1.26 in ./lib
Installing collected packages: tiny-one, diffusers
Successfully installed diffusers-0.42.1 tiny-one-1.1"""


def test_progress_is_read_from_what_uv_prints() -> None:
    packages, told = Packages(67), []
    for line in UV.splitlines():
        packages.read(line)
        told.append((packages.done(0), packages.expected, packages.doing))
    assert told[1] == (0, 9, "")
    assert told[2] == (0, 9, "scipy, 33.6MiB")
    assert told[-1][:2] == (9, 9)
    assert packages.done(5) == 14


def test_progress_is_read_from_what_pip_prints() -> None:
    packages, told = Packages(67), []
    for line in PIP.splitlines():
        packages.read(line)
        told.append((packages.done(20), packages.sentence(1_500_000_000)))
    assert told[1:5] == [
        (1, "tiny_one, 1.50 GB so far"),
        (2, "diffusers, 1.50 GB so far"),
        (2, "diffusers, 6.4 MB, 1.50 GB so far"),
        (3, "numpy, 1.50 GB so far"),
    ]
    assert told[5] == (4, "unpacking, 1.50 GB so far")


@pytest.mark.parametrize(
    ("printed", "message"),
    [
        ("OSError: [Errno 28] No space left on device", "The disk of /engine is full"),
        ("error: failed to write: No space left on device (os error 28)", "The disk of /engine is full"),
        ("PermissionError: [Errno 13] Permission denied: '/engine'", "Nothing can be written to /engine"),
        ("cause: error sending request for url (http://a)\ncause: Connection refused", "index does not answer"),
        ("WARNING: Retrying ... NewConnectionError\nERROR: No matching distribution found for x", "does not answer"),
        ("SSLError(CERTIFICATE_VERIFY_FAILED)", "does not trust"),
        ("ERROR: No matching distribution found for zarr==3.1.6", "wheel folder has no zarr==3.1.6"),
        ("Because nosuch was not found in the provided package locations and", "wheel folder has no nosuch"),
        ("Because there is no version of torch==2.13.0+cpu and you require", r"has no torch==2\.13\.0\+cpu"),
        ("ERROR: Package 'x' requires a different Python: 3.14 not in '>=3.11'", "does not run on this Python"),
        ("something\nelse\n\n", "failed: else"),
        ("", "nothing was printed"),
    ],
)
def test_failures_are_put_into_words(printed: str, message: str) -> None:
    assert re.search(message, explain(printed, "/engine", online=False).message)
    assert explain(printed, "/engine", online=True).fix


def test_passwords_in_addresses_are_not_logged() -> None:
    line = "pip install --index-url https://me:secret@host/simple --find-links /a@b"
    assert without_passwords(line) == "pip install --index-url https://host/simple --find-links /a@b"


def test_versions_are_compared() -> None:
    assert version_mismatch("0.1.0", "0.1.0") is None
    assert str(version_mismatch("0.10.0", "0.9.0")).endswith("the engine is out of date.")
    assert str(version_mismatch("0.1.0", "0.2.0")).endswith("the add-on is out of date.")


def problem(found: EngineCommand | Problem) -> str:
    assert isinstance(found, Problem)
    assert found.actions == ("preferences",)
    assert found.fix
    return found.message


def test_the_engine_is_the_one_that_was_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "engine"
    python = layout.environment_python(folder)
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    layout.write_installed(folder, layout.Installed("0.1.0", "3.11.7", "2.13.0+cpu"))
    choice = Choice(folder)
    assert engine_command(choice, "0.1.0") == EngineCommand((str(python), "-P", "-m", "simcraft.worker"))
    assert "the engine is out of date" in problem(engine_command(choice, "0.2.0"))
    with_models = engine_command(Choice(folder, models=tmp_path), "0.1.0")
    assert isinstance(with_models, EngineCommand)
    assert with_models.arguments[-1] == str(tmp_path)
    (folder / "models").mkdir()
    fetched = engine_command(choice, "0.1.0")
    assert isinstance(fetched, EngineCommand)
    assert fetched.arguments[-1] == str(folder / "models")
    assert "models is not there" in problem(engine_command(Choice(folder, models=tmp_path / "no"), "0.1.0"))

    monkeypatch.setenv("SIMCRAFT_PYTHON", sys.executable)
    nearby = EngineCommand((sys.executable, "-P", "-m", "simcraft.worker"))
    layout.forget_installed(folder)
    assert engine_command(choice, "0.1.0") == nearby
    assert engine_command(Choice(folder, "PYTHON"), "0.1.0") == nearby
    monkeypatch.setenv("SIMCRAFT_PYTHON", "/nonexistent")
    assert "not completely installed" in problem(engine_command(choice, "0.1.0"))
    assert "no engine yet" in problem(engine_command(Choice(tmp_path / "empty"), "0.1.0"))
    assert "/nonexistent" in problem(engine_command(Choice(folder, "PYTHON"), "0.1.0"))
    assert "is not a program" in problem(engine_command(Choice(folder, "PYTHON", python=str(tmp_path)), "0.1.0"))
    assert engine_command(Choice(folder, "PYTHON", python=sys.executable), "0.1.0") == nearby


def test_a_command_is_remote(tmp_path: Path) -> None:
    given = Choice(tmp_path, "COMMAND", command="ssh 'gpu box' simcraft worker", models=tmp_path / "no")
    assert engine_command(given, "0.1.0") == EngineCommand(("ssh", "gpu box", "simcraft", "worker"), remote=True)
    assert "No command" in problem(engine_command(Choice(tmp_path, "COMMAND"), "0.1.0"))
    assert "quotation" in problem(engine_command(Choice(tmp_path, "COMMAND", command="ssh 'a"), "0.1.0"))


def test_the_wheel_is_found_in_the_add_on(tmp_path: Path) -> None:
    addon = tmp_path / "addon"
    (addon / "wheels").mkdir(parents=True)
    with pytest.raises(SetupError, match="does not carry the engine"):
        plans.find_wheel(addon)
    wheel = addon / f"wheels/simcraft_video-{ENGINE_VERSION}-py3-none-any.whl"
    wheel.touch()
    (addon / PINS).touch()
    assert plans.find_wheel(addon) == (wheel, addon / PINS)


def test_every_package_of_the_engine_has_a_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for requirement in project["dependencies"]:
        name = re.match(r"[A-Za-z0-9_.\-]+", requirement)
        assert name is not None
        assert pinned(ROOT / PINS, name[0].lower()), requirement
    with pytest.raises(SetupError, match="no version of bpy"):
        pinned(ROOT / PINS, "bpy")


def test_the_add_on_has_the_version_of_the_engine() -> None:
    import simcraft

    assert ".".join(map(str, bl_info["version"])) == simcraft.__version__
