# mypy: disable-error-code="valid-type, index, attr-defined, operator"
"""Taichi kernels between triangles and the cells of a grid: where rays along an axis cross, which face is nearest.

Nothing here checks bounds: `simcraft.sim.voxels` validates the faces and clips the ranges.
"""

from simcraft.taichi_runtime import ti

Array = ti.types.ndarray()
vec3 = ti.types.vector(3, ti.f64)

SIGN = 1 << 16
"""A crossing is stored as 1 plus its sign times this: one sum holds the number of crossings and their signed number."""


@ti.func
def side(ax: ti.f64, ay: ti.f64, bx: ti.f64, by: ti.f64, px: ti.f64, py: ti.f64) -> ti.i32:
    """1 where p lies left of the line from a to b, -1 where right; 0 only for an edge without length.

    Two triangles that share an edge get opposite answers, bit for bit, because the ends are sorted first. A point on
    the line is decided as if it were moved by (e, e²) for a tiny e (Edelsbrunner and Mücke, "Simulation of Simplicity",
    ACM Transactions on Graphics 1990), so a ray through an edge or a corner crosses a closed surface as often as its
    neighbours do.
    """
    flip = 1
    if bx < ax or (bx == ax and by < ay):
        ax, bx = bx, ax
        ay, by = by, ay
        flip = -1
    cross = (bx - ax) * (py - ay) - (by - ay) * (px - ax)
    sign = 0
    if cross != 0:
        sign = 1 if cross > 0 else -1
    elif by != ay:
        sign = 1 if by < ay else -1
    elif bx != ax:
        sign = 1
    return flip * sign


@ti.func
def crossing_height(a: vec3, b: vec3, c: vec3, px: ti.f64, py: ti.f64) -> ti.f64:
    """Third coordinate at which the line (px, py, .) meets the plane of a triangle that it hits."""
    weight_a = (c[0] - b[0]) * (py - b[1]) - (c[1] - b[1]) * (px - b[0])
    weight_b = (a[0] - c[0]) * (py - c[1]) - (a[1] - c[1]) * (px - c[0])
    weight_c = (b[0] - a[0]) * (py - a[1]) - (b[1] - a[1]) * (px - a[0])
    total = weight_a + weight_b + weight_c
    height = a[2]
    if total != 0:
        height = (weight_a * a[2] + weight_b * b[2] + weight_c * c[2]) / total
    lowest, highest = ti.min(a[2], b[2], c[2]), ti.max(a[2], b[2], c[2])
    return ti.min(ti.max(height, lowest), highest)


@ti.func
def point(points: ti.template(), number: ti.i32) -> vec3:
    """Row `number` of an array (N, 3)."""
    return vec3(points[number, 0], points[number, 1], points[number, 2])


@ti.kernel
def add_crossings(points: Array, faces: Array, crossings: Array):
    """Count where the lines through cell centres along the third axis cross triangles.

    `points` (V, 3) are in cell units; `crossings` (A, B, C + 1) int32 gets 1 plus SIGN times the crossing's sign at the
    first cell whose centre is not below the crossing (C for none). Whole numbers: the order of the sum does not matter.
    """
    for f in range(faces.shape[0]):
        a, b, c = point(points, faces[f, 0]), point(points, faces[f, 1]), point(points, faces[f, 2])
        last_i, last_j, top = crossings.shape[0] - 1, crossings.shape[1] - 1, crossings.shape[2] - 1
        # clamped as floats: a floor may reach farther than an integer
        low_i = ti.cast(ti.min(ti.max(ti.ceil(ti.min(a[0], b[0], c[0]) - 0.5), 0.0), last_i + 1.0), ti.i32)
        high_i = ti.cast(ti.min(ti.max(ti.floor(ti.max(a[0], b[0], c[0]) - 0.5), -1.0), last_i * 1.0), ti.i32)
        low_j = ti.cast(ti.min(ti.max(ti.ceil(ti.min(a[1], b[1], c[1]) - 0.5), 0.0), last_j + 1.0), ti.i32)
        high_j = ti.cast(ti.min(ti.max(ti.floor(ti.max(a[1], b[1], c[1]) - 0.5), -1.0), last_j * 1.0), ti.i32)
        for i in range(low_i, high_i + 1):
            for j in range(low_j, high_j + 1):
                x, y = i + 0.5, j + 0.5
                sign = side(a[0], a[1], b[0], b[1], x, y)
                if (
                    sign != 0
                    and side(b[0], b[1], c[0], c[1], x, y) == sign
                    and side(c[0], c[1], a[0], a[1], x, y) == sign
                ):
                    height = ti.ceil(crossing_height(a, b, c, x, y) - 0.5)
                    cell = ti.cast(ti.min(ti.max(height, 0.0), top * 1.0), ti.i32)
                    ti.atomic_add(crossings[i, j, cell], 1 + sign * SIGN)


@ti.func
def along_segment(p: vec3, a: vec3, b: vec3) -> ti.f64:
    """Share of the way from a to b at which the segment is nearest to p."""
    line = b - a
    length2 = line.dot(line)
    share = ti.cast(0.0, ti.f64)
    if length2 > 0:
        share = ti.min(ti.max((p - a).dot(line) / length2, 0.0), 1.0)
    return share


@ti.func
def nearest_weights(p: vec3, a: vec3, b: vec3, c: vec3) -> vec3:
    """Barycentric weights of the triangle's point nearest to p; triangles without area are segments or points."""
    share = along_segment(p, a, b)
    best = vec3(1.0 - share, share, 0.0)
    away = a + share * (b - a) - p
    least = away.dot(away)
    share = along_segment(p, b, c)
    away = b + share * (c - b) - p
    if away.dot(away) < least:
        least = away.dot(away)
        best = vec3(0.0, 1.0 - share, share)
    share = along_segment(p, c, a)
    away = c + share * (a - c) - p
    if away.dot(away) < least:
        best = vec3(share, 0.0, 1.0 - share)
    normal = (b - a).cross(c - a)
    area2 = normal.dot(normal)
    if area2 > 0:
        weight_b = (p - a).cross(c - a).dot(normal) / area2
        weight_c = (b - a).cross(p - a).dot(normal) / area2
        if weight_b >= 0 and weight_c >= 0 and weight_b + weight_c <= 1:
            best = vec3(1.0 - weight_b - weight_c, weight_b, weight_c)
    return best


@ti.func
def centre(matrix: ti.template(), i: ti.i32, j: ti.i32, k: ti.i32) -> vec3:
    """World position of a cell's centre, by the (3, 4) matrix from cell units."""
    x, y, z = i + 0.5, j + 0.5, k + 0.5
    place = vec3(0.0, 0.0, 0.0)
    for r in ti.static(range(3)):
        place[r] = matrix[r, 0] * x + matrix[r, 1] * y + matrix[r, 2] * z + matrix[r, 3]
    return place


@ti.kernel
def find_nearest(
    points: Array,
    faces: Array,
    matrix: Array,
    slabs: Array,
    low: Array,
    high: Array,
    reach2: ti.f64,
    first: Array,
    keys: Array,
):
    """The nearest face of each cell centre within a reach, in a block of cells that begins with cell `first` (3,).

    `points` (V, 3) in the world; `slabs` (S, 2) int32 rows (face, i): look at the cells of that face's range `low` to
    `high` (F, 3), both included, in layer i. `keys` (X, Y, Z) int64 ends as the least of (bits of the squared distance
    as float32) * 2^32 + face: the bits of positive floats sort like the floats, and of equals the smaller face wins.
    """
    for s in range(slabs.shape[0]):
        f, i = slabs[s, 0], slabs[s, 1]
        a, b, c = point(points, faces[f, 0]), point(points, faces[f, 1]), point(points, faces[f, 2])
        for j in range(low[f, 1], high[f, 1] + 1):
            for k in range(low[f, 2], high[f, 2] + 1):
                p = centre(matrix, first[0] + i, first[1] + j, first[2] + k)
                weights = nearest_weights(p, a, b, c)
                away = weights[0] * a + weights[1] * b + weights[2] * c - p
                distance2 = away.dot(away)
                if distance2 <= reach2:
                    bits = ti.cast(ti.bit_cast(ti.cast(distance2, ti.f32), ti.i32), ti.i64)
                    ti.atomic_min(keys[i, j, k], (bits << 32) | ti.cast(f, ti.i64))


@ti.kernel
def interpolate_at_nearest(
    points: Array, faces: Array, values: Array, matrix: Array, cells: Array, face_of: Array, result: Array
):
    """`values` (V, 3) of the vertices, on face `face_of` (N,) where it is nearest to cell `cells` (N, 3)."""
    for n in range(cells.shape[0]):
        f = face_of[n]
        p = centre(matrix, cells[n, 0], cells[n, 1], cells[n, 2])
        weights = nearest_weights(p, point(points, faces[f, 0]), point(points, faces[f, 1]), point(points, faces[f, 2]))
        for r in ti.static(range(3)):
            value = ti.cast(0.0, ti.f64)
            for v in ti.static(range(3)):
                value += weights[v] * values[faces[f, v], r]
            result[n, r] = ti.cast(value, ti.f32)
