"""Points of a regular grid, followed through a clip by its exact flow or by flow estimated from its frames."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from simcraft.errors import UserError
from simcraft.metrics.flow_error import estimated_flow

GRID = 20
"""Points on each side, as Liu et al. 2024 (arXiv 2407.16124) track."""
_MARGIN = 1 / 32
"""Of the picture's sides, beyond the outermost points: 8 of 256 pixels in their code."""


def flow_tracks(flow_forward: np.ndarray, grid: int = GRID) -> np.ndarray:
    """(T, grid^2, 2) float64 positions (x, y), pixels, of a grid's points carried on by `flow_forward` (T-1, H, W, 2).

    Points are in rows. Flow between pixel centres, which lie at +0.5, is bilinear. What is followed is what is seen: a
    point that gets covered goes on with what covers it. A point that leaves the picture goes on with its last velocity:
    nothing is known out there, and standing still or following the border would be events that nobody saw.

    Raises `UserError` for another shape, flow that is not finite and a grid of fewer than 2 points a side.
    """
    flow = np.asarray(flow_forward, np.float64)
    if flow.ndim != 4 or flow.shape[-1] != 2 or not flow.size:
        raise UserError(f"Tracks need flow of shape (T-1, H, W, 2); this is {flow.shape}.")
    if not np.isfinite(flow).all():
        raise UserError("Tracks need finite flow; this has NaN or infinity. Set it to 0 where it is not valid.")
    positions = [_start(flow.shape[1], flow.shape[2], grid)]
    velocity = np.zeros_like(positions[0])
    for step in flow:
        velocity = np.where(_inside(positions[-1], step), _between(step, positions[-1]), velocity)
        positions.append(positions[-1] + velocity)
    return np.stack(positions)


def estimated_tracks(frames: np.ndarray, grid: int = GRID) -> np.ndarray:
    """As `flow_tracks`, through the flow that DIS finds between consecutive `frames` (T, H, W, 3) uint8, T >= 2."""
    frames = np.asarray(frames)
    if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8 or len(frames) < 2:
        raise UserError(f"Tracks need 2 or more frames, (T, H, W, 3) uint8; these are {frames.shape} {frames.dtype}.")
    flow = [estimated_flow(first, second) for first, second in pairwise(frames)]
    return flow_tracks(np.stack(flow), grid)


def _start(height: int, width: int, grid: int) -> np.ndarray:
    """(grid^2, 2) evenly spaced points of a picture."""
    if grid < 2:
        raise UserError(f"Tracks need a grid of 2 or more points a side, not {grid}.")
    y, x = (np.linspace(side * _MARGIN, side * (1 - _MARGIN), grid) for side in (height, width))
    return np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)


def _inside(points: np.ndarray, image: np.ndarray) -> np.ndarray:
    """(N, 1) bool."""
    height, width = image.shape[:2]
    return ((points >= 0) & (points <= (width, height))).all(-1, keepdims=True)


def _between(flow: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(N, 2): the flow (H, W, 2) at `points` (N, 2)."""
    from scipy.ndimage import map_coordinates

    place = points.T[::-1] - 0.5
    return np.stack([map_coordinates(flow[..., axis], place, order=1, mode="nearest") for axis in (0, 1)], -1)
