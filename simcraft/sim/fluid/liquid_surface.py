"""The surface around a liquid's particles, as a closed triangle mesh."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from simcraft.sim.fluid.grid import Grid
from simcraft.sim.fluid.liquid import LiquidState
from simcraft.sim.fluid.liquid_window import window_of

if TYPE_CHECKING:
    from simcraft.sim.fluid.liquid_taichi import Sorted

FINER = 2
"""Nodes of the surface a cell."""
PADDING = 3
"""Nodes around the box, so that the surface closes."""
RADIUS = 0.5
"""Cells: of a lone particle's drop."""
REACH = 1.0
"""Cells: particles this near to a node shape the surface there."""
NEAR = 1.5
"""Cells: a vertex moves like the particles this near to it."""
SMOOTHING = 1.0
"""Nodes: what the level set is blurred by, so that single particles do not show."""
SWELLING = 0.1
"""Of the level set: by how much too low it is at the border of a region filled with particles."""
THICK = 0.3
"""Of the level set: where it is lower than that near by, the surface is smoothed; drops and sheets stay as they are."""
SLIVER = 0.01
"""Of the level set: no node lies nearer to the surface, so that no triangle is too small to have a normal."""


@dataclass(frozen=True)
class SurfaceMesh:
    """Triangles that enclose the liquid; they turn counterclockwise seen from outside."""

    vertices: np.ndarray
    """(V, 3) float32, metres from the box's lower corner."""
    faces: np.ndarray
    """(F, 3) int32."""
    velocity: np.ndarray
    """(V, 3) float32, metres a second."""


def liquid_surface(grid: Grid, state: LiquidState) -> SurfaceMesh:
    """The surface of a 3D liquid, without one where there are no particles."""
    from skimage.measure import marching_cubes

    from simcraft.sim.fluid.liquid_surface_kernels import mean_velocity
    from simcraft.sim.fluid.liquid_taichi import sort_particles

    nothing = SurfaceMesh(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32), np.zeros((0, 3), np.float32))
    if not len(state.ids):
        return nothing
    window = window_of(grid, state)
    particles = sort_particles(window.grid, window.enter(state))
    level = level_set(window.grid, particles)
    if not (level < 0).any():
        return nothing
    nodes, faces, _, _ = marching_cubes(level, 0.0, gradient_direction="descent")
    vertices = ((nodes - PADDING) * (grid.spacing / FINER)).astype(np.float32)
    velocity = np.zeros_like(vertices)
    cells = np.array(window.grid.cells, np.int32)
    inside = particles.state
    mean_velocity(vertices, inside.positions, inside.velocities, particles.first, cells, grid.spacing, NEAR, velocity)
    return SurfaceMesh(vertices + window.corner, faces.astype(np.int32), velocity)


def level_set(grid: Grid, particles: Sorted) -> np.ndarray:
    """Float32 at the nodes: cells to the surface, negative inside, exact only near it.

    The distance to the mean of the particles around, less a radius (Zhu and Bridson 2005, section 5); blurred where
    the liquid is thick, and cut off at the box.
    """
    from scipy.ndimage import gaussian_filter, maximum_filter

    from simcraft.sim.fluid.liquid_surface_kernels import distance_to_mean

    shape = tuple(FINER * n + 1 + 2 * PADDING for n in grid.cells)
    level = np.full(shape, RADIUS, np.float32)
    count = np.diff(particles.first).reshape(grid.cells).astype(np.int32)
    positions = particles.state.positions
    distance_to_mean(positions, particles.first, count, grid.spacing, REACH, RADIUS, FINER, PADDING, level)
    smooth = gaussian_filter(level, SMOOTHING) + np.float32(SWELLING)
    thickness = gaussian_filter(maximum_filter(-smooth, 5), 1.0)
    share = np.clip(thickness / THICK, 0, 1)
    level = np.maximum(level + share * (smooth - level), _beyond_box(grid))
    return np.where(np.abs(level) < SLIVER, np.copysign(np.float32(SLIVER), level), level)


def _beyond_box(grid: Grid) -> np.ndarray:
    """At the nodes: cells to the box, negative inside, a hair more than that so that no node lies on it."""
    beyond = np.full((1,) * grid.dimension, -np.inf, np.float32)
    for axis, count in enumerate(grid.cells):
        place = (np.arange(FINER * count + 1 + 2 * PADDING, dtype=np.float32) - PADDING) / FINER
        outside = np.maximum(-place, place - count) + 0.01
        beyond = np.maximum(beyond, outside.reshape([-1 if d == axis else 1 for d in range(len(grid.cells))]))
    return beyond
