"""Small recordings with known motion, made without Blender."""

import numpy as np

from simcraft.recording import CameraTrack, Mesh, Recording, RigidBody

SQUARE = np.array([[-1, 0, -1], [1, 0, -1], [1, 0, 1], [-1, 0, 1]], np.float32)
SQUARE_FACES = np.array([[0, 1, 2], [0, 2, 3]], np.int32)


def camera_looking_along_y(frames: int, size: tuple[int, int], distance: float = 6.0) -> CameraTrack:
    """A still perspective camera at (0, -distance, 0), focal length as long as the image is wide."""
    width, height = size
    camera_to_world = np.array([[1, 0, 0, 0], [0, 0, 1, -distance], [0, -1, 0, 0], [0, 0, 0, 1]], float)
    intrinsics = np.array([[width, 0, width / 2], [0, width, height / 2], [0, 0, 1]], float)
    return CameraTrack("perspective", np.tile(intrinsics, (frames, 1, 1)), np.tile(camera_to_world, (frames, 1, 1)))


def sliding_square(frames: int = 6, speed: float = 0.1, size: tuple[int, int] = (64, 48)) -> Recording:
    """A square of 2 m, facing the camera 6 m away, that slides `speed` metres a frame to the right."""
    transforms = np.tile(np.eye(4), (frames, 1, 1))
    transforms[:, 0, 3] = speed * np.arange(frames)
    return Recording(
        name="sliding square",
        fps=24.0,
        size=size,
        camera=camera_looking_along_y(frames, size),
        bodies=(RigidBody("square", Mesh(SQUARE_FACES), SQUARE, transforms, solver="keyframes"),),
        frame_numbers=np.arange(1, frames + 1, dtype=np.int32),
        seed=3,
    )
