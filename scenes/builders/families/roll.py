"""A ball rolls down a plank and bowls pins over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..family import Draws, Family, setting
from ..kit import palette, physics, shapes, stage, textures, viewpoint
from ..kit.palette import Floor

SETTINGS = (
    setting("slope", 27.0, "Slope of the ramp.", "degrees", (5.0, 45.0), (22, 33)),
    setting("push", 1.3, "Speed of the ball at the top of the ramp.", "m/s", (0.3, 5.0), (0.9, 2.0)),
    setting("rows", 3, "Rows of the triangle of pins.", "", (1, 5), (2, 4)),
    setting("mass", 4.0, "Mass of the ball; a pin has 0.6 kg.", "kg", (0.1, 30.0), (2.5, 6.0)),
)
LENGTH, RADIUS, LOW_END = 2.4, 0.2, (0.0192, 0.0)
FLOOR = Floor("a tiled floor", lambda: textures.tiles(seed=22, colour=(0.78, 0.7, 0.6)), 2.4)


def build(values: Mapping[str, Any], draws: Draws) -> str:
    """See the module."""
    stage.daylight(draws, "day", sun=(0.7, 0.75, -1.0))
    floor = palette.floor(draws, FLOOR, friction=0.8, turn=0.3)
    ball = _ramp_and_ball(draws, values)
    pins = _pins(draws, values["rows"])
    viewpoint.drawn_camera(draws, (1.6, -4.1, 2.4), (-0.04, 0.05, 0.4), lens=41)
    return f"A {ball} rolls down a wooden ramp and bowls over {pins} on {floor}."


def _ramp_and_ball(draws: Draws, values: Mapping[str, Any]) -> str:
    slope = np.radians(values["slope"])
    down = np.array([np.cos(slope), 0.0, -np.sin(slope)])
    normal = np.array([np.sin(slope), 0.0, np.cos(slope)])
    # the low end stays where it is, whatever the slope
    middle = np.array([LOW_END[0], 0.0, 0.01]) - down * LENGTH / 2
    pine = shapes.paint("pine", textures.wood(seed=21), roughness=0.4)
    ramp = shapes.box("ramp", (LENGTH, 0.8, 0.08), pine, tuple(middle), (0, slope, 0), bevel=0.01, texture_size=0.8)
    physics.passive(ramp, friction=0.9)
    marble = shapes.paint("marble", textures.marble(), roughness=0.25)
    for name, along in (("support_high", -0.85), ("support_low", 0.1)):
        # up to the lower side of the plank, over the block's whole width
        height = middle[2] - (along + 0.13) * np.tan(slope) - 0.04 / np.cos(slope) - 0.004
        if height > 0.05:
            place = (middle[0] + along, 0, height / 2)
            physics.passive(shapes.box(name, (0.26, 0.6, height), marble, place, (0, 0, 0), 0.015, 2.0))
    place = middle - down * (LENGTH / 2 - 0.25) + normal * (0.04 + RADIUS)
    shipped = (palette.Paint("orange", (0.88, 0.4, 0.1)), palette.Paint("white", (0.96, 0.93, 0.86)))
    ball, words = palette.striped_ball(draws, RADIUS, tuple(place), (0.4, 0.3, 0.0), shipped, roughness=0.2)
    physics.active(ball, mass=values["mass"], shape="SPHERE", friction=0.8)
    physics.launch(ball, tuple(values["push"] * down), spin=(0, values["push"] / RADIUS, 0))
    return words


def _pins(draws: Draws, rows: int) -> str:
    """A triangle of pins; returns its words."""
    paint = draws.pick("pins", palette.PAINTS[0], palette.PAINTS[1:])
    dark = textures.mixed(paint.colour, (0.0, 0.0, 0.0), 0.1)
    material = palette.coat(draws, "pin", lambda: textures.checker(6, (0.93, 0.92, 0.9), dark), 0.3, number=1)
    places = [(0.7 + 0.27 * row, (column - row / 2) * 0.3, 0.24) for row in range(rows) for column in range(row + 1)]
    for i, place in enumerate(places):
        pin = shapes.cylinder(
            f"pin_{i + 1}", 0.09, 0.48, material, place, top_radius=0.06, bevel=0.008, texture_size=0.6
        )
        physics.active(pin, mass=0.6, shape="CONVEX_HULL", friction=0.6, restitution=0.2)
    words = palette.made_of(draws, f"{paint.words} and white")
    return f"{len(places)} {words} pins" if rows > 1 else f"a {words} pin"


FAMILY = Family("roll", "Rolling ball", ("Motion Dreamer", "Physion"), SETTINGS, build)
