"""The panel "Scene": what is missing for a video, and the camera. Its sub-panels are in the modules beside it."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.app.translations import pgettext_iface as iface

from ..staging import look
from ..staging.checks import ERROR, HINT, WARNING, Finding, findings
from .sidebar import SidebarPanel
from .words import draw_text

ICONS = {ERROR: "CANCEL", WARNING: "ERROR", HINT: "INFO"}
BUTTONS = {"CAMERA": "Add", "LIGHT": "Add", "SOURCE": "Add", "SAVE": "Save"}
"""What stands on the button of a problem, where that is not "Fix"."""


class SIMCRAFT_PT_scene(SidebarPanel, bpy.types.Panel):
    """What is to become a video"""

    bl_idname = "SIMCRAFT_PT_scene"
    bl_label = "Scene"
    bl_order = 0

    def draw(self, context: Any) -> None:
        scene = context.scene
        known = look.quick_facts_of(scene)
        column = self.layout.column(align=True)
        if known.movers.any:
            text = iface("{} frames: {}").format(known.frames, known.movers.words())
            draw_text(column, context, text, icon="CHECKMARK")
        for finding in findings(known):
            _draw_finding(column, finding)
        self.layout.operator("simcraft.add_camera", icon="CAMERA_DATA")


def _draw_finding(layout: Any, finding: Finding) -> None:
    row = layout.row(align=True)
    row.label(text=finding.title, icon=ICONS[finding.level])
    side = row.row()
    side.alignment = "RIGHT"
    side.operator("simcraft.fix_scene", text=BUTTONS.get(finding.problem, "Fix")).problem = finding.problem


CLASSES = (SIMCRAFT_PT_scene,)
_HANDLERS = (
    ("depsgraph_update_post", look.something_changed),
    ("undo_post", look.something_changed),
    ("redo_post", look.something_changed),
    ("load_post", look.forget),
)


def register_more() -> None:
    """Notice when scenes change."""
    for name, handler in _HANDLERS:
        getattr(bpy.app.handlers, name).append(bpy.app.handlers.persistent(handler))


def unregister_more() -> None:
    """Undo `register_more`."""
    for name, handler in _HANDLERS:
        handlers = getattr(bpy.app.handlers, name)
        if handler in handlers:
            handlers.remove(handler)
