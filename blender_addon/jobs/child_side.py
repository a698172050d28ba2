"""The other end of the pipe: what a child Blender does with its stdin and stdout.

    from .jobs.child_side import serve
    serve(answer)                       # answer(request, progress) -> dict, the fields of the "result" event

Signs of life are sent from a thread, also while Blender computes. When the Blender that asked quits or is killed, stdin
closes, and this process leaves. Standard library only, no bpy.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

from ..errors import SceneError
from .types import PROTOCOL_VERSION

ALIVE_SECONDS = 2.0
LEAVE_SECONDS = 2.0
"""Work that has not noticed for this long that its caller is gone is ended with the process."""
PROGRESS_SECONDS = 0.1
"""Progress of one stage is sent at most this often."""

Answer = Callable[[dict[str, Any], "Progress"], dict[str, Any]]
"""Does what a request asks, calls its second argument now and then, and returns a result of JSON values."""


class Cancelled(Exception):
    """The caller wants no more of this request: let it through, after leaving things as they should be."""


class Progress:
    """Call it as `progress(stage, step, steps, detail="")` often. Raises `Cancelled` once the work should stop."""

    def __init__(self, caller: Caller, identity: str) -> None:
        self._caller, self._identity = caller, identity
        self._stage, self._begun, self._sent = "", 0.0, 0.0

    def __call__(self, stage: str, step: int, steps: int, detail: str = "") -> None:
        if self._caller.stop.is_set():
            raise Cancelled
        now, new = time.monotonic(), stage != self._stage
        if new:
            self._stage, self._begun = stage, now
        if not new and 0 < step < steps and now - self._sent < PROGRESS_SECONDS:
            return
        self._sent = now
        eta = (now - self._begun) / step * (steps - step) if step > 0 else None
        self._caller.send(
            event="progress", id=self._identity, stage=stage, step=step, steps=steps, eta_seconds=eta, detail=detail
        )


class Caller:
    """Whoever has started this process. Takes stdin and stdout over: what else is printed goes to stderr."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        """Set when the work should stop: cancelled, or the caller is gone."""
        self.requests: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        sys.stdout.flush()
        self._lock = threading.Lock()
        self._events = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)
        for function in (self._listen, self._stay_alive):
            threading.Thread(target=function, daemon=True).start()

    def send(self, **event: Any) -> None:
        """One event line; nothing where the caller is gone."""
        line = json.dumps(event, default=str) + "\n"
        try:
            with self._lock:
                self._events.write(line)
                self._events.flush()
        except OSError:
            self.stop.set()

    def _stay_alive(self) -> None:
        while True:
            time.sleep(ALIVE_SECONDS)
            self.send(event="alive")

    def _accept(self, line: bytes) -> None:
        try:
            message = json.loads(line)
        except ValueError:
            print(f"not understood: {line!r}", file=sys.stderr, flush=True)
            return
        if message.get("request") == "cancel":
            self.stop.set()
        elif message.get("request") != "quit":
            self.requests.put(message)

    def _listen(self) -> None:
        rest = b""
        while block := os.read(0, 65536):
            *lines, rest = (rest + block).split(b"\n")
            for line in lines:
                self._accept(line)
        self.stop.set()
        self.requests.put(None)
        time.sleep(LEAVE_SECONDS)
        os._exit(1)


def serve(answer: Answer) -> int:
    """Answer one request; returns an exit code: 0 where there is a result.

    An error that has `message` and `fix`, such as those of `errors.py`, is told in these words, every other one as a
    mistake of ours, with its traceback in the log.
    """
    caller = Caller()
    caller.send(event="ready", version=PROTOCOL_VERSION, python=sys.version.split()[0])
    request = caller.requests.get()
    if request is None:
        return 1
    identity = str(request.pop("id", ""))
    last = _carry_out(request, answer, Progress(caller, identity))
    caller.send(id=identity, **last)
    return int(last.get("exit_code", 0))


def _carry_out(request: dict[str, Any], answer: Answer, progress: Progress) -> dict[str, Any]:
    """The last event of a request."""
    try:
        if (version := request.pop("version", None)) != PROTOCOL_VERSION:
            raise ValueError(f"The request has protocol version {version}, this Blender's add-on {PROTOCOL_VERSION}.")
        return {"event": "result", **answer(request, progress)}
    except Cancelled:
        return {"event": "error", "message": "Stopped.", "fix": "", "exit_code": 130, "reason": "stopped"}
    except Exception as error:
        return {"event": "error", **_told(error)}


def _told(error: Exception) -> dict[str, Any]:
    """An error as the caller gets it; see "error" in docs/worker.md."""
    if isinstance(error, SceneError):
        return {"message": error.message, "fix": error.fix, "exit_code": 2, "reason": "request"}
    if hasattr(error, "message") and hasattr(error, "fix"):
        return {"message": error.message, "fix": error.fix, "exit_code": 1, "reason": "failure"}
    if isinstance(error, MemoryError):
        return {"message": "Blender is out of memory.", "fix": "", "exit_code": 1, "reason": "memory"}
    traceback.print_exc()
    message, fix = f"{type(error).__name__}: {error}", "This is a defect: report it with the log."
    return {"message": message, "fix": fix, "exit_code": 1, "reason": "defect"}
