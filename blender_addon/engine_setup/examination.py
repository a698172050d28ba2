"""Is it an engine, and does it fit the add-on? What an engine says of itself, and how it is started."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from ..jobs.environment import clean_environment
from ..jobs.peer import Peer
from ..jobs.types import PROTOCOL_VERSION, EngineCommand
from . import layout
from .downloads import Report
from .errors import SetupError

START_SECONDS = 300.0
"""How long a new engine may take to start, and to describe itself: all its files are read for the first time."""
# -c in place of -m: the variable goes to this engine alone, and to nothing else that Blender starts
_WITH_MODELS = (
    "import os, sys; os.environ['SIMCRAFT_MODELS'] = sys.argv[1]; import simcraft.worker; simcraft.worker.main()"
)


def local_engine(python: Path, models: Path | None) -> EngineCommand:
    """How the engine of this Python is started, and where it finds models beside its own.

    -P: the simcraft that is installed there, not whatever lies in the current folder.
    """
    if models is None:
        return EngineCommand((str(python), "-P", "-m", "simcraft.worker"))
    return EngineCommand((str(python), "-P", "-c", _WITH_MODELS, str(models)))


def installed_engine(folder: Path, models: Path | None = None) -> EngineCommand:
    """How the engine that was installed in a folder is started; `models` come before those that were fetched."""
    fetched = layout.models_folder(folder)
    return local_engine(layout.environment_python(folder), models or (fetched if fetched.is_dir() else None))


def examine_engine(folder: Path, version: str, report: Report) -> dict[str, Any]:
    """Start the engine that was just installed, and return what it says of itself, with "torch", its version of that.

    Raises `SetupError` where it does not start, or is not the version that was installed.
    """
    said = _ask(installed_engine(folder), report)
    if said.get("simcraft") != version:
        raise SetupError(
            f"The engine says that it is version {said.get('simcraft')}, and {version} was installed.",
            "Choose an empty folder in the preferences, and install it there.",
        )
    return {**said, "torch": _version_of(folder, "torch")}


def _ask(command: EngineCommand, report: Report) -> dict[str, Any]:
    """The answer to "describe"."""
    peer = Peer("The engine", "engine", command.arguments, clean_environment())
    try:
        peer.start()
    except OSError as error:
        raise SetupError(f"The engine does not start: {error.strerror}.", "Install it again.") from None
    try:
        ready = _await(peer, "ready", report)
        if ready.get("version") != PROTOCOL_VERSION:
            raise SetupError(
                f"The engine speaks protocol version {ready.get('version')}, the add-on version {PROTOCOL_VERSION}.",
                "Install the add-on again.",
            )
        peer.send(request="describe", id="describe")
        described = {**ready, **_await(peer, "result", report)}
        return {name: value for name, value in described.items() if name not in ("event", "id", "version")}
    finally:
        peer.end(1.0)


def _await(peer: Peer, wanted: str, report: Report) -> dict[str, Any]:
    """The next event of a kind. Raises `SetupError` where the engine dies, fails or takes too long."""
    begun = time.monotonic()
    while (seconds := time.monotonic() - begun) < START_SECONDS:
        report(0, 0, f"{seconds:.0f} s" if seconds > 2 else "")
        event = peer.event(0.2)
        if event is None:
            code, last = peer.how_it_ended()
            raise SetupError(f"The engine does not start (exit code {code}): {last}", "The log says more.")
        if event.get("event") == wanted:
            return event
        if event.get("event") in ("error", "rubbish"):
            said = event.get("message") or event.get("text")
            raise SetupError(f"The engine does not work: {said}", str(event.get("fix") or "The log says more."))
    raise SetupError(f"The engine has not answered within {START_SECONDS:.0f} s.", "Try again; the log says more.")


def _version_of(folder: Path, package: str) -> str:
    """The installed version of a package; "" where it is not there."""
    packages = layout.site_packages(folder)
    found = list(packages.glob(f"{package}-*.dist-info")) if packages else []
    return found[0].name.removesuffix(".dist-info").partition("-")[2] if found else ""


def version_mismatch(addon: str, engine: str) -> str | None:
    """One sentence where the add-on and the engine are of different versions."""
    if addon == engine:
        return None
    older = "engine" if _numbers(engine) < _numbers(addon) else "add-on"
    return f"The add-on is version {addon}, the engine version {engine}: the {older} is out of date."


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
