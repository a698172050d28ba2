# mypy: disable-error-code="valid-type, index, attr-defined, name-defined"
# ruff: noqa: SIM102 - "and" in a kernel may read both sides, also beyond an array's end
"""Taichi kernel of the level set around particles."""

from simcraft.taichi_runtime import ti

Array = ti.types.ndarray()


@ti.func
def enclosed(cell: ti.template(), count: ti.template()):
    """Are there particles in this cell and all 26 around it?"""
    result = 1
    for offset in ti.grouped(ti.ndrange((-1, 2), (-1, 2), (-1, 2))):
        other = cell + offset
        for d in ti.static(range(3)):
            if other[d] < 0 or other[d] >= count.shape[d]:
                result = 0
        if result == 1:
            if count[other] == 0:
                result = 0
    return result


@ti.func
def weigh(
    x: ti.template(),
    reach: ti.f32,
    positions: ti.template(),
    values: ti.template(),
    first: ti.template(),
    cells: ti.template(),
    spacing: ti.f32,
):
    """Sum of weights and weighted sum of `values` (N, 3) of the particles within `reach` of `x`, both in cells."""
    total = 0.0
    mean = ti.Vector.zero(ti.f32, 3)
    low, high = ti.cast(ti.floor(x - reach), ti.i32), ti.cast(ti.floor(x + reach), ti.i32)
    last = ti.Vector([cells[0] - 1, cells[1] - 1, cells[2] - 1])
    low, high = ti.max(low, 0), ti.min(high, last)
    for i in range(low[0], high[0] + 1):
        for j in range(low[1], high[1] + 1):
            row = (i * cells[1] + j) * cells[2]
            if low[2] <= high[2]:
                for p in range(first[row + low[2]], first[row + high[2] + 1]):
                    place = ti.Vector([positions[p, 0], positions[p, 1], positions[p, 2]]) / spacing
                    share = 1.0 - (place - x).norm_sqr() / (reach * reach)
                    if share > 0:
                        weight = share * share * share
                        total += weight
                        mean += weight * ti.Vector([values[p, 0], values[p, 1], values[p, 2]])
    return total, mean


@ti.kernel
def mean_velocity(
    vertices: Array,
    positions: Array,
    velocities: Array,
    first: Array,
    cells: Array,
    spacing: ti.f32,
    reach: ti.f32,
    velocity: Array,
):
    """Velocity (V, 3) of each vertex: the weighted mean of the particles within `reach` cells, 0 without any."""
    for v in range(vertices.shape[0]):
        x = ti.Vector([vertices[v, 0], vertices[v, 1], vertices[v, 2]]) / spacing
        total, mean = weigh(x, reach, positions, velocities, first, cells, spacing)
        for d in ti.static(range(3)):
            velocity[v, d] = mean[d] / total if total > 0 else 0.0


@ti.kernel
def distance_to_mean(
    positions: Array,
    first: Array,
    count: Array,
    spacing: ti.f32,
    reach: ti.f32,
    radius: ti.f32,
    finer: ti.i32,
    padding: ti.i32,
    level: Array,
):
    """Cells from each node to the weighted mean of the particles within `reach`, less `radius`."""
    for node in ti.grouped(level):
        x = ti.cast(node - padding, ti.f32) / finer
        cell = ti.cast(ti.floor(x), ti.i32)
        if enclosed(cell, count) == 1:
            level[node] = -radius
        else:
            total, mean = weigh(x, reach, positions, positions, first, count.shape, spacing)
            if total > 0:
                level[node] = ti.min((mean / (total * spacing) - x).norm() - radius, radius)
