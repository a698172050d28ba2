"""Recordings that real Blenders make of the zoo, one child process for each Blender."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from simcraft.recording import Recording
from simcraft.sim.simulate import record_in_child

HERE = Path(__file__).parent
BLENDERS = [
    pytest.param("bpy", marks=pytest.mark.bpy),
    pytest.param("blender", marks=pytest.mark.blender),
    pytest.param("blender-5.2", marks=pytest.mark.blender),
]


@dataclass(frozen=True)
class Built:
    """What came out of one of the building functions."""

    recording: Recording
    notes: Any
    """The JSON that the function wrote."""
    folder: Path
    """Where it could leave other files."""


def blender_executable(kind: str) -> str | None:
    """The executable of the lane, None for the bpy package; skips the test where the lane cannot run."""
    if kind == "bpy":
        if importlib.util.find_spec("bpy") is None:
            pytest.skip("the bpy package is not installed")
        return None
    executable = (
        blender_52() if kind == "blender-5.2" else os.environ.get("SIMCRAFT_BLENDER") or shutil.which("blender")
    )
    if executable is None:
        pytest.skip(
            "no Blender 5.2: scripts/make_blender_52.sh makes one" if "5.2" in kind else "no Blender executable"
        )
    return executable


def blender_52() -> str | None:
    """SIMCRAFT_BLENDER_52, else what scripts/make_blender_52.sh has made, else None."""
    if named := os.environ.get("SIMCRAFT_BLENDER_52"):
        return named
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    made = cache / "simcraft/blender-5.2/blender"
    return str(made) if made.is_file() else None


def build(function: str, kind: str, folder: Path, script: str | None = None, **options: Any) -> Built:
    """Build a scene with a function of `script` (by default the file of the function's name) and record it."""
    blender = blender_executable(kind)
    notes = folder / "notes.json"
    source = {"build": {"script": str(HERE / f"{script or function}.py"), "function": function, "data": str(notes)}}
    recording = record_in_child(source, {"preview": True, **options}, out=folder / "recording", blender=blender)
    return Built(recording, json.loads(notes.read_text()), folder)


def notes_of(script: str, kind: str, folder: Path, *words: str, **environment: str) -> Any:
    """What `script`, run in the Blender of a lane with these words after `folder`, writes to folder/notes.json.

    The engine is this very Python, unless `environment` says otherwise; nor are the notes elsewhere, unless it has a
    NOTES_FILE.
    """
    executable = blender_executable(kind)
    options = ["-b", "--factory-startup", "-noaudio", "--python-exit-code", "1", "-P"]
    command = [sys.executable] if executable is None else [executable, *options]
    separator = [] if executable is None else ["--"]
    done = subprocess.run(
        [*command, str(HERE / script), *separator, str(folder), *words],
        env={**os.environ, "SIMCRAFT_PYTHON": sys.executable, **environment},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return json.loads(Path(environment.get("NOTES_FILE", folder / "notes.json")).read_text())


@pytest.fixture(scope="session")
def zoo_cache() -> dict[str, Built]:
    return {}


def _zoo(kind: str, cache: dict[str, Built], factory: pytest.TempPathFactory) -> Built:
    if kind not in cache:
        cache[kind] = build("zoo", kind, factory.mktemp(f"zoo-{kind}"))
    return cache[kind]


@pytest.fixture(scope="session", params=BLENDERS)
def zoo(request: pytest.FixtureRequest, zoo_cache: dict, tmp_path_factory: pytest.TempPathFactory) -> Built:
    return _zoo(request.param, zoo_cache, tmp_path_factory)


@pytest.fixture(scope="session")
def both_zoos(zoo_cache: dict, tmp_path_factory: pytest.TempPathFactory) -> tuple[Built, Built]:
    return _zoo("bpy", zoo_cache, tmp_path_factory), _zoo("blender", zoo_cache, tmp_path_factory)


@pytest.fixture(scope="session", params=BLENDERS)
def cases(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Small scenes recorded one after another in one Blender: cameras, refusals, warnings."""
    return build("cases", request.param, tmp_path_factory.mktemp(f"cases-{request.param}"))
