# mypy: disable-error-code="valid-type, index, attr-defined, operator"
"""Taichi kernels between a fluid and the pixels: along a velocity field, through a map, from particles to pixels."""

from simcraft.taichi_runtime import ti

Array = ti.types.ndarray()
vec2 = ti.types.vector(2, ti.f64)


@ti.func
def linear(field: ti.template(), x: ti.f64, z: ti.f64) -> ti.f64:
    """Between the entries of `field` at whole numbers; the nearest value continues outside."""
    x = ti.min(ti.max(x, 0.0), field.shape[0] - 1.0)
    z = ti.min(ti.max(z, 0.0), field.shape[1] - 1.0)
    i, k = ti.cast(ti.floor(x), ti.i32), ti.cast(ti.floor(z), ti.i32)
    i1, k1 = ti.min(i + 1, field.shape[0] - 1), ti.min(k + 1, field.shape[1] - 1)
    p, q = x - i, z - k
    low = (1 - p) * field[i, k] + p * field[i1, k]
    high = (1 - p) * field[i, k1] + p * field[i1, k1]
    return (1 - q) * low + q * high


@ti.func
def velocity_at(across: ti.template(), up: ti.template(), place: vec2) -> vec2:
    """Of components at the faces across x (X + 1, Z) and across z (X, Z + 1), at a place in cell units."""
    return vec2(linear(across, place[0], place[1] - 0.5), linear(up, place[0] - 0.5, place[1]))


@ti.kernel
def follow(across: Array, up: Array, reach: ti.f64, parts: ti.i32, places: Array):
    """Move `places` (N, 2), cell units, along a velocity that stands still, in `parts` steps of Runge and Kutta's
    fourth order. `reach` is the time over the side of a cell, negative to go back."""
    h = reach / parts
    for n in range(places.shape[0]):
        place = vec2(places[n, 0], places[n, 1])
        for _ in range(parts):
            first = velocity_at(across, up, place)
            second = velocity_at(across, up, place + h / 2 * first)
            third = velocity_at(across, up, place + h / 2 * second)
            fourth = velocity_at(across, up, place + h * third)
            place += h / 6 * (first + 2 * second + 2 * third + fourth)
        places[n, 0], places[n, 1] = place[0], place[1]


@ti.func
def cubic_weight(part: ti.f64, tap: ti.template()) -> ti.f64:
    """Catmull and Rom's spline: the weight of the entry at `tap` - 1 for a place at `part` between entries 0 and 1."""
    weight = ti.cast(0.0, ti.f64)
    if ti.static(tap == 0):
        weight = ((2 - part) * part - 1) * part / 2
    elif ti.static(tap == 1):
        weight = ((3 * part - 5) * part * part + 2) / 2
    elif ti.static(tap == 2):
        weight = ((4 - 3 * part) * part + 1) * part / 2
    else:
        weight = (part - 1) * part * part / 2
    return weight


@ti.kernel
def read_smoothly(values: Array, positions: Array, result: Array):
    """`values` (H, W, 2) at image coordinates `positions` (N, 2): cubic, kept within the four pixels around.

    Clamped at the picture's edge. NaN in a position is not allowed.
    """
    height, width = values.shape[0], values.shape[1]
    for n in range(positions.shape[0]):
        x = ti.min(ti.max(positions[n, 0] - 0.5, 0.0), width - 1.0)
        y = ti.min(ti.max(positions[n, 1] - 0.5, 0.0), height - 1.0)
        column, row = ti.cast(ti.floor(x), ti.i32), ti.cast(ti.floor(y), ti.i32)
        for c in ti.static(range(2)):
            total = ti.cast(0.0, ti.f64)
            lowest, highest = ti.cast(1e30, ti.f64), ti.cast(-1e30, ti.f64)
            for b in ti.static(range(4)):
                for a in ti.static(range(4)):
                    i = ti.min(ti.max(row + b - 1, 0), height - 1)
                    j = ti.min(ti.max(column + a - 1, 0), width - 1)
                    value = ti.cast(values[i, j, c], ti.f64)
                    total += cubic_weight(x - column, a) * cubic_weight(y - row, b) * value
                    if ti.static(0 < a < 3 and 0 < b < 3):
                        lowest, highest = ti.min(lowest, value), ti.max(highest, value)
            result[n, c] = ti.min(ti.max(total, lowest), highest)


@ti.kernel
def splat(positions: Array, values: Array, radius: ti.f64, weight: Array, sums: Array):
    """Add particles at image coordinates `positions` (N, 2) to the pixels within `radius`.

    `weight` (H, W) gets (1 - d²/r²)³ of each, `sums` (H, W, C) that times its `values` (N, C). Serial, so that the sums
    are the same in every run.
    """
    height, width = weight.shape[0], weight.shape[1]
    ti.loop_config(serialize=True)
    for n in range(positions.shape[0]):
        x, y = positions[n, 0], positions[n, 1]
        first_row = ti.cast(ti.max(ti.ceil(y - radius - 0.5), 0.0), ti.i32)
        last_row = ti.cast(ti.min(ti.floor(y + radius - 0.5), height - 1.0), ti.i32)
        first_column = ti.cast(ti.max(ti.ceil(x - radius - 0.5), 0.0), ti.i32)
        last_column = ti.cast(ti.min(ti.floor(x + radius - 0.5), width - 1.0), ti.i32)
        for i in range(first_row, last_row + 1):
            for j in range(first_column, last_column + 1):
                dx, dy = (j + 0.5 - x) / radius, (i + 0.5 - y) / radius
                rest = 1 - dx * dx - dy * dy
                if rest > 0:
                    w = rest * rest * rest
                    weight[i, j] += w
                    for c in range(sums.shape[2]):
                        sums[i, j, c] += w * values[n, c]
