"""Groups of bodies that more than one family uses."""

from __future__ import annotations

from functools import partial

import bpy
import numpy as np

from ..family import Draws
from . import physics, shapes, textures
from .palette import PAINTS, coat, is_coated

STONE = (0.07, 0.21, 0.42)
"""Thickness, width and height of a domino in metres."""


def s_curve(length: float, angle: float, heading: float, count: int) -> tuple[np.ndarray, np.ndarray]:
    """`count` places (count, 2) and headings (count,) along two opposite arcs of `angle` radians, centred at 0.

    Both arcs together are `length` metres long.
    """
    turns = np.linspace(-1.0, 1.0, 2001)
    headings = heading + angle * (np.abs(turns) - 0.5)
    steps = np.stack([np.cos(headings), np.sin(headings)], axis=1) * length / 2 * (turns[1] - turns[0])
    path = np.cumsum(steps, axis=0)
    path -= (path[0] + path[-1]) / 2
    chosen = np.linspace(0, len(turns) - 1, count).round().astype(int)
    return path[chosen], headings[chosen]


def dominoes(draws: Draws, places: np.ndarray, headings: np.ndarray) -> None:
    """Stones at `places` (n, 2), which face along `headings` (n,), in bands of colours."""
    paints = draws.order("domino paints", PAINTS)
    count = len(places)
    materials = [
        coat(
            draws,
            f"domino_paint_{i + 1}",
            partial(textures.domino, paint.colour, (1 + i, 6 - i)),
            roughness=0.3,
            number=i + 1,
        )
        for i, paint in enumerate(paints)
    ]
    for i, ((x, y), heading) in enumerate(zip(places, headings, strict=True)):
        material = materials[i * len(materials) // count]
        name, place, turn = f"domino_{i + 1:02d}", (x, y, STONE[2] / 2), (0, 0, heading)
        if is_coated(draws):
            stone = shapes.box(name, STONE, material, place, turn, 0.01, 0.4, (0.37 * i, 0.21 * i))
        else:
            stone = shapes.decorated_box(name, STONE, material, place, turn, bevel=0.01)
        physics.active(stone, mass=0.6, friction=0.4)


def brick_tower(draws: Draws, layers: int, centre: tuple[float, float] = (0.0, 0.0)) -> float:
    """`layers` layers of three bricks, crossed; returns the height of the tower in metres."""
    tones = draws.order("bricks", (0, 1, 2, 3))
    pictures = (
        ("pine", lambda: textures.wood(seed=11), 0.5),
        ("oak", lambda: textures.wood(seed=12, dark=(0.34, 0.2, 0.1), light=(0.62, 0.43, 0.26)), 0.5),
        ("red brick", lambda: textures.concrete(colour=(0.74, 0.27, 0.2)), 0.6),
        ("blue brick", lambda: textures.concrete(colour=(0.2, 0.42, 0.62)), 0.6),
    )
    woods = [
        coat(draws, name, picture, roughness, number=i + 1) for i, (name, picture, roughness) in enumerate(pictures)
    ]
    width, height = 0.2, 0.15
    for number in range(3 * layers):
        layer, column = number // 3, number % 3 - 1
        turn = (layer % 2) * np.pi / 2
        place = (
            centre[0] - np.sin(turn) * column * width * 1.01,
            centre[1] + np.cos(turn) * column * width * 1.01,
            (layer + 0.5) * height,
        )
        brick = shapes.box(
            f"brick_{number + 1:02d}",
            (3 * width, width, height),
            woods[tones[(layer // 2 + abs(column)) % 4]],
            place,
            (0, 0, turn),
            bevel=0.008,
            texture_size=0.6,
            offset=(0.37 * (number + 1), 0.21 * (number + 1)),
        )
        physics.active(brick, mass=0.4, friction=0.5)
    return layers * height


def flying_ball(ball: bpy.types.Object, mass: float, speed: float, aim: np.ndarray) -> None:
    """`ball` flies off along `aim` (3,) at `speed` m/s, turning."""
    physics.active(ball, mass=mass, shape="SPHERE", restitution=0.3)
    velocity = speed * aim / np.linalg.norm(aim)
    physics.launch(ball, tuple(velocity), spin=(0, 6, 0))
