"""What panels and operators ask for: simulate a scene, generate videos of it, and what there is of it already.

Nothing here waits: work is queued, other processes do it, and a timer looks every tenth of a second how far they are.
Under `blender -b` timers stand still; there `wait` looks instead.
"""

from __future__ import annotations

import atexit
import contextlib
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bpy
from bpy.app.handlers import persistent

from . import preferences, scene_settings
from .control import changes, machine, ordering
from .control.kept import Motion, Result
from .control.options import Knowledge, options_of
from .control.session import Estimate, Session
from .control.stores import Facts
from .errors import SceneError
from .jobs import EngineCommand, Problem, State, Ticket

CLASSES = ()
TICK_SECONDS = 0.1
ENGINE_SECONDS = 1.0
"""Between two looks at whether the preferences name another engine."""
SIGNATURE_SECONDS = 0.3
"""How old what is said of a scene while drawing may be."""

_session: Session | None = None
_engine: EngineCommand | Problem | None = None
_engine_seen = 0.0
_curious = False
"""Somebody wants to know what the engine has."""
_facts: dict[str, tuple[float, int, Facts]] = {}
"""What is known of scenes: when it was found out, at how many changes, and what."""


def session() -> Session:
    """The one of this Blender. Nothing is started by asking for it."""
    global _session
    if _session is None:
        _session = Session(preferences.work_folder(), machine.engine_command, machine.blender_command)
        scene_settings.generators = lambda: session().knowledge.generators
        scene_settings.models = lambda: session().knowledge.models
    return _session


# -------------------------------------------------------------------------------------------------------------- orders


def simulate(scene: Any) -> Ticket:
    """Queue what makes the motion of `scene` anew: recorded, simulated, observed, with its overlays.

    Raises `SceneError` where the scene or its settings are wrong, or there is no engine; nothing is queued then.
    """
    need_engine()
    motion = ordering.order_motion(session(), scene)
    return session().add(ordering.orders_of(scene, motion, [])[0])


def generate(scene: Any, *, seed: int | None = None, variations: int | None = None, output: str = "") -> list[Ticket]:
    """Queue jobs that make a video of `scene`, one for each variation; the motion first where it is not up to date.

    `seed`, `variations` and `output` (a path, // is the folder of the .blend) are the scene's own where they are not
    given. A video that follows motion arrows needs the motion, too: what its first frame shows, and the camera.
    Returns all jobs, a last one for each video. Raises as `simulate` does, and as `followed_arrows`.
    """
    need_engine()
    settings = scene.simcraft
    if not knowledge().knows(settings.generator):
        know_engine()
    arrows = ordering.order_arrows(session(), scene)
    folder = _usable_motion(scene)
    motion = ordering.order_motion(session(), scene) if folder is None else None
    try:
        videos = ordering.order_videos(
            session(),
            scene,
            folder or motion.folder,  # type: ignore[union-attr]
            arrows,
            seed=settings.seed if seed is None else seed,
            variations=variations or settings.variations,
            output=output or settings.output,
        )
        orders = ordering.orders_of(scene, motion, videos)
    except BaseException:
        if motion is not None:
            session().motions.discard(motion.folder)
        raise
    return [session().add(order) for order in orders]


def _usable_motion(scene: Any) -> Path | None:
    """The folder of a motion that is right for the scene as it is, finished or in the making."""
    bpy.context.view_layer.update()
    _facts.clear()
    motion = motion_of(scene)
    if motion is not None and motion.up_to_date:
        return motion.folder
    facts = ordering.motion_facts(scene)
    for ticket in session().tickets:
        entry = session().entries[ticket]
        order = entry.order.motion
        if order is None or not entry.motion_steps or ticket.state in (State.STOPPING, State.STOPPED, State.FAILED):
            continue
        same = (order.facts.scene, order.facts.signature, order.changes) == (
            facts.scene,
            facts.signature,
            changes.count,
        )
        if same:
            return order.folder
    return None


# ----------------------------------------------------------------------------------------------------------- the engine


def need_engine() -> None:
    """Raise `SceneError` where the preferences name no engine that could be started."""
    if isinstance(command := engine_command(), Problem):
        raise SceneError(command.message, command.fix)


def engine_command() -> EngineCommand | Problem:
    """How the engine is started; asked of the preferences once a second."""
    global _engine, _engine_seen
    now = time.monotonic()
    if _engine is None or now - _engine_seen > ENGINE_SECONDS:
        before, _engine, _engine_seen = _engine, machine.engine_command(), now
        if before is not None and before != _engine:
            session().knowledge, session().problem = Knowledge(), None
    return _engine


def knowledge() -> Knowledge:
    """What the engine has said of itself. Empty at first: it is asked in the background."""
    global _curious
    _curious = True
    return session().knowledge


def know_engine() -> None:
    """Under `blender -b`, wait until the engine has said what it has. Raises `SceneError` where that is not known."""
    session().describe()
    if not bpy.app.background:
        raise SceneError("The engine is starting and has not said yet what it has.", "Try again in a few seconds.")
    while not session().knowledge.is_there:
        session().pump()
        if session().problem is not None:
            raise SceneError(session().problem.message, session().problem.fix)  # type: ignore[union-attr]
        time.sleep(TICK_SECONDS / 2)


def estimate_of(scene: Any) -> Estimate | None:
    """What the scene's video will cost; None while that is not known: it is asked for in the background."""
    settings = scene.simcraft
    if not session().knowledge.is_there:
        return None
    try:
        facts = _now(scene)
    except SceneError:
        return None
    options = options_of(settings, session().knowledge)
    # they change the picture, and not how long it takes
    for name in ("seed", "prompt", "negative_prompt"):
        options.pop(name, None)
    frames = (facts.frames[1] - facts.frames[0]) // max(1, scene.frame_step) + 1
    size = list(facts.size)
    return session().estimate({"generator": settings.generator, "options": options, "size": size, "frames": frames})


# ------------------------------------------------------------------------------------------------------- what there is


def motion_of(scene: Any) -> Motion | None:
    """The newest finished motion of `scene`; None where it was never simulated. Cheap: may be called while drawing."""
    found = session().motions.find(ordering.key_of(scene))
    if found is None:
        return None
    folder, facts = found
    try:
        now = _now(scene)
    except SceneError:
        return Motion(folder, False, facts.warnings, facts.frames, facts.size)
    # it knows all changes of this session, or the file that it was made from holds what is open
    unchanged = session().made_at.get(folder) == changes.count or (now.stamp is not None and now.stamp == facts.stamp)
    up_to_date = unchanged and facts.signature == now.signature
    return Motion(folder, up_to_date, facts.warnings, facts.frames, facts.size)


def _now(scene: Any) -> Facts:
    """`ordering.motion_facts`, a moment old at most. Raises `SceneError`."""
    key, now = ordering.key_of(scene), time.monotonic()
    told = _facts.get(key)
    if told is None or told[1] != changes.count or now - told[0] > SIGNATURE_SECONDS:
        told = _facts[key] = now, changes.count, ordering.motion_facts(scene)
    return told[2]


def result_of(scene: Any) -> Result | None:
    """The newest video of `scene`, and through it the earlier ones; None where there is none. Cheap."""
    return session().results.find(ordering.key_of(scene))


# ------------------------------------------------------------------------------------------------------------- looking


def wait(tickets: Sequence[Ticket]) -> None:
    """Look at the queue until these jobs have ended: for `blender -b` and for scripts. Progress is printed."""
    told: dict[int, str] = {}
    while not all(ticket.state.ended for ticket in tickets):
        session().pump()
        for ticket in tickets:
            line = f"{ticket.job.name}: {ticket.stage}" if ticket.stage else ""
            if line and told.get(id(ticket)) != line:
                told[id(ticket)] = line
                print(line, flush=True)
        time.sleep(TICK_SECONDS / 2)
    session().pump()


def _tick() -> float:
    """The timer."""
    try:
        _look()
    except Exception:
        # a timer that raises is never called again, and no job would ever end
        traceback.print_exc()
        return ENGINE_SECONDS
    return TICK_SECONDS


def _look() -> None:
    command = engine_command()
    asked_for = _curious and not session().knowledge.is_there and session().problem is None
    if asked_for and isinstance(command, EngineCommand):
        session().describe()
    if session().pump():
        redraw()


def redraw() -> None:
    """Let the sidebars that show our panels be drawn again; not the views beside them, which may take long."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                for region in area.regions:
                    if region.type == "UI":
                        region.tag_redraw()


@persistent
def _after_load(*_: Any) -> None:
    changes.file_was_loaded()
    ordering.file_was_loaded()
    _facts.clear()
    if _session is not None:
        _session.results.forget()
        _session.motions.forget()


@persistent
def _before_save(*_: Any) -> None:
    changes.before_save()


@persistent
def _after_save(*_: Any) -> None:
    """The motions of the file that was saved are still right, also when it has another name now."""
    before = changes.after_save()
    if before is not None and _session is not None:
        for scene in bpy.data.scenes:
            key = ordering.key_of(scene, before)
            found = _session.motions.find(key)
            if found is not None and _session.made_at.get(found[0]) == changes.count:
                with contextlib.suppress(OSError):
                    _session.motions.rename(key, ordering.key_of(scene), changes.stamp_of_file())
    _facts.clear()


_HANDLERS = (("load_post", _after_load), ("save_pre", _before_save), ("save_post", _after_save))


def close() -> None:
    """End all processes of ours. They would also leave by themselves when this Blender is gone."""
    global _session, _engine, _curious
    if _session is not None:
        _session.close()
    _session, _engine, _curious = None, None, False


def register_more() -> None:
    """Look after the queue, and after what happens to the file."""
    changes.start()
    for name, function in _HANDLERS:
        getattr(bpy.app.handlers, name).append(function)
    atexit.register(close)
    if not bpy.app.background:
        bpy.app.timers.register(_tick, first_interval=TICK_SECONDS, persistent=True)


def unregister_more() -> None:
    """Undo `register_more`; jobs that run are stopped."""
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    for name, function in _HANDLERS:
        handlers = getattr(bpy.app.handlers, name)
        if function in handlers:
            handlers.remove(function)
    changes.stop()
    atexit.unregister(close)
    close()
