"""The one queue of this Blender, and what it does with the answers; free of Blender's data.

Three kinds of jobs go through the queue: orders of the user, which panels list, and two questions to the engine, which
they do not: what it has ("describe"), and what a video will cost ("estimate").
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import itertools
import json
import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..jobs import BlenderCommand, EngineCommand, Job, JobQueue, Problem, State, Step, Ticket
from .kept import Result
from .options import Knowledge
from .orders import Order, VideoOrder, free_path, job_of, steps_before_video
from .stores import Locks, MotionStore, ResultStore, read_facts

PATIENCE_SECONDS = 0.5
"""Settings rest for so long before their cost is asked for: a slider that is dragged asks once."""


@dataclass
class Entry:
    """An order in the queue."""

    order: Order
    motion_steps: int
    """So many steps of its job, the first ones, make the motion; 0 when that is done."""
    number: int
    """Tells it from all others of this session, also when it is resumed."""
    held: bool = False
    """Was it stopped because there was no motion for it?"""
    painted: bool = False
    """Are there finished frames of its video? They lie beside it, under its name."""
    has_name: bool = True
    """Is that name still kept for it?"""
    problem: Problem | None = None
    """Why what it has made could not be kept."""


@dataclass(frozen=True)
class Estimate:
    """What a video will cost."""

    seconds: float | None
    bytes: float | None
    basis: str
    """Where the figures come from; or why there are none."""


class Session:
    """What is going on; one for each running Blender. All of it belongs to Blender's main thread."""

    def __init__(
        self,
        work: Path,
        engine: Callable[[], EngineCommand | Problem],
        blender: Callable[[dict[str, Any]], BlenderCommand | Problem],
    ) -> None:
        """`work` is the folder for all that is kept; the others are those of `JobQueue`."""
        self.work = work
        self.motions = MotionStore(work / "motions")
        self.results = ResultStore(work / "results")
        self.queue = JobQueue(engine, blender)
        self.names = Locks()
        """The videos that are going to be written."""
        self.knowledge = Knowledge()
        self.problem: Problem | None = None
        """Why the engine has not said what it has."""
        self.entries: dict[Ticket, Entry] = {}
        self.made_at: dict[Path, int] = {}
        """How many changes of the open file each motion knows of that was made in this session."""
        self._numbers = itertools.count(1)
        self._questions: dict[Ticket, Callable[[Ticket], None]] = {}
        self._estimates: dict[str, Estimate] = {}
        self._wanted: tuple[str, dict[str, Any], float] | None = None

    # ------------------------------------------------------------------------------------------------------- orders

    @property
    def tickets(self) -> list[Ticket]:
        """The user's jobs that wait, run, or have ended badly, the oldest first."""
        return [ticket for ticket in self.queue.tickets if ticket in self.entries]

    @property
    def running(self) -> Ticket | None:
        """The user's job that runs."""
        return next((t for t in self.tickets if t.state in (State.RUNNING, State.STOPPING)), None)

    @property
    def question(self) -> Ticket | None:
        """The question that the engine is being asked, behind which jobs wait."""
        return next((t for t in self._questions if t.state in (State.RUNNING, State.STOPPING)), None)

    @property
    def busy(self) -> bool:
        """Is anything under way?"""
        return any(not ticket.state.ended for ticket in self.queue.tickets) or self._wanted is not None

    def add(self, order: Order) -> Ticket:
        """Queue an order."""
        return self._enter(job_of(order), Entry(order, len(steps_before_video(order)), next(self._numbers)))

    def ticket(self, number: int) -> Ticket | None:
        """The user's job with this number, if it is still there."""
        return next((ticket for ticket, entry in self.entries.items() if entry.number == number), None)

    def resume(self, ticket: Ticket) -> Ticket:
        """Queue again what is left of a job that was stopped or has failed, after the motion that it needs."""
        entry = self.entries[ticket]
        if not entry.motion_steps:
            makers = self._of_motion(entry.order.motion_folder, State.STOPPED, State.FAILED)
            for maker in [maker for maker in makers if self.entries[maker].motion_steps]:
                self._again(maker)
            return self._again(ticket)
        again = self._again(ticket)
        for other in self._of_motion(entry.order.motion_folder, State.STOPPED):
            if self.entries[other].held:
                self._again(other)
        return again

    def resume_with(self, ticket: Ticket, **options: Any) -> Ticket:
        """`resume`, with other options of the generator."""
        entry = self.entries[ticket]
        entry.order = entry.order.with_options(**options)
        return self.resume(ticket)

    def _again(self, ticket: Ticket) -> Ticket:
        """Queue the steps that were not done, in a new job."""
        entry, steps = self.entries.pop(ticket), ticket.job.steps
        self.queue.forget(ticket)
        # of what could not be kept the last step is done again
        done = min(len(ticket.results), (entry.motion_steps or len(steps)) - 1)
        if entry.order.video is not None and not entry.has_name:
            # where it cannot be written the engine says so
            with contextlib.suppress(OSError):
                entry.order, entry.has_name = entry.order.with_name(self.take_name(entry.order.video.out)), True
        job = job_of(entry.order)
        motion_steps = max(0, entry.motion_steps - done)
        again = dataclasses.replace(entry, motion_steps=motion_steps, held=False, problem=None)
        return self._enter(dataclasses.replace(job, steps=job.steps[done - len(steps) :]), again)

    def take_name(self, wanted: Path) -> Path:
        """A name for a video that nobody else has or will have: `wanted`, with a number where that is taken.

        Raises `OSError` where its folder cannot be made or written.
        """
        wanted.parent.mkdir(parents=True, exist_ok=True)
        if not os.access(wanted.parent, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(wanted.parent))
        return free_path(wanted, lambda path: path not in self.names and self.names.take(path))

    def _of_motion(self, folder: Path, *states: State) -> list[Ticket]:
        """The jobs in one of these states that make or need the motion in this folder, the oldest first."""
        return [t for t in self.tickets if self.entries[t].order.motion_folder == folder and t.state in states]

    def cancel(self, ticket: Ticket) -> None:
        """Stop a job that runs; what it has finished is kept. One that waits is removed."""
        if ticket.state is State.WAITING:
            self.remove(ticket)
        else:
            self.queue.cancel(ticket)

    def remove(self, ticket: Ticket) -> None:
        """Drop a job that does not run, with what it has left, and with it those that wait for its motion."""
        entry = self.entries.pop(ticket)
        self.queue.forget(ticket)
        if entry.order.video is not None:
            shutil.rmtree(entry.order.video.folder, ignore_errors=True)
            if entry.has_name:
                _remove_frames(entry.order.video.out)
                self.names.release(entry.order.video.out)
        if entry.motion_steps:
            for other in self._of_motion(entry.order.motion_folder, State.WAITING, State.STOPPED, State.FAILED):
                self.remove(other)
            self.motions.discard(entry.order.motion_folder)

    def _enter(self, job: Job, entry: Entry) -> Ticket:
        ticket = self.queue.add(job)
        self.entries[ticket] = entry
        return ticket

    # ------------------------------------------------------------------------------------------------------- looking

    def pump(self) -> bool:
        """See what has happened; returns whether anything has."""
        changed = self.queue.pump()
        for ticket in changed:
            if ticket in self.entries:
                self._keep(ticket, self.entries[ticket])
            elif ticket.state.ended and ticket in self._questions:
                self._questions.pop(ticket)(ticket)
                self.queue.forget(ticket)
        self._ask_for_estimate()
        return bool(changed)

    def _keep(self, ticket: Ticket, entry: Entry) -> None:
        """Look after a job; where nothing can be written it fails, as soon as it has stopped."""
        try:
            self._look_after(ticket, entry)
        except OSError as error:
            fix = "Free some space, or choose another folder in the preferences."
            entry.problem = Problem(f"{error.filename}: {error.strerror}.", fix, ("preferences",), ticket.job.log)
            self.queue.cancel(ticket)
        if entry.problem is not None and ticket.state.ended:
            ticket.state, ticket.problem = State.FAILED, entry.problem

    def _look_after(self, ticket: Ticket, entry: Entry) -> None:
        order = entry.order
        entry.painted = entry.painted or ticket.frames > 0
        if entry.motion_steps and order.motion is not None and len(ticket.results) >= entry.motion_steps:
            self._motion_done(ticket, order)
            # so that this is not done twice; the results still count them
            entry.motion_steps = 0
        if ticket.state is State.DONE:
            if order.video is not None:
                self._video_done(ticket, order.video)
                self.names.release(order.video.out)
            del self.entries[ticket]
            self.queue.forget(ticket)
        elif ticket.state.ended:
            self._not_done(ticket, entry)

    def _not_done(self, ticket: Ticket, entry: Entry) -> None:
        """A job was stopped or has failed."""
        order = entry.order
        if order.video is not None and not entry.painted:
            # there is nothing of its name: the next video may have it
            self.names.release(order.video.out)
            entry.has_name = False
        if entry.motion_steps:
            # there will be no such motion, unless somebody resumes this job; the next job may have begun already
            for other in self._of_motion(order.motion_folder, State.WAITING, State.RUNNING):
                self.entries[other].held = True
                self.queue.cancel(other)
        elif entry.held and ticket.state is State.FAILED:
            # it had begun without its motion, which says nothing
            ticket.state, ticket.problem = State.STOPPED, None

    def _motion_done(self, ticket: Ticket, order: Order) -> None:
        motion = order.motion
        assert motion is not None
        motion.copy.unlink(missing_ok=True)
        warnings = tuple(dict.fromkeys(ticket.warnings))
        facts = dataclasses.replace(motion.facts, warnings=warnings, made=time.time())
        self.motions.finish(motion.folder, facts)
        self.made_at[motion.folder] = motion.changes
        used = {entry.order.motion_folder for entry in self.entries.values()}
        for folder in self.motions.others(motion.folder):
            if folder not in used:
                self.motions.discard(folder)

    def _video_done(self, ticket: Ticket, video: VideoOrder) -> None:
        answer = ticket.results[-1]
        picture, facts = video.report.with_suffix(".png"), read_facts(video.motion)
        result = Result(
            video=video.out,
            generator=str(answer.get("generator", video.generator)),
            prompt=str(video.options.get("prompt", "")),
            seed=video.options.get("seed"),
            summary=str(answer.get("summary", "")),
            report=video.report if video.report.is_file() else None,
            picture=picture if picture.is_file() else None,
            made=time.time(),
            frames=facts.frames if facts else (1, 1),
        )
        self.results.finish(video.folder, video.scene, result)

    # ------------------------------------------------------------------------------------------------------ questions

    def describe(self) -> None:
        """Ask the engine what it has, unless it is being asked."""
        if not any(ticket.job.name == "describe" for ticket in self._questions):
            self._ask("describe", {}, self._described)

    def estimate(self, request: Mapping[str, Any]) -> Estimate | None:
        """What a video would cost, from memory; where that is not known it is asked for, once the settings rest.

        `request` has the fields of the engine's "estimate".
        """
        key = json.dumps(request, sort_keys=True, default=str)
        if key in self._estimates:
            return self._estimates[key]
        if self._wanted is None or self._wanted[0] != key:
            self._wanted = key, dict(request), time.monotonic()
        return None

    def _ask_for_estimate(self) -> None:
        if self._wanted is None or time.monotonic() - self._wanted[2] < PATIENCE_SECONDS:
            return
        # behind a long job the answer would come when the settings are others
        if self._questions or self.running is not None or not self.knowledge.is_there:
            return
        (key, request, _), self._wanted = self._wanted, None
        self._ask("estimate", request, lambda ticket: self._estimates.update({key: _estimated(ticket)}))

    def _ask(self, question: str, fields: Mapping[str, Any], answered: Callable[[Ticket], None]) -> None:
        steps = (Step("engine", {"request": question, **fields}),)
        self._questions[self.queue.add(Job(question, steps, self.work / "questions"))] = answered

    def _described(self, ticket: Ticket) -> None:
        self.problem = ticket.problem
        if ticket.state is State.DONE:
            self.knowledge = Knowledge(ticket.results[-1])
        self._estimates.clear()

    def close(self) -> None:
        """End all processes, without waiting; other Blenders may have the motions."""
        self.queue.close()
        self.motions.close()
        self.names.release_all()


def _estimated(ticket: Ticket) -> Estimate:
    if ticket.state is not State.DONE:
        return Estimate(None, None, ticket.problem.message if ticket.problem else "")
    answer = ticket.results[-1]
    return Estimate(answer.get("seconds"), answer.get("bytes"), str(answer.get("basis", "")))


def _remove_frames(video: Path) -> None:
    """Remove the finished frames of a video that will not be made, see `simcraft.paint.kept_folder`."""
    shutil.rmtree(video.with_name(f".{video.name}.frames"), ignore_errors=True)
