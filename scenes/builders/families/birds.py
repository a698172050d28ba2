"""A flock of birds over hills at dusk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..family import Draws, Family, setting
from ..kit import effects, landscape, shapes, stage, textures, viewpoint
from ..look import OWN

SETTINGS = (
    setting("count", 160, "Number of birds.", "", (1, 5000), (90, 240)),
    setting("speed", 8.0, "Their cruising speed.", "m/s", (1.0, 30.0), (6.0, 10.0)),
    setting("cohesion", 1.5, "How much they stay together.", "", (0.0, 20.0), (1.0, 2.5)),
    setting("wander", 0.6, "How much they follow whims that neighbours share.", "", (0.0, 10.0), (0.3, 1.0)),
)
SIZE, CELLS, PIXELS = 320.0, 64, 512


def build(values: Mapping[str, Any], draws: Draws) -> str:
    """See the module."""
    stage.daylight(draws, "dusk", sun=(0.8, -0.5, -0.45), strength=2.8, skies=("dusk",))
    number = draws.whole("map", 31, 0, 10000)
    hills = landscape.heights(CELLS + 1, number)
    place = np.linspace(-1, 1, CELLS + 1)
    # a valley along the view, so that the birds are seen between the hills
    rise = np.clip(np.abs(place)[:, None] * 1.6 - 0.35, 0.0, 1.0) + 0.5 * np.clip(place[None, :], 0.0, 1.0)
    picture = landscape.fields(PIXELS, number, count=40)
    picture = landscape.blend_over(picture, (0.12, 0.2, 0.1), 0.9 * landscape.forest(PIXELS, number + 3, 0.3))
    picture = picture * (1.0 + 0.12 * textures.noise(PIXELS, number + 5, 0.4)[..., None])
    ground = shapes.paint("land", np.clip(picture, 0.0, 1.0), roughness=0.9)
    shapes.terrain("land", SIZE, rise * (10.0 + 7.0 * hills), ground, (0.0, 130.0, 0.0))
    bird = shapes.paint("bird", colour=(0.05, 0.05, 0.07), roughness=0.8)
    effects.domain(
        "birds",
        "flock",
        (-15.0, 14.0, 9.0),
        (15.0, 44.0, 24.0),
        bird,
        count=values["count"],
        speed=values["speed"],
        cohesion=values["cohesion"],
        wander=values["wander"],
        size=1.3,
        radius=3.5,
        separation=1.6,
        warm_up=3.0,
    )
    side = draws.real("camera side", 0.0, -6.0, 6.0)
    height = draws.real("camera height", 11.0, 8.0, 18.0)
    viewpoint.looking_camera(draws, (side, -14.0, height), (0.0, 30.0, 15.5), lens=38)
    when = " at dusk" if draws.look.sky == OWN else ""
    return f"A flock of birds flies over hills with fields and woods{when}."


FAMILY = Family(
    "birds",
    "Flock of birds",
    ("MotionCraft",),
    SETTINGS,
    build,
    frames=72,
    outdoors=True,
    lacks=("floor", "paint", "distractors"),
)
