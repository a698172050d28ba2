"""The camera circles a still life{things} on a round table while a ball rolls through it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..family import Draws, Family, setting
from ..kit import palette, physics, shapes, stage, textures, viewpoint
from ..kit.palette import IVORY, PAINTS, Floor

SETTINGS = (
    setting("turn", 68.75, "Angle that the camera sweeps around the table.", "degrees", (-360.0, 360.0), (45, 90)),
    setting("push", 1.41, "Speed of the ball.", "m/s", (0.1, 5.0), (1.1, 1.9)),
    setting("lens", 52.0, "Focal length of the camera, on a sensor of 36 mm.", "mm", (15.0, 200.0), (45, 60)),
)
RADIUS, TOP = 0.19, 0.3
FLOOR = Floor("a tiled floor", lambda: textures.tiles(seed=61, colour=(0.76, 0.73, 0.7)), 2.6)


def build(values: Mapping[str, Any], draws: Draws) -> str:
    """See the module."""
    stage.daylight(draws, "studio", sun=(-0.7, 0.5, -1.0))
    floor = palette.floor(draws, FLOOR, turn=0.8)
    marble = shapes.paint(
        "marble", textures.marble(seed=62, base=(0.3, 0.34, 0.36), vein=(0.85, 0.86, 0.84)), roughness=0.15
    )
    table = shapes.cylinder("table", 1.25, TOP, marble, (0, 0, TOP / 2), bevel=0.03, texture_size=1.4)
    physics.passive(table, shape="CYLINDER", friction=0.7)
    _still_life(draws)
    shipped = (PAINTS[1], palette.Paint("white", IVORY))
    ball, words = palette.striped_ball(draws, RADIUS, (-0.75, -0.72, TOP + RADIUS), (0.3, 0.2, 0.0), shipped)
    physics.active(ball, mass=1.5, shape="SPHERE", friction=0.6)
    heading = np.arctan2(0.4, 1.35) + draws.real("ball turn", 0.0, -0.1, 0.3)
    way = values["push"] * np.array([np.cos(heading), np.sin(heading)])
    physics.launch(ball, (*way, 0.0), spin=(-way[1] / RADIUS, way[0] / RADIUS, 0))
    start = draws.real("camera start", -2.1, -2.6, -1.6)
    sweep = (start, start + np.radians(values["turn"]))
    distance, height = draws.real("camera distance", 4.2, 3.9, 4.6), draws.real("camera height", 2.0, 1.5, 2.4)
    viewpoint.orbiting_camera(draws, (0.0, 0.0, 0.5), distance, height, sweep, lens=values["lens"])
    things = f" of {palette.made_of(draws, '')} things" if palette.is_coated(draws) else ""
    return (
        f"The camera circles a still life{things} on a dark marble table over {floor} while a {words} rolls through it."
    )


def _still_life(draws: Draws) -> None:
    first, second = draws.order("paints", (PAINTS[4].colour, (0.66, 0.24, 0.28), PAINTS[3].colour, PAINTS[2].colour))[
        :2
    ]
    checks = palette.coat(draws, "checks", lambda: textures.checker(4, first, IVORY), 0.35, number=1)
    brass = palette.coat(
        draws, "brass", lambda: textures.brushed_metal(colour=(0.86, 0.66, 0.28)), 0.3, metallic=0.4, number=2
    )
    wood = palette.coat(draws, "wood", lambda: textures.wood(seed=63), roughness=0.5, number=3)
    cloth = palette.coat(draws, "cloth", lambda: textures.fabric(colour=second, threads=24), 0.8, number=4)
    spots = draws.order("spots", ((0.42, 0.35), (-0.25, 0.5), (-0.62, -0.2), (0.5, -0.32)))
    cube = shapes.box("cube", (0.5, 0.5, 0.5), checks, (*spots[0], TOP + 0.25), (0, 0, 0.4), 0.02, 0.5)
    drum = shapes.cylinder("drum", 0.2, 0.7, wood, (*spots[1], TOP + 0.35), bevel=0.015, texture_size=0.6)
    cone = shapes.cylinder("cone", 0.26, 0.62, brass, (*spots[2], TOP + 0.31), top_radius=0.03, texture_size=0.5)
    block = shapes.box("block", (0.24, 0.24, 0.48), cloth, (*spots[3], TOP + 0.24), (0, 0, 0.5), 0.015, 0.24)
    for thing, mass, shape in ((cube, 4.0, "BOX"), (drum, 2.0, "CYLINDER"), (block, 0.4, "BOX")):
        physics.active(thing, mass=mass, shape=shape, friction=0.6)
    physics.active(cone, mass=1.0, shape="CONVEX_HULL", friction=0.6)


FAMILY = Family(
    "orbit", "Orbit", ("MotionCraft", "Motion Prompting"), SETTINGS, build, lacks=("camera_motion", "camera_speed")
)
