"""Balls, cubes and drums pour into a wooden crate."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from ..family import Draws, Family, setting
from ..kit import palette, physics, shapes, stage, textures, viewpoint
from ..kit.palette import IVORY
from ..kit.stage import Vector3

SETTINGS = (
    setting("count", 20, "Number of things that fall.", "", (1, 40), (12, 24)),
    setting("bounce", 0.6, "Restitution of the balls; cubes and drums have half of it.", "", (0.0, 0.95), (0.3, 0.8)),
    setting("height", 0.66, "Height of the lowest thing at the start.", "m", (0.3, 3.0), (0.65, 1.0)),
)


def build(values: Mapping[str, Any], draws: Draws) -> str:
    """See the module."""
    stage.daylight(draws, "studio", sun=(-0.6, 0.7, -1.2))
    floor = palette.floor(draws, palette.FLOORS[2], friction=0.9, turn=0.9)
    _crate()
    _things(draws, values)
    viewpoint.drawn_camera(draws, (1.6, -3.7, 3.1), (0.0, 0.0, 0.86), lens=45)
    words = palette.made_of(draws, "colourful").capitalize()
    return f"{words} balls, cubes and drums pour into an open wooden crate on {floor} and settle."


def _crate() -> None:
    crate = shapes.paint("crate", textures.wood(seed=31), roughness=0.5)
    inner, wall, height = 1.3, 0.07, 0.62
    reach = (inner + wall) / 2
    sides: tuple[tuple[str, Vector3, Vector3], ...] = (
        ("crate_bottom", (inner, inner, wall), (0, 0, wall / 2)),
        ("crate_left", (wall, inner + 2 * wall, height), (-reach, 0, height / 2)),
        ("crate_right", (wall, inner + 2 * wall, height), (reach, 0, height / 2)),
        ("crate_front", (inner, wall, height), (0, -reach, height / 2)),
        ("crate_back", (inner, wall, height), (0, reach, height / 2)),
    )
    for name, size, place in sides:
        physics.passive(shapes.box(name, size, crate, place, bevel=0.008, texture_size=0.9), restitution=0.3)


def _things(draws: Draws, values: Mapping[str, Any]) -> None:
    paints = draws.order("paints", palette.PAINTS)
    stripes = [
        palette.coat(
            draws,
            f"stripes_{i}",
            partial(textures.striped_ball, (paint.colour, IVORY), size=128),
            roughness=0.3,
            number=i,
        )
        for i, paint in enumerate(paints)
    ]
    checks = [
        palette.coat(
            draws,
            f"checks_{i}",
            partial(textures.checker, 4, paint.colour, IVORY, size=128),
            roughness=0.4,
            number=i,
        )
        for i, paint in enumerate(paints)
    ]
    size = draws.real("size", 1.0, 0.85, 1.1)
    lively = values["bounce"]
    for i in range(values["count"]):
        # a stream for each, so that the first ones stay as they are when there are more
        generator = draws.generator(f"thing {i}")
        layer, cell = divmod(i, 4)
        place = (
            (cell % 2 - 0.5) * 0.5 + generator.uniform(-0.07, 0.07),
            (cell // 2 - 0.5) * 0.5 + generator.uniform(-0.07, 0.07),
            values["height"] + 0.34 * layer,
        )
        turn = tuple(generator.uniform(-1.0, 1.0, 3))
        side = 0.24 * size
        kind = i % 3 if draws.shipped else int(generator.integers(3))
        if kind == 0:
            thing = shapes.box(f"cube_{i + 1:02d}", (side, side, side), checks[i % 6], place, turn, 0.012, side)
            physics.active(thing, mass=0.5, restitution=lively / 2)
        elif kind == 1:
            thing = shapes.sphere(f"ball_{i + 1:02d}", 0.145 * size, stripes[i % 6], place, turn)
            physics.active(thing, mass=0.5, shape="SPHERE", restitution=lively)
        else:
            thing = shapes.cylinder(f"drum_{i + 1:02d}", side / 2, side, checks[i % 6], place, turn, None, 0.01, side)
            physics.active(thing, mass=0.5, shape="CYLINDER", restitution=lively / 2)


FAMILY = Family("contain", "Into the crate", ("Motion Dreamer", "Physion"), SETTINGS, build, substeps=6)
