"""A flying ball goes through a tower of crossed bricks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..family import Draws, Family, setting
from ..kit import assemblies, palette, stage, viewpoint

SETTINGS = (
    setting("layers", 9, "Layers of three bricks.", "", (2, 16), (7, 11)),
    setting("push", 5.9, "Speed of the ball that hits the tower.", "m/s", (0.5, 12.0), (4.5, 7.0)),
    setting("mass", 6.0, "Mass of the ball; a brick has 0.4 kg.", "kg", (0.1, 50.0), (4.0, 8.0)),
    setting("height", 0.5, "Height of the ball's centre at the start.", "m", (0.25, 2.0), (0.35, 0.8)),
)


def hit(draws: Draws, values: Mapping[str, Any]) -> str:
    """A ball that flies at the tower; returns its words."""
    shipped = (palette.Paint("black", (0.12, 0.14, 0.2)), palette.Paint("yellow", (0.93, 0.7, 0.2)))
    turn = draws.real("ball turn", 0.0, -0.5, 0.5)
    way = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    start = way @ np.array([-1.35, -0.45, values["height"]])
    ball, words = palette.striped_ball(draws, 0.24, tuple(start), (0.4, 0.3, 0), shipped, roughness=0.2)
    assemblies.flying_ball(ball, values["mass"], values["push"], way @ np.array([5.6, 1.75, 0.6]))
    return words


def build(values: Mapping[str, Any], draws: Draws) -> str:
    """See the module."""
    stage.daylight(draws, "dusk", sun=(0.75, 0.6, -0.9), strength=3.4)
    floor = palette.floor(draws, palette.FLOORS[1], friction=0.9, turn=0.5)
    assemblies.brick_tower(draws, values["layers"])
    ball = hit(draws, values)
    # by what is usual, not by what is set: a pair of scenes with different towers is seen from one place
    reach = max(1.0, FAMILY.values(draws, {})["layers"] / 9)
    viewpoint.drawn_camera(draws, (0.7 * reach, -4.3 * reach, 2.2), (0.1, 0.0, 0.5 * reach), lens=43)
    bricks = f"{palette.made_of(draws, 'wooden and painted')} bricks"
    return f"A {ball} flies into a tower of {bricks} on {floor}, and the tower collapses."


FAMILY = Family("tower", "Ball into tower", ("Motion Dreamer", "Physion"), SETTINGS, build)
