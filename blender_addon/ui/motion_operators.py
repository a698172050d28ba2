"""Operators that simulate a scene and show its motion."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.app.translations import pgettext_tip as tip

from .. import controller
from ..control.changes import uncounted
from ..errors import RecordFailure, SceneError
from ..jobs import Problem, State
from ..overlay import LAYERS, hide_overlay, layer_footage, show_overlay, shown_layer
from ..showing.image_editor import show_footage
from .words import reports_errors

LAYER_ITEMS = tuple((layer.name, layer.title, layer.description, layer.number) for layer in LAYERS)


class SIMCRAFT_OT_simulate_motion(bpy.types.Operator):
    """Simulate the scene and observe it."""

    bl_idname = "simcraft.simulate_motion"
    bl_label = "Simulate and Observe"
    bl_description = (
        "Work out what moves in this scene and what its camera sees of that, without painting a video. It happens "
        "beside Blender: go on working meanwhile. Videos use it until the scene changes"
    )

    @classmethod
    def poll(cls, context: Any) -> bool:
        scene = context.scene
        if isinstance(command := controller.engine_command(), Problem):
            cls.poll_message_set(command.message)
        elif scene.camera is None and not any(marker.camera for marker in scene.timeline_markers):
            cls.poll_message_set("The scene has no camera")
        elif scene.frame_end <= scene.frame_start:
            cls.poll_message_set("The scene has one frame only, in which nothing can move")
        else:
            return True
        return False

    @reports_errors
    def execute(self, context: Any) -> set[str]:
        ticket = controller.simulate(context.scene)
        if bpy.app.background:
            controller.wait([ticket])
            for warning in ticket.warnings:
                self.report({"WARNING"}, warning)
            if ticket.problem is not None:
                raise RecordFailure(ticket.problem.message, ticket.problem.fix)
            if ticket.state is not State.DONE:
                raise RecordFailure(f"'{ticket.job.name}' was stopped.")
        return {"FINISHED"}


class SIMCRAFT_OT_show_motion(bpy.types.Operator):
    """Show the motion of the scene."""

    bl_idname = "simcraft.show_motion"
    bl_label = "Show Motion"
    bl_options = {"REGISTER", "UNDO"}

    layer: bpy.props.EnumProperty(name="Layer", description="What to look at", items=LAYER_ITEMS)
    where: bpy.props.EnumProperty(
        name="Where",
        description="Where to look at it",
        items=(
            ("CAMERA", "Camera View", "Over the camera's view in 3D viewports; it is not rendered", 1),
            ("EDITOR", "Image Editor", "In an Image Editor, playing with the timeline", 2),
        ),
    )
    alpha: bpy.props.FloatProperty(
        name="Opacity", description="How opaque it lies over the view", subtype="FACTOR", default=0.7, min=0.0, max=1.0
    )

    @classmethod
    def description(cls, context: Any, properties: Any) -> str:
        what = next(layer.description for layer in LAYERS if layer.name == properties.layer)
        if properties.where == "EDITOR":
            return tip("Look at it in an Image Editor, playing with the timeline: {}").format(tip(what))
        return tip("Lay it over the camera's view in the 3D viewport; it is not rendered: {}").format(tip(what))

    @classmethod
    def poll(cls, context: Any) -> bool:
        if controller.motion_of(context.scene) is None:
            cls.poll_message_set("There is no motion yet: simulate the scene first")
            return False
        return True

    @reports_errors
    def execute(self, context: Any) -> set[str]:
        scene, motion = context.scene, controller.motion_of(context.scene)
        if motion is None:
            raise SceneError("There is no motion yet.", "Simulate the scene first.")
        start = motion.frames[0]
        with uncounted():
            if self.where == "EDITOR":
                show_footage(context, layer_footage(motion.overlays, self.layer, start))
            else:
                show_overlay(scene, motion.overlays, self.layer, start, self.alpha)
                look_through_camera(context)
        if scene.frame_step > 1:
            self.report(
                {"WARNING"}, tip("The scene's frame step is {}: pictures and frames part").format(scene.frame_step)
            )
        return {"FINISHED"}


class SIMCRAFT_OT_hide_motion(bpy.types.Operator):
    """Show no motion over the camera's view any more"""

    bl_idname = "simcraft.hide_motion"
    bl_label = "Hide Motion"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Any) -> bool:
        if shown_layer(context.scene) is None:
            cls.poll_message_set("No motion lies over the camera's view")
            return False
        return True

    @reports_errors
    def execute(self, context: Any) -> set[str]:
        with uncounted():
            hide_overlay(context.scene)
        return {"FINISHED"}


def look_through_camera(context: Any) -> None:
    """Turn the 3D viewport in which a button was pressed to the camera's view."""
    space = context.space_data
    if space is not None and space.type == "VIEW_3D" and space.region_3d is not None:
        space.region_3d.view_perspective = "CAMERA"


CLASSES = (SIMCRAFT_OT_simulate_motion, SIMCRAFT_OT_show_motion, SIMCRAFT_OT_hide_motion)
