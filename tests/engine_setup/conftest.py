"""An installed stand-in engine, made once, and copies of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from blender_addon.engine_setup.installation import install
from blender_addon.engine_setup.request import Installation
from tests.engine_setup.stand_ins import Recorder, Server, Wheels, write_wheels


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Wheels:
    return write_wheels(tmp_path_factory.mktemp("wheels"))


@pytest.fixture(scope="session")
def without_uv() -> Iterator[None]:
    """Let no uv of this computer be found: what pip does is the same everywhere."""
    before = {name: os.environ.get(name) for name in ("PATH", "HOME")}
    folders = [folder for folder in os.environ["PATH"].split(os.pathsep) if not (Path(folder) / "uv").exists()]
    os.environ["PATH"] = os.pathsep.join(folders)
    if any((Path.home() / folder / "uv").exists() for folder in (".local/bin", ".cargo/bin")):
        os.environ["HOME"] = str(Path("/nonexistent"))
    yield
    for name, value in before.items():
        if value is not None:
            os.environ[name] = value


@pytest.fixture(scope="session")
def installed(
    wheels: Wheels, without_uv: None, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Installation, dict[str, Any], Recorder]:
    """What was asked for, what the engine has said, and the stages: an installation without a network."""
    folder = tmp_path_factory.mktemp("installed") / "engine with spaces"
    request = Installation(folder, wheels.engine, wheels.pins, wheel_folder=wheels.folder)
    recorder = Recorder()
    return request, install(request, recorder), recorder


@pytest.fixture
def copied(installed: tuple[Installation, dict[str, Any], Recorder], tmp_path: Path) -> Callable[..., Installation]:
    """A function that gives a request whose folder holds a copy of the installed engine, to be damaged."""

    def copy(**changes: Any) -> Installation:
        shutil.copytree(installed[0].folder, tmp_path / "engine", symlinks=True)
        values = {**vars(installed[0]), "folder": tmp_path / "engine", **changes}
        return Installation(**values)

    return copy


@pytest.fixture
def server() -> Iterator[Server]:
    started = Server()
    started.start()
    yield started
    started.stop()
