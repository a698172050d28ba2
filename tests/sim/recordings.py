"""Small recordings of boxes for solvers to run into."""

import numpy as np

from simcraft.recording import Body, Effect, Mesh, Particles, Recording, RigidBody
from simcraft.sim import primitives
from simcraft.sim.rigid_scene import Camera
from simcraft.sim.setting import Setting


def box_body(name: str, size: tuple[float, float, float], places: np.ndarray) -> RigidBody:
    """A box whose middle is at `places` (T, 3) metres, unturned."""
    vertices, faces, _ = primitives.box(size)
    transforms = np.tile(np.eye(4), (len(places), 1, 1))
    transforms[:, :3, 3] = places
    return RigidBody(name, Mesh(faces), vertices.astype(np.float32), transforms)


def recording_of(bodies: tuple[Body, ...], frames: int, fps: float = 24, effects: tuple[Effect, ...] = ()) -> Recording:
    """`bodies` before a still camera."""
    stage = Setting(Camera((0, -6, 2), (0, 0, 0.5)), (64, 48), bodies=bodies).stage("test", frames, fps)
    return Recording(**{**vars(stage), "effects": effects})


def drifting_particles(frames: int, speed: float, fps: float = 24) -> Particles:
    """Two particles that move along x."""
    x = np.arange(frames)[:, None] * speed / fps + np.array([0.0, 1.0])
    places = np.stack([x, np.zeros_like(x), np.zeros_like(x)], axis=-1).astype(np.float32)
    return Particles("drift", places, np.full(2, 0.1, np.float32))
