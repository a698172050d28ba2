"""A predicted clip in the first frame's own size: motion is smooth within an instance, and silhouettes are known.

The network sees few pixels; the first frame may have many. What moves is enlarged instance by instance, so that nothing
is mixed across silhouettes, and the silhouettes themselves are the first frame's, moved: where a pixel's motion leads
back to its own instance there, that is what it shows. Only where nothing does is the network's coarse label taken.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np

from simcraft.clip.types import MotionClip
from simcraft.generate.correspondence import FirstFrame, first_frame, pixel_centres
from simcraft.generate.motion_dreamer.scene import FirstScene
from simcraft.generate.motioncraft.warping import nearest_known

_FORWARD = ("flow_forward", "flow_valid_forward", "visible_forward")
_BACKWARD = ("flow_backward", "flow_valid_backward", "visible_backward")
Size = tuple[int, int]
"""(width, height)."""


@dataclass(frozen=True)
class _Frame:
    """One frame of a clip at the network's size, (h, w, ...) each; motion is in pixels of the large picture."""

    labels: np.ndarray
    moved: np.ndarray
    """(h, w, 2), from the pixel to where its surface was in the first frame."""
    seen: np.ndarray
    """bool: seen there."""
    front: np.ndarray
    """How near it is: one by depth, or, where depth is unknown, how far it has moved; what moves passes in front."""
    values: np.ndarray
    """(h, w, 8), what is enlarged like motion: `_FORWARD` and `_BACKWARD`."""


def enlarged(clip: MotionClip, scene: FirstScene) -> MotionClip:
    """A predicted `clip` in the size of `scene`, whose first frame is the scene's.

    Gains `to_first`: positions composed at the network's size, and then enlarged. A clip that has that size already,
    and one without instances, is returned as it is.
    """
    if clip.size == scene.size or clip.instances is None:
        return clip
    size, count = scene.size, clip.frame_count
    shape = (count, size[1], size[0])
    first = first_frame(clip)
    labels, values = np.empty(shape, np.uint16), np.empty((*shape, 8), np.float32)
    depth = np.empty(shape, np.float32)
    to_first, seen = np.empty((*shape, 2), np.float32), np.empty(shape, bool)
    labels[0] = np.where(np.isin(scene.instances, np.unique(clip.instances[0])), scene.instances, 0)
    to_first[0], seen[0] = pixel_centres(size[1], size[0]), True
    for t in range(count):
        frame = _frame(clip, first, t, size)
        if t:
            labels[t], to_first[t], seen[t] = _silhouettes(frame, labels[0])
        values[t] = _by_instance(frame.values, np.ones(frame.labels.shape, bool), frame.labels, labels[t])
        if clip.depth is not None:
            depth[t] = _depth(np.asarray(clip.depth[t]), frame.labels, labels[t])
    if scene.depth is not None:
        depth[0] = scene.depth
    changed: dict[str, Any] = {
        "image": scene.image,
        "instances": labels,
        "depth": None if clip.depth is None else depth,
        "to_first": to_first,
        "to_first_visible": seen,
        "intrinsics": None if scene.intrinsics is None else np.tile(scene.intrinsics.astype(np.float64), (count, 1, 1)),
    }
    for part, channel, names in ((values[:-1], 0, _FORWARD), (values[1:], 4, _BACKWARD)):
        valid, visible = (part[..., channel + k] > 0.5 for k in (2, 3))
        flow = np.where(valid[..., None], part[..., channel : channel + 2], np.float32(0))
        changed |= dict(zip(names, (flow, valid, visible), strict=True))
    return replace(clip, **changed)


def _frame(clip: MotionClip, first: FirstFrame, t: int, size: Size) -> _Frame:
    assert clip.instances is not None
    height, width = clip.image.shape[:2]
    scale, labels = np.divide(size, clip.size), np.asarray(clip.instances[t])
    moved = np.nan_to_num((first.position[t] - pixel_centres(height, width)) * scale)
    if clip.depth is None:
        front = np.where(labels > 0, np.hypot(moved[..., 0], moved[..., 1]), -1)
    else:
        front = 1 / np.maximum(clip.depth[t], 1e-9)
    ahead = _motion(clip, _FORWARD, t if t < clip.frame_count - 1 else None, scale)
    back = _motion(clip, _BACKWARD, t - 1 if t else None, scale)
    values = np.concatenate([ahead, back], -1, dtype=np.float32)
    return _Frame(labels, moved, first.seen[t], front, values)


def _motion(clip: MotionClip, names: tuple[str, ...], pair: int | None, scale: np.ndarray) -> np.ndarray:
    """(h, w, 4): flow, its valid mask and visibility of a pair of frames; zeros where there is none."""
    if pair is None:
        return np.zeros((*clip.image.shape[:2], 4))
    flow, valid, visible = (np.asarray(getattr(clip, name)[pair]) for name in names)
    return np.concatenate([flow * scale, valid[..., None], visible[..., None]], -1)


@dataclass(frozen=True)
class _Claim:
    """What speaks for one instance in each pixel of the large picture, (H, W, ...) each."""

    share: np.ndarray
    """Of the coarse pixels around; 0 where it is not near."""
    there: np.ndarray
    """(H, W, 2), where its motion leads back to."""
    own: np.ndarray
    """bool: that is itself, and"""
    behind: np.ndarray
    """that is something behind it: it is not here."""
    front: np.ndarray


def _silhouettes(frame: _Frame, first_labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels (H, W), where each pixel was in the first frame (H, W, 2), and whether it was seen there, (H, W) bool.

    A pixel is of the instance that the network says, unless another one that is near leads back to itself and is in
    front of it, or its motion says that it is not here and that of another one does not.
    """
    size = (first_labels.shape[1], first_labels.shape[0])
    labels = _nearest(frame.labels, size)
    claims = _claims(frame, first_labels, labels)
    position = np.empty((*labels.shape, 2))
    seen, refuted = np.zeros(labels.shape, bool), np.zeros(labels.shape, bool)
    front = np.zeros(labels.shape, np.float32)

    def take(where: np.ndarray, claim: _Claim) -> None:
        position[where], seen[where] = claim.there[where], claim.own[where]
        refuted[where], front[where] = claim.behind[where], claim.front[where]

    for label, claim in claims.items():
        take(labels == label, claim)
    coarse, best = labels.copy(), np.zeros(labels.shape, np.float32)
    for label, claim in claims.items():
        near = (claim.share > 0) & (coarse != label) & ~claim.behind
        in_front = near & claim.own & (claim.front > front)
        instead = near & ~in_front & refuted & (claim.share > best)
        best[instead] = claim.share[instead]
        # what is refuted stays so while others are compared: the largest share counts
        keep = refuted & instead
        take(in_front | instead, claim)
        refuted[keep] = True
        labels[in_front | instead] = label
    return labels, position, seen


def _claims(frame: _Frame, first_labels: np.ndarray, coarse: np.ndarray) -> dict[int, _Claim]:
    height, width = first_labels.shape
    size, centres = (width, height), pixel_centres(height, width)
    ranks = {int(label): float(frame.front[frame.labels == label].mean()) for label in np.unique(frame.labels)}
    claims = {}
    for label, rank in ranks.items():
        mine = frame.labels == label
        seen = mine & frame.seen
        # what has turned to us since then leads nowhere
        leads = (_nearest(seen, size) | (coarse != label)) & seen.any()
        there = centres + _spread(frame.moved, seen if seen.any() else mine, size)
        x, y = np.floor(there).astype(np.int64).transpose(2, 0, 1)
        leads &= (x >= 0) & (x < width) & (y >= 0) & (y < height)
        landed = first_labels[y.clip(0, height - 1), x.clip(0, width - 1)]
        behind = np.isin(landed, [other for other, its in ranks.items() if its < rank])
        claims[label] = _Claim(
            _smooth(mine, size), there, leads & (landed == label), leads & behind, _spread(frame.front, mine, size)
        )
    return claims


def _by_instance(values: np.ndarray, known: np.ndarray, labels: np.ndarray, large: np.ndarray) -> np.ndarray:
    """(H, W, ...) `values` (h, w, ...) of the pixels `known` (h, w), of each instance where `large` (H, W) has it.

    `labels` (h, w) are the instances of the values. 0 where nothing is known of an instance.
    """
    result = np.zeros((*large.shape, *values.shape[2:]), np.float32)
    for label in np.unique(large):
        here, mine = large == label, known & (labels == label)
        if mine.any():
            result[here] = _spread(values, mine, (large.shape[1], large.shape[0]))[here]
    return result


def _depth(coarse: np.ndarray, labels: np.ndarray, large: np.ndarray) -> np.ndarray:
    """(H, W) float32, of `coarse` (h, w) with its `labels`: infinite where that is, which else has no part in it."""
    finite = np.isfinite(coarse)
    share = _by_instance(finite.astype(np.float32), np.ones(finite.shape, bool), labels, large)
    depth = _by_instance(np.where(finite, coarse, 0), finite, labels, large)
    return np.where(share >= 0.5, depth, np.float32(np.inf))


def _spread(values: np.ndarray, mine: np.ndarray, size: Size) -> np.ndarray:
    """(H, W, C), the values (h, w, C) of the pixels `mine` (h, w), interpolated among them, and extended beyond."""
    x, y = (nearest_known(mine, np.zeros(mine.shape, np.uint8)) - 0.5).astype(np.int64).transpose(2, 0, 1)
    return _smooth(values[y, x], size)


def _smooth(values: np.ndarray, size: Size) -> np.ndarray:
    """(H, W, ...) of (h, w, ...), interpolated."""
    large = cv2.resize(values.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(large).reshape(size[1], size[0], *values.shape[2:])


def _nearest(values: np.ndarray, size: Size) -> np.ndarray:
    """(H, W) of (h, w), without mixing."""
    kind = np.uint8 if values.dtype == bool else values.dtype
    return np.asarray(cv2.resize(values.astype(kind), size, interpolation=cv2.INTER_NEAREST)).astype(values.dtype)
