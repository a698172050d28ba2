"""The operator that adds a shipped scene."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.app.translations import pgettext_tip as tip

from ..properties import as_set, blender_property
from ..staging.presets import build_preset, find_preset, presets
from .common import is_object_mode
from .words import draw_text, reports_errors

LOOK = "look"
"""Before the names of properties that change a preset's look."""


def property_name(family: str, parameter: str) -> str:
    """The operator's property for a parameter of a family, or of the look."""
    return f"{family}_{parameter}"


class SIMCRAFT_OT_add_preset(bpy.types.Operator):
    bl_idname = "simcraft.add_preset"
    bl_label = "Add Preset Scene"
    bl_description = (
        "Build this scene as a new one, with its camera, light, frames and prompt, and show it. The scenes of this "
        "file stay as they are; choose between them at the top right of the window"
    )
    bl_options = {"REGISTER", "UNDO"}
    bl_property = "name"

    @classmethod
    def poll(cls, context: Any) -> bool:
        return is_object_mode(cls, context)

    @reports_errors
    def execute(self, context: Any) -> set[str]:
        scene = build_preset(self.name, self.seed, self._changes())
        show_scene(context, scene)
        self.report({"INFO"}, tip("Scene '{}': {}").format(scene.name, scene["caption"]))
        return {"FINISHED"}

    def _changes(self) -> dict[str, Any]:
        """The parameters that somebody has set; what is not set is drawn by the seed."""
        preset = find_preset(self.name)
        named = {property_name(preset.name, p.name): p.name for p in preset.parameters}
        named |= {property_name(LOOK, p.name): p.name for p in preset.look}
        return {
            parameter: as_set(getattr(self, name))
            for name, parameter in named.items()
            if self.properties.is_property_set(name)
        }

    def draw(self, context: Any) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "name")
        layout.prop(self, "seed")
        preset = find_preset(self.name)
        for parameter in preset.parameters:
            layout.prop(self, property_name(preset.name, parameter.name))
        layout.prop(self, "shows_look")
        if self.shows_look:
            for parameter in preset.look:
                layout.prop(self, property_name(LOOK, parameter.name))
        draw_text(layout, context, tip("With a seed other than {}, what you leave alone is drawn").format(preset.seed))


def show_scene(context: Any, scene: Any) -> None:
    """Let the window show `scene`, and its 3D views what the scene's camera sees, with textures."""
    if context.window is None:
        return
    context.window.scene = scene
    for area in context.window.screen.areas:
        if area.type == "VIEW_3D":
            space = area.spaces.active
            space.region_3d.view_perspective = "CAMERA"
            if space.shading.type == "SOLID":
                space.shading.color_type = "TEXTURE"


def _annotations() -> dict[str, Any]:
    """The operator's properties: one for each parameter of each family. None of them keeps its last value."""
    fresh = {"options": {"SKIP_SAVE"}}
    own = {
        "name": bpy.props.EnumProperty(
            name="Preset",
            description="Which scene",
            items=tuple((p.name, p.title, p.prompt) for p in presets()),
        ),
        "seed": bpy.props.IntProperty(
            name="Seed",
            description="Draws what is not set; 7 makes the scene of the picture",
            default=7,
            min=0,
            max=2**31 - 1,
            **fresh,
        ),
        "shows_look": bpy.props.BoolProperty(
            name="Look", description="Show what changes ground, sky, sun, paint and camera", **fresh
        ),
    }
    for preset in presets():
        own |= {property_name(preset.name, p.name): blender_property(p, **fresh) for p in preset.parameters}
        own |= {property_name(LOOK, p.name): blender_property(p, **fresh) for p in preset.look}
    return own


# not in the class: Python 3.14 makes annotations in a way of its own
SIMCRAFT_OT_add_preset.__annotations__ = _annotations()
CLASSES = (SIMCRAFT_OT_add_preset,)
