"""Properties of scenes that are those of what their cameras show: nothing is stored, nothing simulated again."""

from __future__ import annotations

from typing import Any

import bpy

from ..control.changes import uncounted
from ..overlay import PURPOSE as MOTION
from ..showing.camera_background import in_front, opacity, set_in_front, set_opacity

VIDEO = "video"
"""What a video is shown for."""
CLASSES = ()


def _opacity_of(purpose: str) -> Any:
    def get(scene: Any) -> float:
        return opacity(scene, purpose)

    def put(scene: Any, value: float) -> None:
        with uncounted():
            set_opacity(scene, purpose, value)

    return bpy.props.FloatProperty(
        name="Opacity",
        description="How opaque it lies over the camera's view",
        subtype="FACTOR",
        min=0.0,
        max=1.0,
        get=get,
        set=put,
        options={"SKIP_SAVE"},
    )


def _get_in_front(scene: Any) -> bool:
    return in_front(scene, VIDEO)


def _put_in_front(scene: Any, value: bool) -> None:
    with uncounted():
        set_in_front(scene, VIDEO, value)


def register_more() -> None:
    """Let scenes have them."""
    bpy.types.Scene.simcraft_motion_opacity = _opacity_of(MOTION)
    bpy.types.Scene.simcraft_video_opacity = _opacity_of(VIDEO)
    bpy.types.Scene.simcraft_video_in_front = bpy.props.BoolProperty(
        name="In Front",
        description="Show the video over the scene instead of behind it",
        get=_get_in_front,
        set=_put_in_front,
        options={"SKIP_SAVE"},
    )


def unregister_more() -> None:
    """Undo `register_more`."""
    del bpy.types.Scene.simcraft_motion_opacity
    del bpy.types.Scene.simcraft_video_opacity
    del bpy.types.Scene.simcraft_video_in_front
