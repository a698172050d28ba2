"""What operators and panels have in common that is about the window."""

from __future__ import annotations

from typing import Any


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
