"""Smoke in plain numpy and scipy: box intersections and a ray march that know nothing of bricks or kernels."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import map_coordinates

from simcraft.observe.camera import View
from simcraft.recording import Volume


def rays(view: View) -> tuple[np.ndarray, np.ndarray]:
    """Origins and directions (H, W, 3) of the rays through all pixel centres; their parameter is planar depth."""
    y, x = np.mgrid[: view.size[1], : view.size[0]][..., None] + 0.5
    r = view.rays
    return r[0] + x * r[1] + y * r[2], r[3] + x * r[4] + y * r[5]


def box_depths(volume: Volume, frame: int, view: View) -> tuple[np.ndarray, np.ndarray]:
    """(H, W) planar depths at which the rays enter and leave the volume's box; equal where they miss it."""
    origin, way = rays(view)
    to_grid = np.linalg.inv(volume.grid_to_world[frame])
    at, along = origin @ to_grid[:3, :3].T + to_grid[:3, 3], way @ to_grid[:3, :3].T
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = -at / along, (np.array(volume.density.shape[1:]) - at) / along
    enter, leave = np.minimum(low, high).max(-1), np.maximum(low, high).min(-1)
    enter, leave = enter.clip(view.near, view.far), leave.clip(view.near, view.far)
    return enter, np.maximum(enter, leave)


def pixels_of(view: View, points: np.ndarray) -> np.ndarray:
    """(..., 2) image positions of world points (..., 3)."""
    projected = points @ view.matrix[:, :3].T + view.matrix[:, 3]
    return projected[..., :2] / projected[..., 2:3]


def march(
    volume: Volume, frame: int, view: View, other: View, seconds: float, step: float = 0.5
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Alpha (H, W), mean depth (H, W) and mean flow (H, W, 2) to the camera `other`, by steps of `step` cells.

    A straightforward march, all rays at a time: densities and velocities at the middles of the steps, by scipy.
    """
    (origin, way), (enter, leave) = rays(view), box_depths(volume, frame, view)
    to_grid = np.linalg.inv(volume.grid_to_world[frame])
    cell = 1 / np.linalg.norm(way @ to_grid[:3, :3].T, axis=-1)
    steps = int(np.ceil(((leave - enter) / cell).max() / step))
    pace = (leave - enter) / max(steps, 1)
    metres = pace * np.linalg.norm(way, axis=-1)
    clear, depth = np.ones_like(enter), np.zeros_like(enter)
    flow, centres = np.zeros((*enter.shape, 2)), pixels_of(view, origin + way)
    for n in range(steps):
        z = enter + (n + 0.5) * pace
        points = origin + z[..., None] * way
        at = np.moveaxis(points @ to_grid[:3, :3].T + to_grid[:3, 3], -1, 0) - 0.5
        density = map_coordinates(volume.density[frame], at, order=1, mode="nearest")
        speed = np.stack(
            [map_coordinates(volume.velocity[frame, ..., c], at, order=1, mode="nearest") for c in range(3)], -1
        )
        kept = np.exp(-density * metres)
        weight = clear * (1 - kept)
        depth += weight * z
        flow += weight[..., None] * (pixels_of(other, points + seconds * speed) - centres)
        clear = clear * kept
    alpha = 1 - clear
    share = np.maximum(alpha, 1e-12)
    return alpha, depth / share, flow / share[..., None]
