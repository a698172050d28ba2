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
            total = 0.0
            mean = ti.Vector.zero(ti.f32, 3)
            low, high = ti.cast(ti.floor(x - reach), ti.i32), ti.cast(ti.floor(x + reach), ti.i32)
            last = ti.Vector([count.shape[0] - 1, count.shape[1] - 1, count.shape[2] - 1])
            low, high = ti.max(low, 0), ti.min(high, last)
            for i in range(low[0], high[0] + 1):
                for j in range(low[1], high[1] + 1):
                    row = (i * count.shape[1] + j) * count.shape[2]
                    if low[2] <= high[2]:
                        for p in range(first[row + low[2]], first[row + high[2] + 1]):
                            place = ti.Vector([positions[p, 0], positions[p, 1], positions[p, 2]]) / spacing
                            share = 1.0 - (place - x).norm_sqr() / (reach * reach)
                            if share > 0:
                                weight = share * share * share
                                total += weight
                                mean += weight * place
            if total > 0:
                level[node] = ti.min((mean / total - x).norm() - radius, radius)
