"""Particles and solid cells: both liquid solvers share how particles get out of them and never through them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from simcraft.sim.fluid import liquid_kernels as kernels
from simcraft.sim.fluid.boundary import Boundary
from simcraft.sim.fluid.grid import Faces, Grid
from simcraft.sim.fluid.liquid import LiquidConfig, LiquidState

SUBMOVE = 0.5
"""Cells that a particle moves at once, looking for solid cells."""


def out_of_solids(grid: Grid, state: LiquidState, boundary: Boundary) -> LiquidState:
    """`state` with the particles that an obstacle has come over pushed ahead of it."""
    solid = solid_cells(boundary)
    if not solid.any():
        return state
    lean = np.zeros((*grid.cells, grid.dimension), np.float32)
    for axis, component in enumerate(boundary.velocity):
        both = np.take(component, range(1, component.shape[axis]), axis) + np.delete(component, -1, axis)
        lean[..., axis] = np.sign(both) * (np.abs(both) > 1e-6)
    positions = state.positions.copy()
    kernels.free_particles(grid.dimension, positions, grid.spacing, lean, solid)
    return replace(state, positions=positions)


def carry(config: LiquidConfig, positions: np.ndarray, boundary: Boundary, velocity: Faces, dt: float) -> np.ndarray:
    """`positions` (N, dimension) moved along `velocity` for `dt` seconds, around solid cells."""
    grid = config.grid
    fastest = max(float(np.abs(component).max(initial=0.0)) for component in velocity)
    moves = max(1, math.ceil(fastest * dt / grid.spacing / SUBMOVE))
    moved = positions.copy()
    kernel = kernels.carry_2d if grid.dimension == 2 else kernels.carry_3d
    kernel(moved, grid.spacing, dt, moves, int(config.closed), solid_cells(boundary), *velocity)
    return moved


def walk(config: LiquidConfig, positions: np.ndarray, ways: np.ndarray, boundary: Boundary) -> np.ndarray:
    """`positions` (N, dimension) moved straight along `ways` (N, dimension) metres, around solid cells."""
    grid = config.grid
    moves = max(1, math.ceil(float(np.abs(ways).max(initial=0.0)) / grid.spacing / SUBMOVE))
    moved = positions.copy()
    kernels.walk(grid.dimension, moved, ways, grid.spacing, moves, int(config.closed), solid_cells(boundary))
    return moved


def solid_cells(boundary: Boundary) -> np.ndarray:
    """(*cells) int8, for kernels."""
    return np.ascontiguousarray(~boundary.fluid).view(np.int8)
