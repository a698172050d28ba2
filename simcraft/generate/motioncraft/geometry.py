"""What an inpainting network is told of surfaces: how near they are and where they face, now and in the first frame.

A face that turns away from the light gets darker, and where a thing stands it casts a shadow: the picture moved along
the flow shows neither, the geometry tells both.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from simcraft.clip.types import MotionClip
from simcraft.generate.correspondence import FirstFrame, pixel_centres
from simcraft.generate.motioncraft.warping import cell_samples

CHANNELS = 8
"""Nearness and normal in the frame, and nearness and normal of the same points in the first one."""
_EACH = 4
"""Of the two frames."""


@dataclass(frozen=True)
class Geometry:
    """Nearness and normals of a clip's surfaces; zeros where it has no depth or no camera."""

    clip: MotionClip
    first: FirstFrame

    def at(self, t: int, size: tuple[int, int]) -> np.ndarray:
        """(8, h, w) float32 of frame `t`, means over cells, for latents of `size` (w, h).

        Channels: nearness d / (d + z), where z is depth and d its median in the first frame, and 0 in the background;
        the unit normal, in the axes of the first frame's camera; and both again as they were in the first frame, 0
        where that did not show the point.
        """
        height, width = self.clip.image.shape[:2]
        now, before = self._surfaces(t), np.zeros((height, width, _EACH), np.float32)
        seen = self.first.seen[t]
        position = np.floor(self.first.position[t][seen]).astype(np.int64)
        x, y = position[:, 0].clip(0, width - 1), position[:, 1].clip(0, height - 1)
        before[seen] = self._first_surfaces[y, x]
        cells = cell_samples(np.concatenate([now, before], -1), size).mean(2)
        return np.ascontiguousarray(cells.transpose(2, 0, 1), np.float32)

    @cached_property
    def _usual_depth(self) -> float:
        assert self.clip.depth is not None
        return usual_depth(np.asarray(self.clip.depth[0]))

    @cached_property
    def _first_surfaces(self) -> np.ndarray:
        return self._surfaces(0)

    def _surfaces(self, t: int) -> np.ndarray:
        """(H, W, 4) nearness and normals of a frame."""
        clip = self.clip
        result = np.zeros((*clip.image.shape[:2], _EACH), np.float32)
        if clip.depth is None or clip.intrinsics is None or clip.camera_to_world is None:
            return result
        depth = np.asarray(clip.depth[t])
        hit = np.isfinite(depth)
        result[hit, 0] = self._usual_depth / (self._usual_depth + depth[hit])
        normals = normals_of(depth, clip.intrinsics[t], clip.projection)
        turned = clip.camera_to_world[0, :3, :3].T @ clip.camera_to_world[t, :3, :3]
        result[..., 1:] = normals @ turned.T
        return result


def usual_depth(depth: np.ndarray) -> float:
    """The median of a frame's finite depths (H, W), in metres; 1 where there are none."""
    finite = depth[np.isfinite(depth)]
    return float(np.median(finite)) if finite.size else 1.0


def normals_of(depth: np.ndarray, intrinsics: np.ndarray, projection: str = "perspective") -> np.ndarray:
    """(H, W, 3) unit normals in camera axes, facing the camera, of planar depth (H, W); 0 in the background.

    Of the differences with the neighbours on both sides the smaller one in depth counts, so that silhouettes are kept.
    """
    height, width = depth.shape
    hit = np.isfinite(depth)
    z = np.where(hit, depth, 0).astype(np.float64)
    rays = (pixel_centres(height, width) - intrinsics[:2, 2]) / intrinsics[[0, 1], [0, 1]]
    points = np.concatenate([rays if projection == "orthographic" else rays * z[..., None], z[..., None]], -1)
    points[~hit] = np.nan
    normals = np.cross(_difference(points, 1), _difference(points, 0))
    length = np.linalg.norm(normals, axis=-1, keepdims=True)
    known = np.isfinite(length) & (length > 0)
    normals = np.where(known, normals / np.where(known, length, 1), 0)
    towards = np.array([0.0, 0.0, 1.0]) if projection == "orthographic" else np.nan_to_num(points)
    return np.where((normals * towards).sum(-1, keepdims=True) > 0, -normals, normals)


def _difference(points: np.ndarray, axis: int) -> np.ndarray:
    """(H, W, 3) to the next point along an axis, or from the one before, whichever is less deep; NaN without both."""
    gap = np.full_like(np.take(points, [0], axis), np.nan)
    steps = np.diff(points, axis=axis)
    after, before = np.concatenate([steps, gap], axis), np.concatenate([gap, steps], axis)
    deep_after, deep_before = (np.nan_to_num(np.abs(step[..., 2:]), nan=np.inf) for step in (after, before))
    return np.where(deep_after <= deep_before, after, before)
