"""Paints and floors by name, from which seeds choose; their words make the captions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..family import Draws
from . import physics, shapes, textures
from .textures import Colour


@dataclass(frozen=True)
class Paint:
    """A colour and its name."""

    words: str
    colour: Colour
    """sRGB, 0 to 1."""


@dataclass(frozen=True)
class Floor:
    """A kind of ground."""

    words: str
    """With its article."""
    picture: Callable[[], np.ndarray]
    texture_size: float
    """Metres that the picture covers."""


PAINTS = (
    Paint("red", (0.80, 0.16, 0.14)),
    Paint("orange", (0.90, 0.46, 0.12)),
    Paint("yellow", (0.92, 0.74, 0.18)),
    Paint("green", (0.24, 0.58, 0.32)),
    Paint("blue", (0.14, 0.48, 0.66)),
    Paint("violet", (0.36, 0.26, 0.60)),
)
IVORY: Colour = (0.95, 0.93, 0.88)

FLOORS = (
    Floor("a wooden floor", textures.planks, 1.5),
    Floor("a tiled floor", textures.tiles, 2.4),
    Floor("a blue-grey tiled floor", lambda: textures.tiles(seed=32, colour=(0.5, 0.57, 0.62)), 2.4),
    Floor("a concrete floor", lambda: textures.concrete(seed=51, colour=(0.7, 0.66, 0.6)), 2.2),
    Floor(
        "a pale marble floor", lambda: textures.marble(seed=71, base=(0.76, 0.66, 0.55), vein=(0.5, 0.37, 0.28)), 3.0
    ),
    Floor("a checkered floor", lambda: textures.checker(8, (0.82, 0.8, 0.76), (0.34, 0.38, 0.42)), 2.4),
)


def floor(
    draws: Draws, shipped: Floor, friction: float = 0.6, restitution: float = 0.1, turn: float = 0.0, top: float = 0.0
) -> str:
    """A ground of 120 by 120 metres, turned by `turn` radians, whose top is at z = `top`; returns its words."""
    chosen = draws.pick("floor", shipped, FLOORS)
    turn = draws.real("floor turn", turn, 0.0, 1.5)
    material = shapes.paint("floor", chosen.picture(), roughness=0.55)
    place = (0.0, 0.0, top - 0.2)
    ground = shapes.box("floor", (120.0, 120.0, 0.4), material, place, (0, 0, turn), texture_size=chosen.texture_size)
    physics.passive(ground, friction=friction, restitution=restitution)
    return chosen.words


def striped_ball(
    draws: Draws,
    radius: float,
    location: tuple[float, float, float],
    rotation: tuple[float, float, float],
    shipped: tuple[Paint, Paint],
    name: str = "ball",
    roughness: float = 0.25,
) -> tuple[object, str]:
    """A beach ball in two colours, and its words, as in "red and white ball"."""
    if draws.shipped:
        first, second = shipped
    else:
        first, second = draws.order(
            f"{name} paints", (*PAINTS, Paint("white", IVORY), Paint("black", (0.1, 0.1, 0.12)))
        )[:2]
    picture = textures.striped_ball((first.colour, second.colour))
    material = shapes.paint(name, picture, roughness=roughness)
    return shapes.sphere(name, radius, material, location, rotation), f"{first.words} and {second.words} {name}"
