"""A bottle pours a drink into a glass."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import bmesh
import bpy
import numpy as np

from ..family import Draws, Family, setting
from ..kit import effects, palette, shapes, stage, textures, viewpoint
from ..kit.grounds import GROUNDS

DRINKS = {
    "orange juice": (0.95, 0.45, 0.05),
    "milk": (0.93, 0.92, 0.88),
    "cherry juice": (0.6, 0.03, 0.08),
    "mint syrup": (0.1, 0.6, 0.3),
}
SETTINGS = (
    setting("speed", 0.5, "Speed at which the drink leaves the bottle.", "m/s", (0.1, 2.0), (0.35, 0.7)),
    setting(
        "viscosity",
        0.0,
        "Kinematic viscosity: water 0.000001, oil 0.0001, honey 0.005.",
        "m²/s",
        (0.0, 0.1),
    ),
    setting("stop", 1.7, "When the bottle is empty.", "s", (0.1, 60.0), (1.4, 2.0)),
    setting("drink", "orange juice", "What is poured: its colour.", choices=tuple(DRINKS)),
    setting("resolution", 52, "Cells along the height of the space in which the drink flows.", "cells", (32, 200)),
)
RADIUS, HEIGHT, WALL, BASE = 0.055, 0.13, 0.008, 0.014
MOUTH, RIM = 0.016, 0.215
"""Radius of the bottle's mouth and its height above the table."""
LEAN = np.radians(62.0)
"""How far the bottle is tilted from hanging straight down."""


def build(values: Mapping[str, Any], draws: Draws) -> str:
    """See the module."""
    stage.daylight(draws, "studio", sun=(0.5, 0.6, -1.0))
    wood = draws.pick("table", textures.planks, (lambda: textures.tiles(count=2), textures.marble))
    if draws.look.floor in GROUNDS:
        laid = GROUNDS[draws.look.floor]
        where, size, texture_size, top = laid.words, 12.0, laid.texture_size, palette.laid_ground(draws, "table")
    else:
        where, size, texture_size, top = "a table", 2.4, 1.0, shapes.paint("table", wood(), roughness=0.5)
    table = shapes.box("table", (size, size, 0.1), top, (0, 0, -0.05), texture_size=texture_size)
    glass = _glass()
    emitter = _bottle(draws)
    drink = shapes.paint("drink", colour=DRINKS[values["drink"]], roughness=0.1)
    reach = RADIUS + 0.035
    space = effects.domain(
        "drink",
        "liquid",
        (-reach, -reach, -0.004),
        (reach, reach, RIM + 0.03),
        drink,
        resolution=values["resolution"],
        viscosity=values["viscosity"],
        closed=False,
    )
    effects.give_role(emitter, "emitter", space, once=False, speed=values["speed"], stop=values["stop"])
    for thing in (glass, table):
        effects.give_role(thing, "obstacle", space)
    viewpoint.drawn_camera(draws, (0.12, -0.62, 0.33), (0.02, 0.0, 0.125), lens=50, swing=0.25)
    bottle = f"{palette.made_of(draws, '')} bottle".lstrip()
    return f"A {bottle} pours {values['drink']} into a glass on {where}."


def _glass() -> bpy.types.Object:
    """The glass that holds the drink, which is not rendered, around one of which only the far half is.

    What is seen must not hide the drink: neither from a renderer that knows glass, nor from one that does not.
    """
    material = shapes.paint("glass", colour=(0.85, 0.93, 0.95), roughness=0.02)
    shapes.make_transparent(material)
    outer, inner = RADIUS + WALL / 2, RADIUS - WALL / 2
    profile = ((outer, 0.0), (outer, HEIGHT), (inner, HEIGHT), (inner, BASE), (0.002, BASE))
    whole, seen = bmesh.new(), bmesh.new()
    shapes.lathe(whole, profile)
    shapes.lathe(seen, profile)
    near = [v for v in seen.verts if v.co.y < -0.0005 and v.co.z > BASE + 0.001]
    bmesh.ops.delete(seen, geom=near, context="VERTS")
    shapes.finish("glass", seen, material, (0, 0, 0.001), texture_size=0.1)
    walls = shapes.finish("glass_walls", whole, material, (0, 0, 0.001), texture_size=0.1)
    walls.hide_render = True
    return walls


def _bottle(draws: Draws) -> bpy.types.Object:
    """A tilted bottle, and in its mouth the unseen disc that the drink comes out of, which is returned."""
    paint = draws.pick("bottle", palette.PAINTS[3], (palette.PAINTS[4], palette.PAINTS[0]))
    dark = textures.mixed(paint.colour, (0.0, 0.0, 0.0), 0.2)
    material = palette.coat(draws, "bottle", lambda: textures.checker(8, paint.colour, dark), roughness=0.2)
    neck, body = MOUTH + 0.006, 0.045
    profile = ((neck, 0.0), (neck, 0.075), (body * 0.8, 0.11), (body, 0.14), (body, 0.3), (body * 0.9, 0.31))
    mesh = bmesh.new()
    shapes.lathe(mesh, profile)
    turn = (0.0, LEAN, 0.0)
    away = np.array([np.sin(LEAN), 0.0, np.cos(LEAN)])
    mouth = np.array([0.02, 0.0, RIM])
    shapes.finish("bottle", mesh, material, tuple(mouth), turn, texture_size=0.12)
    # its own z axis, along which the drink leaves, points out of the mouth
    place = tuple(mouth - 0.008 * away)
    source = shapes.cylinder("mouth", MOUTH, 0.016, material, place, (0.0, LEAN + np.pi, 0.0), texture_size=0.1)
    source.hide_render = True
    return source


FAMILY = Family("pour", "Pouring a drink", ("MotionCraft",), SETTINGS, build)
