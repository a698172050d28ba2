"""The process that Blender talks to: one JSON object a line on stdin and stdout.

Requests (stdin)::

    {"version": 1, "request": "render", "id": "a", "recording": DIR, "out": FILE, "size": [W, H] or null,
     "generator": "warp", "options": {...}, "clip": FILE, "sheet": FILE, "report": FILE, "preview": false}
    {"version": 1, "request": "cancel", "id": "a"}
    {"version": 1, "request": "quit"}

Events (stdout), each with the request's id::

    {"event": "ready", "version": 1, "simcraft": "0.1.0", "python": "3.11.7"}
    {"event": "progress", "id": "a", "stage": "...", "step": 3, "steps": 48, "eta_seconds": 4.2 or null}
    {"event": "result", "id": "a", "video": FILE, ...}
    {"event": "error", "id": "a", "message": "...", "fix": "...", "exit_code": 2}

Jobs run one after the other, in order. When stdin closes (Blender quit or died) the running job stops and the process
leaves. Nothing but events is ever written to stdout: what libraries print goes to stderr.
"""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import queue
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any, TextIO

import simcraft
from simcraft.console import explain
from simcraft.errors import Cancelled, UserError
from simcraft.pipeline import RenderRequest, render

VERSION = 1
PROGRESS_SECONDS = 0.1
"""Progress of one stage is sent at most this often."""
LEAVE_SECONDS = 5.0
"""A job that has not noticed for this long that its caller is gone is ended with the process."""


class Mailbox:
    """What the reading thread and the job share: the waiting requests, and which were cancelled."""

    def __init__(self) -> None:
        self.requests: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self.cancelled: set[str] = set()
        self.closed = threading.Event()

    def accept(self, line: bytes) -> None:
        """Queue one request line, or act on it at once where it cancels or quits."""
        try:
            message = json.loads(line)
        except ValueError:
            message = {"request": "?", "problem": "This line is not JSON."}
        if not isinstance(message, dict):
            message = {"request": "?", "problem": "This line is not a JSON object."}
        kind = message.get("request")
        if kind == "cancel":
            self.cancelled.add(str(message.get("id")))
        elif kind == "quit":
            self.close()
        else:
            self.requests.put(message)

    def close(self) -> None:
        """No more requests: let the running job stop and the main loop leave."""
        self.closed.set()
        self.requests.put(None)

    def stop_requested(self, job: str) -> bool:
        return self.closed.is_set() or job in self.cancelled


def parse_request(message: dict[str, Any]) -> RenderRequest:
    """Validate a "render" message.

    Raises `UserError` that names the field and what it should be.
    """
    if "problem" in message:
        raise UserError(message["problem"], "Send one JSON object a line.")
    if message.get("version") != VERSION:
        raise UserError(
            f"Field 'version' is {message.get('version')!r}; this engine speaks version {VERSION}.",
            "Install the same version of the add-on and the engine.",
        )
    if message.get("request") != "render":
        raise UserError(f"Field 'request' is {message.get('request')!r}; expected render, cancel or quit.")
    values = {k: v for k, v in message.items() if k not in ("version", "request", "id")}
    known = {f.name for f in dataclasses.fields(RenderRequest)}
    if unknown := sorted(set(values) - known):
        raise UserError(f"Unknown field '{unknown[0]}'.", f"Known: {', '.join(sorted(known))}.")
    for name in ("recording", "out"):
        if not isinstance(values.get(name), str):
            raise UserError(f"Field '{name}' should be a path.")
    for name in ("recording", "out", "clip", "sheet", "report"):
        if values.get(name) is not None:
            values[name] = Path(values[name])
    size = values.get("size")
    if size is not None:
        if not (isinstance(size, list) and len(size) == 2 and all(isinstance(n, int) for n in size)):
            raise UserError(f"Field 'size' is {size!r}; expected [width, height] or null.")
        values["size"] = (size[0], size[1])
    if not isinstance(values.get("options", {}), dict):
        raise UserError("Field 'options' should be an object.")
    return RenderRequest(**values)


def serve(events: TextIO, mailbox: Mailbox) -> None:
    """Run the queued jobs until the mailbox closes."""

    def send(**event: Any) -> None:
        try:
            events.write(json.dumps(event) + "\n")
            events.flush()
        except BrokenPipeError:
            mailbox.close()

    send(event="ready", version=VERSION, simcraft=simcraft.__version__, python=platform.python_version())
    while (message := mailbox.requests.get()) is not None:
        job = str(message.get("id", ""))
        try:
            if mailbox.stop_requested(job):
                raise Cancelled("Stopped before it began.")
            result = render(parse_request(message), JobProgress(job, mailbox, send))
            send(event="result", id=job, **result)
        except (Exception, KeyboardInterrupt) as error:
            known = explain(error)
            if known is None:
                traceback.print_exc(file=sys.stderr)
                known = (f"{type(error).__name__}: {error}", "This is a defect: report it with the log.", 1)
            send(event="error", id=job, message=known[0], fix=known[1], exit_code=known[2])


class JobProgress:
    """A `Progress` of one job: sends events with an ETA, and raises `Cancelled` once the job should stop."""

    def __init__(self, job: str, mailbox: Mailbox, send: Any) -> None:
        self.job, self.mailbox, self.send = job, mailbox, send
        self.started: dict[str, float] = {}
        self.sent = 0.0

    def __call__(self, stage: str, step: int, steps: int) -> None:
        if self.mailbox.stop_requested(self.job):
            raise Cancelled("Stopped.", "What was finished is kept.")
        now = time.monotonic()
        begin = self.started.setdefault(stage, now)
        if 0 < step < steps and now - self.sent < PROGRESS_SECONDS:
            return
        self.sent = now
        eta = (now - begin) / step * (steps - step) if step else None
        self.send(event="progress", id=self.job, stage=stage, step=step, steps=steps, eta_seconds=eta)


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
