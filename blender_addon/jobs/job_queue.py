"""`JobQueue`: jobs one after the other, while the caller goes on."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from . import problems
from .changes import Change, ended
from .conversation import Talk
from .processes import Processes
from .run_job import run_job
from .types import BlenderCommand, EngineCommand, Job, Patience, Problem, State, Ticket


class JobQueue:
    """Jobs, one at a time, in the order in which they were added.

    All methods belong to one thread, Blender's main one, and none of them waits: processes are started, written to,
    read from and waited for on threads of their own. What those find out reaches the tickets in `pump`.
    """

    def __init__(
        self,
        engine: Callable[[], EngineCommand | Problem],
        blender: Callable[[dict[str, Any]], BlenderCommand | Problem],
        patience: Patience | None = None,
    ) -> None:
        """Nothing is started before the first job.

        Parameters
        ----------
        engine: how the engine is started; asked anew for every job, in `pump`. A `Problem` is that of the job.
        blender: how a child Blender is started for a request; likewise.
        """
        self._engine, self._blender = engine, blender
        self._patience = patience or Patience()
        self._processes = Processes(self._patience)
        self._tickets: list[Ticket] = []
        self._running: Ticket | None = None
        self._stop = threading.Event()
        self._changes: queue.SimpleQueue[tuple[Ticket, Change]] = queue.SimpleQueue()
        self._changed: list[Ticket] = []
        self._closed = False

    @property
    def tickets(self) -> tuple[Ticket, ...]:
        """All jobs, the oldest first."""
        return tuple(self._tickets)

    def add(self, job: Job) -> Ticket:
        """Let the job wait for its turn, which comes in `pump`. Raises `ValueError` after `close`."""
        if self._closed:
            raise ValueError("The queue is closed.")
        ticket = Ticket(job)
        self._tickets.append(ticket)
        self._changed.append(ticket)
        return ticket

    def cancel(self, ticket: Ticket) -> None:
        """Take back a job that waits, and stop one that runs: within two seconds it has ended, in some `pump`."""
        if ticket.state is State.WAITING:
            ended(State.STOPPED)(ticket)
        elif ticket.state is State.RUNNING:
            ticket.state = State.STOPPING
            self._stop.set()
        else:
            return
        self._changed.append(ticket)

    def forget(self, ticket: Ticket) -> None:
        """Drop a job from `tickets`. Raises `ValueError` for one that runs: cancel it first."""
        if ticket is self._running:
            raise ValueError(f"'{ticket.job.name}' is still running.")
        if ticket.state is State.WAITING:
            ended(State.STOPPED)(ticket)
        with contextlib.suppress(ValueError):
            self._tickets.remove(ticket)

    def pump(self) -> list[Ticket]:
        """Bring the tickets up to date and start the next job; returns those that have changed since the last call."""
        with contextlib.suppress(queue.Empty):
            while True:
                ticket, change = self._changes.get_nowait()
                if not ticket.state.ended:
                    self._apply(ticket, change)
        if self._running is None:
            self._start_next()
        changed = list(dict.fromkeys(self._changed))
        self._changed.clear()
        return changed

    def close(self) -> None:
        """Stop all jobs and end all processes; does not wait for them. The queue cannot be used any more."""
        self._closed = True
        self._stop.set()
        self._processes.close()
        for ticket in self._tickets:
            if not ticket.state.ended:
                ended(State.STOPPED)(ticket)
                self._changed.append(ticket)
        self._running = None

    def _apply(self, ticket: Ticket, change: Change) -> None:
        change(ticket)
        self._changed.append(ticket)
        if ticket.state.ended:
            self._running = None

    def _start_next(self) -> None:
        """Start the oldest job that waits; one that cannot be started has ended, and the next one's turn comes."""
        for ticket in self._tickets:
            if ticket.state is not State.WAITING or self._closed:
                continue
            self._changed.append(ticket)
            try:
                commands = self._commands(ticket.job)
            except Exception as error:
                # else the queue would stand still, with the same error in every call
                commands = problems.defect(error, ticket.job.log)
            if isinstance(commands, Problem):
                ended(State.FAILED, commands)(ticket)
                continue
            ticket.state, self._running, self._stop = State.RUNNING, ticket, threading.Event()
            talk = Talk(ticket.job, self._patience, self._stop, partial(self._note, ticket))
            arguments = (talk, self._processes, commands)
            threading.Thread(target=run_job, args=arguments, name="simcraft job", daemon=True).start()
            return

    def _commands(self, job: Job) -> list[EngineCommand | BlenderCommand] | Problem:
        """How the process of each step is started, or why it cannot be."""
        commands: list[EngineCommand | BlenderCommand] = []
        for step in job.steps:
            command = self._engine() if step.process == "engine" else self._blender(step.request)
            if isinstance(command, Problem):
                return command
            commands.append(command)
        return commands

    def _note(self, ticket: Ticket, change: Change) -> None:
        self._changes.put((ticket, change))
