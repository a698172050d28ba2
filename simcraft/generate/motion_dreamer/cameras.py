"""The camera's motion as numbers: the camera motion vector of Motion Dreamer's supplement 7."""

from __future__ import annotations

import numpy as np

from simcraft.clip.types import MotionClip

LENGTH = 12
"""Numbers a frame."""
_TURNS = np.tile([False, False, False, True, True, True], 2)
"""Which of them are rotations."""


def camera_vectors(clip: MotionClip, usual_depth: float | None) -> np.ndarray:
    """(T, 12) float32: where the camera is in each frame, and where it will be in the last one; 0 without cameras.

    Both are six numbers relative to the first frame's camera, in its axes: the translation in units of `usual_depth`
    metres, and the rotation vector in radians. Where depth is unknown (None) nothing says how far a metre is in the
    picture: translations are 0 then. As the last frame's stand in every row, the first one's alone says how
    the camera moves.
    """
    if clip.camera_to_world is None:
        return np.zeros((clip.frame_count, LENGTH), np.float32)
    return pose_vectors(clip.camera_to_world, usual_depth)


def pose_vectors(camera_to_world: np.ndarray, usual_depth: float | None) -> np.ndarray:
    """`camera_vectors` of poses (T, 4, 4), camera to world."""
    from scipy.spatial.transform import Rotation

    poses = np.linalg.inv(camera_to_world[0]) @ camera_to_world
    turned = Rotation.from_matrix(poses[:, :3, :3]).as_rotvec()
    each = np.concatenate([poses[:, :3, 3] / (usual_depth or 1.0), turned], 1)
    vectors = np.concatenate([each, np.broadcast_to(each[-1], each.shape)], 1, dtype=np.float32)
    return vectors if usual_depth is not None else turned_alone(vectors)


def turned_alone(vectors: np.ndarray) -> np.ndarray:
    """Camera vectors (T, 12) without their translations: what is told of the camera where depth is unknown."""
    return np.where(_TURNS, vectors, np.float32(0))


def camera_poses(vectors: np.ndarray, usual_depth: float) -> np.ndarray:
    """(T, 4, 4) float64, camera to the first frame's camera: the inverse of `camera_vectors`."""
    from scipy.spatial.transform import Rotation

    poses = np.tile(np.eye(4), (len(vectors), 1, 1))
    poses[:, :3, :3] = Rotation.from_rotvec(vectors[:, 3:6]).as_matrix()
    poses[:, :3, 3] = vectors[:, :3] * usual_depth
    return poses
