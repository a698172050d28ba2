"""A ball knocks a pillar away from under a shelf, and what stood on the shelf comes down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..family import Draws, Family, setting
from ..kit import palette, physics, shapes, stage, textures, viewpoint
from ..kit.palette import IVORY

SETTINGS = (
    setting("push", 4.67, "Speed of the ball that hits the pillar.", "m/s", (0.3, 10.0), (3.8, 5.5)),
    setting("mass", 5.0, "Mass of the ball; a pillar has 1 kg.", "kg", (0.1, 30.0), (3.5, 6.5)),
    setting("height", 0.8, "Height of the pillars.", "m", (0.3, 2.0), (0.65, 1.0)),
    setting("load", 4, "Things on the shelf.", "", (0, 4), (2, 4)),
)
PILLARS, BALL = 0.62, 0.22


def build(values: Mapping[str, Any], draws: Draws) -> str:
    """See the module."""
    stage.daylight(draws, "dusk", sun=(0.6, 0.8, -1.0), strength=3.4)
    floor = palette.floor(draws, palette.FLOORS[3], friction=0.9)
    height = values["height"]
    marble = palette.coat(draws, "marble", lambda: textures.marble(seed=52), roughness=0.25)
    pine = palette.coat(draws, "pine", lambda: textures.wood(seed=53), roughness=0.45, number=1)
    for name, x in (("pillar_left", -PILLARS), ("pillar_right", PILLARS)):
        pillar = shapes.cylinder(name, 0.13, height, marble, (x, 0, height / 2), bevel=0.012, texture_size=1.6)
        physics.active(pillar, mass=1.0, shape="CYLINDER", friction=0.5)
    shelf = shapes.box("shelf", (1.75, 0.5, 0.09), pine, (0, 0, height + 0.045), bevel=0.01, texture_size=0.8)
    physics.active(shelf, mass=1.2, friction=0.6)
    _load(draws, height + 0.09, values["load"])
    ball = _ball(draws, values)
    viewpoint.drawn_camera(draws, (0.3, -4.1, 1.9), (-0.16, 0.0, 0.5), lens=45)
    pillar = f"{palette.made_of(draws, 'marble')} pillar"
    return f"A {ball} knocks a {pillar} away, and a shelf with cubes and a drum comes crashing down on {floor}."


def _load(draws: Draws, top: float, count: int) -> None:
    paints = draws.order("load paints", (palette.PAINTS[0], palette.PAINTS[3], palette.PAINTS[4]))
    red = palette.coat(draws, "checked cube", lambda: textures.checker(4, paints[0].colour, IVORY), 0.4, number=2)
    blue = palette.coat(
        draws, "cloth cube", lambda: textures.fabric(colour=paints[2].colour, threads=24), 0.7, number=3
    )
    brass = palette.coat(
        draws, "brass", lambda: textures.brushed_metal(colour=(0.86, 0.66, 0.28)), 0.3, metallic=0.4, number=4
    )
    green = palette.coat(draws, "drum", lambda: textures.checker(4, paints[1].colour, IVORY), 0.4, number=5)
    if count >= 4:
        drum = shapes.cylinder("drum", 0.16, 0.36, green, (0.05, 0, top + 0.18), bevel=0.012, texture_size=0.34)
        physics.active(drum, mass=0.5, shape="CYLINDER", friction=0.6)
    cubes = (
        ("cube_low", (-0.5, 0, top + 0.15), 0.3, red),
        ("cube_brass", (0.55, 0, top + 0.13), 0.26, brass),
        ("cube_high", (-0.5, 0, top + 0.42), 0.24, blue),
    )
    for name, place, size, paint in cubes[:count]:
        cube = shapes.box(name, (size, size, size), paint, place, (0, 0, 0.2), bevel=0.015, texture_size=size)
        physics.active(cube, mass=0.5, friction=0.6)


def _ball(draws: Draws, values: Mapping[str, Any]) -> str:
    """A ball that rolls into the left pillar; returns its words."""
    start = np.array([-1.3, -0.7])
    turn = draws.real("ball turn", 0.0, -0.25, 0.25)
    way = np.array([-PILLARS, 0.0]) - start + (0.064, 0.0)
    way = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ way
    start = np.array([-PILLARS + 0.064, 0.0]) - way
    way /= np.linalg.norm(way)
    shipped = (palette.Paint("black", (0.14, 0.16, 0.2)), palette.Paint("red", (0.9, 0.3, 0.2)))
    ball, words = palette.striped_ball(draws, BALL, (*start, BALL), (0.3, 0.0, 0.6), shipped)
    physics.active(ball, mass=values["mass"], shape="SPHERE")
    spin = values["push"] / BALL * np.array([-way[1], way[0]])
    physics.launch(ball, (*(values["push"] * way), 0.0), spin=(*spin, 0.0))
    return words


FAMILY = Family("support", "Lost support", ("Motion Dreamer", "Physion"), SETTINGS, build)
