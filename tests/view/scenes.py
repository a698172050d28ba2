"""A small recording with a body of every kind, each of which moves, comes or goes."""

import numpy as np

from simcraft.recording import (
    ChangingBody,
    DeformingBody,
    Instances,
    Material,
    Mesh,
    Particles,
    Recording,
    RigidBody,
    Volume,
)
from tests.scenes import SQUARE, SQUARE_FACES, camera_looking_along_y

FRAMES = 4


def moved(steps: int, *offset: float) -> np.ndarray:
    """(steps, 4, 4): further by `offset` in each frame."""
    transforms = np.tile(np.eye(4), (steps, 1, 1))
    transforms[:, :3, 3] = np.arange(steps)[:, None] * np.array(offset)
    return transforms


def every_kind() -> Recording:
    """A still floor of 200 m, and six bodies within a metre or two before the camera."""
    uv = np.array([[[0, 0], [1, 0], [1, 1]], [[0, 0], [1, 1], [0, 1]]], np.float32)
    ground = np.array([[-100, -100, -1], [100, -100, -1], [100, 100, -1], [-100, 100, -1]], np.float32)
    copies = np.stack([moved(FRAMES, 0, 0, 0.1), moved(FRAMES, 0.1, 0, 0)], 1)
    bodies = (
        RigidBody("floor", Mesh(SQUARE_FACES, uv), ground, moved(FRAMES, 0, 0, 0), solver="static"),
        RigidBody("square", Mesh(SQUARE_FACES, uv), SQUARE * 0.3, moved(FRAMES, 0.1, 0, 0), np.arange(FRAMES) != 2),
        DeformingBody(
            "cloth", Mesh(SQUARE_FACES, smooth=True), np.stack([SQUARE * (1 + 0.1 * t) for t in range(FRAMES)])
        ),
        _liquid(),
        Instances("flock", Mesh(SQUARE_FACES), SQUARE * 0.1, copies, np.array([[1, 1], [1, 0], [0, 0], [0, 1]], bool)),
        _drops(),
        _smoke(),
    )
    chequer = np.kron([[255, 40], [40, 255]], np.ones((4, 4)))[..., None].repeat(3, -1).astype(np.uint8)
    return Recording(
        name="every kind",
        fps=8.0,
        size=(48, 32),
        camera=camera_looking_along_y(FRAMES, (48, 32)),
        bodies=bodies,
        frame_numbers=np.arange(1, FRAMES + 1, dtype=np.int32),
        materials=(Material("chequer", texture=chequer),),
        caption="one of each",
        seed=1,
    )


def _liquid() -> ChangingBody:
    """A triangle in frame 0, two in frame 1, none in frame 2, one in frame 3."""
    counts = np.array([1, 2, 0, 1])
    triangle = np.array([[0, 0, 0.5], [0.4, 0, 0.5], [0, 0, 0.9]], np.float32)
    vertices = np.concatenate([triangle + 0.1 * k for k in range(counts.sum())])
    faces = np.concatenate([np.arange(3 * n).reshape(-1, 3) for n in counts]).astype(np.int32)
    ends = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return ChangingBody("liquid", vertices, 3 * ends, faces, ends)


def _drops() -> Particles:
    positions = np.zeros((FRAMES, 5, 3), np.float32)
    positions[..., 0] = np.arange(5) * 0.2 - 0.8
    positions[..., 2] = 0.8 - 0.1 * np.arange(FRAMES)[:, None]
    present = np.arange(5) <= np.arange(FRAMES)[:, None] + 1
    return Particles("drops", positions, np.full(5, 0.05, np.float32), present)


def _smoke() -> Volume:
    density = np.zeros((FRAMES, 4, 4, 6), np.float32)
    for t in range(FRAMES):
        density[t, 1:3, 1:3, : t + 1] = 2.0
    matrix = np.diag([0.2, 0.2, 0.2, 1.0])
    matrix[:3, 3] = 0.2, -0.4, -0.8
    return Volume("smoke", density, np.zeros((*density.shape, 3), np.float32), np.tile(matrix, (FRAMES, 1, 1)))
