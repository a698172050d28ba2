"""The pressure of a liquid with a free surface: it stops flowing together, and particles from crowding.

Unknowns are the cells that hold particles; air has pressure 0, walls and obstacles let nothing through. Solved by
conjugate gradients with an incomplete Cholesky preconditioner, in float64. Pressure is in units in which the
velocity, in cells a step, loses its plain differences.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simcraft.sim.fluid.boundary import Boundary
from simcraft.sim.fluid.grid import Faces
from simcraft.sim.fluid.staggered import beside, divergence
from simcraft.sim.solver import Diverged

TOLERANCE = 1e-5
"""Largest divergence that is left, in cell units: the share of a cell's volume that it wins or loses in a step."""
ITERATIONS = 2000


@dataclass(frozen=True)
class LiquidCells:
    """The liquid's cells at one moment, ready to solve for a pressure in them."""

    liquid: np.ndarray
    """(*cells) bool."""
    boundary: Boundary
    closed: bool
    """Is the box closed? Else there is air outside."""
    airless: np.ndarray
    """(n,) int32: 0 for cells of regions that touch air, else the number of their region, which no pressure is known
    for."""
    diagonal: np.ndarray
    """(n,) float64: open faces of each liquid cell."""
    neighbours: np.ndarray
    """(n, 2 dimension) int32: numbers of the liquid cells before and after it along each axis, -1 for none."""
    factor: np.ndarray
    """(n,) float64: of the incomplete factorisation."""


def liquid_cells(liquid: np.ndarray, boundary: Boundary, closed: bool) -> LiquidCells:
    """The system for the cells of `liquid` (*cells) bool."""
    from simcraft.sim.fluid.free_surface_kernels import build_system, factorise

    count, dimension = int(liquid.sum()), liquid.ndim
    number = np.full(liquid.shape, -1, np.int32)
    number[liquid] = np.arange(count)
    diagonal, neighbours = np.zeros(count), np.full((count, 2 * dimension), -1, np.int32)
    factor = np.zeros(count)
    if count:
        solid = np.ascontiguousarray(~boundary.fluid).view(np.int8)
        build_system(dimension, int(closed), number, solid, diagonal, neighbours)
        factorise(dimension, diagonal, neighbours, factor)
    airless = _airless(liquid, diagonal, neighbours)
    return LiquidCells(liquid, boundary, closed, airless, diagonal, neighbours, factor)


def _airless(liquid: np.ndarray, diagonal: np.ndarray, neighbours: np.ndarray) -> np.ndarray:
    """For each liquid cell the number of its region where that has no face to the air, else 0."""
    from scipy.ndimage import label

    regions, count = label(liquid)
    own = regions[liquid]
    to_air = diagonal > (neighbours >= 0).sum(1)
    touches = np.zeros(count + 1, bool)
    touches[own[to_air]] = True
    return np.where(touches[own], 0, own).astype(np.int32)


def solve(cells: LiquidCells, right: np.ndarray, guess: np.ndarray, tolerance: float, limit: int) -> np.ndarray:
    """(*cells) float64 `x` with Laplacian x = `right` in the liquid, 0 elsewhere.

    Closed regions are solved for `right` less its mean. Raises `Diverged` where `limit` iterations leave more than
    a hundred times the tolerance.
    """
    from simcraft.sim.fluid.free_surface_kernels import conjugate_gradients

    field = np.zeros(cells.liquid.shape)
    if not len(cells.diagonal):
        return field
    values = np.ascontiguousarray(without_mean(cells, right[cells.liquid].astype(np.float64)))
    x = np.ascontiguousarray(guess[cells.liquid].astype(np.float64))
    residual, z, search = (np.zeros_like(x) for _ in range(3))
    outcome = np.zeros(2)
    system = (cells.liquid.ndim, cells.diagonal, cells.neighbours, cells.factor)
    conjugate_gradients(*system, values, tolerance, limit, x, residual, z, search, outcome)
    if not outcome[0] <= 100 * tolerance:
        raise Diverged("pressure")
    field[cells.liquid] = x
    return field


def without_mean(cells: LiquidCells, values: np.ndarray) -> np.ndarray:
    """`values` (n,) less the mean of each region without air: no velocity can change that region's volume."""
    if not cells.airless.any():
        return values
    count = np.maximum(np.bincount(cells.airless), 1)
    mean = np.bincount(cells.airless, values) / count
    mean[0] = 0.0
    result: np.ndarray = values - mean[cells.airless]
    return result


def project(cells: LiquidCells, velocity: Faces, pressure: np.ndarray) -> tuple[Faces, np.ndarray]:
    """`velocity` (cells a step) without divergence in the liquid, and the pressure; the search begins at `pressure`.

    Raises `Diverged`.
    """
    velocity = cells.boundary.apply(velocity)
    found = solve(cells, -divergence(velocity), pressure, TOLERANCE, ITERATIONS)
    return less_gradient(cells, velocity, found), found


def less_gradient(cells: LiquidCells, velocity: Faces, pressure: np.ndarray) -> Faces:
    """`velocity` less the differences of `pressure`, at faces where none is given and that touch the liquid."""
    result = []
    for axis, component in enumerate(velocity):
        before, after = beside(pressure, axis)
        gradient = np.where(free_faces(cells, axis), after - before, 0.0)
        result.append((component - gradient).astype(np.float32))
    return tuple(result)


def free_faces(cells: LiquidCells, axis: int) -> np.ndarray:
    """Faces across `axis` that touch the liquid and no solid."""
    before, after = beside(cells.liquid, axis)
    free: np.ndarray = (before | after) & ~cells.boundary.given[axis]
    return free


def left_divergence(cells: LiquidCells, velocity: Faces) -> float:
    """The largest divergence in the liquid of `velocity` (cells a step), beyond what closed regions are forced to."""
    values = divergence(tuple(component.astype(np.float64) for component in velocity))[cells.liquid]
    return float(np.abs(without_mean(cells, values)).max(initial=0.0))
