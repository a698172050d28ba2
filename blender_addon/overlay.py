"""The observed motion of a scene as pictures, over what its cameras see."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import SceneError
from .showing.camera_background import background_of, remove_background, set_background
from .showing.footage import SHOWN, Footage, find_footage

PURPOSE = "motion"


@dataclass(frozen=True)
class Layer:
    """One way to look at motion."""

    name: str
    """Also of its folder."""
    title: str
    description: str
    number: int
    """What a .blend and Blender's menus keep of it."""


LAYERS = (
    Layer(
        "flow", "Flow", "How far each pixel moves to the next frame: the colour says whither, its strength how far", 1
    ),
    Layer("arrows", "Arrows", "How far pixels move to the next frame, as arrows", 2),
    Layer("depth", "Depth", "How far away each pixel is from the camera: near is bright", 3),
    Layer("instances", "Objects", "Which object each pixel shows, every one in a colour of its own", 4),
    Layer("smoke", "Smoke", "How much of the view smoke covers", 6),
    Layer("tracks", "Tracks", "Where points of the first frame go, with the way that they came", 5),
)


def layers_in(overlays: Path) -> list[str]:
    """The names of the layers that there are pictures of, in the order of `LAYERS`."""
    return [layer.name for layer in LAYERS if (overlays / layer.name).is_dir()]


def layer_footage(overlays: Path, layer: str, start: int) -> Footage:
    """The pictures of one layer, from frame `start` of the scene on. Raises `SceneError` where there are none."""
    folder = overlays / layer
    if not folder.is_dir():
        raise SceneError(f"The motion has no pictures of '{layer}'.", "Simulate it again.")
    return find_footage(folder, start)


def show_overlay(scene: Any, overlays: Path, layer: str, start: int, alpha: float) -> None:
    """Lay the pictures of one layer over what the scene's cameras see, `alpha` opaque; replaces the layer shown before.

    Raises `SceneError` as `showing.camera_background.set_background` and `layer_footage` do.
    """
    set_background(scene, layer_footage(overlays, layer, start), PURPOSE, alpha=alpha, front=True)


def hide_overlay(scene: Any) -> bool:
    """Show no layer any more; true where one was shown."""
    return remove_background(scene, PURPOSE)


def shown_layer(scene: Any) -> str | None:
    """The name of the layer that is shown over the camera's view."""
    image = background_of(scene, PURPOSE)
    return None if image is None else Path(image[SHOWN]).name
