# mypy: disable-error-code="valid-type, index, attr-defined"
"""The quick path: MacCormack advection in Taichi kernels, pressure by `pressure`.

The kernels know three dimensions only: a 2D grid is one with a single cell along y. They work in index space, where a
sample's departure point is its own index less a displacement, and look up with indices clamped to the array, so that
no displacement, be it NaN, reads outside it.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from simcraft.sim.fluid.grid import Faces
from simcraft.sim.fluid.pressure import project
from simcraft.sim.fluid.smoke_state import SmokeConfig, SmokeState
from simcraft.sim.fluid.staggered import with_depth
from simcraft.taichi_runtime import ti

__all__ = ["advect", "project"]

Array = ti.types.ndarray(dtype=ti.f32, ndim=3)
Vectors = ti.types.ndarray(dtype=ti.f32, ndim=4)
vec3 = ti.types.vector(3, ti.f32)
vec8 = ti.types.vector(8, ti.f32)


def advect(config: SmokeConfig, state: SmokeState, dt: float) -> SmokeState:
    """`state` carried along its velocity for `dt` seconds.

    MacCormack's scheme with limiter (Selle et al., "An unconditionally stable MacCormack method", J. Sci. Comput.
    2008): a semi-Lagrangian step forth and one back tell the error, half of it is taken off, and the result is kept
    within the values that the first lookup saw. Ways are followed by the midpoint rule: straight ones make smoke in
    swirls grow twice as fast as it does so. Outside the box the nearest value continues.
    """
    grid, flow = config.grid, with_depth(state.velocity)
    reach = float(dt / grid.spacing)
    cells = (flow[0].shape[0] - 1, *flow[0].shape[1:])
    ways = _ways(flow, cells, (0.5, 0.5, 0.5), reach)
    carried: dict[str, Any] = {
        name: _carry(getattr(state, name).reshape(cells), *ways).reshape(grid.cells)
        for name in ("density", "temperature", *(("fuel",) if config.fire else ()))
    }
    velocity: list[np.ndarray] = []
    for axis in (0, 1, 2) if grid.dimension == 3 else (0, 2):
        offset = tuple(0.0 if d == axis else 0.5 for d in range(3))
        ways = _ways(flow, flow[axis].shape, offset, reach)
        velocity.append(_carry(flow[axis], *ways).reshape(grid.face_shape(len(velocity))))
    return replace(state, velocity=tuple(velocity), **carried)


def _ways(flow: Faces, shape: tuple[int, ...], offset: tuple[float, ...], reach: float) -> tuple[np.ndarray, ...]:
    """(backward, forward), each (*shape, 3): how many cells the flow goes in a step before and after it is at a sample.

    Samples sit at `offset` cells from their index.
    """
    backward, forward = np.empty((*shape, 3), np.float32), np.empty((*shape, 3), np.float32)
    _follow(*flow, *offset, reach, backward, forward)
    return backward, forward


def _carry(field: np.ndarray, backward: np.ndarray, forward: np.ndarray) -> np.ndarray:
    """`field` after a MacCormack step."""
    forth, low, high = np.empty_like(field), np.empty_like(field), np.empty_like(field)
    carried = np.empty_like(field)
    _look_back(field, backward, forth, low, high)
    _correct(field, forth, forward, low, high, carried)
    return carried


@ti.func
def clamped(index: ti.i32, count: ti.i32) -> ti.i32:
    """`index` as one of 0 to `count` - 1."""
    return ti.max(0, ti.min(index, count - 1))


@ti.func
def corners(field: ti.template(), base: vec3) -> vec8:
    """The eight values around a place whose `base` is rounded down; the last index changes fastest."""
    i, j, k = ti.cast(base[0], ti.i32), ti.cast(base[1], ti.i32), ti.cast(base[2], ti.i32)
    i0, i1 = clamped(i, field.shape[0]), clamped(i + 1, field.shape[0])
    j0, j1 = clamped(j, field.shape[1]), clamped(j + 1, field.shape[1])
    k0, k1 = clamped(k, field.shape[2]), clamped(k + 1, field.shape[2])
    return vec8(
        field[i0, j0, k0],
        field[i0, j0, k1],
        field[i0, j1, k0],
        field[i0, j1, k1],
        field[i1, j0, k0],
        field[i1, j0, k1],
        field[i1, j1, k0],
        field[i1, j1, k1],
    )


@ti.func
def between(values: vec8, part: vec3) -> ti.f32:
    """Trilinear value at `part` (0 to 1 along each axis) of the way between eight corners."""
    a = values[0] + part[2] * (values[1] - values[0])
    b = values[2] + part[2] * (values[3] - values[2])
    c = values[4] + part[2] * (values[5] - values[4])
    d = values[6] + part[2] * (values[7] - values[6])
    low, high = a + part[1] * (b - a), c + part[1] * (d - c)
    return low + part[0] * (high - low)


@ti.func
def look_up(field: ti.template(), place: vec3) -> ti.f32:
    """Trilinear value at `place`, in indices."""
    base = ti.floor(place)
    return between(corners(field, base), place - base)


@ti.func
def flow_at(u: ti.template(), v: ti.template(), w: ti.template(), place: vec3) -> vec3:
    """Velocity of the staggered field at `place`, which is in cells from the lowest corner."""
    return vec3(
        look_up(u, place - vec3(0.0, 0.5, 0.5)),
        look_up(v, place - vec3(0.5, 0.0, 0.5)),
        look_up(w, place - vec3(0.5, 0.5, 0.0)),
    )


@ti.kernel
def _follow(
    u: Array,
    v: Array,
    w: Array,
    x: ti.f32,
    y: ti.f32,
    z: ti.f32,
    reach: ti.f32,
    backward: Vectors,
    forward: Vectors,
):
    for i, j, k in ti.ndrange(backward.shape[0], backward.shape[1], backward.shape[2]):
        place = vec3(i + x, j + y, k + z)
        half = 0.5 * reach * flow_at(u, v, w, place)
        before = reach * flow_at(u, v, w, place - half)
        after = reach * flow_at(u, v, w, place + half)
        for d in ti.static(range(3)):
            backward[i, j, k, d] = before[d]
            forward[i, j, k, d] = after[d]


@ti.kernel
def _look_back(field: Array, moved: Vectors, forth: Array, low: Array, high: Array):
    for i, j, k in ti.ndrange(forth.shape[0], forth.shape[1], forth.shape[2]):
        place = vec3(i - moved[i, j, k, 0], j - moved[i, j, k, 1], k - moved[i, j, k, 2])
        base = ti.floor(place)
        values = corners(field, base)
        forth[i, j, k] = between(values, place - base)
        low[i, j, k] = values.min()
        high[i, j, k] = values.max()


@ti.kernel
def _correct(field: Array, forth: Array, moved: Vectors, low: Array, high: Array, carried: Array):
    for i, j, k in ti.ndrange(forth.shape[0], forth.shape[1], forth.shape[2]):
        place = vec3(i + moved[i, j, k, 0], j + moved[i, j, k, 1], k + moved[i, j, k, 2])
        back = look_up(forth, place)
        value = forth[i, j, k] + 0.5 * (field[i, j, k] - back)
        # comparisons let NaN through, minimum and maximum would hide it
        if value < low[i, j, k]:
            value = low[i, j, k]
        if value > high[i, j, k]:
            value = high[i, j, k]
        carried[i, j, k] = value
