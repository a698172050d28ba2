# mypy: disable-error-code="valid-type, index, attr-defined"
"""Who is near whom: agents sorted by the cell of a regular grid, the same way on every run.

A counting sort keeps agents of one cell in the order of their numbers, so whoever sums over neighbours adds in the same
order each time and gets the same bits. (Green, "Particle Simulation using CUDA", NVIDIA 2010, section 3, with the sort
made stable.) Cells that follow each other along the first axis are neighbours in memory: a search in the 3 x 3 x 3
cells around an agent reads 9 runs.
"""

import math
from dataclasses import dataclass

import numpy as np

from simcraft.taichi_runtime import ti

Array = ti.types.ndarray()

MOST_CELLS = 2**21
"""A grid with more gets larger cells: the search stays right and only looks at more agents."""


@dataclass(frozen=True)
class Cells:
    """A regular grid of cubes (squares in the plane). What lies outside belongs to the nearest cell."""

    low: np.ndarray
    """(D,) float64: the lowest corner, metres."""
    size: float
    """Side of a cell in metres: at least the reach of whoever searches."""
    shape: np.ndarray
    """(D,) int32: number of cells along each axis."""


@dataclass(frozen=True)
class Sorted:
    """Agents in the order of their cells."""

    order: np.ndarray
    """(N,) int32: the agent at each place."""
    starts: np.ndarray
    """(C + 1,) int32: cell c holds the places starts[c] to starts[c + 1]; the first axis runs fastest."""


def cells_over(low: np.ndarray, high: np.ndarray, reach: float) -> Cells:
    """Cells of at least `reach` metres that cover the box between two corners (D,)."""
    low, extent = np.asarray(low, np.float64), np.maximum(np.asarray(high, np.float64) - low, 1e-9)
    size = reach
    while math.prod(shape := np.maximum(np.ceil(extent / size), 1)) > MOST_CELLS:
        size *= 1.25
    return Cells(low, size, shape.astype(np.int32))


def sort_by_cell(cells: Cells, positions: np.ndarray) -> Sorted:
    """Sort the agents at `positions` (N, D) float64."""
    count = len(positions)
    cell = np.empty(count, np.int32)
    sorted_ = Sorted(np.empty(count, np.int32), np.empty(math.prod(cells.shape.tolist()) + 1, np.int32))
    find_cells(positions, cells.low, cells.size, cells.shape, positions.shape[1], cell)
    counting_sort(cell, sorted_.starts, sorted_.order)
    return sorted_


@ti.func
def clamped_cell(value: ti.f64, low: ti.f64, size: ti.f64, count: ti.i32) -> ti.i32:
    """The cell of a coordinate along one axis."""
    # clamped as a number first: a far stray would overflow the integer
    return ti.cast(ti.floor(ti.min(ti.max((value - low) / size, 0.0), count - 0.5)), ti.i32)


@ti.kernel
def find_cells(positions: Array, low: Array, size: ti.f64, shape: Array, dimensions: ti.template(), cell: Array):
    """The cell of each agent; `dimensions` is 2 or 3."""
    for n in range(positions.shape[0]):
        index = 0
        for d in ti.static(range(dimensions - 1, -1, -1)):
            index = index * shape[d] + clamped_cell(positions[n, d], low[d], size, shape[d])
        cell[n] = index


@ti.kernel
def counting_sort(cell: Array, starts: Array, order: Array):
    """In one thread: a millisecond for 100,000 agents, and stable."""
    ti.loop_config(serialize=True)
    for c in range(starts.shape[0]):
        starts[c] = 0
    ti.loop_config(serialize=True)
    for n in range(cell.shape[0]):
        starts[cell[n]] += 1
    end = 0
    ti.loop_config(serialize=True)
    for c in range(starts.shape[0]):
        end += starts[c]
        starts[c] = end
    ti.loop_config(serialize=True)
    for back in range(cell.shape[0]):
        n = cell.shape[0] - 1 - back
        starts[cell[n]] -= 1
        order[starts[cell[n]]] = n
