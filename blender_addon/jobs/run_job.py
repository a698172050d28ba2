"""One job from its first step to its end, on a thread of its own."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import problems
from .peer import Peer
from .problems import Stopped, Trouble
from .processes import Processes
from .types import PROTOCOL_VERSION, BlenderCommand, EngineCommand, Job, Patience, Problem, State, Step, Ticket

Change = Callable[[Ticket], None]
"""Something to do with the ticket, on the queue's own thread."""
_TICK = 0.05
_LONGEST_TICK = 1.0
"""Seconds that count as silence: more between two looks means that we ourselves were asleep."""
_identities = itertools.count(1)


@dataclass(frozen=True)
class Run:
    """What the functions of this module share."""

    job: Job
    processes: Processes
    patience: Patience
    stop: threading.Event
    """Set when the job should stop."""
    tell: Callable[[Change], None]


def run_job(run: Run, commands: Sequence[EngineCommand | BlenderCommand]) -> None:
    """Do all steps, each with its command. Every end, a good one or not, is told; nothing is raised."""
    try:
        run.job.work.mkdir(parents=True, exist_ok=True)
        for step, command in zip(run.job.steps, commands, strict=True):
            if run.stop.is_set():
                raise Stopped
            result = run_step(run, step, command)
            run.tell(_finished(result))
    except Stopped as stopped:
        run.tell(ending(State.STOPPED, detail=stopped.kept))
    except Trouble as trouble:
        run.tell(ending(State.FAILED, trouble.problem))
    except OSError as error:
        fix = "Free some space, or choose another folder in the preferences."
        problem = Problem(
            f"{error.filename or run.job.work}: {error.strerror or error}.", fix, ("preferences", "retry")
        )
        run.tell(ending(State.FAILED, problem))
    except Exception as error:
        with contextlib.suppress(OSError), run.job.log.open("a", encoding="utf-8") as log:
            traceback.print_exc(file=log)
        run.tell(ending(State.FAILED, problems.defect(error, run.job.log)))
    else:
        run.tell(ending(State.DONE))


def run_step(run: Run, step: Step, command: EngineCommand | BlenderCommand) -> dict[str, Any]:
    """The result of one step."""
    if isinstance(command, BlenderCommand):
        return _ask_blender(run, step, command)
    engine = run.processes.running_engine(command)
    if engine is not None:
        engine.log_to(run.job.log)
        try:
            return ask(run, engine, step.request)
        except NotHeard:
            pass  # it died while nobody used it
    engine = run.processes.start_engine(command, run.job.log)
    try:
        await_ready(run, engine)
    except (Trouble, Stopped):
        engine.kill()
        raise
    return ask(run, engine, step.request)


def _ask_blender(run: Run, step: Step, command: BlenderCommand) -> dict[str, Any]:
    blender = run.processes.start_blender(command, run.job.log)
    try:
        await_ready(run, blender)
        result = ask(run, blender, step.request)
    except (Trouble, Stopped):
        blender.kill()
        raise
    blender.end(run.patience.leave)
    return result


class NotHeard(Trouble):
    """The process was gone before it could have heard the question."""


def await_ready(run: Run, peer: Peer) -> None:
    """Wait until a started process says that it is there, and that it speaks our version.

    Raises `Trouble` where it does not, `Stopped` as soon as the job should stop.
    """
    log = run.job.log
    run.tell(_stage(f"start {peer.short_name}"))
    begun = time.monotonic()
    while not run.stop.is_set():
        event = peer.event(_TICK)
        if event is None:
            raise Trouble(problems.died(peer.name, *peer.how_it_ended(), log, ready=False))
        if event.get("event") == "rubbish":
            raise Trouble(problems.rubbish(peer.name, event["text"], log))
        if event.get("event") == "ready":
            if event.get("version") != PROTOCOL_VERSION:
                raise Trouble(problems.other_version(peer.name, event.get("version"), PROTOCOL_VERSION, log))
            return
        if time.monotonic() - begun > run.patience.start:
            raise Trouble(problems.never_ready(peer.name, run.patience.start, peer.last_line(), log))
    raise Stopped


def ask(run: Run, peer: Peer, request: dict[str, Any]) -> dict[str, Any]:
    """Send a request, tell of its progress, return its result.

    Raises `Trouble` where there is none, `Stopped` where the job was stopped: the process is asked to, and killed where
    it does not.
    """
    identity = str(next(_identities))
    peer.send(id=identity, **request)
    heard_of_it, asked_to_stop, watch = False, None, _Watch(peer, run.patience.silence)
    while True:
        if run.stop.is_set() and asked_to_stop is None:
            asked_to_stop = time.monotonic()
            peer.send(request="cancel", id=identity)
        event = peer.event(_TICK)
        if asked_to_stop is not None and (event is None or time.monotonic() - asked_to_stop > run.patience.stop):
            peer.kill()
            raise Stopped
        if event is None:
            trouble = Trouble if heard_of_it else NotHeard
            raise trouble(problems.died(peer.name, *peer.how_it_ended(), run.job.log, ready=True))
        if watch.too_long():
            peer.kill()
            raise Trouble(problems.silent(peer.name, run.patience.silence, run.job.log))
        if event.get("event") == "rubbish":
            peer.kill()
            raise Trouble(problems.rubbish(peer.name, event["text"], run.job.log))
        if event.get("id") == identity:
            heard_of_it = True
            try:
                result = _take(run, event)
            except (KeyError, TypeError, ValueError):
                peer.kill()
                raise Trouble(problems.rubbish(peer.name, str(event)[:200], run.job.log)) from None
            if result is not None:
                return result


def _take(run: Run, event: dict[str, Any]) -> dict[str, Any] | None:
    """Tell of an event of the running request; returns its result once it is there."""
    kind = event.get("event")
    if kind == "progress":
        run.tell(_progressed(event))
    elif kind == "preview":
        run.tell(_previewed(event))
    elif kind == "result":
        return {name: value for name, value in event.items() if name not in ("event", "id")}
    elif kind == "error":
        if event.get("exit_code") == 130:
            raise Stopped(str(event.get("fix", "")))
        raise Trouble(problems.reported(event, run.job.log))
    return None


class _Watch:
    """Counts the seconds without a sign of life, but not those in which we ourselves were asleep."""

    def __init__(self, peer: Peer, limit: float) -> None:
        self.peer, self.limit = peer, limit
        self.looked, self.silence = time.monotonic(), 0.0

    def too_long(self) -> bool:
        now = time.monotonic()
        self.silence += min(now - self.looked, _LONGEST_TICK)
        self.looked = now
        if self.peer.heard.is_set():
            self.peer.heard.clear()
            self.silence = 0.0
        return self.silence > self.limit


# ------------------------------------------------------------------------------------------------- changes of a ticket


def _stage(stage: str) -> Change:
    return _progressed({"stage": stage, "step": 0, "steps": 0})


def _progressed(event: dict[str, Any]) -> Change:
    stage, detail = str(event["stage"]), str(event.get("detail", ""))
    step, steps, eta = int(event["step"]), int(event["steps"]), event.get("eta_seconds")
    eta_seconds = None if eta is None else float(eta)

    def change(ticket: Ticket) -> None:
        ticket.stage, ticket.step, ticket.steps = stage, step, steps
        ticket.eta_seconds, ticket.detail = eta_seconds, detail

    return change


def _previewed(event: dict[str, Any]) -> Change:
    path, frame, frames = Path(event["path"]), int(event["frame"]), int(event["frames"])

    def change(ticket: Ticket) -> None:
        ticket.newest_frame, ticket.frame, ticket.frames = path, frame, frames

    return change


def _finished(result: dict[str, Any]) -> Change:
    warnings = [str(warning) for warning in result.get("warnings") or ()]

    def change(ticket: Ticket) -> None:
        ticket.results.append(result)
        ticket.warnings.extend(warnings)

    return change


def ending(state: State, problem: Problem | None = None, detail: str = "") -> Change:
    """The job has ended so."""

    def change(ticket: Ticket) -> None:
        ticket.state, ticket.problem, ticket.eta_seconds, ticket.detail = state, problem, None, detail

    return change
