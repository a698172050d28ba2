"""What is going on with the engine: the job that installs or tests it, and what it has said of itself."""

from __future__ import annotations

import atexit
import time
from pathlib import Path
from typing import Any

import bpy

from .. import controller, preferences
from ..engine_setup import plans
from ..engine_setup.errors import SetupError
from ..engine_setup.request import Installation
from ..jobs import JobQueue, Problem, State, Ticket

TICK_SECONDS = 0.1
_queue: JobQueue | None = None
_said: dict[str, Any] | None = None

ticket: Ticket | None = None
"""The newest job; None before there was one."""


def is_busy() -> bool:
    """Is an engine being installed or tested?"""
    return ticket is not None and not ticket.state.ended


def said() -> dict[str, Any] | None:
    """What the engine has said of itself when it was last tested; None before."""
    return _said


def problem() -> Problem | None:
    """Why the newest job has failed."""
    return ticket.problem if ticket is not None else None


def log() -> Path:
    """What the newest job has printed, or the installation, before there was one."""
    return preferences.engine_folder() / plans.LOG if ticket is None else ticket.job.log


def begin_installation(request: Installation) -> Ticket:
    """Start to install an engine. Raises `SetupError` where its folder cannot be made."""
    try:
        request.folder.mkdir(parents=True, exist_ok=True)
        job = plans.installation_job(request)
    except OSError as error:
        raise SetupError(
            f"{request.folder} cannot be made: {error.strerror}.", "Choose another folder in the preferences."
        ) from None
    # an engine that runs may hold files that are to be replaced
    controller.close()
    return _begin(job)


def begin_test() -> Ticket:
    """Start the engine, to ask what it is."""
    return _begin(plans.test_job(Path(bpy.app.tempdir) / "simcraft engine test"))


def _begin(job: Any) -> Ticket:
    global _queue, _said, ticket
    close()
    _said = None
    blender = "" if getattr(bpy.app, "module", False) else bpy.app.binary_path
    _queue = JobQueue(preferences.engine_command, lambda _: plans.installer(blender))
    ticket = _queue.add(job)
    pump()
    if not bpy.app.background and not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=TICK_SECONDS, persistent=True)
    return ticket


def pump() -> bool:
    """Look how far the job is; returns whether anything has changed. An ended job leaves no process behind."""
    global _queue
    if _queue is None or ticket is None:
        return False
    changed = bool(_queue.pump())
    if ticket.state.ended:
        _queue.close()
        _queue = None
        if ticket.state is State.DONE:
            _use(ticket)
    return changed


def _use(done: Ticket) -> None:
    """Keep what the engine has said; one that was just installed is used from now on."""
    global _said, ticket
    if done.job.name == plans.INSTALLATION:
        # one that was started meanwhile may be of the version before
        controller.close()
        settings = preferences.addon_preferences()
        if settings is not None:
            # said in full, so that a newer Blender with these preferences finds it as well
            settings.engine_folder = str(done.job.work)
    ticket, _said = done, done.results[-1]


def wait() -> None:
    """Look until the job has ended: for `blender -b`, where timers stand still. Its stages are printed."""
    told = ""
    while is_busy():
        pump()
        if ticket is not None and ticket.stage != told:
            told = ticket.stage
            print(told, flush=True)
        time.sleep(TICK_SECONDS / 2)


def cancel() -> None:
    """Stop the job; an installation goes on from here when it is begun again."""
    if _queue is not None and ticket is not None:
        _queue.cancel(ticket)


def forget() -> None:
    """Drop what is known: the engine is another one now."""
    global _said, ticket
    if not is_busy():
        _said, ticket = None, None


def close() -> None:
    """End the job and its processes."""
    global _queue
    if _queue is not None:
        _queue.close()
        _queue = None


def _tick() -> float | None:
    """The timer: while there is a job."""
    if pump():
        for window in bpy.context.window_manager.windows:
            for area in window.screen.areas:
                if area.type in {"PREFERENCES", "VIEW_3D"}:
                    area.tag_redraw()
    return TICK_SECONDS if is_busy() else None


CLASSES = ()


def register_more() -> None:
    """See that no process stays when Blender quits."""
    atexit.register(close)


def unregister_more() -> None:
    """Undo `register_more`; an installation that runs is stopped."""
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    atexit.unregister(close)
    close()
    forget()
