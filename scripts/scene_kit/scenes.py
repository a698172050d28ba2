"""One short builder a scene; everything they share is in the kit."""

from __future__ import annotations

import numpy as np

from . import physics, shapes, stage, textures

PAINTS = (
    (0.80, 0.16, 0.14),
    (0.90, 0.46, 0.12),
    (0.92, 0.74, 0.18),
    (0.24, 0.58, 0.32),
    (0.14, 0.48, 0.66),
    (0.36, 0.26, 0.60),
)


def floor(
    picture: np.ndarray, texture_size: float, friction: float = 0.6, restitution: float = 0.1, turn: float = 0.0
) -> None:
    """A ground of 60 by 60 metres, turned by `turn` radians, whose top is at z = 0."""
    material = shapes.paint("floor", picture, roughness=0.55)
    ground = shapes.box("floor", (60.0, 60.0, 0.4), material, (0, 0, -0.2), (0, 0, turn), texture_size=texture_size)
    physics.passive(ground, friction=friction, restitution=restitution)


def s_curve(radius: float, angle: float, heading: float, count: int) -> tuple[np.ndarray, np.ndarray]:
    """`count` places (count, 2) and headings (count,) evenly along two opposite arcs of `angle` radians, centred at 0."""
    turns = np.linspace(-1.0, 1.0, 2001)
    headings = heading + angle * (np.abs(turns) - 0.5)
    steps = np.stack([np.cos(headings), np.sin(headings)], axis=1) * radius * angle * (turns[1] - turns[0])
    path = np.cumsum(steps, axis=0)
    path -= (path[0] + path[-1]) / 2
    chosen = np.linspace(0, len(turns) - 1, count).round().astype(int)
    return path[chosen], headings[chosen]


def dominoes() -> None:
    """A ball topples an S-shaped row of stones."""
    stage.daylight("day", sun=(-0.8, 0.35, -1.0))
    floor(textures.planks(), texture_size=1.5, friction=1.5, turn=0.35)
    size = (0.07, 0.21, 0.42)
    count = 20
    places, headings = s_curve(radius=0.68, angle=2.4, heading=-1.0, count=count)
    materials = [
        shapes.paint(f"domino_paint_{i + 1}", textures.domino(paint, (1 + i, 6 - i)), roughness=0.3)
        for i, paint in enumerate(PAINTS)
    ]
    for i, ((x, y), heading) in enumerate(zip(places, headings, strict=True)):
        material = materials[i * len(materials) // count]
        stone = shapes.decorated_box(
            f"domino_{i + 1:02d}", size, material, (x, y, size[2] / 2), (0, 0, heading), bevel=0.01
        )
        physics.active(stone, mass=0.6, friction=0.4)
    radius = 0.26
    forward = np.array([np.cos(headings[0]), np.sin(headings[0])])
    start = places[0] - 0.72 * forward
    paint = shapes.paint("ball", textures.striped_ball(((0.85, 0.13, 0.12), (0.95, 0.94, 0.90))), roughness=0.25)
    ball = shapes.sphere("ball", radius, paint, (*start, radius), (0.3, 0.0, headings[0]))
    physics.active(ball, mass=2.5, shape="SPHERE")
    physics.launch(ball, (*(3.2 * forward), 0.0))
    stage.camera((1.7, -3.3, 2.2), (-0.06, 0.0, 0.1), lens=58)
