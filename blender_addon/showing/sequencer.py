"""Footage in the video sequencer."""

from __future__ import annotations

from typing import Any

import bpy

from ..errors import SceneError
from .footage import Footage, load, portable

LAST_CHANNEL = 32
"""The highest channel of the oldest Blender."""


def add_strip(scene: Any, footage: Footage) -> Any:
    """A strip of the footage in `scene`'s sequencer, above all strips that play at the same time; returns it.

    Raises `SceneError` where there is no channel left, or Blender cannot read the file.
    """
    loaded, strips = load(footage), _strips(scene)
    channel = free_channel(strips, footage.start, footage.start + loaded.count)
    name, first = footage.path.stem, portable(footage.files[0])
    if footage.is_movie:
        strip = strips.new_movie(name, first, channel, footage.start, fit_method="FIT")
    else:
        strip = strips.new_image(name, first, channel, footage.start, fit_method="FIT")
        for file in footage.files[1:]:
            strip.elements.append(file.name)
    _unload(loaded.image)
    _show_in_sequencers(scene)
    return strip


def free_channel(strips: Any, start: int, end: int) -> int:
    """The channel above those of all strips that play in the frames from `start` until before `end`.

    Raises `SceneError` where there is none.
    """
    used = []
    for strip in strips:
        first, last = _span(strip)
        if first < end and last > start:
            used.append(strip.channel)
    channel = max(used, default=0) + 1
    if channel > LAST_CHANNEL:
        raise SceneError(
            "The sequencer has no free channel above the strips of these frames.", "Move some further down."
        )
    return channel


def _span(strip: Any) -> tuple[float, float]:
    """The frame in which a strip starts, and the one before which it ends."""
    # since 5.2 they are called so
    if hasattr(strip, "left_handle"):
        return strip.left_handle, strip.right_handle
    return strip.frame_final_start, strip.frame_final_end


def _strips(scene: Any) -> Any:
    editor = scene.sequence_editor or scene.sequence_editor_create()
    # since 5.0 they are called so alone
    return editor.strips if hasattr(editor, "strips") else editor.sequences


def _unload(image: Any) -> None:
    """Only asked how long the video is: nothing is left of that."""
    if not image.users:
        bpy.data.images.remove(image)


def _show_in_sequencers(scene: Any) -> None:
    """Since 5.0 the sequencers of a workspace show a scene of their own: this one, where they show none."""
    for workspace in bpy.data.workspaces:
        if getattr(workspace, "sequencer_scene", scene) is None:
            workspace.sequencer_scene = scene
