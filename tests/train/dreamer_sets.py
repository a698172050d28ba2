"""Clips of formulas, seen in a mirror: what mirrored training examples are held against."""

from dataclasses import replace

import numpy as np

from simcraft.clip import MotionClip

_TURNED = np.diag([-1.0, 1, 1])


def mirror_image(clip: MotionClip) -> MotionClip:
    """The clip as a mirror beside the scene shows it."""
    width = clip.size[0]

    def flipped(field: np.ndarray | None, axis: int = 2) -> np.ndarray | None:
        return None if field is None else np.flip(field, axis).copy()

    def turned(flow: np.ndarray) -> np.ndarray:
        return np.flip(flow, 2) * np.array([-1, 1], np.float32)

    assert clip.to_first is not None and clip.intrinsics is not None and clip.camera_to_world is not None
    to_first = np.flip(clip.to_first, 2).copy()
    to_first[..., 0] = width - to_first[..., 0]
    intrinsics, poses = clip.intrinsics.copy(), clip.camera_to_world.copy()
    intrinsics[:, 0, 2] = width - intrinsics[:, 0, 2]
    poses[:, :3, :3] = _TURNED @ poses[:, :3, :3] @ _TURNED
    poses[:, :3, 3] = poses[:, :3, 3] @ _TURNED
    return replace(
        clip,
        image=flipped(clip.image, 1),
        flow_forward=turned(clip.flow_forward),
        flow_backward=turned(clip.flow_backward),
        flow_valid_forward=flipped(clip.flow_valid_forward),
        flow_valid_backward=flipped(clip.flow_valid_backward),
        visible_forward=flipped(clip.visible_forward),
        visible_backward=flipped(clip.visible_backward),
        depth=flipped(clip.depth),
        instances=flipped(clip.instances),
        tracks=None,
        track_visible=None,
        intrinsics=intrinsics,
        camera_to_world=poses,
        to_first=to_first,
        to_first_visible=flipped(clip.to_first_visible),
        frames=flipped(clip.frames),
        normals=None,
    )


def moving_camera(clip: MotionClip) -> MotionClip:
    """With a camera that turns and shifts on all axes, whatever the flow says."""
    from scipy.spatial.transform import Rotation

    poses = np.tile(np.eye(4), (clip.frame_count, 1, 1))
    steps = np.arange(clip.frame_count)[:, None]
    poses[:, :3, :3] = Rotation.from_rotvec(steps * np.array([0.02, -0.05, 0.03])).as_matrix()
    poses[:, :3, 3] = steps * np.array([0.3, -0.1, 0.2])
    return replace(clip, camera_to_world=poses)
