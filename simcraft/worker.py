"""The process that Blender talks to: one JSON object a line on stdin and stdout.

Requests (stdin)::

    {"version": 2, "request": "render", "id": "a", "recording": DIR, "out": FILE, "size": [W, H] or null,
     "generator": "warp", "options": {...}, "clip": FILE, "sheet": FILE, "report": FILE, "preview": false,
     "force": false}
    {"version": 2, "request": "check", ...}      the same fields: is the request right? Nothing is read or written
    {"version": 2, "request": "solve", "id": "a", "recording": DIR, "out": PATH}   simulate its effects, and write them
     into it; where one diverges, the frames until then are kept beside `out` (by default beside the recording)
    {"version": 2, "request": "cancel", "id": "a"}
    {"version": 2, "request": "quit"}

Events (stdout), each with the request's id::

    {"event": "ready", "version": 2, "simcraft": "0.1.0", "python": "3.11.7"}
    {"event": "alive"}      every two seconds, also while a job computes
    {"event": "progress", "id": "a", "stage": "...", "step": 3, "steps": 48, "eta_seconds": 4.2 or null,
     "detail": "dt 0.02 s, ..." or ""}
    {"event": "preview", "id": "a", "frame": 3, "frames": 16, "path": PNG}   a finished frame of "render", from
     generators that make one after the other; frame 0 is the first of all `frames`, and PNG is there until the result
    {"event": "result", "id": "a", "video": FILE, ...}         of "render"
    {"event": "result", "id": "a", "warnings": [...]}          of "solve"
    {"event": "error", "id": "a", "message": "...", "fix": "...", "exit_code": 2}

Finished frames are kept where a "render" is stopped, fails or dies: the same request goes on from them. A "check"
that finds nothing wrong has an empty result. Jobs run one after the other, in order. When stdin closes (Blender quit or
died) the running job stops and the process leaves. Nothing but events is ever written to stdout: what libraries print
goes to stderr.
"""

from __future__ import annotations

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
from simcraft.pipeline import RenderRequest, check_request, render
from simcraft.progress import Pace, Progress
from simcraft.recording import load_recording

VERSION = 2
PROGRESS_SECONDS = 0.1
"""Progress of one stage is sent at most this often."""
ALIVE_SECONDS = 2.0
"""Between two signs of life."""
LEAVE_SECONDS = 3.0
"""A job that has not noticed for this long that its caller is gone is ended with the process."""


class Mailbox:
    """What the reading thread and the jobs share: the requests, which have not ended, and which were cancelled."""

    def __init__(self) -> None:
        self.requests: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self.waiting: list[str] = []
        self.cancelled: set[str] = set()
        self.closed = threading.Event()

    def accept(self, line: bytes) -> None:
        """Queue one request line, or act on it at once where it cancels or quits."""
        try:
            message = json.loads(line)
        except ValueError:
            message = {"problem": "This line is not JSON."}
        if not isinstance(message, dict):
            message = {"problem": "This line is not a JSON object."}
        kind = message.get("request")
        if kind == "cancel":
            if (job := str(message.get("id"))) in self.waiting:
                self.cancelled.add(job)
        elif kind == "quit":
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


def request_kind(message: dict[str, Any]) -> str:
    """What a message asks for: "render", "check" or "solve".

    Raises `UserError` where it is no request of this version.
    """
    if "problem" in message:
        raise UserError(message["problem"], "Send one JSON object a line.")
    if message.get("version") != VERSION:
        raise UserError(
            f"Field 'version' is {message.get('version')!r}; this engine speaks version {VERSION}.",
            "Install the same version of the add-on and the engine.",
        )
    kind = message.get("request")
    if kind not in ("render", "check", "solve"):
        raise UserError(f"Field 'request' is {kind!r}; expected render, check, solve, cancel or quit.")
    return str(kind)


def parse_render(message: dict[str, Any]) -> RenderRequest:
    """The fields of a "render" or "check" message.

    Raises `UserError` that names the field and what it should be.
    """
    values = _values(message, tuple(_FIELDS), ("recording", "out"))
    if "size" in values:
        values["size"] = _pixels(values["size"])
    return RenderRequest(**values)


def _values(message: dict[str, Any], known: tuple[str, ...], needed: tuple[str, ...]) -> dict[str, Any]:
    """What the `known` fields of a message hold, those that are `needed` among them."""
    envelope = ("version", "request", "id")
    values: dict[str, Any] = {k: v for k, v in message.items() if k not in envelope and v is not None}
    if unknown := sorted(set(values) - set(known)):
        raise UserError(f"Unknown field '{unknown[0]}'.", f"Known: {', '.join(sorted(known))}.")
    for name in needed:
        if name not in values:
            raise UserError(f"Field '{name}' is missing; it should be a path.")
    for name, value in list(values.items()):
        kind, what = _FIELDS[name]
        if not isinstance(value, kind):
            raise UserError(f"Field '{name}' is {value!r}; it should be {what}.")
        if what == "a path":
            values[name] = Path(message[name])
    return values


# field -> (JSON type, what it is)
_FIELDS: dict[str, tuple[type, str]] = {
    "recording": (str, "a path"),
    "out": (str, "a path"),
    "clip": (str, "a path"),
    "sheet": (str, "a path"),
    "report": (str, "a path"),
    "size": (list, "[width, height]"),
    "generator": (str, "a name"),
    "options": (dict, "an object"),
    "preview": (bool, "true or false"),
    "force": (bool, "true or false"),
}


def _pixels(value: list[Any]) -> tuple[int, int]:
    if len(value) != 2 or not all(isinstance(n, int) and not isinstance(n, bool) for n in value):
        raise UserError(f"Field 'size' is {value!r}; it should be [width, height].")
    return value[0], value[1]


def serve(events: TextIO, mailbox: Mailbox) -> None:
    """Run the queued jobs until the mailbox closes."""

    one_at_a_time = threading.Lock()

    def send(**event: Any) -> None:
        try:
            with one_at_a_time:
                events.write(json.dumps(event) + "\n")
                events.flush()
        except BrokenPipeError:
            mailbox.close()

    def stay_alive() -> None:
        while not mailbox.closed.wait(ALIVE_SECONDS):
            send(event="alive")

    threading.Thread(target=stay_alive, daemon=True).start()
    send(event="ready", version=VERSION, simcraft=simcraft.__version__, python=platform.python_version())
    while (message := mailbox.requests.get()) is not None:
        job = str(message.get("id", ""))
        last = carry_out(message, job, mailbox, send)
        # before the answer, which lets the caller use the same id again
        mailbox.forget(job)
        send(id=job, **last)


def carry_out(message: dict[str, Any], job: str, mailbox: Mailbox, send: Any) -> dict[str, Any]:
    """Do what one message asks; returns its last event, a result or an error."""
    try:
        if mailbox.stop_requested(job):
            raise Cancelled("Stopped before it began.")
        kind, progress = request_kind(message), JobProgress(job, mailbox, send)
        if kind == "solve":
            paths = _values(message, ("recording", "out"), ("recording",))
            return {"event": "result", "warnings": solve_in_place(paths["recording"], paths.get("out"), progress)}
        request = parse_render(message)
        if kind == "check":
            check_request(request)
            return {"event": "result"}
        return {"event": "result", **render(request, progress, progress.preview)}
    except (Exception, KeyboardInterrupt) as error:
        known = explain(error)
        if known is None:
            traceback.print_exc(file=sys.stderr)
            known = (f"{type(error).__name__}: {error}", "This is a defect: report it with the log.", 1)
        return {"event": "error", "message": known[0], "fix": known[1], "exit_code": known[2]}


def solve_in_place(folder: Path, out: Path | None, progress: Progress) -> list[str]:
    """Simulate the effects of the recording in `folder` and write it again with what they add; returns its warnings.

    Where one diverges, the frames until then are kept beside `out`, or else beside `folder`, which stays as it was.
    """
    from simcraft.sim.solving import solve

    return list(load_recording(solve(folder, folder, {}, out or folder, progress)).warnings)


class JobProgress:
    """A `Progress` of one job: sends events with an ETA, and raises `Cancelled` once the job should stop."""

    def __init__(self, job: str, mailbox: Mailbox, send: Any) -> None:
        self.job, self.mailbox, self.send = job, mailbox, send
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
        """A finished frame, and the picture of it."""
        self.send(event="preview", id=self.job, frame=frame, frames=frames, path=str(path.absolute()))


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
