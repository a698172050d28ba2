"""What operators have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import bpy
from bpy.app.translations import pgettext_tip as tip

from .. import controller
from ..errors import RecordFailure
from ..jobs import Problem, State, Ticket


def is_object_mode(cls: Any, context: Any) -> bool:
    """For the `poll` of an operator `cls`: no mesh is being edited; else the button says why it is grey."""
    if context.mode != "OBJECT":
        cls.poll_message_set("Leave the edit mode first (Tab)")
    return bool(context.mode == "OBJECT")


def select_only(context: Any, obj: Any) -> None:
    """Let `obj` be the only one that is selected, and the active one."""
    for other in context.selected_objects:
        other.select_set(False)
    obj.select_set(True)
    context.view_layer.objects.active = obj


def look_through_camera(context: Any) -> None:
    """Turn the 3D viewport in which a button was pressed to the camera's view."""
    space = context.space_data
    if space is not None and space.type == "VIEW_3D" and space.region_3d is not None:
        space.region_3d.view_perspective = "CAMERA"


def why_no_motion(scene: Any) -> str:
    """Why the motion of the scene cannot be worked out now; empty where it can. Cheap."""
    if isinstance(command := controller.engine_command(), Problem):
        return command.message
    if scene.camera is None and not any(marker.camera for marker in scene.timeline_markers):
        return tip("The scene has no camera")
    if scene.frame_end <= scene.frame_start:
        return tip("The scene has one frame only, in which nothing can move")
    return ""


def see_to_the_end(operator: Any, tickets: Sequence[Ticket]) -> set[str]:
    """In a window, the jobs go on by themselves. Without one, wait for them and report how they ended.

    Raises `RecordFailure` for the first one that has failed or was stopped.
    """
    if not bpy.app.background:
        controller.redraw()
        return {"FINISHED"}
    controller.wait(tickets)
    for ticket in tickets:
        for warning in ticket.warnings:
            operator.report({"WARNING"}, warning)
    for ticket in tickets:
        raise_problem(ticket)
    for ticket in tickets:
        if video := ticket.results[-1].get("video"):
            operator.report({"INFO"}, str(video))
    return {"FINISHED"}


def raise_problem(ticket: Ticket) -> None:
    """Raise `RecordFailure` where a job has ended, and not well."""
    if ticket.problem is not None:
        raise RecordFailure(ticket.problem.message, ticket.problem.fix)
    if ticket.state is not State.DONE:
        raise RecordFailure(f"'{ticket.job.name}' was stopped.")
