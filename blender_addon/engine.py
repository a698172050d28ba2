"""The engine for scripts, which may wait for it: finds its Python, starts the worker, asks it one thing after another.

The panel does not wait, and uses `jobs`; both share the process. Standard library only: it runs in every Blender.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .jobs.environment import clean_environment
from .jobs.peer import Peer
from .jobs.types import PROTOCOL_VERSION, Patience

PATIENCE = Patience()
_SECONDS = 0.5


class EngineError(RuntimeError):
    """The engine is missing, died or reported an error; `fix` says what to do, `exit_code` how to leave."""

    def __init__(self, message: str, fix: str = "", exit_code: int = 1) -> None:
        super().__init__(message)
        self.message, self.fix, self.exit_code = message, fix, exit_code


def find_engine_python(given: str | None = None) -> Path:
    """The Python that has simcraft: `given`, else SIMCRAFT_PYTHON, else the environment around these files.

    Raises `EngineError` (exit code 2) that names what was tried.
    """
    for origin, value in (("--engine-python", given), ("SIMCRAFT_PYTHON", os.environ.get("SIMCRAFT_PYTHON"))):
        if value:
            path = Path(value).expanduser()
            if path.is_file() and os.access(path, os.X_OK):
                return path
            raise EngineError(
                f"{origin} is {value}, which is not a program.",
                "Give the Python of the environment in which simcraft is installed.",
                2,
            )
    for path in _nearby_pythons():
        if path.is_file():
            return path
    raise EngineError(
        "No engine: no Python with simcraft was found.",
        "Run make demo in the checkout, or give --engine-python PATH or the variable SIMCRAFT_PYTHON.",
        2,
    )


def _nearby_pythons() -> list[Path]:
    """The checkout's .venv, and the environment of an installed wheel that these files lie in."""
    root = Path(__file__).resolve().parent.parent
    environments = [root / ".venv"]
    # .../lib/python3.11/site-packages/simcraft/_assets/blender_addon
    environments += [parent.parent.parent.parent for parent in root.parents if parent.name == "site-packages"]
    environments += [parent.parent.parent for parent in root.parents if parent.name == "site-packages"]
    return [e / relative for e in environments for relative in ("bin/python", "Scripts/python.exe", "python.exe")]


class Engine:
    """A running worker. Use as a context manager: leaving it ends the process.

    Raises `EngineError` where the process cannot start or does not speak the protocol.
    """

    def __init__(self, python: Path, log: Path | None = None) -> None:
        """`log` gets what the engine prints beside its protocol."""
        # -P: the simcraft that is installed there, not whatever lies in the current folder
        arguments = (str(python), "-P", "-m", "simcraft.worker")
        self.peer = Peer("The engine", "engine", arguments, clean_environment())
        self.peer.log_to(log)
        self._identities = itertools.count(1)
        try:
            self.peer.start()
        except OSError as error:
            raise EngineError(f"The engine {python} cannot be started: {error.strerror}.", "", 2) from None
        try:
            self._await_ready(python)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _await_ready(self, python: Path) -> None:
        begun = time.monotonic()
        while (event := self.peer.event(_SECONDS)) == {}:
            if time.monotonic() - begun > PATIENCE.start:
                raise EngineError(f"The engine {python} did not answer within {PATIENCE.start:.0f} s.")
        if event is None or event.get("event") != "ready":
            raise EngineError(
                f"The engine {python} did not start{self._last_words()}",
                "Is simcraft installed there? Run: make demo, or give --engine-python PATH.",
                2,
            )
        if event.get("version") != PROTOCOL_VERSION:
            raise EngineError(
                f"The engine speaks protocol version {event.get('version')}, the add-on version {PROTOCOL_VERSION}.",
                "Install the same version of both.",
                2,
            )

    def run(self, **request: Any) -> Iterator[dict[str, Any]]:
        """Send a request and yield its events; the last one is the result.

        Raises `EngineError` for an error event, and where the engine dies, falls silent or prints rubbish.
        """
        identity = str(next(self._identities))
        self.peer.send(id=identity, **request)
        heard = time.monotonic()
        while (event := self.peer.event(_SECONDS)) is not None:
            if self.peer.heard.is_set():
                self.peer.heard.clear()
                heard = time.monotonic()
            elif time.monotonic() - heard > PATIENCE.silence:
                raise EngineError(f"The engine has not shown a sign of life for {PATIENCE.silence:.0f} s.")
            if event.get("event") == "rubbish":
                raise EngineError(f"The engine printed something that is not its protocol: {event['text']}")
            if event.get("id") != identity:
                continue
            if event["event"] == "error":
                raise EngineError(event["message"], event.get("fix", ""), event.get("exit_code", 1))
            yield event
            if event["event"] == "result":
                return
        raise EngineError(f"The engine has died{self._last_words()}")

    def close(self) -> None:
        """End the process, kindly at first, and wait for that."""
        self.peer.end(PATIENCE.leave)
        self.peer.process.wait()

    def _last_words(self) -> str:
        """How the process ended, and the last line of its log."""
        code, last_line = self.peer.how_it_ended()
        if code is None:
            return "."
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        return f" ({how}): {last_line}" if last_line else f" ({how})."
