"""A process that speaks JSON lines: started, written to and read from on threads, killed with all that it started."""

from __future__ import annotations

import collections
import contextlib
import json
import os
import queue
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from .types import PROTOCOL_VERSION

LONGEST_LINE = 8 * 2**20
"""Bytes; pieces of files have a twentieth of it."""
MOST_CHATTER = 2**20
"""Bytes that a process may print before it says that it is ready: greetings of a shell, Blender's version."""
_LAST_LINES = 20


class Peer:
    """A running process, in a session of its own: Ctrl-C is for the caller alone, and killing it kills its children.

    No method waits for the process, but for `event` and `how_it_ended`.
    """

    def __init__(
        self, name: str, short_name: str, arguments: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> None:
        """Not yet started. `name` begins a sentence, `short_name` ends one; `environment` is None for our own."""
        self.name, self.short_name = name, short_name
        self.arguments = [str(argument) for argument in arguments]
        self.environment = environment
        self.heard = threading.Event()
        """Set whenever the process gives a sign of life."""
        self._events: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._last: collections.deque[str] = collections.deque(maxlen=_LAST_LINES)
        self._log: Path | None = None

    def start(self) -> None:
        """Start the process. Raises `OSError` where it cannot be."""
        self.process = subprocess.Popen(
            self.arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environment,
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        self._threads = {
            function.__name__: threading.Thread(target=function, name=f"simcraft {function.__name__}", daemon=True)
            for function in (self._read, self._read_log, self._write)
        }
        for thread in self._threads.values():
            thread.start()

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def log_to(self, path: Path | None) -> None:
        """Add what the process prints beside its protocol to this file from now on."""
        self._log = path

    def send(self, **message: Any) -> None:
        """Write one message, on another thread; paths become text. Where the process has died nothing happens."""
        line = json.dumps({"version": PROTOCOL_VERSION, **message}, default=str) + "\n"
        self._lines.put(line.encode("ascii"))

    def event(self, seconds: float) -> dict[str, Any] | None:
        """The next event; {} where none comes within `seconds`; None where no more will come.

        A line that is no event is {"event": "rubbish", "text": ...}.
        """
        try:
            return self._events.get(timeout=seconds)
        except queue.Empty:
            if self.alive:
                return {}
        # where a child of the process holds its output open no end of it is seen, though the process is gone
        self._threads["_read"].join(timeout=1)
        try:
            return self._events.get_nowait()
        except queue.Empty:
            return None

    def end(self, patience: float) -> None:
        """Ask the process to leave, and have it killed where it has not after `patience` seconds."""
        self.send(request="quit")
        self._lines.put(None)
        threading.Thread(target=self._bury, args=(patience,), name="simcraft bury", daemon=True).start()

    def said_all(self, seconds: float) -> None:
        """Wait for so long at most until everything that was sent is written; after `end` only."""
        self._threads["_write"].join(timeout=seconds)

    def kill(self) -> None:
        """End the process, and those that it started, at once."""
        if not self.alive:
            return
        with contextlib.suppress(OSError):
            if hasattr(os, "killpg"):
                os.killpg(self.process.pid, signal.SIGKILL)
            else:
                self.process.kill()
        self._lines.put(None)

    def how_it_ended(self) -> tuple[int | None, str]:
        """The exit code, minus the signal that killed it, None where it is still there; and the last line it printed.

        Waits for up to three seconds.
        """
        code = None
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = self.process.wait(timeout=2)
        self._threads["_read_log"].join(timeout=1)
        return code, self.last_line()

    def last_line(self) -> str:
        """The last thing that the process has printed beside its protocol."""
        return next((line for line in reversed(self._last) if line), "")

    # ------------------------------------------------------------------------------------------------ on other threads

    def _read(self) -> None:
        stream = self.process.stdout
        assert stream is not None
        ready, chatter = False, 0
        while line := stream.readline(LONGEST_LINE):
            self.heard.set()
            event = _parsed(line)
            if event is None and not ready and (chatter := chatter + len(line)) < MOST_CHATTER:
                self._note(line)
            elif event is None:
                self._events.put({"event": "rubbish", "text": line.decode("utf-8", "replace").strip()[:200]})
                break
            elif event.get("event") != "alive":
                ready = ready or event.get("event") == "ready"
                self._events.put(event)
        self._events.put(None)
        # else a process that goes on printing would wait for ever to be read, and not notice that it should leave
        while stream.read(65536):
            pass
        self.process.wait()

    def _read_log(self) -> None:
        stream = self.process.stderr
        assert stream is not None
        while line := stream.readline(LONGEST_LINE):
            self._note(line)

    def _note(self, line: bytes) -> None:
        self._last.append(line.decode("utf-8", "replace").strip()[:400])
        if self._log is not None:
            with contextlib.suppress(OSError), self._log.open("ab") as file:
                file.write(line)

    def _write(self) -> None:
        stream: IO[bytes] | None = self.process.stdin
        assert stream is not None
        with contextlib.suppress(OSError):
            while (line := self._lines.get()) is not None:
                stream.write(line)
                stream.flush()
        with contextlib.suppress(OSError):
            stream.close()

    def _bury(self, patience: float) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=patience)
        self.kill()


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "event" in event else None
