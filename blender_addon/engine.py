"""The engine for scripts, which may wait for it: finds its Python, starts the worker, asks it one thing after another.

The panel does not wait, and uses `jobs`; both share the process. Standard library only: it runs in every Blender.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from .jobs.changes import Change
from .jobs.conversation import Talk, ask, await_ready
from .jobs.environment import clean_environment
from .jobs.peer import Peer
from .jobs.problems import Stopped, Trouble
from .jobs.types import Job, Patience, Ticket

_OTHER_PYTHON = "Is simcraft installed there? Run: make demo, or give --engine-python PATH."


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

    def __init__(self, python: Path, work: Path) -> None:
        """`work` is a folder, where log.txt gets what the engine prints beside its protocol."""
        # -P: the simcraft that is installed there, not whatever lies in the current folder
        arguments = (str(python), "-P", "-m", "simcraft.worker")
        self.peer = Peer("The engine", "engine", arguments, clean_environment())
        self._talk = Talk(Job("script", (), work), Patience(), threading.Event(), lambda change: None)
        self.peer.log_to(self._talk.job.log)
        try:
            self.peer.start()
        except OSError as error:
            raise EngineError(f"The engine {python} cannot be started: {error.strerror}.", _OTHER_PYTHON, 2) from None
        try:
            await_ready(self._talk, self.peer)
        except BaseException as error:
            self.close()
            if isinstance(error, Trouble):
                raise EngineError(error.problem.message, _OTHER_PYTHON, 2) from None
            raise

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, show: Callable[[str, int, int, str], None] | None = None, **request: Any) -> dict[str, Any]:
        """Send a request and wait for its result; `show` is called with stage, step, steps and detail.

        Raises `EngineError` for an error event, and where the engine dies, falls silent or prints rubbish.
        """
        ticket = Ticket(self._talk.job)

        def tell(change: Change) -> None:
            before = (ticket.stage, ticket.step, ticket.steps, ticket.detail)
            change(ticket)
            now = (ticket.stage, ticket.step, ticket.steps, ticket.detail)
            if show is not None and now != before:
                show(*now)

        try:
            return ask(replace(self._talk, tell=tell), self.peer, request)
        except Trouble as error:
            raise EngineError(error.problem.message, error.problem.fix, error.exit_code) from None
        except Stopped as stopped:
            raise EngineError("Stopped.", stopped.kept, 130) from None

    def close(self) -> None:
        """End the process, kindly at first, and wait for that."""
        self.peer.end(self._talk.patience.leave)
        self.peer.process.wait()
