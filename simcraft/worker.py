"""The process that Blender talks to: one JSON object a line on stdin and stdout. docs/worker.md tells every field.

Requests (stdin)::

    {"version": 2, "request": "render", "id": "a", "recording": DIR, "out": FILE, ...}     recording -> video
    ... "observe"     recording -> clip, with pictures of what it knows
    ... "generate"    clip -> video
    ... "solve"       simulate the effects of a recording, and write them into it
    ... "check"       are the fields of a "render" or "generate" right? Nothing is read or written
    ... "estimate"    seconds and memory that a generator will take
    ... "describe"    versions, device, generators with their options, models
    ... "session", "offer", "write", "list", "read"     files of a caller on another machine
    {"request": "cancel", "id": "a"}
    {"request": "quit"}

Events (stdout), all but the first two with the request's id::

    {"event": "ready", "version": 2, "simcraft": "0.1.0", "python": "3.11.7"}
    {"event": "alive"}      every two seconds, also while a job computes
    {"event": "progress", "id": "a", "stage": "...", "step": 3, "steps": 48, "eta_seconds": 4.2, "detail": "..."}
    {"event": "preview", "id": "a", "frame": 3, "frames": 16, "path": PNG}
    {"event": "result", "id": "a", ...}
    {"event": "error", "id": "a", "message": "...", "fix": "...", "exit_code": 2, "reason": "request"}

Finished frames are kept where a job is stopped, fails or dies: the same request goes on from them. Jobs run one after
the other, in order, and the model of the last one stays loaded. When stdin closes (Blender quit or died) the running
job stops and the process leaves. Nothing but events is ever written to stdout: what libraries print goes to stderr.
"""

from __future__ import annotations

import base64
import json
import os
import platform
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import simcraft
from simcraft.console import explain
from simcraft.errors import Cancelled, Failure, SimcraftError
from simcraft.progress import Pace
from simcraft.worker_requests import VERSION, parse_message, parse_request
from simcraft.worker_tasks import Desk
from simcraft.worker_tasks import carry_out as carry_out_request

PROGRESS_SECONDS = 0.1
"""Progress of one stage is sent at most this often."""
ALIVE_SECONDS = 2.0
"""Between two signs of life."""
LEAVE_SECONDS = 2.0
"""A job that has not noticed for this long that its caller is gone is ended with the process."""
_NO_MEMORY = Failure(
    "Out of memory.",
    "Use a smaller size or fewer frames, or keep networks off the GPU (offload).",
    ("size", "frames", "offload"),
)
_MEMORY_WORDS = ("out of memory", "not enough memory", "allocate memory")

Send = Callable[..., None]
"""Sends one event, whose fields are the arguments."""


class Mailbox:
    """What the reading thread and the jobs share: the requests, which have not ended, and which were cancelled."""

    def __init__(self) -> None:
        self.requests: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self.waiting: list[str] = []
        self.cancelled: set[str] = set()
        self.closed = threading.Event()
        self.finished = False
        """Has the caller said that it needs nothing any more?"""

    def accept(self, line: bytes) -> None:
        """Queue one request line, or act on it at once where it cancels or quits."""
        message = parse_message(line)
        kind = message.get("request")
        if kind == "cancel":
            if (job := str(message.get("id"))) in self.waiting:
                self.cancelled.add(job)
        elif kind == "quit":
            self.finished = True
            self.close()
        else:
            self.waiting.append(str(message.get("id", "")))
            self.requests.put(message)

    def forget(self, job: str) -> None:
        """The job has ended: the same id may come again."""
        self.waiting.remove(job)
        self.cancelled.discard(job)

    def close(self) -> None:
        """No more requests: let the running job stop and the main loop leave."""
        self.closed.set()
        self.requests.put(None)

    def stop_requested(self, job: str) -> bool:
        return self.closed.is_set() or job in self.cancelled


def serve(events: TextIO, mailbox: Mailbox) -> None:
    """Run the queued jobs until the mailbox closes."""
    one_at_a_time, desk = threading.Lock(), Desk()

    def send(**event: Any) -> None:
        line = json.dumps(event) + "\n"
        try:
            with one_at_a_time:
                events.write(line)
                events.flush()
        except BrokenPipeError:
            mailbox.close()

    def stay_alive() -> None:
        while not mailbox.closed.wait(ALIVE_SECONDS):
            send(event="alive")

    send(event="ready", version=VERSION, simcraft=simcraft.__version__, python=platform.python_version())
    threading.Thread(target=stay_alive, daemon=True).start()
    while (message := mailbox.requests.get()) is not None and not mailbox.closed.is_set():
        job = str(message.get("id", ""))
        last = carry_out(message, job, mailbox, send, desk)
        # before the answer, which lets the caller use the same id again
        mailbox.forget(job)
        send(id=job, **last)
    if mailbox.finished and desk.session is not None:
        desk.session.remove()


def carry_out(
    message: dict[str, Any], job: str, mailbox: Mailbox, send: Send, desk: Desk | None = None
) -> dict[str, Any]:
    """Do what one message asks; returns its last event, a result or an error."""
    desk = desk or Desk()
    try:
        if mailbox.stop_requested(job):
            raise Cancelled("Stopped before it began.")
        request = parse_request(message, desk.place)
        progress = JobProgress(job, mailbox, send, desk)
        last = {"event": "result", **carry_out_request(request, desk, progress, progress.preview)}
    except (Exception, KeyboardInterrupt) as error:
        last = {"event": "error", **told(error)}
        if last["reason"] == "memory":
            desk.model.forget()
    return last if desk.session is None else desk.session.outward(last)


def told(error: BaseException) -> dict[str, Any]:
    """An error as the caller gets it: "message", "fix", "about" where that is not empty, "exit_code" and "reason".

    The reason is "request" (a mistake in what was asked), "stopped", "memory", "failure" or "defect" (one of ours).
    """
    memory = is_out_of_memory(error)
    known = _NO_MEMORY if memory and not isinstance(error, SimcraftError) else explain(error)
    reason = "defect"
    if known is None:
        known = Failure(f"{type(error).__name__}: {error}", "This is a defect: report it with the log.")
    else:
        reason = "memory" if memory else {2: "request", 130: "stopped"}.get(known.exit_code, "failure")
    if reason not in ("request", "stopped"):
        traceback.print_exception(error, file=sys.stderr)
    about = {"about": list(known.about)} if known.about else {}
    return {"message": known.message, "fix": known.fix, **about, "exit_code": known.exit_code, "reason": reason}


def is_out_of_memory(error: BaseException | None) -> bool:
    """Is memory what was missing, here or in the error that led to this one?"""
    while error is not None:
        if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
            return True
        if isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _MEMORY_WORDS):
            return True
        error = error.__cause__
    return False


class JobProgress:
    """A `Progress` of one job: sends events with an ETA, and raises `Cancelled` once the job should stop."""

    def __init__(self, job: str, mailbox: Mailbox, send: Send, desk: Desk) -> None:
        self.job, self.mailbox, self.send, self.desk = job, mailbox, send, desk
        self.pace = Pace()
        self.sent = 0.0

    def __call__(self, stage: str, step: int, steps: int, detail: str = "") -> None:
        if self.mailbox.stop_requested(self.job):
            raise Cancelled("Stopped.", "What was finished is kept.")
        now, new = time.monotonic(), stage not in self.pace.begun
        eta = self.pace.seconds_left(stage, step, steps)
        if not new and 0 < step < steps and now - self.sent < PROGRESS_SECONDS:
            return
        self.sent = now
        self.send(event="progress", id=self.job, stage=stage, step=step, steps=steps, eta_seconds=eta, detail=detail)

    def preview(self, frame: int, frames: int, path: Path) -> None:
        """A finished frame, and the picture of it: its path, or all of it where the caller cannot read that."""
        picture = {"path": str(path.absolute())}
        if self.desk.session is not None:
            picture = {"data": base64.b64encode(path.read_bytes()).decode("ascii")}
        self.send(event="preview", id=self.job, frame=frame, frames=frames, **picture)


def read_requests(descriptor: int, mailbox: Mailbox) -> None:
    """Feed the mailbox from a file descriptor until it closes, then see that the process leaves."""
    rest = b""
    while not mailbox.closed.is_set():
        block = os.read(descriptor, 65536)
        if not block:
            break
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            if line.strip():
                mailbox.accept(line)
    mailbox.close()
    time.sleep(LEAVE_SECONDS)
    os._exit(1)


def main() -> None:
    """Serve stdin and stdout until stdin closes."""
    events = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    mailbox = Mailbox()
    threading.Thread(target=read_requests, args=(0, mailbox), daemon=True).start()
    serve(events, mailbox)
    # a thread of some library must not keep a finished worker alive
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
