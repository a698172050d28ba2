"""The sub-panel with the settings of the active object's simulation or role, drawn from the table of effects."""

from __future__ import annotations

from typing import Any

import bpy

from .._format import recording_format as fmt
from ..properties import IGNORE, NONE, role_group
from .sidebar import SidebarPanel
from .words import draw_text


class SIMCRAFT_PT_effect(SidebarPanel, bpy.types.Panel):
    """How the active object takes part in SimCraft's simulations"""

    bl_idname = "SIMCRAFT_PT_effect"
    bl_label = "Active Object"
    bl_parent_id = "SIMCRAFT_PT_scene"
    bl_options = {"DEFAULT_CLOSED"}
    bl_order = 4

    @classmethod
    def poll(cls, context: Any) -> bool:
        return context.object is not None

    def draw(self, context: Any) -> None:
        layout, obj = self.layout, context.object
        layout.use_property_split = True
        layout.use_property_decorate = False
        own = obj.simcraft
        layout.label(text=obj.name, icon="OBJECT_DATA", translate=False)
        if own.role == NONE:
            layout.prop(own, "kind", text="Domain of")
        if own.kind != NONE:
            _draw_domain(layout, context, own)
        else:
            _draw_role(layout, context, obj)


def _draw_domain(layout: Any, context: Any, own: Any) -> None:
    kind = fmt.KINDS[own.kind]
    if "obstacle" in kind.roles:
        layout.prop(own, "collide")
    _draw_settings(layout, getattr(own, own.kind), kind.parameters)


def _draw_role(layout: Any, context: Any, obj: Any) -> None:
    own = obj.simcraft
    layout.prop(own, "role")
    if own.role == NONE:
        return
    layout.prop(own, "domain")
    if own.role == IGNORE:
        return
    kinds = _kinds(context.scene, own)
    if not kinds:
        draw_text(layout, context, "No simulation in this scene has a use for this role", icon="INFO")
    for kind in kinds:
        parameters = fmt.KINDS[kind].roles[own.role]
        if len(kinds) > 1 and parameters:
            layout.label(text=fmt.KINDS[kind].title)
        if parameters:
            _draw_settings(layout, getattr(own, role_group(kind, own.role)), parameters)


def _kinds(scene: Any, own: Any) -> list[str]:
    """The kinds of effects in which an object with a role takes part, each once."""
    domains = [own.domain] if own.domain is not None else scene.objects
    found = dict.fromkeys(obj.simcraft.kind for obj in domains if obj.simcraft.kind != NONE)
    return [kind for kind in found if own.role in fmt.KINDS[kind].roles]


def _draw_settings(layout: Any, group: Any, parameters: tuple[Any, ...]) -> None:
    column = layout.column()
    for parameter in parameters:
        column.prop(group, parameter.name)


CLASSES = (SIMCRAFT_PT_effect,)
