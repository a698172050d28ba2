"""The presets' small pictures, as icons."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy.utils.previews

from ..staging.presets import presets

FOLDER = Path(__file__).resolve().parent.parent / "thumbnails"
CLASSES = ()

_pictures: Any = None
_items: list[tuple[str, str, str, int, int]] = []
"""Blender does not keep the texts of enum items that a function returns."""


def register_more() -> None:
    """Load the pictures."""
    global _pictures
    _pictures = bpy.utils.previews.new()
    for number, preset in enumerate(presets()):
        path = FOLDER / f"{preset.name}.jpg"
        icon = _pictures.load(preset.name, str(path), "IMAGE").icon_id if path.is_file() else 0
        _items.append((preset.name, preset.title, preset.prompt, icon, number))


def unregister_more() -> None:
    """Forget them."""
    global _pictures
    if _pictures is not None:
        bpy.utils.previews.remove(_pictures)
        _pictures = None
    _items.clear()


def preset_items(_: Any, __: Any) -> list[tuple[str, str, str, int, int]]:
    """Enum items of all presets, with their pictures."""
    return _items
