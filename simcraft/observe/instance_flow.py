"""Instance flow: one motion vector an object, as an arrow drawn on the first frame (Motion Dreamer, eq. 1 to 3)."""

from __future__ import annotations

import numpy as np

from simcraft.clip.types import MotionClip, require


def instance_flow(clip: MotionClip, *, literal: bool = False, background: bool = False) -> np.ndarray:
    """The mean motion of each instance, painted over its mask in the first frame.

    Motion Dreamer (arXiv 2412.00547) averages the flow over time (eq. 1), then over each instance's mask (eq. 2), and
    paints the mean into the mask (eq. 3). Taken to the letter the mask is the first frame's, which the object leaves:
    the mean is diluted by what comes to light behind it. So by default the flow is averaged over the pixels that the
    instance covers in each frame t, and over all frames in which it is seen, as an arrow drawn by a user means it.

    Parameters
    ----------
    clip: needs `instances`.
    literal: the paper's equations as they stand, with the mask of the first frame throughout.
    background: also average the background (instance 0), which moves with the camera; otherwise it stays 0.

    Returns (H, W, 2) float32, pixels a frame. Pixels without a correspondence do not count. Instances that are not in
    the first frame, or never have a correspondence, leave no trace.
    """
    require(clip, "Instance flow", "instances")
    assert clip.instances is not None
    masks = np.asarray(clip.instances)
    labels = int(masks.max()) + 1
    result = np.zeros((*masks.shape[1:], 2), np.float64)
    if literal:
        mean = _mean_over_time(clip)
        sums, counts = _sums(masks[0], mean, np.isfinite(mean[..., 0]), labels)
    else:
        # each frame's mean counts the same however many pixels the instance covers in it: a mean over time of eq. 2
        sums, counts = np.zeros((labels, 2)), np.zeros(labels)
        for t, flow in enumerate(clip.flow_forward):
            total, pixels = _sums(masks[t], flow, clip.flow_valid_forward[t], labels)
            seen = pixels > 0
            sums[seen] += total[seen] / pixels[seen, None]
            counts += seen
    mean_of = np.divide(sums, counts[:, None], out=np.zeros_like(sums), where=counts[:, None] > 0)
    if not background:
        mean_of[0] = 0
    result[:] = mean_of[masks[0]]  # eq. 3
    return result.astype(np.float32)


def _mean_over_time(clip: MotionClip) -> np.ndarray:
    """Eq. 1: (H, W, 2), the mean over time of each pixel's flow; NaN where it is never valid."""
    valid = np.asarray(clip.flow_valid_forward)[..., None]
    counts = valid.sum(0)
    total = np.where(valid, clip.flow_forward, 0).sum(0, dtype=np.float64)
    return np.divide(total, counts, out=np.full(total.shape, np.nan), where=counts > 0)


def _sums(mask: np.ndarray, flow: np.ndarray, valid: np.ndarray, labels: int) -> tuple[np.ndarray, np.ndarray]:
    """For every label the sum of `flow` over its valid pixels (labels, 2), and their number (labels,)."""
    chosen = mask[valid]
    sums = [np.bincount(chosen, flow[..., channel][valid], minlength=labels) for channel in (0, 1)]
    return np.stack(sums, -1), np.bincount(chosen, minlength=labels)
