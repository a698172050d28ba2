"""A cue ball breaks a triangle of balls on green cloth."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from ..family import Draws, Family, setting
from ..kit import palette, physics, shapes, stage, textures, viewpoint
from ..kit.palette import IVORY, Floor
from ..kit.stage import Vector3

SETTINGS = (
    setting("push", 5.63, "Speed of the cue ball.", "m/s", (0.3, 12.0), (4.0, 6.5)),
    setting("rows", 4, "Rows of the triangle of balls.", "", (1, 5), (3, 5)),
    setting(
        "aim", 0.0, "Angle by which the cue ball is aimed beside the first ball.", "degrees", (-30.0, 30.0), (-3, 3)
    ),
    setting("bounce", 0.9, "Restitution of the balls.", "", (0.0, 1.0), (0.75, 0.95)),
)
RADIUS, BED = 0.13, 0.12
FLOOR = Floor("a dark wooden floor", lambda: textures.planks(seed=41, dark=(0.4, 0.28, 0.2)), 1.8)
CLOTHS = (
    palette.Paint("green", (0.13, 0.45, 0.3)),
    palette.Paint("blue", (0.14, 0.3, 0.52)),
    palette.Paint("red", (0.5, 0.12, 0.14)),
)


def build(values: Mapping[str, Any], draws: Draws) -> str:
    """See the module."""
    stage.daylight(draws, "day", sun=(-0.5, 0.5, -1.2))
    palette.floor(draws, FLOOR)
    cloth = _table(draws)
    _rack(draws, values)
    white = palette.coat(
        draws, "cue ball", lambda: textures.marble(base=(0.96, 0.95, 0.92), vein=(0.75, 0.3, 0.3)), roughness=0.12
    )
    side = draws.real("cue side", -0.14, -0.5, 0.5)
    start = np.array([-1.25, side])
    cue = shapes.sphere("cue_ball", RADIUS, white, (*start, BED + RADIUS))
    physics.active(cue, mass=0.45, shape="SPHERE", friction=0.3, restitution=values["bounce"])
    heading = np.arctan2(0.0102 - side, 1.5) + np.radians(values["aim"])
    way = np.array([np.cos(heading), np.sin(heading)])
    spin = values["push"] / RADIUS * np.array([-way[1], way[0]])
    physics.launch(cue, (*(values["push"] * way), 0.0), spin=(*spin, 0.0))
    viewpoint.drawn_camera(draws, (-0.5, -3.7, 3.4), (0.03, -0.1, 0.1), lens=41)
    cue_words, words = palette.made_of(draws, "white"), palette.made_of(draws, "striped")
    return f"A {cue_words} cue ball breaks a triangle of {words} balls on a {cloth} billiard table."


def _table(draws: Draws) -> str:
    """The bed and its rails; returns the words of the cloth."""
    paint = draws.pick("cloth", CLOTHS[0], CLOTHS[1:])
    cloth = shapes.paint("cloth", textures.fabric(colour=paint.colour, threads=64), roughness=0.9)
    oak = shapes.paint("rail", textures.wood(seed=42, dark=(0.3, 0.16, 0.08), light=(0.52, 0.32, 0.17)), roughness=0.3)
    length, width, thick = 3.2, 2.2, 0.16
    bed = shapes.box("cloth", (length, width, BED), cloth, (0, 0, BED / 2), texture_size=0.8)
    physics.passive(bed, friction=0.5, restitution=0.3)
    rails: tuple[tuple[str, Vector3, Vector3], ...] = (
        ("rail_left", (thick, width, 0.26), (-(length + thick) / 2, 0, 0.13)),
        ("rail_right", (thick, width, 0.26), ((length + thick) / 2, 0, 0.13)),
        ("rail_front", (length + 2 * thick, thick, 0.26), (0, -(width + thick) / 2, 0.13)),
        ("rail_back", (length + 2 * thick, thick, 0.26), (0, (width + thick) / 2, 0.13)),
    )
    for name, size, place in rails:
        physics.passive(shapes.box(name, size, oak, place, bevel=0.02, texture_size=0.8), restitution=0.8)
    return paint.words


def _rack(draws: Draws, values: Mapping[str, Any]) -> None:
    more = ((0.1, 0.1, 0.12), (0.55, 0.14, 0.2), (0.12, 0.26, 0.44), (0.84, 0.58, 0.62))
    colours = draws.order("balls", (*(paint.colour for paint in palette.PAINTS), *more))
    paints = [
        palette.coat(
            draws,
            f"paint_{i + 1}",
            partial(textures.striped_ball, (colour, IVORY), 128),
            roughness=0.12,
            number=i + 1,
        )
        for i, colour in enumerate(colours)
    ]
    number = 0
    for row in range(values["rows"]):
        for column in range(row + 1):
            place = (0.25 + row * RADIUS * 1.74, (column - row / 2) * RADIUS * 2.01, BED + RADIUS)
            number += 1
            turn = (0.5 * number, 0.8 * number, number)
            ball = shapes.sphere(f"ball_{number:02d}", RADIUS, paints[(number - 1) % len(paints)], place, turn)
            physics.active(ball, mass=0.4, shape="SPHERE", friction=0.3, restitution=values["bounce"])


FAMILY = Family("collide", "Break shot", ("Motion Dreamer", "Physion"), SETTINGS, build)
