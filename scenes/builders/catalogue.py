"""All families, and how one of them becomes a scene."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import bpy

from .families import (
    birds,
    collide,
    contain,
    dominoes,
    dragon,
    drape,
    driving,
    drop,
    earth,
    flock_tower,
    jelly_drum,
    link,
    melting,
    orbit,
    pour,
    roll,
    satellite,
    smoke_dominoes,
    support,
    tower,
)
from .family import SHIPPED_SEED, Draws, Family
from .kit import effects, stage
from .kit.details import details_of
from .look import NAMES, look_of
from .look import SETTINGS as LOOK

_MODULES = (
    dominoes,
    support,
    collide,
    contain,
    drop,
    link,
    roll,
    drape,
    tower,
    satellite,
    earth,
    melting,
    pour,
    dragon,
    birds,
    driving,
    smoke_dominoes,
    flock_tower,
    jelly_drum,
    orbit,
)
FAMILIES: dict[str, Family] = {module.FAMILY.name: module.FAMILY for module in _MODULES}
"""In the order to show them."""


def build(
    name: str, seed: int = SHIPPED_SEED, changes: Mapping[str, Any] | None = None, beside: bool = False
) -> bpy.types.Scene:
    """Fill Blender with a scene of the family `name`; its custom properties say what is to be seen.

    "caption" is a sentence, "details" a JSON list of phrases that may follow it, each after a comma.

    Parameters
    ----------
    seed: draws all that `changes` does not set.
    changes: parameters of the family and of the look by name, perhaps as texts.
    beside: make a new scene and leave what there is alone; otherwise everything is forgotten first.

    Raises `recording_format.SettingError` for an unknown parameter or one that is out of range.
    """
    family = FAMILIES[name]
    changes = changes or {}
    look = look_of({key: value for key, value in changes.items() if key in NAMES}, family.lacks, family.outdoors)
    draws = Draws(seed, name, look)
    values = family.values(draws, {key: value for key, value in changes.items() if key not in NAMES})
    if not beside:
        bpy.ops.wm.read_factory_settings(use_empty=True)
        return _fill(family, values, draws)
    with bpy.context.temp_override(scene=bpy.data.scenes.new(name)):
        return _fill(family, values, draws)


def _fill(family: Family, values: Mapping[str, Any], draws: Draws) -> bpy.types.Scene:
    """Let the empty scene in the context be a scene of `family`."""
    scene = stage.begin(family.name, family.frames, draws.seed, family.substeps)
    # what is drawn may begin with a vowel: "a orange ball"
    caption = re.sub(r"\b([Aa]) (?=[aeiou])", r"\1n ", family.build(values, draws))
    scene["caption"] = caption
    scene["details"] = json.dumps(details_of(scene, caption, draws.look))
    scene.frame_set(scene.frame_start)
    return scene


def rows() -> list[dict[str, Any]]:
    """What `index.json` says of each family, in JSON's types; builds each one for its caption."""
    return [_row(family) for family in FAMILIES.values()]


def index() -> dict[str, Any]:
    """What `index.json` holds."""
    return {"look": look_rows(), "scenes": rows()}


def look_rows() -> list[dict[str, Any]]:
    """What `index.json` says of the look, which all families have."""
    return [_parameter_row(s.parameter, s.usual) for s in LOOK]


def _row(family: Family) -> dict[str, Any]:
    scene = build(family.name)
    row = {
        "name": family.name,
        "title": family.title,
        "prompt": scene["caption"],
        "frames": family.frames,
        "fps": scene.render.fps,
        "seed": SHIPPED_SEED,
        "papers": list(family.papers),
        "parameters": [_parameter_row(s.parameter, s.usual) for s in family.settings],
        "lacks": list(family.lacks),
        "effects": effects.kinds(scene),
    }
    return row if family.image_plane is None else {**row, "image_plane": dict(family.image_plane)}


def _parameter_row(parameter: Any, usual: tuple[float, float] | None) -> dict[str, Any]:
    fields = ("name", "default", "help", "unit", "minimum", "maximum", "choices")
    row = {field: getattr(parameter, field) for field in fields}
    return {**row, "choices": list(parameter.choices), "usual": list(usual) if usual else None}
