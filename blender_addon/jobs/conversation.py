"""Asking a process and listening, on the thread of a job: until it answers, dies, falls silent, or should stop."""

from __future__ import annotations

import base64
import itertools
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import problems
from .changes import Change, began, previewed, progressed
from .peer import Peer
from .problems import Stopped, Trouble
from .types import PROTOCOL_VERSION, Job, Patience

WINDOW = 8
"""Requests of `ask_all` that are under way at a time: enough for a line that is slow to answer."""
_TICK = 0.05
_LONGEST_TICK = 1.0
"""Seconds that count as silence: more between two looks means that we ourselves were asleep."""
_identities = itertools.count(1)


class NotHeard(Trouble):
    """The process was gone before it could have heard the question."""


@dataclass(frozen=True)
class Talk:
    """What a job needs to talk to processes."""

    job: Job
    patience: Patience
    stop: threading.Event
    """Set when the job should stop."""
    tell: Callable[[Change], None]


def await_ready(talk: Talk, peer: Peer) -> None:
    """Wait until a started process says that it is there, and that it speaks our version.

    Raises `Trouble` where it does not, `Stopped` as soon as the job should stop.
    """
    log, patience = talk.job.log, talk.patience
    talk.tell(began(f"start {peer.short_name}"))
    begun = time.monotonic()
    while not talk.stop.is_set():
        event = peer.event(_TICK)
        if event is None:
            raise Trouble(problems.died(peer.name, *peer.how_it_ended(), log, ready=False))
        if event.get("event") == "rubbish":
            raise Trouble(problems.rubbish(peer.name, event["text"], log))
        if event.get("event") == "ready":
            if event.get("version") != PROTOCOL_VERSION:
                raise Trouble(problems.other_version(peer.name, event.get("version"), PROTOCOL_VERSION, log))
            return
        if time.monotonic() - begun > patience.start:
            raise Trouble(problems.never_ready(peer.name, patience.start, peer.last_line(), log))
    raise Stopped


def ask(talk: Talk, peer: Peer, request: dict[str, Any]) -> dict[str, Any]:
    """Send a request, tell of its progress, return its result.

    Raises `Trouble` where there is none, `Stopped` where the job was stopped: the process is asked to, and killed where
    it does not.
    """
    identity = str(next(_identities))
    ear = _Ear(talk, peer)
    peer.send(id=identity, **request)
    asked_to_stop: float | None = None
    while True:
        if talk.stop.is_set() and asked_to_stop is None:
            asked_to_stop = time.monotonic()
            peer.send(request="cancel", id=identity)
        if asked_to_stop is not None and time.monotonic() - asked_to_stop > talk.patience.stop:
            peer.kill()
            raise Stopped
        try:
            result = ear.listen({identity})
        except Trouble:
            if asked_to_stop is None or peer.alive:
                raise
            raise Stopped from None
        if result is not None:
            return result[1]


def ask_all(talk: Talk, peer: Peer, requests: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The results of many small requests, in their order; some are under way at a time.

    Raises `Trouble` where one fails, `Stopped` as soon as the job should stop.
    """
    ear = _Ear(talk, peer)
    pending, waiting = iter(requests), list[str]()
    while True:
        for request in itertools.islice(pending, WINDOW - len(waiting)):
            waiting.append(str(next(_identities)))
            peer.send(id=waiting[-1], **request)
        if not waiting:
            return
        if talk.stop.is_set():
            raise Stopped
        answer = ear.listen(set(waiting))
        if answer is not None:
            waiting.remove(answer[0])
            yield answer[1]


class _Ear:
    """Listens to a process for one question or some, and notices where it is dead or silent."""

    def __init__(self, talk: Talk, peer: Peer) -> None:
        self.talk, self.peer = talk, peer
        self.heard = False
        """Has the process said anything to these questions?"""
        self.looked, self.silence = time.monotonic(), 0.0

    def listen(self, identities: set[str]) -> tuple[str, dict[str, Any]] | None:
        """Wait for a moment; returns a result and its identity, tells of everything else.

        Raises `Trouble`: an error, or a process that is dead, silent or not to be understood, and is then killed.
        `Stopped` is raised where the process says that it has stopped.
        """
        log = self.talk.job.log
        event = self.peer.event(_TICK)
        if event is None:
            trouble = Trouble if self.heard else NotHeard
            raise trouble(problems.died(self.peer.name, *self.peer.how_it_ended(), log, ready=True))
        if self._silent_too_long():
            self.peer.kill()
            raise Trouble(problems.silent(self.peer.name, self.talk.patience.silence, log))
        if event.get("event") == "rubbish":
            self._refuse(event["text"])
        if event.get("id") not in identities:
            return None
        self.heard = True
        try:
            result = _take(self.talk, event)
        except (KeyError, TypeError, ValueError):
            self._refuse(str(event)[:200])
        return None if result is None else (event["id"], result)

    def _refuse(self, text: str) -> None:
        self.peer.kill()
        raise Trouble(problems.rubbish(self.peer.name, text, self.talk.job.log)) from None

    def _silent_too_long(self) -> bool:
        """Seconds in which we ourselves were asleep do not count."""
        now = time.monotonic()
        self.silence += min(now - self.looked, _LONGEST_TICK)
        self.looked = now
        if self.peer.heard.is_set():
            self.peer.heard.clear()
            self.silence = 0.0
        return self.silence > self.talk.patience.silence


def _take(talk: Talk, event: dict[str, Any]) -> dict[str, Any] | None:
    """Tell of an event of a running request; returns its result once it is there."""
    kind = event.get("event")
    if kind == "progress":
        talk.tell(progressed(event))
    elif kind == "preview":
        talk.tell(previewed(event, _picture(talk.job, event)))
    elif kind == "result":
        return {name: value for name, value in event.items() if name not in ("event", "id")}
    elif kind == "error":
        if event.get("exit_code") == 130:
            raise Stopped(str(event.get("fix", "")))
        raise Trouble(problems.reported(event, talk.job.log), int(event.get("exit_code", 1)))
    return None


def _picture(job: Job, event: dict[str, Any]) -> Path:
    """Where the picture of a "preview" event is; one that came along with it is written to the job's folder."""
    if "data" not in event:
        return Path(event["path"])
    path = job.work / "preview" / f"frame_{int(event['frame']):04d}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_bytes(base64.b64decode(event["data"]))
    partial.replace(path)
    return path
