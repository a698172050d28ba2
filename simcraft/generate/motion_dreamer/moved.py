"""R of a first frame, moved as far as it is known to move: what stage one adds to.

Things go on along their arrows, each at its own constant speed; what has no arrow stands still in the world, and moves
in the picture as the camera makes it, where camera and depth are known. Nothing falls, meets or turns: that is what
there is to reason.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simcraft.generate.correspondence import pixel_centres
from simcraft.generate.motion_dreamer.arrows import InstanceFlow, instance_vectors
from simcraft.generate.motion_dreamer.representation import Representation

_FAR = 1e6
"""Metres, in place of infinity."""
_NEAREST = 1e-3
"""Metres before the camera; what is nearer is not seen."""
_GOES = 0.5
"""Pixels by the last frame from which an instance counts as going."""
_SPOTS = np.array([(-0.25, -0.25), (0.25, -0.25), (-0.25, 0.25), (0.25, 0.25)])
"""Points of a pixel that are moved: things may come twice as near without cracks."""


@dataclass(frozen=True)
class Moved:
    """T frames of a first one, moved."""

    representation: Representation
    """R; flow is valid everywhere."""
    source: np.ndarray
    """(T, H, W) int64: the pixel of the first frame, y W + x, that each pixel shows."""

    def picture(self, image: np.ndarray) -> np.ndarray:
        """(T, H, W, ...), of an `image` (H, W, ...) of the first frame."""
        return np.asarray(image.reshape(-1, *image.shape[2:])[self.source])


def moved(
    first: Representation, arrows: InstanceFlow, poses: np.ndarray, intrinsics: np.ndarray | None = None
) -> Moved:
    """Move a first frame.

    Parameters
    ----------
    first: R of the first frame, (1, H, W).
    arrows: (H, W), how its instances move.
    poses: (T, 4, 4), camera to world.
    intrinsics: (3, 3), pixels; None: unknown, and then the camera counts as still.

    An instance with an arrow moves in the picture by what the arrow says beyond what the camera makes of it at rest.
    Where it has left, what is at rest is continued.
    """
    (width, height), count = first.size, len(poses)
    known = None if first.depth is None else first.depth[0].ravel()
    spots, depths = _seen_by_camera(known, (height, width), poses, intrinsics)
    going = _send_along(spots, arrows, first)
    order = _far_to_near(known, arrows)
    flow, depth = np.zeros((count, height * width, 2), np.float32), np.zeros((count, height * width), np.float32)
    source = np.tile(np.arange(height * width), (count, 1))
    for t in range(1, count):
        shown = _shown(spots[t, order], depths[t, order], order, (height, width))
        shown = _continued(shown, going.ravel())
        source[t] = shown // len(_SPOTS)
        flow[t], depth[t] = spots[t - 1, shown] - spots[t, shown], depths[t, shown]
    shape = (count, height, width)
    representation = Representation(
        flow=flow.reshape(*shape, 2),
        flow_valid=np.ones(shape, bool),
        segmentation=None if first.segmentation is None else first.segmentation[0].ravel()[source].reshape(shape),
        depth=None if known is None else _with_horizon(depth, known, source).reshape(shape),
        ids=first.ids,
    )
    return Moved(representation, source.reshape(shape))


def _seen_by_camera(
    depth: np.ndarray | None, shape: tuple[int, int], poses: np.ndarray, intrinsics: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Where the spots of all pixels are in each frame, (T, N, 2), and their depths (T, N), in a world at rest."""
    start = (pixel_centres(*shape).reshape(-1, 1, 2) + _SPOTS).reshape(-1, 2)
    distance = np.full(len(start), _FAR) if depth is None else np.minimum(depth, _FAR).repeat(len(_SPOTS))
    moves = np.linalg.inv(poses) @ poses[0]
    if intrinsics is None or np.allclose(moves, np.eye(4), atol=1e-6):
        return np.tile(start, (len(poses), 1, 1)), np.tile(distance, (len(poses), 1))
    points = np.concatenate([start, np.ones((len(start), 1))], 1) @ np.linalg.inv(intrinsics).T * distance[:, None]
    there = points @ moves[:, :3, :3].transpose(0, 2, 1) + moves[:, None, :3, 3]
    pictured = there @ intrinsics.T
    depths = there[..., 2]
    return pictured[..., :2] / np.maximum(depths, _NEAREST)[..., None], depths


def _send_along(spots: np.ndarray, arrows: InstanceFlow, first: Representation) -> np.ndarray:
    """Let the spots (T, N, 2) of each instance go along its arrow; returns (H, W) bool, what does go."""
    shape = arrows.known.shape
    if first.segmentation is None:
        return np.zeros(shape, bool)
    labels = first.segmentation[0]
    inside = ((spots >= 0) & (spots < shape[::-1])).all(-1)
    going, steps = np.zeros(shape, bool), np.arange(len(spots))[:, None, None]
    for label, arrow in instance_vectors(arrows, labels).items():
        if label == 0:
            continue
        mine = labels == label
        own = np.flatnonzero(mine.ravel().repeat(len(_SPOTS)))
        motion = arrow - _camera_arrow(spots[:, own], inside[:, own])
        if np.hypot(*motion) * (len(spots) - 1) >= _GOES:
            going |= mine
            spots[:, own] += steps * motion
    return going


def _camera_arrow(spots: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """(2,): the arrow, pixels a frame, that spots (T, M, 2) at rest would have: the mean over those in the picture."""
    there = inside[:-1, :, None]
    sums, counts = (np.diff(spots, axis=0) * there).sum(1), there.sum(1)
    return np.asarray((sums / np.maximum(counts, 1)).sum(0) / max(int((counts > 0).sum()), 1))


def _far_to_near(depth: np.ndarray | None, arrows: InstanceFlow) -> np.ndarray:
    """(N,) the spots in the order in which they cover each other: by depth, or, where it is unknown, the faster."""
    away = -np.linalg.norm(arrows.flow, axis=-1).ravel() if depth is None else depth
    return np.argsort(-away.repeat(len(_SPOTS)), kind="stable")


def _shown(places: np.ndarray, depths: np.ndarray, order: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """(H, W): the spot that each pixel shows, of `order`, which are at `places` (N, 2); -1 for none."""
    column, row = np.floor(places).astype(int).T
    inside = (column >= 0) & (column < shape[1]) & (row >= 0) & (row < shape[0]) & (depths > _NEAREST)
    shown = np.full(shape, -1)
    # of those in one pixel the last one counts, which is the nearest
    shown[row[inside], column[inside]] = order[inside]
    return shown


def _continued(shown: np.ndarray, going: np.ndarray) -> np.ndarray:
    """(H W,): where a pixel shows nothing, what the nearest one shows that is at rest, if there is any."""
    from scipy.ndimage import distance_transform_edt

    nothing = shown < 0
    if not nothing.any():
        return shown.ravel()
    ground = ~nothing & ~going[np.maximum(shown, 0) // len(_SPOTS)]
    if not ground.any():
        ground = ~nothing
    if not ground.any():  # all has left the picture: hold on to what was there
        return np.arange(shown.size) * len(_SPOTS)
    row, column = distance_transform_edt(~ground, return_distances=False, return_indices=True)
    return np.asarray(np.where(nothing, shown[row, column], shown).ravel())


def _with_horizon(depth: np.ndarray, first: np.ndarray, source: np.ndarray) -> np.ndarray:
    """(T, H W): `depth`, and infinity where the first frame has it; the first frame is as it is."""
    depth = np.where(np.isfinite(first)[source], depth, np.float32(np.inf))
    depth[0] = first
    return depth
