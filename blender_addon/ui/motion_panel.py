"""The panel "Motion": what moves, is it still right, how to look at it; and the motion arrows."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.app.translations import pgettext_iface as iface

from .. import controller
from ..arrows import is_shown, shown_arrows
from ..control.options import ARROWS
from ..jobs import State, Ticket
from ..overlay import LAYERS, layers_in, shown_layer
from .progress import draw_progress, is_told_by_motion, motion_job
from .sidebar import SidebarPanel
from .words import draw_text

ICONS = {
    "flow": "COLOR",
    "arrows": "FORCE_WIND",
    "depth": "RENDERLAYERS",
    "instances": "OBJECT_DATA",
    "smoke": "MOD_FLUIDSIM",
    "tracks": "TRACKING_FORWARDS",
}
SHOWN_WARNINGS = 4


class SIMCRAFT_PT_motion(SidebarPanel, bpy.types.Panel):
    """What moves in the scene, as its camera sees it."""

    bl_label = "Motion"
    bl_order = 1

    def draw(self, context: Any) -> None:
        layout, scene = self.layout, context.scene
        motion = controller.motion_of(scene)
        _draw_state(layout, context, motion)
        if motion is None:
            return
        for warning in motion.warnings[:SHOWN_WARNINGS]:
            draw_text(layout.box(), context, warning, "ERROR")
        if len(motion.warnings) > SHOWN_WARNINGS:
            more = iface("... and {} more warnings").format(len(motion.warnings) - SHOWN_WARNINGS)
            layout.label(text=more, translate=False)
        _draw_layers(layout, scene, motion)


class SIMCRAFT_UL_arrows(bpy.types.UIList):
    """The motion arrows of a scene."""

    def draw_item(
        self, context: Any, layout: Any, data: Any, item: Any, icon: int, active_data: Any, active_property: str
    ) -> None:
        there = is_shown(item, context.scene)
        kind = "EMPTY_SINGLE_ARROW" if item.kind == "instance" else "CURVE_PATH"
        row = layout.row(align=True)
        row.active = there
        # whoever has deleted its empty or curve has deleted it, and may take it off the list
        row.prop(item, "name", text="", emboss=False, icon=kind if there else "GHOST_DISABLED")


class SIMCRAFT_PT_arrows(SidebarPanel, bpy.types.Panel):
    """What should move where, for generators that take sparse motion."""

    bl_label = "Motion Arrows"
    bl_parent_id = "SIMCRAFT_PT_motion"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: Any) -> None:
        layout, scene = self.layout, context.scene
        row = layout.row()
        row.template_list(
            "SIMCRAFT_UL_arrows", "", scene, "simcraft_arrows", scene, "simcraft_arrow_index", rows=3, sort_lock=True
        )
        buttons = row.column(align=True)
        buttons.operator("simcraft.add_arrow", text="", icon="ADD")
        buttons.operator("simcraft.remove_arrow", text="", icon="REMOVE")
        buttons.separator()
        buttons.operator("simcraft.add_arrow_from_stroke", text="", icon="GREASEPENCIL")
        buttons.operator("simcraft.select_arrow", text="", icon="RESTRICT_SELECT_OFF")
        if 0 <= scene.simcraft_arrow_index < len(scene.simcraft_arrows):
            _draw_arrow(layout, scene.simcraft_arrows[scene.simcraft_arrow_index])
        layout.operator("simcraft.save_arrows", icon="EXPORT")
        settings, knowledge = scene.simcraft, controller.knowledge()
        if shown_arrows(scene) and knowledge.is_there and not knowledge.has(settings.generator, ARROWS):
            draw_text(layout, context, iface("The chosen generator takes no arrows"), "INFO")


def _draw_state(layout: Any, context: Any, motion: Any) -> None:
    """What there is, what is being done, what has failed, and the button that makes it anew."""
    running = motion_job(context.scene, State.RUNNING, State.STOPPING)
    failed = motion_job(context.scene, State.FAILED)
    if running is not None and is_told_by_motion(running, context.scene):
        _draw_running(layout, running)
    elif running is not None:
        layout.label(text="Being simulated for a video", icon="SORTTIME")
    elif motion is None:
        layout.label(text="Not simulated yet", icon="INFO")
    elif motion.up_to_date:
        layout.label(text="Up to date", icon="CHECKMARK")
    else:
        draw_text(layout, context, iface("Outdated: the scene has changed"), "FILE_REFRESH")
    if motion is not None and running is None:
        facts = iface("Frames {} to {}, {} x {} px").format(*motion.frames, *motion.size)
        layout.label(text=facts, icon="BLANK1", translate=False)
    if running is None and failed is not None and failed.problem is not None:
        box = layout.box()
        draw_text(box, context, failed.problem.message, "ERROR")
        draw_text(box, context, failed.problem.fix, "BLANK1")
    row = layout.row()
    row.enabled = running is None
    row.operator("simcraft.simulate_motion", icon="PHYSICS")


def _draw_running(layout: Any, ticket: Ticket) -> None:
    """How far the job is that makes the motion alone, and the button that stops it."""
    row = layout.row(align=True)
    draw_progress(row, ticket, "SORTTIME")
    button = row.row(align=True)
    button.enabled = ticket.state is not State.STOPPING
    button.operator("simcraft.cancel_job", text="", icon="X").job = controller.session().entries[ticket].number


def _draw_layers(layout: Any, scene: Any, motion: Any) -> None:
    """A row for each way to look at the motion: over the camera's view, or in the Image Editor."""
    there, shown = layers_in(motion.overlays), shown_layer(scene)
    if not there:
        return
    layout.label(text="Look at")
    column = layout.column(align=True)
    for layer in LAYERS:
        if layer.name not in there:
            continue
        row = column.row(align=True)
        if layer.name == shown:
            row.operator("simcraft.hide_motion", text=layer.title, icon=ICONS[layer.name], depress=True)
        else:
            button = row.operator("simcraft.show_motion", text=layer.title, icon=ICONS[layer.name])
            button.layer = layer.name
        row.operator("simcraft.open_motion", text="", icon="IMAGE").layer = layer.name
    if shown:
        layout.prop(scene, "simcraft_motion_opacity", slider=True)


def _draw_arrow(layout: Any, item: Any) -> None:
    """The settings of the chosen arrow."""
    column = layout.column()
    column.use_property_split = True
    column.use_property_decorate = False
    column.prop(item, "kind")
    column.prop(item, "source")
    column.prop(item, "target")
    frames = column.column(align=True)
    frames.prop(item, "frame_start")
    frames.prop(item, "frame_end")


CLASSES = (SIMCRAFT_PT_motion, SIMCRAFT_UL_arrows, SIMCRAFT_PT_arrows)
