# mypy: disable-error-code="valid-type, index, attr-defined"
"""Taichi kernels of routes: the eikonal equation |grad u| = 1 by fast sweeping (Zhao, Math. Comp. 74, 2005)."""

import numpy as np

from simcraft.sim.agents.cells import Array
from simcraft.taichi_runtime import ti

MOST_SWEEPS = 64
"""Rounds in four directions; one wall with a gap takes two or three."""


def sweep(distance: np.ndarray, blocked: np.ndarray, cell: float) -> None:
    """Complete `distance` (X, Y) from the values that it has; squares that are `blocked` (X, Y) keep infinity."""
    walls = blocked.astype(np.int32)
    for _ in range(MOST_SWEEPS):
        before = distance.copy()
        _sweep_round(distance, walls, cell)
        if np.array_equal(before, distance):
            return


@ti.kernel
def _sweep_round(distance: Array, blocked: Array, cell: ti.f64):
    ti.loop_config(serialize=True)
    for round in range(4):
        width, height = distance.shape[0], distance.shape[1]
        for n in range(width * height):
            i, j = n // height, n % height
            if round % 2 == 1:
                i = width - 1 - i
            if round // 2 == 1:
                j = height - 1 - j
            if blocked[i, j] == 0:
                a, b = lowest(distance, i, j, 0), lowest(distance, i, j, 1)
                value = ti.min(a, b) + cell
                # the upwind scheme, equation 2.4
                if ti.abs(a - b) < cell:
                    value = 0.5 * (a + b + ti.sqrt(2.0 * cell * cell - (a - b) * (a - b)))
                distance[i, j] = ti.min(distance[i, j], value)


@ti.func
def lowest(distance: ti.template(), i: ti.i32, j: ti.i32, axis: ti.template()) -> ti.f64:
    """The lower one of the two neighbours along an axis."""
    # a plain number would make them single precision
    a, b = ti.cast(ti.math.inf, ti.f64), ti.cast(ti.math.inf, ti.f64)
    if ti.static(axis == 0):
        if i > 0:
            a = distance[i - 1, j]
        if i < distance.shape[0] - 1:
            b = distance[i + 1, j]
    else:
        if j > 0:
            a = distance[i, j - 1]
        if j < distance.shape[1] - 1:
            b = distance[i, j + 1]
    return ti.min(a, b)


@ti.func
def slope(distance: ti.template(), i: ti.i32, j: ti.i32, axis: ti.template()) -> ti.f64:
    """How much lower the lower neighbour along an axis is; positive where it lies ahead, 0 where none is lower."""
    here, low = distance[i, j], lowest(distance, i, j, axis)
    fall = ti.cast(0.0, ti.f64)
    if low < here:
        fall = here - low
        if ti.static(axis == 0):
            if i > 0 and distance[i - 1, j] == low:
                fall = -fall
        else:
            if j > 0 and distance[i, j - 1] == low:
                fall = -fall
    return fall


@ti.kernel
def descend(distance: Array, direction: Array):
    """The unit vector (X, Y, 2) of the steepest descent, upwind; 0 where `distance` is infinite."""
    for i, j in ti.ndrange(distance.shape[0], distance.shape[1]):
        x, y = ti.cast(0.0, ti.f64), ti.cast(0.0, ti.f64)
        if distance[i, j] < ti.math.inf:
            x, y = slope(distance, i, j, 0), slope(distance, i, j, 1)
        length = ti.max(ti.sqrt(x * x + y * y), 1e-12)
        direction[i, j, 0], direction[i, j, 1] = x / length, y / length
