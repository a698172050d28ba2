"""A jelly falls onto a drum, and a ball knocks the drum away: an elastic solid on a rigid body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..family import Draws, Family, setting
from ..kit import effects, palette, physics, shapes, stage, textures, viewpoint
from ..kit.palette import IVORY, PAINTS

SETTINGS = (
    setting("stiffness", 12000.0, "Young's modulus of the jelly.", "Pa", (500.0, 1e6), (7000, 25000)),
    setting("height", 0.35, "Height from which the jelly falls.", "m", (0.0, 1.0), (0.2, 0.5)),
    setting("push", 3.2, "Speed of the ball that hits the drum.", "m/s", (0.3, 8.0), (2.6, 4.2)),
    setting("mass", 4.0, "Mass of the ball; the drum has 2 kg.", "kg", (0.1, 50.0), (3.0, 6.0)),
    setting("resolution", 48, "Cells along the longest side of the jelly's space.", "cells", (24, 160)),
)
RADIUS, HEIGHT, SIDE, BALL = 0.42, 0.5, 0.4, 0.22


def build(values: Mapping[str, Any], draws: Draws) -> str:
    """See the module."""
    stage.daylight(draws, "day", sun=(0.6, 0.7, -1.1))
    floor = palette.floor(draws, palette.FLOORS[0], turn=0.4, friction=0.8)
    drum = _drum(draws)
    jelly_paint = draws.pick("jelly", PAINTS[0], (PAINTS[1], PAINTS[3], PAINTS[5]))
    picture = textures.checker(4, jelly_paint.colour, textures.mixed(jelly_paint.colour, (1.0, 1.0, 1.0), 0.5))
    paint = shapes.paint("jelly", picture, roughness=0.1)
    place = (0.0, 0.0, HEIGHT + values["height"] + SIDE / 2 + 0.01)
    turn = draws.real("jelly turn", 0.5, 0.0, 1.5)
    jelly = shapes.box("jelly", (SIDE, SIDE, SIDE), paint, place, (0.12, 0.08, turn), bevel=0.05, texture_size=SIDE)
    ball = _ball(draws, values)
    space = effects.domain(
        "space", "material", (-0.9, -0.75, 0.0), (1.5, 0.75, 1.65), paint, resolution=values["resolution"]
    )
    effects.give_role(jelly, "emitter", space, material="jelly", stiffness=values["stiffness"])
    for thing in (drum, ball[0]):
        effects.give_role(thing, "obstacle", space, friction=0.6)
    viewpoint.drawn_camera(draws, (0.9, -4.0, 1.7), (0.15, 0.0, 0.6), lens=48, swing=0.25)
    fall = f"A {jelly_paint.words} jelly falls onto a {palette.made_of(draws, '')} drum".replace("  ", " ")
    return f"{fall} and wobbles, until a {ball[1]} knocks the drum on {floor}."


def _drum(draws: Draws) -> Any:
    paint = draws.pick("drum", PAINTS[4], (PAINTS[2], PAINTS[3]))
    side = palette.coat(draws, "drum", lambda: textures.checker(6, paint.colour, IVORY), roughness=0.3, number=1)
    drum = shapes.cylinder("drum", RADIUS, HEIGHT, side, (0, 0, HEIGHT / 2), bevel=0.02, texture_size=0.5)
    return physics.active(drum, mass=2.0, shape="CYLINDER", friction=0.5)


def _ball(draws: Draws, values: Mapping[str, Any]) -> tuple[Any, str]:
    """A ball that reaches the drum after a second, and its words."""
    speed = values["push"]
    side = draws.real("ball side", 0.0, -0.12, 0.12)
    start = (-RADIUS - BALL - speed * 1.0, side, BALL)
    shipped = (palette.Paint("black", (0.12, 0.14, 0.2)), palette.Paint("yellow", (0.93, 0.7, 0.2)))
    ball, words = palette.striped_ball(draws, BALL, start, (0.4, 0.3, 0), shipped)
    physics.active(ball, mass=values["mass"], shape="SPHERE")
    physics.launch(ball, (speed, 0.0, 0.0), spin=(0, speed / BALL, 0))
    return ball, words


FAMILY = Family("jelly_drum", "Jelly on a drum", (), SETTINGS, build)
