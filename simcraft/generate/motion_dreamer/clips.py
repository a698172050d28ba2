"""The clip that a representation describes: what the first stage predicts is motion as any other."""

from __future__ import annotations

from typing import Any

import numpy as np

from simcraft.clip.types import MotionClip
from simcraft.generate.correspondence import pixel_centres
from simcraft.generate.motion_dreamer.representation import Representation
from simcraft.generate.motion_dreamer.scene import FirstScene, resize_scene
from simcraft.generate.motioncraft.geometry import usual_depth

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
    from simcraft.generate.motioncraft.warping import nearest_known

    height, width = flow.shape[:2]
    there = pixel_centres(height, width)[valid] + flow[valid] - 0.5
    mine, nearer = labels_after[valid], _nearer(valid, depth_after)
    sums = np.zeros((3, height * width))
    for step in ((0, 0), (1, 0), (0, 1), (1, 1)):
        pixel = np.floor(there) + step
        weight = (1 - np.abs(there - pixel)).prod(-1) * nearer
        inside = ((pixel >= 0) & (pixel < (width, height))).all(-1)
        x, y = pixel.clip(0, (width - 1, height - 1)).astype(np.int64).T
        weight[~inside | (labels_before[y, x] != mine)] = 0
        for total, values in zip(sums, (-flow[valid][:, 0], -flow[valid][:, 1], 1.0), strict=True):
            total += np.bincount(y * width + x, weight * values, minlength=total.size)
    arrived = (sums[2] > 0).reshape(height, width)
    mean = (sums[:2] / np.where(sums[2] > 0, sums[2], 1)).reshape(2, height, width)
    x, y = (nearest_known(arrived, labels_before) - 0.5).astype(np.int64).transpose(2, 0, 1)
    known = arrived[y, x] & (labels_before[y, x] == labels_before)
    return np.where(known[..., None], mean[:, y, x].transpose(1, 2, 0), 0).astype(np.float32), known


def _nearer(valid: np.ndarray, depth: np.ndarray | None) -> np.ndarray:
    """(N,) float64, how much each of the `valid` pixels (H, W) counts, of those of its instance that it meets."""
    if depth is None:
        return np.ones(np.count_nonzero(valid))
    with np.errstate(divide="ignore"):
        nearness = usual_depth(depth) / depth[valid].astype(np.float64)
    # limited: the background, too, counts where nothing else is
    return nearness.clip(1e-3, 1e3) ** _NEARER


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
