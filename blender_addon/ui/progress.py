"""How far a job is, in panels; each job in one of them."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.app.translations import pgettext_iface as word

from .. import controller
from ..control.ordering import key_of
from ..jobs import State, Ticket

HAS_PROGRESS_BARS = bpy.app.version >= (4, 0, 0)
STAGES = {
    "start Blender": "Starting Blender",
    "start engine": "Starting the engine",
    "open": "Opening the scene",
    "simulate": "Simulating",
    "replay": "Replaying",
    "render": "Rendering the first frame",
    "save": "Saving",
    "observe": "Observing",
    "load model": "Loading the model",
    "motioncraft": "Painting",
    "warp": "Painting",
    "draw overlays": "Drawing what moves",
    "load clip": "Loading the motion",
    "encode video": "Writing the video",
    "motion of the truth": "Measuring",
    "motion of the video": "Measuring",
    "motion consistency": "Measuring",
    "describe": "Asking the engine",
    "estimate": "Estimating",
    "measure speed": "Estimating",
}
"""What the stages that processes tell of are called here."""


def motion_job(scene: Any, *states: State) -> Ticket | None:
    """The newest job that is in one of these states while it makes the motion of `scene`."""
    session, key = controller.session(), key_of(scene)
    for ticket in reversed(session.tickets):
        entry = session.entries[ticket]
        if ticket.state in states and len(ticket.results) < entry.motion_steps and entry.order.scene == key:
            return ticket
    return None


def is_told_by_motion(ticket: Ticket, scene: Any) -> bool:
    """Is it the panel "Motion" that tells of the job, because its button has begun it? Else "Generate" does."""
    order = controller.session().entries[ticket].order
    return not order.for_video and order.scene == key_of(scene)


def draw_progress(layout: Any, ticket: Ticket, icon: str = "NONE") -> None:
    """How far a job is: a bar, or in a Blender that has none, a line with `icon`."""
    text = word(STAGES.get(ticket.stage, ticket.stage.capitalize()))
    if ticket.eta_seconds:
        text = word("{}, {} left").format(text, duration(ticket.eta_seconds))
    if HAS_PROGRESS_BARS:
        layout.progress(factor=ticket.fraction or 0.0, type="BAR", text=text, translate=False)
    else:
        share = "" if ticket.fraction is None else f" ({ticket.fraction:.0%})"
        layout.label(text=f"{text}{share}", icon=icon, translate=False)


def duration(seconds: float) -> str:
    """About how long that is, in words."""
    if seconds < 1:
        return word("a second")
    if seconds < 90:
        return word("{} s").format(round(seconds))
    if seconds < 5400:
        return word("{} min").format(round(seconds / 60))
    return word("{} h").format(round(seconds / 3600, 1))
