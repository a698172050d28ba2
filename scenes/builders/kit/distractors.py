"""Things that stand in the background of a scene and take no part in it."""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np
from mathutils import Vector

from ..family import Draws
from . import coats, physics, shapes
from .camera_motion import Shot
from .stage import Vector3

KINDS = ("box", "ball", "cylinder", "cone", "ring")
PREFIX = "background_"
"""Of their names, followed by their kind and number."""
CLEAR = 1.2
"""Radius, in units of what the camera sees around its target, that is kept clear for the action."""
FARTHEST = 4.0
"""In the same units."""
CORE = 0.55
"""Half-width, in the same units, of the part of the picture in whose middle nothing of the background is."""
TRIES = 150
HORIZON = 15.0
"""Metres: what is larger is no thing that one could stand next to."""


@dataclass(frozen=True)
class Disc:
    """A place on the ground that is taken."""

    x: float
    y: float
    radius: float


def scatter(draws: Draws, shot: Shot, target: np.ndarray, reach: float, lens: float) -> None:
    """Stand the look's distractors on the ground, z = 0, where the camera sees them and nothing happens.

    Parameters
    ----------
    target: (3,) the middle of the action. `reach` metres around it belong to it.
    lens: focal length in mm on a sensor of 36 mm.
    """
    if not draws.look.distractors:
        return
    taken = _taken()
    paths = _paths()
    for number in range(draws.look.distractors):
        generator = draws.generator(f"distractor {number}")
        kind = KINDS[int(generator.integers(len(KINDS)))]
        size = reach * generator.uniform(0.13, 0.3)
        for _ in range(TRIES):
            place = _on_the_ground(shot, lens, generator)
            if place is not None and _is_free(place, size, shot, target, reach, taken, paths):
                thing = _stand(draws, number, kind, place, size, generator)
                physics.passive(thing, shape=_COLLISION[kind])
                taken.append(Disc(place[0], place[1], size))
                break


_COLLISION = {"box": "BOX", "ball": "SPHERE", "cylinder": "CYLINDER", "cone": "CONVEX_HULL", "ring": "CONVEX_HULL"}


def _taken() -> list[Disc]:
    """Where things of a scene stand, from above."""
    discs = []
    for thing in bpy.context.scene.objects:
        if thing.type != "MESH" or max(thing.dimensions) > HORIZON:
            continue
        # matrix_world is not there before the scene is evaluated
        corners = np.array([(thing.matrix_basis @ Vector(corner))[:2] for corner in thing.bound_box])
        middle = corners.mean(axis=0)
        discs.append(Disc(middle[0], middle[1], float(np.linalg.norm(corners - middle, axis=1).max())))
    return discs


def _paths() -> list[Disc]:
    """Where bodies start that the action draws in."""
    bodies = [t for t in bpy.context.scene.objects if t.rigid_body and t.rigid_body.type == "ACTIVE"]
    return [Disc(t.location.x, t.location.y, max(t.dimensions) / 2) for t in bodies]


def _on_the_ground(shot: Shot, lens: float, generator: np.random.Generator) -> np.ndarray | None:
    """(2,) of a random point of the first picture, where that shows the ground."""
    forward = shot.targets[0] - shot.places[0]
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, (0.0, 0.0, 1.0))
    right /= np.linalg.norm(right)
    up = np.cross(right, forward)
    half = 18.0 / lens
    ray = forward + half * (generator.uniform(-0.9, 0.9) * right + generator.uniform(-0.3, 0.9) * up)
    if ray[2] > -1e-3:
        return None
    return (shot.places[0] - shot.places[0][2] / ray[2] * ray)[:2]


def _is_free(
    place: np.ndarray,
    size: float,
    shot: Shot,
    target: np.ndarray,
    reach: float,
    taken: list[Disc],
    paths: list[Disc],
) -> bool:
    """May a thing of the radius `size` stand at `place` (2,)?"""
    away = float(np.linalg.norm(place - target[:2]))
    if not CLEAR * reach + size < away < FARTHEST * reach:
        return False
    if any(np.hypot(place[0] - d.x, place[1] - d.y) < 1.2 * (d.radius + size) for d in taken):
        return False
    if any(_distance_to_way(place, np.array([p.x, p.y]), target[:2]) < 1.5 * p.radius + size for p in paths):
        return False
    middle = np.array([*place, size])
    return all(
        _is_background(middle, size, camera, target, reach) for camera in shot.places[:: max(1, len(shot.places) // 8)]
    ) and _is_background(middle, size, shot.places[-1], target, reach)


def _distance_to_way(place: np.ndarray, start: np.ndarray, end: np.ndarray) -> float:
    way = end - start
    along = np.clip((place - start) @ way / max(float(way @ way), 1e-12), 0.0, 1.0)
    return float(np.linalg.norm(place - start - along * way))


def _is_background(place: np.ndarray, size: float, camera: np.ndarray, target: np.ndarray, reach: float) -> bool:
    """Is a ball at `place` (3,) farther from the camera than the target, and beside it in the picture?"""
    distance = float(np.linalg.norm(target - camera))
    forward = (target - camera) / distance
    depth = float((place - camera) @ forward)
    aside = float(np.linalg.norm(place - camera - depth * forward))
    return depth > distance + 0.1 * reach + size and aside > CORE * reach * depth / distance + size


def _stand(
    draws: Draws, number: int, kind: str, place: np.ndarray, size: float, generator: np.random.Generator
) -> bpy.types.Object:
    """A thing of this kind that fits into a ball of the radius `size`, and stands at `place`."""
    name = f"{PREFIX}{kind}_{number + 1}"
    coat = list(coats.COATS)[int(generator.integers(len(coats.COATS)))]
    made_of = coats.COATS[coat]
    picture = coats.picture_of(coat, int(generator.integers(16)))
    material = shapes.paint(name, picture, roughness=made_of.roughness, metallic=made_of.metallic)
    turn = (0.0, 0.0, float(generator.uniform(0.0, 2 * np.pi)))
    slim = float(generator.uniform(0.55, 0.8))
    x, y = place.tolist()

    def at(height: float) -> Vector3:
        return x, y, height

    if kind == "box":
        half = size * slim
        tall = size * float(generator.uniform(0.4, 0.6))
        return shapes.box(name, (1.1 * half, 1.1 * half, 2 * tall), material, at(tall), turn, 0.03 * size, 2 * size)
    if kind == "ball":
        return shapes.sphere(name, slim * size, material, at(slim * size), turn, segments=32)
    if kind == "ring":
        return shapes.ring(name, 0.72 * size, 0.28 * size, material, at(0.28 * size), turn)
    top = None if kind == "cylinder" else 0.04 * size
    radius, tall = 0.62 * size * slim / 0.7, size * (1.3 if kind == "cone" else 1.1)
    return shapes.cylinder(name, radius, tall, material, at(tall / 2), turn, top, texture_size=2 * size)
