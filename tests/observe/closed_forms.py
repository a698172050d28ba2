"""What formulas, in plain numpy, say a camera sees; nothing here knows triangles, barycentrics or kernels."""

from __future__ import annotations

import numpy as np

from simcraft.clip import MotionClip
from simcraft.recording import Recording, RigidBody


def centres(clip: MotionClip) -> tuple[np.ndarray, np.ndarray]:
    """x and y of all pixel centres, (H, W) each."""
    height, width = clip.image.shape[:2]
    y, x = np.mgrid[:height, :width] + 0.5
    return x, y


def unproject(clip: MotionClip, t: int, depth: np.ndarray) -> np.ndarray:
    """World points (H, W, 3) at planar depth (H, W) behind the pixels of frame t."""
    (x, y), k = centres(clip), clip.intrinsics[t]
    flat = clip.projection == "orthographic"
    scale = np.ones_like(depth) if flat else depth
    local = np.stack([(x - k[0, 2]) / k[0, 0] * scale, (y - k[1, 2]) / k[1, 1] * scale, depth], axis=-1)
    return local @ clip.camera_to_world[t, :3, :3].T + clip.camera_to_world[t, :3, 3]


def project(clip: MotionClip, t: int, points: np.ndarray) -> np.ndarray:
    """Image positions (..., 2) in frame t of world points (..., 3)."""
    local = (points - clip.camera_to_world[t, :3, 3]) @ clip.camera_to_world[t, :3, :3]
    k = clip.intrinsics[t]
    scale = np.ones_like(local[..., 2]) if clip.projection == "orthographic" else local[..., 2]
    return local[..., :2] / scale[..., None] * (k[0, 0], k[1, 1]) + (k[0, 2], k[1, 2])


def rigid_flow(recording: Recording, clip: MotionClip, t: int, other: int) -> np.ndarray:
    """(H, W, 2) flow from frame t to `other` of what rigid bodies cover; NaN elsewhere.

    It starts from the clip's float32 depth, whose relative error of 1e-7 is far below a thousandth of a pixel.
    """
    x, y = centres(clip)
    world = unproject(clip, t, np.where(np.isfinite(clip.depth[t]), clip.depth[t], 1.0).astype(np.float64))
    flow = np.full((*x.shape, 2), np.nan)
    for number, body in enumerate(recording.bodies, start=1):
        assert isinstance(body, RigidBody)
        seen = clip.instances[t] == number
        way = body.transforms[other] @ np.linalg.inv(body.transforms[t])
        moved = world[seen] @ way[:3, :3].T + way[:3, 3]
        flow[seen] = project(clip, other, moved) - np.stack([x, y], axis=-1)[seen]
    return flow


def floor_depth(clip: MotionClip, t: int) -> np.ndarray:
    """(H, W) planar depth of the world's plane z = 0."""
    near, far = (unproject(clip, t, np.full(clip.image.shape[:2], d)) for d in (0.0, 1.0))
    with np.errstate(divide="ignore"):
        return near[..., 2] / (near[..., 2] - far[..., 2])


def sphere_depth(clip: MotionClip, t: int, centre: np.ndarray, radius: float) -> np.ndarray:
    """(H, W) planar depth of a sphere's front, NaN beside it."""
    origin = unproject(clip, t, np.zeros(clip.image.shape[:2]))
    way = unproject(clip, t, np.ones(clip.image.shape[:2])) - origin
    a, b = (way**2).sum(-1), ((origin - centre) * way).sum(-1)
    with np.errstate(invalid="ignore"):
        return (-b - np.sqrt(b * b - a * (((origin - centre) ** 2).sum(-1) - radius**2))) / a


def calm(clip: MotionClip, t: int) -> np.ndarray:
    """(H, W) bool: surfaces at least a pixel away from silhouettes."""
    ids = clip.instances[t].astype(int)
    around = np.stack([np.roll(ids, (i, j), (0, 1)) for i in (-1, 0, 1) for j in (-1, 0, 1)])
    inner = (around == ids).all(axis=0) & (ids > 0)
    inner[[0, -1]] = inner[:, [0, -1]] = False
    return inner


def errors(mine: np.ndarray, true: np.ndarray, where: np.ndarray) -> tuple[float, float]:
    """Median and 99th percentile of the end-point error, pixels."""
    error = np.linalg.norm(mine[where] - true[where], axis=-1)
    assert error.size > 100
    return float(np.median(error)), float(np.quantile(error, 0.99))
