"""Which point of which frame a pixel shows: positions carried along exact flow. Colours are never carried."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simcraft.clip.types import MotionClip
from simcraft.progress import Progress, silent, track

_SAME_MOTION = 1.5
"""Pixels by which the anchors of two neighbours may move apart and still be taken for one surface."""
_FOUR = np.array([(0, 0), (1, 0), (0, 1), (1, 1)])


@dataclass(frozen=True)
class Anchors:
    """For the pixels of one frame, where their colour comes from."""

    frame: np.ndarray
    """(H, W) int32, index of the frame that is read; -1 where there is none."""
    position: np.ndarray
    """(H, W, 2) float64, image coordinates in that frame."""


@dataclass(frozen=True)
class FirstFrame:
    """Where in the first frame the surface points of all frames were."""

    position: np.ndarray
    """(T, H, W, 2) float32, image coordinates; NaN where unknown."""
    seen: np.ndarray
    """(T, H, W) bool: seen there."""
    exact: bool
    """From the simulation, for all that it can follow; false where all flow was composed frame by frame."""


def pixel_centres(height: int, width: int) -> np.ndarray:
    """(H, W, 2) float64, (x + 0.5, y + 0.5)."""
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    return np.stack([x, y], -1)


def frame_labels(clip: MotionClip, frame: int) -> np.ndarray:
    """(H, W) uint16, the instances of a frame; one label everywhere where the clip does not tell them apart."""
    if clip.instances is None:
        return np.zeros(clip.image.shape[:2], np.uint16)
    return np.asarray(clip.instances[frame])


def first_frame(clip: MotionClip, progress: Progress = silent) -> FirstFrame:
    """The clip's own correspondence with the first frame, and, where it has none, its backward flows composed.

    A clip knows no positions in the first frame of what it cannot follow that far: smoke, and liquids whose mesh is a
    new one in each frame.
    """
    known = clip.to_first is not None and clip.to_first_visible is not None
    if known:
        position, seen = np.asarray(clip.to_first), np.asarray(clip.to_first_visible)
        lost = np.isnan(position[..., 0])
        if not lost[1:].any():
            return FirstFrame(position, seen, True)
        position, seen = position.copy(), seen.copy()
    else:
        height, width = clip.image.shape[:2]
        position = np.full((clip.frame_count, height, width, 2), np.nan, np.float32)
        seen = np.zeros((clip.frame_count, height, width), bool)
        position[0], seen[0] = pixel_centres(height, width), True
        lost = ~seen
    for t in track(range(1, clip.frame_count), "compose flow", clip.frame_count - 1, progress):
        pixels = np.flatnonzero(lost[t])
        before = Anchors(np.where(seen[t - 1], 0, -1), position[t - 1].astype(np.float64))
        source, there = carried_anchors(clip, t, t - 1, before, pixels)
        found = pixels[source == 0]
        seen[t].reshape(-1)[found] = True
        position[t].reshape(-1, 2)[found] = there[source == 0]
    return FirstFrame(position, seen, known)


def carried_anchors(
    clip: MotionClip, frame: int, neighbour: int, anchors: Anchors, pixels: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Anchors of `pixels` of `frame`, taken over from the frame before or after it.

    Parameters
    ----------
    neighbour: frame - 1 or frame + 1.
    anchors: the neighbour's.
    pixels: (N,) flat indices into `frame`.

    Returns (N,) int32 source frames, -1 where the neighbour does not show the surface or has no anchor for it, and
    (N, 2) positions there. Anchors are interpolated bilinearly among the four pixels around, those of the same
    instance, source and motion.
    """
    height, width = anchors.frame.shape
    wanted = frame_labels(clip, frame).reshape(-1)[pixels]
    labels = frame_labels(clip, neighbour)
    there = pixel_centres(height, width).reshape(-1, 2)[pixels]
    there += flow_between(clip, frame, neighbour).reshape(-1, 2)[pixels]
    taps = np.floor(there - 0.5).astype(np.int64)[:, None] + _FOUR
    # x and y one by one: numpy is slow at reducing axes of two
    column, row = taps[..., 0], taps[..., 1]
    weights = (1 - np.abs(there[:, :1] - 0.5 - column)) * (1 - np.abs(there[:, 1:] - 0.5 - row))
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    taps = np.stack([column.clip(0, width - 1), row.clip(0, height - 1)], -1)
    column, row = taps[..., 0], taps[..., 1]
    sources = anchors.frame[row, column]
    weights *= inside & (labels[row, column] == wanted[:, None]) & (sources >= 0)
    reference = weights.argmax(1)[:, None]
    source = np.take_along_axis(sources, reference, 1)
    offsets = anchors.position[row, column] - (taps + 0.5)
    away = np.abs(offsets - np.take_along_axis(offsets, reference[..., None], 1))
    apart = np.maximum(away[..., 0], away[..., 1])
    weights = np.where((sources == source) & (apart < _SAME_MOTION), weights, 0)
    total = weights.sum(1)
    known = seen_in(clip, frame, neighbour).reshape(-1)[pixels] & (total > 1e-9)
    mean = (np.nan_to_num(offsets) * weights[..., None]).sum(1) / np.maximum(total, 1e-9)[:, None]
    return np.where(known, source[:, 0], -1).astype(np.int32), there + mean


def flow_between(clip: MotionClip, frame: int, neighbour: int) -> np.ndarray:
    """(H, W, 2), the flow from `frame` to `neighbour`."""
    return np.asarray(clip.flow_backward[neighbour] if neighbour < frame else clip.flow_forward[frame])


def seen_in(clip: MotionClip, frame: int, neighbour: int) -> np.ndarray:
    """(H, W) bool: the surface point of `frame` is also seen in `neighbour`.

    Where the clip does not know what is visible, the other flow has to lead back: Sundaram, Brox, Keutzer 2010, eq. 5.
    """
    backward, pair = neighbour < frame, min(frame, neighbour)
    valid = np.asarray((clip.flow_valid_backward if backward else clip.flow_valid_forward)[pair])
    visible = clip.visible_backward if backward else clip.visible_forward
    if visible is not None:
        return valid & np.asarray(visible[pair])
    import cv2

    height, width = valid.shape
    flow = flow_between(clip, frame, neighbour)
    there = pixel_centres(height, width) + flow
    back = cv2.remap(flow_between(clip, neighbour, frame), (there - 0.5).astype(np.float32), None, cv2.INTER_LINEAR)
    inside = (there >= 0).all(-1) & (there < (width, height)).all(-1)
    error = np.square(flow + back).sum(-1)
    return valid & inside & (error < 0.01 * (np.square(flow).sum(-1) + np.square(back).sum(-1)) + 0.5)
