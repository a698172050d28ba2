"""Operators that simulate a scene and show its motion."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.app.translations import pgettext_tip as tip

from .. import controller
from ..control.changes import uncounted
from ..control.kept import Motion
from ..errors import SceneError
from ..overlay import LAYERS, hide_overlay, layer_footage, show_overlay, shown_layer
from ..showing.image_editor import show_footage
from .common import look_through_camera, see_to_the_end, why_no_motion
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
        if reason := why_no_motion(context.scene):
            cls.poll_message_set(reason)
        return not reason

    @reports_errors
    def execute(self, context: Any) -> set[str]:
        return see_to_the_end(self, [controller.simulate(context.scene)])


class MotionOperator:
    """What the operators of one layer of the motion share."""

    layer: bpy.props.EnumProperty(name="Layer", description="What to look at", items=LAYER_ITEMS)
    where = ""
    """What its tooltip says before it tells of the layer."""

    @classmethod
    def description(cls, context: Any, properties: Any) -> str:
        layer = next(layer for layer in LAYERS if layer.name == properties.layer)
        return tip(cls.where).format(tip(layer.description))

    @classmethod
    def poll(cls, context: Any) -> bool:
        if controller.motion_of(context.scene) is None:
            cls.poll_message_set("There is no motion yet: simulate the scene first")  # type: ignore[attr-defined]
            return False
        return True

    def motion(self, scene: Any) -> Motion:
        """The motion of the scene. Raises `SceneError` where there is none."""
        motion = controller.motion_of(scene)
        if motion is None:
            raise SceneError("There is no motion yet.", "Simulate the scene first.")
        if scene.frame_step > 1:
            text = tip("The scene's frame step is {}: pictures and frames part").format(scene.frame_step)
            self.report({"WARNING"}, text)  # type: ignore[attr-defined]
        return motion


class SIMCRAFT_OT_show_motion(MotionOperator, bpy.types.Operator):
    """Lay the motion of the scene over its camera's view."""

    bl_idname = "simcraft.show_motion"
    bl_label = "Show Motion"
    bl_options = {"REGISTER", "UNDO"}
    where = "Lay it over the camera's view in the 3D viewport; it is not rendered: {}"

    alpha: bpy.props.FloatProperty(
        name="Opacity", description="How opaque it lies over the view", subtype="FACTOR", default=0.7, min=0.0, max=1.0
    )

    @reports_errors
    def execute(self, context: Any) -> set[str]:
        motion = self.motion(context.scene)
        with uncounted():
            show_overlay(context.scene, motion.overlays, self.layer, motion.frames[0], self.alpha)
        look_through_camera(context)
        return {"FINISHED"}


class SIMCRAFT_OT_open_motion(MotionOperator, bpy.types.Operator):
    """Look at the motion of the scene in an Image Editor."""

    bl_idname = "simcraft.open_motion"
    bl_label = "Open Motion in Image Editor"
    bl_options = {"REGISTER"}
    where = "Look at it in an Image Editor, playing with the timeline: {}"

    @reports_errors
    def execute(self, context: Any) -> set[str]:
        motion = self.motion(context.scene)
        with uncounted():
            show_footage(context, layer_footage(motion.overlays, self.layer, motion.frames[0]))
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


CLASSES = (SIMCRAFT_OT_simulate_motion, SIMCRAFT_OT_show_motion, SIMCRAFT_OT_open_motion, SIMCRAFT_OT_hide_motion)
