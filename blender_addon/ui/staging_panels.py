"""Sub-panels of "Scene" with what can be added to it: presets, rigid bodies, fluids, agents."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.app.translations import pgettext_iface as iface

from .._format import recording_format as fmt
from ..staging.fluids import FluidWish
from ..staging.presets import find_preset
from .physics_operators import fluid_cost
from .scene_state import COUNTS
from .sidebar import SidebarPanel
from .words import draw_text


class _Part(SidebarPanel):
    bl_parent_id = "SIMCRAFT_PT_scene"


class SIMCRAFT_PT_presets(_Part, bpy.types.Panel):
    """Scenes that are ready to be simulated"""

    bl_idname = "SIMCRAFT_PT_presets"
    bl_label = "Presets"
    bl_order = 0

    def draw(self, context: Any) -> None:
        layout, stage = self.layout, context.window_manager.simcraft_stage
        layout.template_icon_view(stage, "preset", show_labels=True, scale=6.0, scale_popup=7.2)
        preset = find_preset(stage.preset)
        draw_text(layout, context, preset.prompt)
        layout.prop(stage, "seed")
        text = iface("Add {}").format(preset.title)
        added = layout.operator("simcraft.add_preset", text=text, icon="ADD", translate=False)
        added.name, added.seed = stage.preset, stage.seed


class SIMCRAFT_PT_rigid(_Part, bpy.types.Panel):
    """Let the selected meshes fall, roll and topple"""

    bl_idname = "SIMCRAFT_PT_rigid"
    bl_label = "Rigid Bodies"
    bl_order = 1

    def draw(self, context: Any) -> None:
        layout, stage = self.layout, context.window_manager.simcraft_stage
        layout.prop(stage, "substance", text="", icon="MATERIAL")
        row = layout.row(align=True)
        for kind, text in (("ACTIVE", "Active"), ("PASSIVE", "Passive")):
            made = row.operator("simcraft.make_rigid", text=text)
            made.kind, made.substance = kind, stage.substance


class SIMCRAFT_PT_fluids(_Part, bpy.types.Panel):
    """Smoke, fire, liquids and soft materials, which come from what is selected"""

    bl_idname = "SIMCRAFT_PT_fluids"
    bl_label = "Fluids and Materials"
    bl_options = {"DEFAULT_CLOSED"}
    bl_order = 2

    def draw(self, context: Any) -> None:
        layout, stage = self.layout, context.window_manager.simcraft_stage
        layout.prop(stage, "resolution")
        layout.row(align=True).prop(stage, "fluid", expand=True)
        layout.prop(stage, "solver")
        wish = FluidWish(stage.fluid, stage.resolution)
        draw_text(layout, context, fluid_cost(context, wish))
        text = iface("Add {}").format(iface(fmt.KINDS[stage.fluid].title))
        added = layout.operator("simcraft.add_fluid", text=text, icon="ADD", translate=False)
        added.kind, added.resolution, added.solver = stage.fluid, stage.resolution, stage.solver
        layout.separator()
        layout.row(align=True).prop(stage, "material", expand=True)
        text = iface("Add {}").format(iface(stage.material.capitalize()))
        added = layout.operator("simcraft.add_material", text=text, icon="ADD", translate=False)
        added.material, added.resolution = stage.material, stage.resolution


class SIMCRAFT_PT_agents(_Part, bpy.types.Panel):
    """Birds, people and cars, which go their own ways"""

    bl_idname = "SIMCRAFT_PT_agents"
    bl_label = "Flocks, Crowds, Traffic"
    bl_options = {"DEFAULT_CLOSED"}
    bl_order = 3

    def draw(self, context: Any) -> None:
        layout, stage = self.layout, context.window_manager.simcraft_stage
        layout.row(align=True).prop(stage, "agents", expand=True)
        if any(obj.type == "MESH" for obj in context.selected_objects):
            column = layout.column(align=True)
            column.label(text="Selected meshes are")
            column.prop(stage, "selection", text="")
        text = iface("Add {} of {}").format(iface(fmt.KINDS[stage.agents].title), COUNTS[stage.agents])
        added = layout.operator("simcraft.add_agents", text=text, icon="ADD", translate=False)
        added.kind, added.selection = stage.agents, stage.selection


CLASSES = (SIMCRAFT_PT_presets, SIMCRAFT_PT_rigid, SIMCRAFT_PT_fluids, SIMCRAFT_PT_agents)
