"""The camera's motion as twelve numbers."""

from dataclasses import replace

import numpy as np
import pytest

from simcraft.clip.types import MotionClip
from simcraft.generate.motion_dreamer.cameras import LENGTH, camera_poses, camera_vectors


def test_clips_without_cameras_say_nothing(clip: MotionClip) -> None:
    np.testing.assert_array_equal(camera_vectors(clip, 1.0), np.zeros((4, LENGTH), np.float32))


def test_the_first_row_holds_the_whole_motion(clip: MotionClip) -> None:
    """A camera that looks down the world's x axis, travels 3 m along it and turns by 0.2 about its own upright axis."""
    forward, down = np.array([1.0, 0, 0]), np.array([0, 0, -1.0])
    start = np.eye(4)
    start[:3, :3] = np.stack([np.cross(down, forward), down, forward], 1)
    start[:3, 3] = (5, 6, 7)
    poses = []
    for t in range(4):
        turn = np.eye(4)
        angle = 0.2 * t / 3
        turn[0, [0, 2]], turn[2, [0, 2]] = (np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))
        turn[:3, 3] = (0, 0, t)
        poses.append(start @ turn)
    vectors = camera_vectors(replace(clip, camera_to_world=np.stack(poses)), usual_depth=2.0)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors[:, 2], [0, 0.5, 1, 1.5], atol=1e-6)
    np.testing.assert_allclose(vectors[:, 4], np.arange(4) * 0.2 / 3, atol=1e-6)
    np.testing.assert_allclose(vectors[:, [0, 1, 3, 5]], 0, atol=1e-6)
    np.testing.assert_array_equal(vectors[:, 6:], np.tile(vectors[3, :6], (4, 1)))


def test_where_depth_is_unknown_only_turns_are_told(clip: MotionClip) -> None:
    poses = np.tile(np.eye(4), (4, 1, 1))
    poses[:, :3, 3] = np.arange(4)[:, None]
    turn = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]])
    poses[2, :3, :3] = turn
    seen = replace(clip, camera_to_world=poses)
    told, known = camera_vectors(seen, None), camera_vectors(seen, 2.0)
    np.testing.assert_allclose(told[2], [0, 0, 0, 0, 0, np.pi / 2, 0, 0, 0, 0, 0, 0], atol=1e-6)
    np.testing.assert_array_equal(told[:, 3:6], known[:, 3:6])
    assert not told[[0, 1, 3]].any() and known[3].any()


@pytest.mark.parametrize("seed", range(3))
def test_poses_come_back_from_vectors(clip: MotionClip, seed: int) -> None:
    from scipy.spatial.transform import Rotation

    rng = np.random.default_rng(seed)
    poses = np.tile(np.eye(4), (4, 1, 1))
    poses[:, :3, :3] = Rotation.from_rotvec(rng.normal(size=(4, 3)) * 0.7).as_matrix()
    poses[:, :3, 3] = rng.normal(size=(4, 3)) * 20
    again = camera_poses(camera_vectors(replace(clip, camera_to_world=poses), 3.0), 3.0)
    np.testing.assert_allclose(poses[0] @ again, poses, atol=1e-4)
