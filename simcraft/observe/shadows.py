# mypy: disable-error-code="valid-type, index, attr-defined"
"""Taichi functions that decide what the sun reaches: shadow maps propose, rays decide."""

from simcraft.observe.kernels import EMPTY, row, vec3
from simcraft.taichi_runtime import ti


@ti.func
def ray_triangle(origin: vec3, direction: vec3, a: vec3, b: vec3, c: vec3) -> ti.f64:
    """Distance along a ray of unit direction to a triangle, -1 where it misses (Moeller and Trumbore, 1997)."""
    side, other = b - a, c - a
    p = direction.cross(other)
    determinant = side.dot(p)
    distance = ti.cast(-1.0, ti.f64)
    if determinant != 0:
        from_a = origin - a
        q = from_a.cross(side)
        u, v = from_a.dot(p) / determinant, direction.dot(q) / determinant
        if u >= -1e-9 and v >= -1e-9 and u + v <= 1 + 1e-9:
            distance = other.dot(q) / determinant
    return distance


@ti.func
def blocks(
    origin: vec3, direction: vec3, surface: ti.i32, points: ti.template(), faces: ti.template(), radii: ti.template()
) -> ti.f64:
    """Distance along a ray of unit direction to `surface`; negative where it misses or lies behind."""
    distance = ti.cast(-1.0, ti.f64)
    if surface < radii.shape[0]:
        to_centre = row(points, surface) - origin
        middle = to_centre.dot(direction)
        inside = radii[surface] * radii[surface] - (to_centre - middle * direction).norm_sqr()
        if inside >= 0:
            distance = middle + ti.sqrt(inside)
    else:
        f = surface - radii.shape[0]
        distance = ray_triangle(
            origin, direction, row(points, faces[f, 0]), row(points, faces[f, 1]), row(points, faces[f, 2])
        )
    return distance


@ti.func
def map_position(at: vec3, which: ti.i32, maps: ti.template()) -> vec3:
    """Pixel coordinates (x, y) and depth of a world point in one of the sun's maps."""
    x, y, z = maps[which, 0, 3], maps[which, 1, 3], maps[which, 3, 3]
    for i in ti.static(range(3)):
        x, y, z = x + maps[which, 0, i] * at[i], y + maps[which, 1, i] * at[i], z + maps[which, 3, i] * at[i]
    return vec3(x, y, z)


@ti.func
def in_the_open(at: vec3, surface: ti.i32, mask: ti.i64, maps: ti.template(), keys: ti.template()) -> ti.i32:
    """1 where the sun sees nothing but `surface` in the sixteen pixels around the world point `at`."""
    result, decided, size = 0, 0, keys.shape[1]
    for which in range(2):
        if decided == 0:
            position = map_position(at, which, maps)
            x0, y0 = ti.cast(ti.floor(position[0] - 0.5), ti.i32), ti.cast(ti.floor(position[1] - 0.5), ti.i32)
            if x0 >= 1 and y0 >= 1 and x0 + 2 < size and y0 + 2 < size:
                decided = 1
                # read all sixteen without a branch: most pixels of most pictures need them all
                different, largest = ti.cast(0, ti.i64), ti.cast(0, ti.i64)
                for j, i in ti.static(ti.ndrange((-1, 3), (-1, 3))):
                    key = keys[which, y0 + j, x0 + i]
                    different |= key ^ ti.cast(surface, ti.i64)
                    largest = ti.max(largest, key)
                result = (different & mask) == 0 and largest != ti.i64(EMPTY)
    return result


@ti.func
def in_shadow(
    at: vec3,
    to_sun: vec3,
    surface: ti.i32,
    points: ti.template(),
    faces: ti.template(),
    radii: ti.template(),
    maps: ti.template(),
    keys: ti.template(),
    near: ti.f64,
    shift: ti.template(),
    id_bits: ti.i32,
    bias: ti.template(),
) -> ti.i32:
    """1 where another surface stands between the world point `at` of `surface` and the sun.

    A shadow map only proposes surfaces: those of the four pixels around the point. A ray to the sun decides on each,
    so edges are as sharp as the geometry, flat surfaces never shade themselves, and contact shadows begin at the
    contact. Surfaces too small to be among the four are found in two ways: where the four disagree, twelve pixels more
    are asked; where all four are nearer to the sun, the point is in shadow.
    The first of the two maps that holds the point is used.
    """
    mask, nearest = (ti.cast(1, ti.i64) << id_bits) - 1, ti.bit_cast(1.0 / near, ti.i64)
    shadow, size = -1, keys.shape[1]
    for which in range(2):
        position = map_position(at, which, maps)
        x0, y0 = ti.cast(ti.floor(position[0] - 0.5), ti.i32), ti.cast(ti.floor(position[1] - 0.5), ti.i32)
        if shadow < 0 and x0 >= 1 and y0 >= 1 and x0 + 2 < size and y0 + 2 < size:
            shadow = 0
            nearer, tested, n, end = 0, surface, 0, 4
            while n < end:
                i, j = n % 2, n // 2
                if n >= 4:
                    i, j = n % 4 - 1, n // 4 - 2
                key = keys[which, y0 + j, x0 + i]
                other = ti.cast(key & mask, ti.i32)
                if key != ti.i64(EMPTY) and other != surface:
                    if n < 4:
                        # a pixel's own depth may differ by the slope within it
                        depth = 1.0 / ti.bit_cast(nearest - ((key >> id_bits) << shift[which]), ti.f64)
                        nearer += depth < position[2] - 10 * bias[which]
                    if other != tested:
                        tested = other
                        if blocks(at, to_sun, other, points, faces, radii) > bias[which]:
                            shadow = 1
                n += 1
                if n == 4 and 0 < nearer < 4:
                    end = 20
                if shadow == 1:
                    end = 0
            if nearer == 4:
                shadow = 1
    return ti.max(shadow, 0)
