"""The processes that a queue has started: the engine, which stays for the next job, and a child Blender for a step."""

from __future__ import annotations

import threading
import uuid
from pathlib import Path

from . import problems
from .environment import clean_environment
from .peer import Peer
from .problems import Stopped, Trouble
from .types import BlenderCommand, EngineCommand, Patience

_FAREWELL_SECONDS = 0.03


class Processes:
    """Used by one job at a time; `close` may come from another thread at any time."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self.session = uuid.uuid4().hex
        """What a remote engine calls our files, also one that is started anew."""
        self._lock = threading.Lock()
        self._closed = False
        self._peers: list[Peer] = []
        self._engine: tuple[EngineCommand, Peer] | None = None

    def running_engine(self, command: EngineCommand) -> Peer | None:
        """The engine that this command has started, if it is alive; one that another command has started is ended."""
        if self._engine is None:
            return None
        started_by, peer = self._engine
        if started_by == command and peer.alive:
            return peer
        self._engine = None
        peer.end(self._patience.leave)
        return None

    def start_engine(self, command: EngineCommand, log: Path) -> Peer:
        """A new engine. Raises `Trouble` where there is no such program, `Stopped` after `close`."""
        environment = clean_environment()
        peer = self._start(Peer("The engine", "engine", command.arguments, environment), log)
        self._engine = command, peer
        return peer

    def start_blender(self, command: BlenderCommand, log: Path) -> Peer:
        """A child Blender, in our own environment, which is that of a Blender. Raises as `start_engine`."""
        return self._start(Peer("Blender in the background", "Blender", command.arguments), log)

    def _start(self, peer: Peer, log: Path) -> Peer:
        """Start it unless `close` has come before, so that it is known to one that comes later."""
        peer.log_to(log)
        try:
            peer.start()
        except OSError as error:
            reason = error.strerror or str(error)
            raise Trouble(problems.cannot_start(peer.name, peer.arguments[0], reason, log)) from None
        with self._lock:
            self._peers = [other for other in self._peers if other.alive]
            self._peers.append(peer)
            closed = self._closed
        if closed:
            peer.end(self._patience.leave)
            raise Stopped
        return peer

    def close(self) -> None:
        """Ask all processes to leave, and start none any more. Does not wait for that; those that stay are killed."""
        with self._lock:
            self._closed = True
            peers = list(self._peers)
        for peer in peers:
            peer.end(self._patience.leave)
        for peer in peers:
            # where Blender quits at once, its threads have no other moment to say so
            peer.said_all(_FAREWELL_SECONDS / len(peers))
