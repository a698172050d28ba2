"""The client of the worker: finds the engine's Python, starts it with a clean environment, exchanges JSON lines.

Standard library only, so that it runs in every Blender; the protocol is described in `simcraft/worker.py`.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PROTOCOL_VERSION = 1
START_SECONDS = 120.0
"""How long an engine may take to say that it is ready (a first start compiles and reads a slow disk)."""

# what Blender, or a shell around it, sets for its own Python and libraries, and the engine's must not inherit
FOREIGN_VARIABLES = (
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "OCIO",
    "VIRTUAL_ENV",
)


class EngineError(RuntimeError):
    """The engine is missing, died or reported an error; `fix` says what to do, `exit_code` how to leave."""

    def __init__(self, message: str, fix: str = "", exit_code: int = 1) -> None:
        super().__init__(message)
        self.message, self.fix, self.exit_code = message, fix, exit_code


def clean_environment() -> dict[str, str]:
    """The environment without what belongs to Blender's own Python."""
    return {k: v for k, v in os.environ.items() if k not in FOREIGN_VARIABLES and not k.startswith("DYLD_")}


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
        self.log = log
        self._events: queue.Queue[dict[str, Any] | None] = queue.Queue()
        errors = log.open("ab") if log else subprocess.DEVNULL
        try:
            self.process = subprocess.Popen(
                # -P: the simcraft that is installed there, not whatever lies in the current folder
                [str(python), "-P", "-m", "simcraft.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=clean_environment(),
                # Ctrl-C is for the caller alone, who then ends the worker
                start_new_session=True,
            )
        except OSError as error:
            raise EngineError(f"The engine {python} cannot be started: {error.strerror}.", "", 2) from None
        finally:
            if log:
                errors.close()  # type: ignore[union-attr]
        threading.Thread(target=self._read, daemon=True).start()
        self._await_ready(python)

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _await_ready(self, python: Path) -> None:
        try:
            event = self._events.get(timeout=START_SECONDS)
        except queue.Empty:
            self.close()
            raise EngineError(f"The engine {python} did not answer within {START_SECONDS:.0f} s.") from None
        if event is None or event.get("event") != "ready":
            self.close()
            raise EngineError(
                f"The engine {python} did not start{self._last_words()}",
                "Is simcraft installed there? Run: make demo, or give --engine-python PATH.",
                2,
            )
        if event.get("version") != PROTOCOL_VERSION:
            self.close()
            raise EngineError(
                f"The engine speaks protocol version {event.get('version')}, the add-on version {PROTOCOL_VERSION}.",
                "Install the same version of both.",
                2,
            )

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            try:
                event = json.loads(line)
            except ValueError:
                event = {"event": "rubbish", "text": line.decode("utf-8", "replace").strip()}
            self._events.put(event)
        self._events.put(None)

    def send(self, **message: Any) -> None:
        """Write one request; paths become text."""
        assert self.process.stdin is not None
        line = json.dumps({"version": PROTOCOL_VERSION, **message}, default=str) + "\n"
        try:
            self.process.stdin.write(line.encode("utf-8"))
            self.process.stdin.flush()
        except OSError:
            raise EngineError(f"The engine has died{self._last_words()}") from None

    def run(self, **message: Any) -> Iterator[dict[str, Any]]:
        """Send a request and yield its events; the last one is the result.

        Raises `EngineError` for an error event, and where the engine dies or prints rubbish.
        """
        self.send(**message)
        while (event := self._events.get()) is not None:
            kind = event.get("event")
            if kind == "error":
                raise EngineError(event["message"], event.get("fix", ""), event.get("exit_code", 1))
            if kind == "rubbish":
                raise EngineError(f"The engine printed something that is not its protocol: {event['text'][:200]}")
            yield event
            if kind == "result":
                return
        raise EngineError(f"The engine has died{self._last_words()}")

    def poll(self) -> list[dict[str, Any] | None]:
        """The events that have arrived, without waiting; None says that the engine has left."""
        events: list[dict[str, Any] | None] = []
        while not self._events.empty():
            events.append(self._events.get())
        return events

    def close(self) -> None:
        """End the process, kindly at first."""
        if self.process.stdin:
            with contextlib.suppress(OSError):
                self.process.stdin.close()
        try:
            self.process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _last_words(self) -> str:
        """How the process ended, and the last line of its log."""
        try:
            code = self.process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            return "."
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        lines = self.log.read_text(errors="replace").strip().splitlines() if self.log and self.log.exists() else []
        return f" ({how})" + (f": {lines[-1]}" if lines else ".")
