"""Five different things fall, bounce and come to rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..family import Draws, Family, setting
from ..kit import palette, physics, shapes, stage, textures, viewpoint
from ..kit.palette import IVORY, PAINTS

SETTINGS = (
    setting("lift", 0.0, "How much higher everything starts.", "m", (-0.1, 3.0), (0.0, 0.5)),
    setting("bounce", 0.95, "Restitution of the ball.", "", (0.0, 1.0), (0.7, 0.95)),
    setting(
        "floor_bounce",
        0.8,
        "Restitution of the floor, which multiplies that of what falls.",
        "",
        (0.0, 1.0),
        (0.6, 0.9),
    ),
)


def build(values: Mapping[str, Any], draws: Draws) -> str:
    """See the module."""
    stage.daylight(draws, "day", sun=(0.55, 0.7, -1.3))
    floor = palette.floor(draws, palette.FLOORS[4], restitution=values["floor_bounce"])
    metal = draws.pick("metal", ("steel", (0.70, 0.71, 0.73)), (("brass", (0.86, 0.66, 0.28)),))
    colours = draws.order("paints", (PAINTS[3].colour, (0.3, 0.36, 0.66), PAINTS[0].colour, PAINTS[1].colour))
    wood = palette.coat(draws, "wood", lambda: textures.wood(seed=72), roughness=0.5)
    steel = palette.coat(
        draws, metal[0], lambda: textures.brushed_metal(colour=metal[1]), roughness=0.25, metallic=0.4, number=1
    )
    checks = palette.coat(draws, "checks", lambda: textures.checker(6, colours[0], IVORY), roughness=0.35, number=2)
    cloth = palette.coat(
        draws, "cloth", lambda: textures.fabric(colour=colours[1], threads=32), roughness=0.8, number=3
    )
    ball_colours = (colours[2], IVORY, PAINTS[2].colour)
    stripes = palette.coat(draws, "stripes", lambda: textures.striped_ball(ball_colours), roughness=0.2, number=4)
    spots = draws.order("spots", ((-0.25, -0.35), (0.62, 0.1), (-0.95, 0.15), (0.2, 0.75), (0.3, -0.7)))
    heights = draws.order("heights", (1.75, 1.35, 1.2, 1.6, 0.75))
    places = [(x, y, height + values["lift"]) for (x, y), height in zip(spots, heights, strict=True)]
    size = draws.real("size", 1.0, 0.85, 1.15)
    turns = [
        _turn(draws, i, turn)
        for i, turn in enumerate(((0.6, 0.5, 0.2), (0.9, 0.4, 0), (2.5, 0.4, 0), (0.3, 0.35, 0.5)))
    ]
    ball = shapes.sphere("ball", 0.3 * size, stripes, places[0], (0.4, 0.3, 0.0))
    side = 0.46 * size
    cube = shapes.box("cube", (side, side, side), wood, places[1], turns[0], 0.02, 0.7)
    drum = shapes.cylinder("drum", 0.2, 0.6 * size, steel, places[2], turns[1], bevel=0.012, texture_size=0.6)
    cone = shapes.cylinder("cone", 0.3 * size, 0.6, checks, places[3], turns[2], top_radius=0.02, texture_size=0.5)
    cushion = shapes.box("cushion", (0.6, 0.6, 0.2 * size), cloth, places[4], turns[3], 0.05, 0.4)
    for thing, shape, bounce in (
        (ball, "SPHERE", values["bounce"]),
        (cube, "BOX", 0.5),
        (drum, "CYLINDER", 0.5),
        (cone, "CONVEX_HULL", 0.4),
        (cushion, "BOX", 0.2),
    ):
        physics.active(thing, mass=1.0, shape=shape, restitution=bounce)
    viewpoint.drawn_camera(draws, (0.4, -4.4, 2.7), (-0.08, 0.0, 0.78), lens=50)
    things = f"A ball, a wooden cube, a {metal[0]} drum, a cone and a cushion"
    if palette.is_coated(draws):
        things = f"A {palette.made_of(draws, '')} ball, cube, drum, cone and slab"
    return f"{things} fall onto {floor}, bounce and settle."


def _turn(draws: Draws, number: int, shipped: tuple[float, float, float]) -> tuple[float, float, float]:
    """The orientation of thing `number` at the start."""
    if draws.shipped:
        return shipped
    first, second, third = draws.generator(f"turn {number}").uniform(-1.2, 1.2, 3)
    return float(first), float(second), float(third)


FAMILY = Family("drop", "Falling things", ("Motion Dreamer", "Physion"), SETTINGS, build, substeps=6)
