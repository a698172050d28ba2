"""How the pixels of a thing in the picture move, and the clip that comes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from simcraft.clip.from_flow import clip_from_flow
from simcraft.clip.types import InstanceInfo, MotionClip

THING, OBSTACLE = 1, 2
"""Instance ids; 0 is the background, which stands still like the obstacle."""
STILL = 0.02
"""Pixels a frame; what moves less is taken to stand still."""


@dataclass(frozen=True)
class Motion:
    """What moves, in T frames of H x W pixels; everything is image coordinates, and counts only where it is covered."""

    covered: np.ndarray
    """(T, H, W) bool: the pixel shows the thing."""
    first: np.ndarray
    """(T, H, W, 2) float32: where in the first frame this point of the thing was; of what was fed in later, the point
    of the source that it came out of."""
    forward: np.ndarray
    """(T-1, H, W, 2) float32, pixels from frame t to t+1."""
    backward: np.ndarray
    """(T-1, H, W, 2) float32, pixels from frame t+1 to t."""
    gone: np.ndarray
    """(T-1, H, W) bool: has no place in frame t+1 any more."""
    fresh: np.ndarray
    """(T-1, H, W) bool: fed in between frame t and t+1, so it has no place in frame t."""
    alpha: np.ndarray | None = None
    """(T, H, W) float32, 0 to 1: how opaque the thing is."""


def clip_of(
    image: np.ndarray,
    motion: Motion,
    obstacle: np.ndarray | None,
    depth: np.ndarray | None,
    thing: InstanceInfo,
    **fields: Any,
) -> MotionClip:
    """The clip of a thing that moves in front of a picture that stands still.

    Parameters
    ----------
    image: (H, W, 3) uint8, the first frame.
    obstacle: (H, W) bool, what the thing runs into; it is in front of nothing and behind nothing.
    depth: (H, W) float32 metres of the first frame; the thing takes its own along, what it uncovers gets the depth of
        the nearest background.
    thing: the thing's row in the instance table.
    fields: other fields of the clip.
    """
    frames = len(motion.covered)
    labels = np.where(motion.covered, np.uint16(THING), np.uint16(0))
    table = [thing]
    if obstacle is not None:
        labels[np.broadcast_to(obstacle, labels.shape)] = OBSTACLE
        table.append(InstanceInfo(OBSTACLE, "obstacle"))
    moves = labels == THING
    forward = np.where(moves[:-1, ..., None], motion.forward, np.float32(0))
    backward = np.where(moves[1:, ..., None], motion.backward, np.float32(0))
    valid, backward_valid = ~(moves[:-1] & motion.gone), ~(moves[1:] & motion.fresh)
    here = _centres(labels.shape[1:])
    first = np.where(moves[..., None], motion.first, here)
    pairs = range(frames - 1)
    return clip_from_flow(
        image,
        forward,
        backward,
        valid,
        backward_valid,
        visible_forward=np.stack([_shown(labels[t], here + forward[t], labels[t + 1]) for t in pairs]) & valid,
        visible_backward=np.stack([_shown(labels[t + 1], here + backward[t], labels[t]) for t in pairs])
        & backward_valid,
        instances=labels,
        instance_table=tuple(table),
        to_first=first,
        to_first_visible=np.stack([_shown(labels[t], first[t], labels[0]) for t in range(frames)]),
        depth=None
        if depth is None
        else np.stack([_depth(depth, labels[0], labels[t], first[t]) for t in range(frames)]),
        coverage=None if motion.alpha is None else np.where(moves, motion.alpha, np.float32(0)),
        **fields,
    )


def warnings_of(motion: Motion, name: str) -> list[str]:
    """What the user should know before spending time on a video: the thing stands still, or has gone."""
    frames = len(motion.covered)
    speed = [
        float(np.abs(forward[here]).max(initial=0.0))
        for forward, here in zip(motion.forward, motion.covered[:-1], strict=True)
    ]
    moving = 1 + max(np.flatnonzero(np.array(speed) > STILL), default=-1)
    there = 1 + max(np.flatnonzero(motion.covered.any((1, 2))), default=-1)
    if there < frames:
        return [f"Nothing is left of the {name} after frame {there} of {frames}."]
    if moving == 0:
        return [f"The {name} does not move at all."]
    if moving <= (frames - 1) / 2:
        return [f"The {name} does not move any more after frame {moving + 1} of {frames}."]
    return []


def _centres(shape: tuple[int, ...]) -> np.ndarray:
    x, y = np.meshgrid(np.arange(shape[1], dtype=np.float32), np.arange(shape[0], dtype=np.float32))
    return np.stack([x, y], -1) + np.float32(0.5)


def _shown(labels: np.ndarray, there: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(H, W) bool: `there` (H, W, 2) is inside the picture and shows the same instance in the labels `other`."""
    column, row = _pixels(there, labels.shape)
    return inside_picture(there, labels.shape) & (other[row, column] == labels)


def _depth(depth: np.ndarray, first_labels: np.ndarray, labels: np.ndarray, first: np.ndarray) -> np.ndarray:
    """(H, W) float32, planar depth of a frame."""
    from scipy.ndimage import distance_transform_edt

    hidden = first_labels == THING
    nearest = distance_transform_edt(hidden, return_distances=False, return_indices=True)
    background = depth[tuple(nearest)]
    column, row = _pixels(first, labels.shape)
    return np.where(labels == THING, depth[row, column], background).astype(np.float32)


def inside_picture(positions: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """(...) bool: image coordinates (..., 2) lie within a picture of `shape` (H, W)."""
    x, y = positions[..., 0], positions[..., 1]  # one by one: numpy is slow at reducing axes of two
    return (x >= 0) & (x < shape[1]) & (y >= 0) & (y < shape[0])


def _pixels(places: np.ndarray, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Column and row of the pixels that hold image coordinates (..., 2); the nearest ones for places outside."""
    x, y = (np.clip(places[..., d], 0, shape[1 - d] - 1).astype(np.int32) for d in range(2))
    return x, y
