"""The clip that a representation describes: what the first stage predicts is motion as any other."""

from __future__ import annotations

from typing import Any

import numpy as np

from simcraft.clip.types import MotionClip
from simcraft.generate.correspondence import pixel_centres
from simcraft.generate.motion_dreamer.representation import Representation
from simcraft.generate.motion_dreamer.scene import FirstScene, resize_scene

_NEARER = 50.0
"""Power of the depth by which the nearer of two surfaces of one instance wins where they meet: one that is a tenth
nearer counts a hundred times as much, whatever the scene's size."""


def clip_of(
    representation: Representation, first: FirstScene, *, camera_to_world: np.ndarray | None = None, **fields: Any
) -> MotionClip:
    """R as a clip of its own size, whose first frame is the scene's.

    Backward flow is R's. Forward flow is that, splatted: each instance's into its own pixels of the frame before; what
    gets hidden goes on as its nearest neighbours do. A surface is seen in the other frame where flow leads to the same
    instance, and the other flow back. Correspondence with the first frame is left to `correspondence.first_frame`.

    Parameters
    ----------
    camera_to_world: (T, 4, 4), see `cameras.camera_poses`; None: unknown.
    fields: any other field of MotionClip, such as fps, name or metadata.
    """
    count = len(representation.flow)
    scene = resize_scene(first, representation.size)
    known = representation.segmentation is not None
    labels = representation.segmentation if known else np.zeros(representation.flow.shape[:3], np.uint8)
    assert labels is not None
    backward, backward_valid = representation.flow[1:], representation.flow_valid[1:]
    forward, forward_valid = np.zeros_like(backward), np.zeros_like(backward_valid)
    visible, visible_back = np.zeros_like(backward_valid), np.zeros_like(backward_valid)
    for t in range(count - 1):
        depth = None if representation.depth is None else representation.depth[t + 1]
        forward[t], forward_valid[t] = reversed_flow(backward[t], backward_valid[t], labels[t], labels[t + 1], depth)
        ahead = (forward[t], forward_valid[t], labels[t])
        back = (backward[t], backward_valid[t], labels[t + 1])
        visible[t], visible_back[t] = _leads_back(*ahead, *back), _leads_back(*back, *ahead)
    ids = np.array([0, *representation.ids], np.uint16)
    return MotionClip(
        image=scene.image,
        flow_forward=forward,
        flow_backward=backward,
        flow_valid_forward=forward_valid,
        flow_valid_backward=backward_valid,
        visible_forward=visible,
        visible_backward=visible_back,
        depth=representation.depth,
        instances=ids[labels] if known else None,
        intrinsics=None if scene.intrinsics is None else np.tile(np.asarray(scene.intrinsics, float), (count, 1, 1)),
        camera_to_world=camera_to_world,
        instance_table=scene.instance_table,
        **fields,
    )


def reversed_flow(
    flow: np.ndarray,
    valid: np.ndarray,
    labels_before: np.ndarray,
    labels_after: np.ndarray,
    depth_after: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Forward flow (H, W, 2) float32 of a frame, from the backward flow of the frame after it; and where it is known.

    Each instance's flow is splatted into that instance's pixels, where the nearer of its surfaces wins; pixels that
    nothing reaches have the flow of the nearest one of the instance that something reaches. It is not known for
    instances that the frame after does not show.
    """
    import torch

    from simcraft.generate.motioncraft.warping import nearest_known
    from simcraft.observe.warp import softmax_splat

    present = np.unique(labels_after[valid])
    if not present.size:
        return np.zeros_like(flow), np.zeros_like(valid)
    mine = valid & (labels_after == present[:, None, None])
    thrown = np.where(mine[..., None], flow, np.nan)
    carried = np.concatenate([-flow, np.ones_like(flow[..., :1])], -1)
    nearer = np.zeros_like(flow[..., 0])
    if depth_after is not None:
        nearer = -_NEARER * np.log(np.maximum(depth_after, 1e-9))
    arrived = softmax_splat(
        torch.from_numpy(carried).permute(2, 0, 1).expand(len(present), -1, -1, -1),
        torch.from_numpy(thrown).permute(0, 3, 1, 2),
        torch.from_numpy(nearer).expand(len(present), 1, -1, -1),
    ).numpy()
    row = np.searchsorted(present, labels_before).clip(0, len(present) - 1)
    own = np.take_along_axis(arrived, row[None, None], 0)[0]
    own[:, present[row] != labels_before] = 0
    x, y = (nearest_known(own[2] > 0.5, labels_before) - 0.5).astype(np.int64).transpose(2, 0, 1)
    result = np.ascontiguousarray(own[:2, y, x].transpose(1, 2, 0))
    known = labels_before[y, x] == labels_before
    known &= own[2, y, x] > 0.5
    return np.where(known[..., None], result, 0), known


def _leads_back(
    flow: np.ndarray,
    valid: np.ndarray,
    labels: np.ndarray,
    flow_there: np.ndarray,
    valid_there: np.ndarray,
    labels_there: np.ndarray,
) -> np.ndarray:
    """(H, W) bool: where flow leads to the same instance, and the flow there back.

    How near is that of Sundaram, Brox, Keutzer 2010, eq. 5, as in `correspondence.seen_in`; here labels keep
    silhouettes apart, so that nothing need be interpolated.
    """
    height, width = labels.shape
    x, y = np.floor(pixel_centres(height, width) + flow).astype(np.int64).transpose(2, 0, 1)
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    x, y = x.clip(0, width - 1), y.clip(0, height - 1)
    back = flow_there[y, x]
    error = np.square(flow + back).sum(-1)
    near = error < 0.01 * (np.square(flow).sum(-1) + np.square(back).sum(-1)) + 0.5
    return np.asarray(valid & inside & valid_there[y, x] & (labels_there[y, x] == labels) & near)
