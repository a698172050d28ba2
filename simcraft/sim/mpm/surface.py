"""The surface around loose material, as a new mesh in each frame that moves with it."""

from __future__ import annotations

import numpy as np

from simcraft.sim.fluid.liquid_surface import FINER, PADDING, RADIUS, REACH, SMOOTHING
from simcraft.sim.mpm.state import PADDING as GRID_PADDING
from simcraft.sim.mpm.state import Domain


def surface_mesh(domain: Domain, position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (V, 3) float32, metres from the domain's lower corner, and faces (F, 3) int32 that face outwards.

    The level set is the distance to the mean of the particles around, less a radius (Zhu and Bridson, "Animating Sand
    as a Fluid", 2005, section 5), blurred a little and cut off at the domain's walls.
    """
    from skimage.measure import marching_cubes

    level = _level_set(domain, position)
    if not (level < 0).any():
        return np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32)
    nodes, faces, _, _ = marching_cubes(level, 0.0, gradient_direction="descent")
    return ((nodes - PADDING) * (domain.spacing / FINER)).astype(np.float32), faces.astype(np.int32)


def _level_set(domain: Domain, position: np.ndarray) -> np.ndarray:
    """(FINER * X + 1 + 2 * PADDING, ...) float32: cells to the surface, negative inside, exact only near it."""
    from scipy.ndimage import gaussian_filter

    from simcraft.sim.fluid.liquid_surface_kernels import distance_to_mean

    level = np.full([FINER * n + 1 + 2 * PADDING for n in domain.cells], RADIUS, np.float32)
    if len(position):
        cell = np.minimum((position / np.float32(domain.spacing)).astype(np.int32), np.array(domain.cells) - 1)
        flat = np.ravel_multi_index(tuple(cell.T), domain.cells)
        order = np.argsort(flat, kind="stable")
        count = np.bincount(flat, minlength=int(np.prod(domain.cells))).astype(np.int32)
        first = np.concatenate([[0], np.cumsum(count)]).astype(np.int32)
        distance_to_mean(
            *(np.ascontiguousarray(position[order]), first, count.reshape(domain.cells), domain.spacing),
            *(REACH, RADIUS, FINER, PADDING, level),
        )
    level = gaussian_filter(level, SMOOTHING)
    # a hair off the wall, so that no node lies exactly on the surface
    for axis, cells in enumerate(domain.cells):
        place = (np.arange(level.shape[axis], dtype=np.float32) - PADDING) / FINER
        beyond = np.maximum(-place, place - cells) + np.float32(0.01)
        level = np.maximum(level, beyond.reshape([-1 if d == axis else 1 for d in range(3)]))
    return level


def velocity_at(domain: Domain, grid: np.ndarray, places: np.ndarray) -> np.ndarray:
    """(V, D) float32, m/s: the material's velocity at `places` (V, D) metres, by `grid` (nodes, D + 1) of momentum and
    mass."""
    from scipy.ndimage import map_coordinates

    at = (places / domain.spacing + GRID_PADDING).T
    shaped = grid.reshape(*domain.nodes, -1)
    sampled = [map_coordinates(shaped[..., c], at, order=1, mode="nearest") for c in range(grid.shape[1])]
    mass = np.maximum(sampled[-1], 1e-12)
    return np.stack([m / mass for m in sampled[:-1]], axis=1).astype(np.float32)
