"""The panel "Result": the newest video, the ones before it, what can be done with them, and how well they move."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import bpy
import bpy.utils.previews
from bpy.app.translations import pgettext_iface as iface

from .. import controller
from ..control.kept import Result
from ..showing.camera_background import background_of
from ..showing.footage import VIDEO_FILES
from .background_properties import VIDEO
from .result_operators import chosen_result, videos_of
from .sidebar import SidebarPanel
from .words import draw_text

PREVIEW_SCALE = 7.0
"""Size of pictures in the panel, in rows of buttons."""
SHOWN_VIDEOS = 12

_previews: Any = None


class SIMCRAFT_PT_result(SidebarPanel, bpy.types.Panel):
    """The videos of this scene."""

    bl_label = "Result"
    bl_order = 3

    def draw(self, context: Any) -> None:
        layout = self.layout
        result = chosen_result(context)
        if result is None:
            layout.label(text="No video of this scene yet", icon="INFO")
            return
        if icon := preview(result.video):
            layout.template_icon(icon_value=icon, scale=PREVIEW_SCALE)
        layout.label(text=result.video.name, icon="FILE_MOVIE", translate=False)
        if result.summary:
            draw_text(layout, context, result.summary)
        _draw_actions(layout, context.scene)


class SIMCRAFT_PT_report(SidebarPanel, bpy.types.Panel):
    """How well the video moves as simulated."""

    bl_label = "Report"
    bl_parent_id = "SIMCRAFT_PT_result"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: Any) -> bool:
        result = chosen_result(context)
        return result is not None and result.picture is not None

    def draw(self, context: Any) -> None:
        layout, result = self.layout, chosen_result(context)
        if result is None or result.picture is None:
            return
        if icon := preview(result.picture):
            layout.template_icon(icon_value=icon, scale=PREVIEW_SCALE)
        layout.operator("simcraft.open_report", icon="IMAGE")


class SIMCRAFT_PT_videos(SidebarPanel, bpy.types.Panel):
    """All videos of this scene, the newest first."""

    bl_label = "All Videos"
    bl_parent_id = "SIMCRAFT_PT_result"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: Any) -> bool:
        newest = controller.result_of(context.scene)
        return newest is not None and bool(newest.earlier)

    def draw(self, context: Any) -> None:
        chosen = chosen_result(context)
        column = self.layout.column(align=True)
        videos = list(videos_of(context.scene))
        for result in videos[:SHOWN_VIDEOS]:
            is_chosen = chosen is not None and result.video == chosen.video
            icon = "RADIOBUT_ON" if is_chosen else "RADIOBUT_OFF"
            row = column.row(align=True)
            row.alignment = "LEFT"
            button = row.operator("simcraft.choose_video", text=label(result), icon=icon, emboss=False, translate=False)
            button.video = str(result.video)
        if len(videos) > SHOWN_VIDEOS:
            more = iface("... and {} more").format(len(videos) - SHOWN_VIDEOS)
            column.label(text=more, icon="BLANK1", translate=False)


def label(result: Result) -> str:
    """A video in one short line: when, by what, and with which seed."""
    made = time.localtime(result.made)
    today = time.localtime()[:3] == made[:3]
    parts = [time.strftime("%H:%M" if today else "%d %b %H:%M", made), result.generator]
    if result.seed is not None:
        parts.append(iface("seed {}").format(result.seed))
    return "  ".join(parts)


def _draw_actions(layout: Any, scene: Any) -> None:
    column = layout.column(align=True)
    column.operator("simcraft.open_video", icon="IMAGE")
    column.operator("simcraft.add_to_sequencer", icon="SEQUENCE")
    if background_of(scene, VIDEO) is None:
        column.operator("simcraft.set_background", icon="CAMERA_DATA")
    else:
        column.operator("simcraft.clear_background", icon="CAMERA_DATA", depress=True)
        column.prop(scene, "simcraft_video_in_front", toggle=True)
        column.prop(scene, "simcraft_video_opacity", slider=True)
    column.operator_menu_enum("simcraft.add_video_plane", "where", text="Add as Plane", icon="MESH_PLANE")
    row = layout.row(align=True)
    row.operator("simcraft.save_video_as", icon="FILE_TICK", text="Save As...")
    row.operator("simcraft.open_video_folder", icon="FILE_FOLDER", text="Folder")


def preview(path: Path) -> int:
    """The icon that shows a picture, a video or a folder of pictures; 0 where there is none."""
    if path.is_dir():
        path = min(path.glob("*.png"), default=path)
    if _previews is None or not path.is_file():
        return 0
    # a video that was made again under the same name has another icon
    key = f"{path} {path.stat().st_mtime_ns}"
    if key not in _previews:
        _previews.load(key, str(path), "MOVIE" if path.suffix.lower() in VIDEO_FILES else "IMAGE")
    return int(_previews[key].icon_id)


CLASSES = (SIMCRAFT_PT_result, SIMCRAFT_PT_report, SIMCRAFT_PT_videos)


def register_more() -> None:
    """Have a place for the pictures of videos."""
    global _previews
    _previews = bpy.utils.previews.new()


def unregister_more() -> None:
    """Undo `register_more`."""
    global _previews
    if _previews is not None:
        bpy.utils.previews.remove(_previews)
        _previews = None
