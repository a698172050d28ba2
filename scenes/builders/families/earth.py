"""A planet turns before the stars."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..family import Draws, Family, setting
from ..kit import landscape, shapes, stage, viewpoint

SETTINGS = (
    setting("speed", 22.0, "Angle by which the planet turns in a second.", "degrees/s", (-180.0, 180.0), (14, 32)),
    setting("tilt", 23.4, "Tilt of its axis, sideways.", "degrees", (-90.0, 90.0), (-30, 30)),
    setting("clouds", 0.5, "Amount of clouds.", "", (0.0, 1.0), (0.3, 0.7)),
    setting("sea", 0.25, "Sea level, in standard deviations of the relief.", "", (-2.0, 2.0), (0.0, 0.5)),
)
RADIUS = 1.0


def build(values: Mapping[str, Any], draws: Draws) -> str:
    """See the module."""
    number = draws.whole("planet", 15, 0, 10000)
    stage.backdrop(landscape.stars(1024, number))
    turn = draws.real("sun turn", 0.0, -0.5, 0.5)
    stage.lamp(draws, (0.75 + turn, 0.9, -0.35), strength=4.2)
    material = shapes.paint("earth", landscape.planet(1024, number, values["sea"], values["clouds"]), roughness=0.7)
    shapes.rim_glow(material, colour=(0.25, 0.5, 1.0), strength=1.1)
    planet = shapes.sphere("earth", RADIUS, material, (0, 0, 0), (0.0, np.radians(values["tilt"]), 0.0), segments=96)
    stage.spin(planet, draws.real("start", 4.9, 0.0, 6.28), np.radians(values["speed"]))
    distance, height = draws.real("camera distance", 4.3, 3.9, 5.2), draws.real("camera height", 0.3, -0.6, 0.6)
    viewpoint.looking_camera(draws, (0.0, -distance, height), (0.0, 0.0, 0.0), 62)
    return "The blue planet with its continents and clouds revolves in space before the stars."


FAMILY = Family(
    "earth",
    "Revolving earth",
    ("MotionCraft",),
    SETTINGS,
    build,
    # the sun stays on the camera's side: the night side would be black before a black sky
    lacks=("floor", "sky", "sun_turn", "paint", "distractors"),
)
