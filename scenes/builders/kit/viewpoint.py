"""The camera: where a family puts it, how a look moves it, and what stands in its background."""

from __future__ import annotations

import bpy
import numpy as np
from mathutils import Euler, Vector

from ..family import Draws
from . import camera_motion, distractors, stage
from .camera_motion import Orbit, Shot
from .stage import Vector3

SENSOR = 36.0
"""Width of the camera's sensor in mm."""


def drawn_camera(
    draws: Draws, location: Vector3, target: Vector3, lens: float = 50.0, swing: float = 0.35
) -> bpy.types.Object:
    """A camera like `looking_camera`, which another seed turns by up to `swing` radians, lifts and moves away."""
    away = Vector(location) - Vector(target)
    away.rotate(Euler((0.0, 0.0, draws.real("camera turn", 0.0, -swing, swing))))
    away.z *= draws.real("camera height", 1.0, 0.8, 1.3)
    away *= draws.real("camera distance", 1.0, 0.97, 1.2)
    return looking_camera(draws, tuple(Vector(target) + away), target, lens)


def looking_camera(draws: Draws, location: Vector3, target: Vector3, lens: float) -> bpy.types.Object:
    """The scene's camera at `location`, which looks at `target`; the look moves it and fills its background.

    Call it when everything else is in the scene: what stands in the background keeps away from that.
    """
    look, scene = draws.look, bpy.context.scene
    middle = np.array(target)
    own = camera_motion.orbit_of(np.array(location) - middle)
    reach = own.distance * SENSOR / 2 / lens
    start = camera_motion.moved(own, look.camera_turn, look.camera_height, look.camera_distance)
    frames = scene.frame_end - scene.frame_start + 1
    generator = draws.generator("camera motion")
    shot = camera_motion.shot(look.camera_motion, start, middle, frames, look.camera_speed, generator)
    # to the last bit what it would be without a look
    place = location if start == own else tuple(middle + camera_motion.place_of(start))
    made = stage.camera(place, target, lens * look.camera_lens)
    if (shot.places != shot.places[0]).any() or (shot.targets != shot.targets[0]).any():
        _key(made, shot)
    distractors.scatter(draws, shot, middle, reach, made.data.lens)
    return made


def orbiting_camera(
    draws: Draws, centre: Vector3, distance: float, height: float, turns: tuple[float, float], lens: float
) -> bpy.types.Object:
    """A camera that circles `centre` at `distance` and `height` metres between two angles, over the whole range."""
    look, scene = draws.look, bpy.context.scene
    own = camera_motion.orbit_of(np.array([distance, 0.0, height]))
    orbit = camera_motion.moved(own, 0.0, look.camera_height, look.camera_distance)
    place = (distance, 0.0, height) if orbit == own else tuple(camera_motion.place_of(orbit))
    first, last = (turn + np.radians(look.camera_turn) for turn in turns)
    made = stage.circling_camera(centre, place, (first, last), lens * look.camera_lens)
    angles = np.linspace(first, last, scene.frame_end - scene.frame_start + 1)
    away = [camera_motion.place_of(Orbit(angle, orbit.height, orbit.distance)) for angle in angles]
    shot = Shot(np.array(centre) + np.array(away), np.tile(centre, (len(angles), 1)))
    distractors.scatter(draws, shot, np.array(centre), own.distance * SENSOR / 2 / lens, made.data.lens)
    return made


def _key(camera: bpy.types.Object, shot: Shot) -> None:
    """A keyframe in every frame, so that no curve between them decides where the camera is."""
    first = bpy.context.scene.frame_start
    camera.rotation_mode = "QUATERNION"
    before = None
    for number in reversed(range(len(shot.places))):
        camera.location = shot.places[number]
        turn = (Vector(shot.targets[number]) - Vector(shot.places[number])).to_track_quat("-Z", "Y")
        if before is not None:
            turn.make_compatible(before)
        camera.rotation_quaternion = before = turn
        camera.keyframe_insert("location", frame=first + number)
        camera.keyframe_insert("rotation_quaternion", frame=first + number)
