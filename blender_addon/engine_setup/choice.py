"""How the engine is reached, as the user has chosen, and how it is started then."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..engine import EngineError, find_engine_python
from ..jobs.types import EngineCommand, Problem
from . import layout
from .examination import installed_engine, local_engine, version_mismatch

Kind = Literal["INSTALLED", "PYTHON", "COMMAND"]
TO_PREFERENCES = ("preferences",)


@dataclass(frozen=True)
class Choice:
    """What the preferences say of the engine."""

    folder: Path
    """Where SimCraft installs it."""
    kind: Kind = "INSTALLED"
    python: str = ""
    """The Python that has it; empty: one is looked for."""
    command: str = ""
    """What starts it, perhaps on another computer."""
    models: Path | None = None
    """A folder of models, to be looked into before the engine's own."""


def engine_command(choice: Choice, addon_version: str) -> EngineCommand | Problem:
    """How the engine is started, or what is in the way. Cheap: nothing is started."""
    if choice.models is not None and choice.kind != "COMMAND" and not choice.models.is_dir():
        return Problem(f"The folder of models is not there: {choice.models}.", "Choose another one.", TO_PREFERENCES)
    if choice.kind == "COMMAND":
        return _command(choice.command)
    if choice.kind == "PYTHON":
        return _found(choice, choice.python)
    installed = layout.read_installed(choice.folder)
    if installed is None:
        # a checkout has its engine in .venv, and SIMCRAFT_PYTHON names one
        nearby = _found(choice, "")
        return no_engine(choice.folder) if isinstance(nearby, Problem) else nearby
    if mismatch := version_mismatch(addon_version, installed.simcraft):
        return Problem(mismatch, "Press Update Engine in the preferences.", TO_PREFERENCES)
    return installed_engine(choice.folder, choice.models)


def no_engine(folder: Path) -> Problem:
    """Nothing is installed in the folder, or the half of it."""
    if layout.environment_folder(folder).exists():
        return Problem(
            "The engine is not completely installed.",
            "Press Install Engine in the preferences: it goes on.",
            TO_PREFERENCES,
        )
    return Problem("There is no engine yet.", "Press Install Engine in the preferences.", TO_PREFERENCES)


def _found(choice: Choice, python: str) -> EngineCommand | Problem:
    if python:
        path = Path(python).expanduser()
        if not (path.is_file() and os.access(path, os.X_OK)):
            return Problem(f"{path} is not a program.", "Choose the Python that has simcraft.", TO_PREFERENCES)
        return local_engine(path, choice.models)
    try:
        return local_engine(find_engine_python(), choice.models)
    except EngineError as error:
        return Problem(error.message, "Choose the Python that has simcraft.", TO_PREFERENCES)


def _command(text: str) -> EngineCommand | Problem:
    try:
        arguments = tuple(shlex.split(text, posix=os.name == "posix"))
    except ValueError as error:
        return Problem(f"The engine's command cannot be read: {error}.", "Check its quotation marks.", TO_PREFERENCES)
    if not arguments:
        return Problem(
            "No command is given that starts the engine.",
            "Give one, such as: ssh gpu-box simcraft worker",
            TO_PREFERENCES,
        )
    return EngineCommand(arguments, remote=True)
