"""A cloth falls over objects and hangs from them in folds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import bpy

from ..family import Draws, Family, setting
from ..kit import palette, shapes, stage, textures, viewpoint
from ..kit.palette import IVORY, PAINTS

SETTINGS = (
    setting("height", 1.25, "Height at which the cloth is let go.", "m", (1.1, 3.0), (1.15, 1.45)),
    setting(
        "stiffness",
        0.5,
        "Resistance of the cloth to bending: silk 0.05, cotton 0.5, leather 150.",
        "",
        (0.01, 200.0),
        (0.1, 5.0),
    ),
    setting("size", 1.9, "Side of the cloth.", "m", (0.5, 4.0), (1.6, 2.2)),
    setting("mass", 0.3, "Mass of each of its vertices.", "kg", (0.05, 5.0), (0.2, 0.6)),
)
CELLS = 36


def build(values: Mapping[str, Any], draws: Draws) -> str:
    """See the module."""
    stage.daylight(draws, "day", sun=(0.6, 0.5, -1.0))
    floor = palette.floor(draws, palette.FLOORS[0], turn=0.6)
    words = _covered(draws)
    paint = draws.pick("cloth", PAINTS[0], PAINTS[1:])
    _cloth(values, draws, paint)
    viewpoint.drawn_camera(draws, (1.3, -4.0, 2.5), (0.0, 0.0, 0.5), lens=50)
    return f"A {paint.words} checked cloth falls over {words} on {floor} and hangs from them in folds."


def _covered(draws: Draws) -> str:
    """What the cloth falls on; returns its words."""
    marble = palette.coat(draws, "marble", lambda: textures.marble(seed=52), roughness=0.3)
    wood = palette.coat(draws, "wood", lambda: textures.wood(seed=72), roughness=0.5, number=1)
    checks = palette.coat(draws, "checks", lambda: textures.checker(6, PAINTS[4].colour, IVORY), 0.4, number=2)
    spots = draws.order("spots", ((-0.42, 0.1), (0.42, 0.25), (0.1, -0.4)))
    size = draws.real("thing size", 1.0, 0.85, 1.15)
    ball = shapes.sphere("ball", 0.36 * size, marble, (*spots[0], 0.36 * size))
    cube = shapes.box("cube", (0.5, 0.5, 0.5 * size), wood, (*spots[1], 0.25 * size), (0, 0, 0.5), 0.04, 0.7)
    drum = shapes.cylinder("drum", 0.2, 0.75 * size, checks, (*spots[2], 0.375 * size), bevel=0.03, texture_size=0.5)
    for thing in (ball, cube, drum, stage.things()["floor"]):
        thing.modifiers.new("collision", "COLLISION")
        thing.collision.thickness_outer = 0.012
        thing.collision.cloth_friction = 15.0
    if palette.is_coated(draws):
        return f"a {palette.made_of(draws, '')} ball, cube and drum"
    return "a marble ball, a wooden cube and a drum"


def _cloth(values: Mapping[str, Any], draws: Draws, paint: palette.Paint) -> None:
    material = shapes.paint("cloth", textures.checker(8, paint.colour, IVORY), roughness=0.9)
    turn = draws.real("cloth turn", 0.3, 0.0, 1.5)
    cloth = shapes.sheet("cloth", values["size"], CELLS, material, (0.0, 0.0, values["height"]), turn)
    modifier = cloth.modifiers.new("cloth", "CLOTH")
    settings = modifier.settings
    settings.quality = 6
    settings.mass = values["mass"]
    settings.tension_stiffness = settings.compression_stiffness = settings.shear_stiffness = 15.0
    settings.bending_stiffness = values["stiffness"]
    settings.air_damping = 1.0
    collision = modifier.collision_settings
    collision.collision_quality = 2
    collision.distance_min = 0.012
    collision.use_self_collision = True
    collision.self_distance_min = 0.012
    scene = bpy.context.scene
    modifier.point_cache.frame_start, modifier.point_cache.frame_end = scene.frame_start, scene.frame_end


FAMILY = Family("drape", "Falling cloth", ("Physion",), SETTINGS, build)
