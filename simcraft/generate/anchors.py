"""Where each pixel's colour was first known: the frame and the position there, carried along the exact flow.

What the first frame shows is found through `to_first`. What is revealed later is painted once, in the frame that
reveals it, and from then on read from that frame: positions are composed, never colours, so nothing blurs or flickers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simcraft.clip.types import MotionClip

_SAME_MOTION = 1.5
"""Pixels by which the anchors of two neighbours may move apart and still be taken for one surface."""


@dataclass(frozen=True)
class Anchors:
    """For the pixels of one frame, where their colour comes from."""

    frame: np.ndarray
    """(H, W) int32, index of the frame that is read."""
    position: np.ndarray
    """(H, W, 2) float64, image coordinates in that frame."""


def own_anchors(frame: int, height: int, width: int) -> Anchors:
    """Every pixel is its own source."""
    return Anchors(np.full((height, width), frame, np.int32), pixel_centres(height, width))


def pixel_centres(height: int, width: int) -> np.ndarray:
    """(H, W, 2) float64, (x + 0.5, y + 0.5)."""
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    return np.stack([x, y], -1)


def frame_labels(clip: MotionClip, frame: int) -> np.ndarray:
    """(H, W) uint16, the instances of a frame; one label everywhere where the clip does not tell them apart."""
    if clip.instances is None:
        return np.zeros(clip.image.shape[:2], np.uint16)
    return np.asarray(clip.instances[frame])


def seen_before(clip: MotionClip, frame: int) -> np.ndarray:
    """(H, W) bool: the surface point of `frame` is also seen in the frame before it.

    Without `visible_backward`, the forward flow has to lead back: Sundaram, Brox, Keutzer 2010, eq. 5.
    """
    valid = np.asarray(clip.flow_valid_backward[frame - 1])
    if clip.visible_backward is not None:
        return valid & np.asarray(clip.visible_backward[frame - 1])
    import cv2

    height, width = valid.shape
    back = np.asarray(clip.flow_backward[frame - 1])
    there = pixel_centres(height, width) + back
    grid = (there - 0.5).astype(np.float32)
    forward = cv2.remap(np.asarray(clip.flow_forward[frame - 1]), grid, None, cv2.INTER_LINEAR)
    inside = (there >= 0).all(-1) & (there < (width, height)).all(-1)
    error = np.square(back + forward).sum(-1)
    return valid & inside & (error < 0.01 * (np.square(back).sum(-1) + np.square(forward).sum(-1)) + 0.5)


def carried_anchors(
    clip: MotionClip, frame: int, previous: Anchors, pixels: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Anchors of `pixels` of `frame`, taken over from the frame before.

    Parameters
    ----------
    frame: index of the frame, 1 or more.
    previous: the anchors of frame - 1.
    pixels: (N,) flat indices into the frame.

    Returns (N,) int32 source frames, -1 where the surface was not seen before, and (N, 2) positions there. Anchors are
    interpolated bilinearly among the four pixels around, those that are of the same instance, source and motion.
    """
    height, width = previous.frame.shape
    labels, labels_before = frame_labels(clip, frame), frame_labels(clip, frame - 1)
    wanted = labels.reshape(-1)[pixels]
    there = pixel_centres(height, width).reshape(-1, 2)[pixels] + clip.flow_backward[frame - 1].reshape(-1, 2)[pixels]
    taps = np.floor(there - 0.5).astype(np.int64)[:, None] + np.array([(0, 0), (1, 0), (0, 1), (1, 1)])
    weights = (1 - np.abs(there[:, None] - 0.5 - taps)).prod(-1)
    inside = ((taps >= 0) & (taps < (width, height))).all(-1)
    taps = taps.clip(0, (width - 1, height - 1))
    column, row = taps[..., 0], taps[..., 1]
    weights *= inside & (labels_before[row, column] == wanted[:, None])
    reference = weights.argmax(1)[:, None]
    sources = previous.frame[row, column]
    source = np.take_along_axis(sources, reference, 1)
    offsets = previous.position[row, column] - (taps + 0.5)
    apart = np.abs(offsets - np.take_along_axis(offsets, reference[..., None], 1)).max(-1)
    weights *= (sources == source) & (apart < _SAME_MOTION)
    total = weights.sum(1)
    known = seen_before(clip, frame).reshape(-1)[pixels] & (total > 1e-9)
    offset = (offsets * weights[..., None]).sum(1) / np.maximum(total, 1e-9)[:, None]
    return np.where(known, source[:, 0], -1).astype(np.int32), there + offset
