"""Paints and floors by name, from which seeds choose; their words make the captions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import bpy
import numpy as np

from ..family import Draws
from . import coats, grounds, physics, shapes, textures
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
    words, texture_size = chosen.words, chosen.texture_size
    if draws.look.floor in grounds.GROUNDS:
        laid = grounds.GROUNDS[draws.look.floor]
        words, texture_size = laid.words, laid.texture_size
        material = laid_ground(draws, "floor")
    else:
        material = shapes.paint("floor", chosen.picture(), roughness=0.55)
    place = (0.0, 0.0, top - 0.2)
    ground = shapes.box("floor", (120.0, 120.0, 0.4), material, place, (0, 0, turn), texture_size=texture_size)
    physics.passive(ground, friction=friction, restitution=restitution)
    return words


def laid_ground(draws: Draws, name: str) -> bpy.types.Material:
    """The ground that the look lays, in a tone that differs a little from seed to seed."""
    laid = grounds.GROUNDS[draws.look.floor]
    light = draws.generator("ground tone").uniform(0.85, 1.08) * draws.generator("ground tint").uniform(0.95, 1.05, 3)
    picture = grounds.picture_of(draws.look.floor, tuple(light))
    return shapes.paint(name, picture, roughness=laid.roughness, metallic=laid.metallic)


def coat(
    draws: Draws,
    name: str,
    picture: Callable[[], np.ndarray],
    roughness: float,
    metallic: float = 0.0,
    number: int = 0,
) -> bpy.types.Material:
    """The material called `name` of something that moves: the family's own, or the look's paint.

    Things with different `number` get different variants of the look's paint, as long as there are any.
    """
    if not is_coated(draws):
        return shapes.paint(name, picture(), roughness=roughness, metallic=metallic)
    chosen = coats.COATS[draws.look.paint]
    variant = int(draws.generator("coat").integers(len(chosen.pictures))) + number
    painted = coats.picture_of(draws.look.paint, variant)
    return shapes.paint(name, painted, roughness=chosen.roughness, metallic=chosen.metallic)


def is_coated(draws: Draws) -> bool:
    """Does the look say what things are made of?"""
    return draws.look.paint in coats.COATS


def made_of(draws: Draws, own: str) -> str:
    """The adjective for what moves: the family's `own`, or that of the look's paint."""
    return coats.COATS[draws.look.paint].word if is_coated(draws) else own


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
    colours = (first.colour, second.colour)
    material = coat(draws, name, lambda: textures.striped_ball(colours), roughness)
    ball = shapes.sphere(name, radius, material, location, rotation)
    return ball, f"{made_of(draws, f'{first.words} and {second.words}')} {name}"
