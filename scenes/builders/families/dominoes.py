"""A ball topples an S-shaped row of stones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..family import Draws, Family, setting
from ..kit import assemblies, palette, physics, stage, viewpoint

SETTINGS = (
    setting("count", 20, "Number of stones.", "", (3, 40), (14, 24)),
    setting("gap", 0.1, "Space between neighbouring stones.", "m", (0.02, 0.8), (0.07, 0.14)),
    setting("push", 3.2, "Speed of the ball that topples the first stone.", "m/s", (0.3, 8.0), (2.6, 4.2)),
    setting("friction", 1.5, "Friction of the floor.", "", (0.0, 3.0), (0.9, 1.6)),
)


def row(draws: Draws, values: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Stones in an S, and the ball that rolls into them: places (n, 2) and headings (n,) of the stones."""
    pitch = values["gap"] + assemblies.STONE[0]
    count = values["count"]
    mirror = draws.pick("mirror", 1.0, (-1.0,))
    angle = draws.real("curl", 2.4, 1.4, 2.5)
    places, headings = assemblies.s_curve(pitch * (count - 1), angle, -1.0, count)
    places, headings = places * (1.0, mirror), headings * mirror
    assemblies.dominoes(draws, places, headings)
    return places, headings


def push(draws: Draws, start: np.ndarray, heading: float, speed: float) -> str:
    """A ball that rolls along `heading` into what stands at `start` (2,); returns its words."""
    radius = 0.26
    forward = np.array([np.cos(heading), np.sin(heading)])
    place = start - 0.72 * forward
    shipped = (palette.Paint("red", (0.85, 0.13, 0.12)), palette.Paint("white", (0.95, 0.94, 0.90)))
    ball, words = palette.striped_ball(draws, radius, (*place, radius), (0.3, 0.0, heading), shipped)
    physics.active(ball, mass=draws.real("ball mass", 2.5, 1.8, 3.5), shape="SPHERE")
    physics.launch(ball, (*(speed * forward), 0.0))
    return words


def build(values: Mapping[str, Any], draws: Draws) -> str:
    """See the module."""
    stage.daylight(draws, "day", sun=(-0.8, 0.35, -1.0))
    floor = palette.floor(draws, palette.FLOORS[0], friction=values["friction"], turn=0.35)
    places, headings = row(draws, values)
    ball = push(draws, places[0], headings[0], values["push"])
    # by what is usual, not by what is set: a pair of scenes with different gaps is seen from one place
    usual = FAMILY.values(draws, {})
    reach = max(1.0, (usual["count"] * (usual["gap"] + assemblies.STONE[0]) / 3.4) ** 0.8)
    viewpoint.drawn_camera(draws, (1.7 * reach, -3.3 * reach, 2.2 * reach), (-0.06, 0.0, 0.1), lens=58, swing=0.6)
    stones = f"{palette.made_of(draws, 'colourful')} dominoes"
    return f"A {ball} rolls into a curved row of {values['count']} {stones} on {floor} and topples them."


FAMILY = Family("dominoes", "Dominoes", ("Motion Dreamer", "Physion"), SETTINGS, build)
