"""Footage and pictures in the Image Editor."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import bpy

from ..errors import SceneError
from .footage import SHOWN, Footage, load, load_file, play


def show_footage(context: Any, footage: Footage) -> Any:
    """Play the footage with the timeline in an Image Editor; returns Blender's image.

    Without windows (`blender -b`) the image is loaded only. Raises `SceneError` where Blender cannot read it.
    """
    loaded = load(footage)
    for space in _show(context, loaded.image):
        play(space.image_user, loaded)
    return loaded.image


def show_picture(context: Any, path: Path) -> Any:
    """Show a single picture in an Image Editor; returns Blender's image. Raises `SceneError` where it is gone."""
    if not path.is_file():
        raise SceneError(f"The picture {path} is gone.", "It was moved or removed: generate it again.")
    image = next((i for i in bpy.data.images if i.get(SHOWN) == str(path)), None)
    if image is None:
        image = load_file(path, path)
    else:
        image.reload()
    _show(context, image)
    return image


def _show(context: Any, image: Any) -> list[Any]:
    """Show `image` in the window's Image Editor, which is made where there is none; returns the editors that show it.

    Without windows the image is only kept.
    """
    windows = [] if bpy.app.background else list(context.window_manager.windows)
    if not windows:
        image.use_fake_user = True
        return []
    # scripts that a timer calls are in none of them
    space = _image_editor(context, context.window or windows[0]).spaces.active
    space.image = image
    # when its region has a size
    bpy.app.timers.register(partial(_view_all, image.name), first_interval=0.1)
    return [space]


def _image_editor(context: Any, here: Any) -> Any:
    """An area that shows images: one of any window, this one first, or half of the largest area here."""
    for window in (here, *context.window_manager.windows):
        for area in window.screen.areas:
            if area.ui_type == "IMAGE_EDITOR":
                return area
    screen = here.screen
    largest = max(screen.areas, key=lambda area: area.width * area.height)
    before = set(screen.areas)
    with context.temp_override(window=here, screen=screen, area=largest):
        bpy.ops.screen.area_split(direction="VERTICAL", factor=0.5)
    # the left half: panels of the 3D viewport are at its right
    halves = [largest, *(set(screen.areas) - before)]
    left = min(halves, key=lambda area: area.x)
    left.ui_type = "IMAGE_EDITOR"
    return left


def _view_all(name: str) -> None:
    """Fit the image of this name into the editors that show it, if there still are some."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            image = area.spaces.active.image if area.ui_type == "IMAGE_EDITOR" else None
            if image is not None and image.name == name:
                region = next(r for r in area.regions if r.type == "WINDOW")
                with bpy.context.temp_override(window=window, area=area, region=region):
                    bpy.ops.image.view_all(fit_view=True)
