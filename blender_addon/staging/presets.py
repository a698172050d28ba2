"""The shipped scenes: what they are called and what can be set, and how one is built beside the open scenes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from .. import _builders
from .._format import recording_format as fmt
from ..errors import SceneError


@dataclass(frozen=True)
class Preset:
    """A family of scenes."""

    name: str
    title: str
    prompt: str
    """What the shipped member of the family shows."""
    frames: int
    seed: int
    """That of the shipped member, for which nothing is drawn."""
    parameters: tuple[Any, ...]
    """`recording_format.Parameter`: its own."""
    look: tuple[Any, ...]
    """The same, of its appearance."""


@cache
def presets() -> tuple[Preset, ...]:
    """All families that Blender itself can show, in the order to show them.

    What moves in the picture's plane is left out: as a scene it stands still.
    """
    index = _builders.index()
    look = tuple(_parameter(row) for row in index["look"])
    return tuple(
        Preset(
            row["name"],
            row["title"],
            row["prompt"],
            row["frames"],
            row["seed"],
            tuple(_parameter(p) for p in row["parameters"]),
            tuple(p for p in look if p.name not in row["lacks"]),
        )
        for row in index["scenes"]
        if "image_plane" not in row
    )


def _parameter(row: Mapping[str, Any]) -> Any:
    fields = ("name", "default", "help", "unit", "minimum", "maximum")
    return fmt.Parameter(**{key: row[key] for key in fields}, choices=tuple(row["choices"]))


def find_preset(name: str) -> Preset:
    """The preset of that name. Raises `SceneError` where there is none."""
    found = next((preset for preset in presets() if preset.name == name), None)
    if found is None:
        raise SceneError(f"There is no preset '{name}'.", f"There are: {', '.join(p.name for p in presets())}.")
    return found


def build_preset(name: str, seed: int, changes: Mapping[str, Any]) -> Any:
    """A new scene of the family `name`, which is returned; the open ones stay as they are.

    Parameters
    ----------
    seed: draws all that `changes` does not set.
    changes: parameters of the family and of its look, by name.

    Raises `SceneError` where a parameter is unknown or out of range.
    """
    import bpy

    find_preset(name)
    catalogue = _builders.catalogue()
    before = set(bpy.data.images)
    try:
        scene = catalogue.build(name, seed, changes, beside=True)
    except fmt.SettingError as error:
        raise SceneError(f"Preset '{name}': {error}.", "Correct the setting that is named.") from None
    for image in set(bpy.data.images) - before:
        # what was painted by code would not be saved with the file
        image.pack()
    return scene
