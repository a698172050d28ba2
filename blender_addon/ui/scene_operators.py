"""Operators for the camera and the check list."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.app.translations import pgettext_tip as tip
from mathutils import Euler

from ..errors import SceneError
from ..staging import framing
from ..staging.checks import PROBLEMS, findings
from ..staging.fixes import Situation, fix
from ..staging.look import facts_of
from .common import is_object_mode, look_through_camera
from .words import reports_errors


def view_rotation(context: Any) -> Any:
    """How the user looks: as the 3D view is turned, or its camera; from the front right where there is no view."""
    region = context.region_data if context.space_data and context.space_data.type == "VIEW_3D" else None
    if region is None:
        return Euler(framing.USUAL_VIEW).to_matrix()
    if region.view_perspective == "CAMERA" and context.scene.camera is not None:
        return context.scene.camera.matrix_world.to_3x3().normalized()
    return region.view_rotation.to_matrix()


class SIMCRAFT_OT_add_camera(bpy.types.Operator):
    bl_idname = "simcraft.add_camera"
    bl_label = "Add Camera"
    bl_description = (
        "Add a camera that looks the way you look, from where all that moves is in its picture, also where bodies "
        "that fall will lie. It becomes the scene's camera, and the view looks through it"
    )
    bl_options = {"REGISTER", "UNDO"}

    frame: bpy.props.EnumProperty(
        name="Show",
        description="What the picture has to hold",
        items=(
            ("MOVING", "What Moves", "Everything that moves; where nothing does, all meshes that are not vast"),
            ("SELECTED", "Selection", "The selected objects"),
        ),
    )
    lens: bpy.props.FloatProperty(
        name="Focal Length",
        description="In mm on a sensor of 36 mm: 24 is wide and bends depth, 50 sees as people do, 85 is flat",
        default=50.0,
        min=8.0,
        max=300.0,
    )
    reuse: bpy.props.BoolProperty(
        name="Move the Scene's Camera", description="Put the scene's own camera there, instead of adding one"
    )

    @classmethod
    def poll(cls, context: Any) -> bool:
        if not len(context.scene.objects):
            cls.poll_message_set("The scene is empty: add a mesh or a preset first")
        return bool(len(context.scene.objects))

    @reports_errors
    def execute(self, context: Any) -> set[str]:
        scene = context.scene
        context.view_layer.update()
        chosen = [o for o in context.selected_objects if o.type not in ("CAMERA", "LIGHT")]
        if self.frame == "SELECTED" and not chosen:
            raise SceneError("Nothing is selected.", "Select what the picture has to hold, or show what moves.")
        points = framing.points_to_show(scene, chosen if self.frame == "SELECTED" else ())
        if not len(points):
            raise SceneError("There is nothing for a camera to look at.", "Add a mesh or a preset first.")
        rotation = view_rotation(context)
        camera = scene.camera if self.reuse else None
        if camera is None or camera.type != "CAMERA":
            camera = framing.add_camera(scene, context.collection, points, rotation, self.lens)
        else:
            camera.data.lens = self.lens
            framing.place_camera(scene, camera, points, rotation)
        look_through_camera(context)
        self.report({"INFO"}, tip("'{}' is the scene's camera").format(camera.name))
        return {"FINISHED"}


class SIMCRAFT_OT_fix_scene(bpy.types.Operator):
    bl_idname = "simcraft.fix_scene"
    bl_label = "Fix Scene"
    bl_options = {"REGISTER", "UNDO"}

    problem: bpy.props.EnumProperty(
        name="Problem",
        description="What is to be put right",
        items=tuple((name, name.capitalize(), text) for name, text in PROBLEMS.items()),
    )

    @classmethod
    def poll(cls, context: Any) -> bool:
        return is_object_mode(cls, context)

    @classmethod
    def description(cls, context: Any, properties: Any) -> str:
        found = next((f for f in findings(facts_of(context.scene)) if f.problem == properties.problem), None)
        action = tip(PROBLEMS[properties.problem])
        return f"{found.text}\n{action}" if found else action

    @reports_errors
    def execute(self, context: Any) -> set[str]:
        context.view_layer.update()
        done = fix(
            self.problem,
            Situation(
                context.scene,
                context.evaluated_depsgraph_get(),
                context.collection,
                tuple(context.selected_objects),
                view_rotation(context),
            ),
        )
        if done:
            self.report({"INFO"}, done)
        return {"FINISHED"}


CLASSES = (SIMCRAFT_OT_add_camera, SIMCRAFT_OT_fix_scene)
