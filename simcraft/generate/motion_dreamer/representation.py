"""R = (flow, instance segmentation, depth): what Motion Dreamer's first stage predicts and the second one paints.

Flow is backward, from each frame to the one before it, so that pictures are pulled along it and nothing is splatted.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from simcraft.clip.types import MotionClip
from simcraft.errors import UserError
from simcraft.generate.correspondence import flow_between, frame_labels
from simcraft.generate.motion_dreamer.palette import CAPACITY, labelled, labels_of
from simcraft.generate.motion_dreamer.scene import fixed_instances
from simcraft.generate.motioncraft.geometry import usual_depth
from simcraft.generate.motioncraft.warping import cell_labels, cell_samples

if TYPE_CHECKING:
    from simcraft.generate.motion_dreamer.scene import FirstScene

MOTION = 0.004
"""Motion a frame that counts as motion, a share of the picture's width: a quarter of 64 pixels' one (tau of eq. 11)."""
_MOVES = 0.05
"""Pixels a frame from which an instance counts as moving."""


@dataclass(frozen=True)
class Representation:
    """R of T frames of H x W pixels (Motion Dreamer, section 3.2)."""

    flow: np.ndarray
    """(T, H, W, 2) float32, pixels: where the pixel of frame t was in frame t - 1, relative to it; 0 in frame 0."""
    flow_valid: np.ndarray
    """(T, H, W) bool; where it is false `flow` is 0."""
    segmentation: np.ndarray | None = None
    """(T, H, W) uint8, 0 = background, 1 to 26; None: unknown."""
    depth: np.ndarray | None = None
    """(T, H, W) float32, planar z in metres, +inf for background; None: unknown."""
    ids: tuple[int, ...] = ()
    """The instance that is label 1, that is label 2, ...; with more than 26 the labels begin again."""

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.flow.shape[2], self.flow.shape[1]

    @property
    def usual_depth(self) -> float:
        """The median of the first frame's finite depths, in metres; 1 where there are none."""
        return 1.0 if self.depth is None else usual_depth(self.depth[0])

    @property
    def camera_unit(self) -> float | None:
        """Metres that camera vectors count in: `usual_depth`, or None where depth is unknown."""
        return None if self.depth is None else self.usual_depth

    @property
    def first(self) -> Representation:
        """R of the first frame alone."""
        fields = (self.flow, self.flow_valid, self.segmentation, self.depth)
        flow, valid, segmentation, depth = (None if field is None else field[:1] for field in fields)
        assert flow is not None and valid is not None
        return Representation(flow, valid, segmentation, depth, self.ids)


def representation_of(
    clip: MotionClip, size: tuple[int, int] | None = None, *, decodable: bool = False
) -> Representation:
    """R of a clip, at `size` (width, height), which is the clip's own where it is None.

    A pixel shows the instance that fills most of it, with the median motion and depth of that instance there.

    Parameters
    ----------
    decodable: as the first stage can predict it from the first frame, so that labels can be told from colours. Only
        instances that the first frame shows have a label. Otherwise all have, and where they are more than 26, labels
        are used again.

    Where there are more than 26, those that never move become background, and, if it need be, those that fill fewer
    than `palette.SMALLEST` pixels at `size`.

    Raises `UserError` where more than 26 are left for the first stage.
    """
    size = size or clip.size
    pixels = _pixels(clip.instances if clip.instances is None or not decodable else clip.instances[:1], size)
    ids = tuple(pixels)
    if len(ids) > CAPACITY:
        ids = labelled(ids, still_instances(clip), pixels)
    return _representation(clip, _held(ids) if decodable else ids, size)


def scene_representation(
    scene: FirstScene, size: tuple[int, int] | None = None, moving: Collection[int] = ()
) -> Representation:
    """R of a first frame (T = 1), as `representation_of(..., decodable=True).first` gives it for a clip.

    `moving` are the ids of the instances that have an arrow: where there are more than 26, it is the others that become
    background first. Raises `UserError` as `representation_of` does.
    """
    size = size or scene.size
    pixels = _pixels(scene.instances[None], size)
    ids = labelled(tuple(pixels), set(pixels) - set(moving), pixels)
    nothing = np.zeros((0, *scene.image.shape[:2], 2), np.float32)
    clip = MotionClip(
        image=scene.image,
        flow_forward=nothing,
        flow_backward=nothing,
        flow_valid_forward=nothing[..., 0] > 0,
        flow_valid_backward=nothing[..., 0] > 0,
        depth=None if scene.depth is None else scene.depth[None],
        instances=scene.instances[None],
    )
    return _representation(clip, _held(ids), size)


def still_instances(clip: MotionClip) -> frozenset[int]:
    """The ids of the instances that never move: static bodies, whatever the camera does, and those without flow."""
    assert clip.instances is not None
    static = fixed_instances(clip)
    flows = np.square(clip.flow_backward).sum(-1) >= _MOVES**2
    moving = np.unique(np.asarray(clip.instances[1:])[flows & clip.flow_valid_backward])
    return frozenset(static | (set(_pixels(clip.instances, clip.size)) - set(moving.tolist())))


def _pixels(instances: np.ndarray | None, size: tuple[int, int]) -> dict[int, float]:
    """How many pixels a frame each instance (T, H, W) fills in the mean, at `size`; without the background."""
    if instances is None:
        return {}
    counts = np.bincount(np.ravel(instances)) * (size[0] * size[1] / instances.size)
    return {int(i): float(counts[i]) for i in np.flatnonzero(counts) if i}


def _held(ids: tuple[int, ...]) -> tuple[int, ...]:
    if len(ids) > CAPACITY:
        raise UserError(
            f"The first stage of Motion Dreamer holds {CAPACITY} instances; here are {len(ids)}.",
            "Merge some into one, or leave some to the background; a simulated clip needs no first stage.",
        )
    return ids


def _representation(clip: MotionClip, ids: tuple[int, ...], size: tuple[int, int]) -> Representation:
    count, shape = clip.frame_count, (size[1], size[0])
    flow, valid = np.zeros((count, *shape, 2), np.float32), np.ones((count, *shape), bool)
    segmentation = None if clip.instances is None else np.empty((count, *shape), np.uint8)
    depth = None if clip.depth is None else np.empty((count, *shape), np.float32)
    scale = np.array(size) / clip.size
    for t in range(count):
        instances = cell_labels(clip, t, size)
        if segmentation is not None:
            segmentation[t] = labels_of(instances, ids)
        mine = cell_samples(frame_labels(clip, t), size) == instances[..., None]
        if depth is not None and clip.depth is not None:
            depth[t] = _median(cell_samples(np.asarray(clip.depth[t]), size)[..., None], mine)[..., 0]
        if t:
            known = mine & cell_samples(np.asarray(clip.flow_valid_backward[t - 1]), size)
            valid[t] = known.any(-1)
            moved = _median(cell_samples(flow_between(clip, t, t - 1), size), known)
            flow[t] = np.where(valid[t][..., None], moved * scale, 0)
    return Representation(flow, valid, segmentation, depth, ids)


def _median(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """(h, w, C), the median of those of the values (h, w, k, C) that are `known` (h, w, k); +inf where none is."""
    ordered = np.sort(np.where(known[..., None], values, np.inf), axis=2)
    count = known.sum(-1)[..., None, None]
    low, high = (np.take_along_axis(ordered, np.maximum(k, 0), 2)[..., 0, :] for k in ((count - 1) // 2, count // 2))
    return np.asarray((low + high) / 2)
