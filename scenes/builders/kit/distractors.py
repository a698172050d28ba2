"""Things that stand in the background of a scene and take no part in it.

They are no rigid bodies: even one that nothing touches would change how Bullet orders its work, and with it the motion
of everything else. So they stand where nothing comes.
"""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np
from mathutils import Vector

from ..family import Draws
from . import coats, shapes
from .camera_motion import Shot
from .stage import Vector3

KINDS = ("box", "ball", "cylinder", "cone", "ring")
PREFIX = "background_"
"""Of their names, followed by their kind and number."""
CLEAR = 1.2
"""Radius, in units of what the camera sees around its target, that is kept clear for the action."""
SPREAD = 0.4
"""Metres to each side, a metre of its way, by which a thing that was thrown may be deflected."""
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


@dataclass(frozen=True)
class Way:
    """From above, what a body needs that was thrown or draws near."""

    start: np.ndarray
    """(2,) metres."""
    end: np.ndarray
    """(2,) metres."""
    radius: float
    """Of the body."""
    spread: float
    """Metres by which the way widens to each side in each metre."""


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
    ways = _ways(target[:2])
    for number in range(draws.look.distractors):
        generator = draws.generator(f"distractor {number}")
        kind = KINDS[int(generator.integers(len(KINDS)))]
        size = reach * generator.uniform(0.13, 0.3)
        for _ in range(TRIES):
            place = _on_the_ground(shot, lens, generator)
            if place is not None and _is_free(place, size, shot, target, reach, taken, ways):
                _stand(draws, number, kind, place, size, generator)
                taken.append(Disc(place[0], place[1], size))
                break


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


def _ways(target: np.ndarray) -> list[Way]:
    """Those of the active bodies: to the `target` (2,), and of what was thrown as far as it may come."""
    scene = bpy.context.scene
    seconds = (scene.frame_end - scene.frame_start + 1) / scene.render.fps
    ways = []
    for thing in scene.objects:
        if thing.rigid_body is None or thing.rigid_body.type != "ACTIVE":
            continue
        start, radius = np.array(thing.location)[:2], max(thing.dimensions) / 2
        ways.append(Way(start, target, radius, 0.0))
        if "velocity" in thing:
            ways.append(Way(start, start + seconds * np.array(thing["velocity"])[:2], radius, SPREAD))
    return ways


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
    ways: list[Way],
) -> bool:
    """May a thing of the radius `size` stand at `place` (2,)?"""
    away = float(np.linalg.norm(place - target[:2]))
    if not CLEAR * reach + size < away < FARTHEST * reach:
        return False
    if any(np.hypot(place[0] - d.x, place[1] - d.y) < 1.2 * (d.radius + size) for d in taken):
        return False
    if any(_is_in_the_way(place, size, way) for way in ways):
        return False
    middle = np.array([*place, size])
    return all(
        _is_background(middle, size, camera, target, reach) for camera in shot.places[:: max(1, len(shot.places) // 8)]
    ) and _is_background(middle, size, shot.places[-1], target, reach)


def _is_in_the_way(place: np.ndarray, size: float, way: Way) -> bool:
    vector = way.end - way.start
    length = max(float(np.linalg.norm(vector)), 1e-6)
    along = float(np.clip((place - way.start) @ vector / length, 0.0, length))
    aside = float(np.linalg.norm(place - way.start - along * vector / length))
    return aside < 1.5 * way.radius + size + way.spread * along


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
