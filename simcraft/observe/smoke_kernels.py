# mypy: disable-error-code="valid-type, index, attr-defined"
"""Taichi kernel that sees smoke: one ray a pixel through all volumes, up to the nearest surface.

Emission-absorption marching (Max, "Optical Models for Direct Volume Rendering", IEEE TVCG 1995, eq. 10 and 12): a step
of optical depth tau absorbs the share w = T (1 - exp(-tau)) of the pixel, T being the transmittance up to it, and
depth and flow are the means of what happens in all steps with the weights w. A step stands for the place within it at
which light is absorbed on average, so that an opaque box is exact however long the steps are.
"""

from simcraft.observe.kernels import Array, row, vec3
from simcraft.observe.marching import (
    OPAQUE,
    Affine,
    Affines,
    Firsts,
    Shapes,
    Values,
    Vectors,
    density_at,
    interpolate,
    interpolate_vectors,
    is_inside,
    middle_of_absorption,
    neighbours,
    stretch,
    transformed,
)
from simcraft.taichi_runtime import ti

THIN = 0.05
"""Optical depth of a cell below which steps may be twice as long."""


@ti.func
def projected_way(matrix: Affine, at: vec3, px: ti.f64, py: ti.f64):
    """From image point (px, py) to where the camera of another frame sees the world point `at`; and 0 where it does
    not, because the point is behind it."""
    u = transformed(matrix, at)
    way, known = ti.Vector([ti.cast(0.0, ti.f64), ti.cast(0.0, ti.f64)]), 0
    if u[2] > 0:
        way, known = ti.Vector([u[0] / u[2] - px, u[1] / u[2] - py]), 1
    return way, known


# fmt: off
@ti.func
def absorbed(
    origin: vec3, ray: vec3, start: ti.f64, pace: ti.f64,
    to_grid: ti.template(), shape: ti.template(), first: ti.template(), density: ti.template(),
):
    # fmt: on
    """The step of a ray from parameter `start`, `pace` long, in two halves with the densities at their middles: which
    share of its light it absorbs, the mean parameter at which it does so, and the share that it lets through."""
    metres = 0.5 * pace * ray.norm()
    depth_1 = metres * density_at(origin + (start + 0.25 * pace) * ray, to_grid, shape, first, density)
    depth_2 = metres * density_at(origin + (start + 0.75 * pace) * ray, to_grid, shape, first, density)
    weight, place, kept = ti.cast(0.0, ti.f64), start, ti.cast(1.0, ti.f64)
    if depth_1 + depth_2 > 0:
        kept_1, kept_2 = ti.exp(-depth_1), ti.exp(-depth_2)
        weight_1, weight_2 = 1 - kept_1, kept_1 * (1 - kept_2)
        middle_1 = middle_of_absorption(depth_1, kept_1) / 2
        middle_2 = middle_of_absorption(depth_2, kept_2) / 2 + 0.5
        weight, kept = weight_1 + weight_2, kept_1 * kept_2
        place += pace * (weight_1 * middle_1 + weight_2 * middle_2) / ti.max(weight, 1e-30)
    return weight, place, kept


# fmt: off
@ti.func
def motion_at(
    at: vec3, to_grid: ti.template(), shape: ti.template(), first: ti.template(), density: ti.template(),
    velocity: ti.template(),
):
    # fmt: on
    """Velocity of the smoke at a world point, the mean over its volumes by density, and the densest of them."""
    total, moving = ti.cast(0.0, ti.f64), vec3(0, 0, 0)
    most, densest = ti.cast(0.0, ti.f64), -1
    for n in range(shape.shape[0]):
        cell = transformed(to_grid[n], at)
        if is_inside(cell, shape, n):
            base, step, share = neighbours(cell, shape, n)
            own = ti.cast(1.0, ti.f64)
            if shape.shape[0] > 1:
                # never 0: beside the densest place of a step there may be nothing
                own = 1e-20 + ti.cast(interpolate(density, first[n][0] + base, step, share), ti.f64)
            total += own
            moving += own * ti.cast(interpolate_vectors(velocity, first[n][0] + base, step, share), ti.f64)
            if own > most:
                most, densest = own, n
    return moving / ti.max(total, 1e-30), densest


# fmt: off
@ti.kernel
def see(
    rays: Array, near: ti.f64, far: ti.f64, surface: Array, matrix: Affines,
    seconds: ti.f64, longest: ti.f64, stride: ti.i32,
    to_grid: Affines, shape: Shapes, first: Firsts, density: Values, bricks: Values, velocity: Vectors,
    alpha: Array, depth: Array, volume: Array, way: Array, known: Array,
):
    # fmt: on
    """March the ray of each of H x W pixels from depth `near` to `surface` (H, W), at most `far`.

    `matrix` (2, 3, 4) projects world points in the next and in the previous frame, which are `seconds` away; `longest`
    is the length of a step in cells. Item n is row n * `stride`: each thread takes neighbouring items, and smoke is
    not spread evenly over an image. Writes (H, W) `alpha`, mean `depth`, and `volume`, the one that more than half of
    alpha belongs to (if there is none, one of them; -1 where alpha is 0), and for both frames `way` (2, H, W, 2), the
    mean motion in pixels, and `known` (2, H, W), 0 where most of the smoke gets behind that frame's camera.
    """
    height, width = alpha.shape[0], alpha.shape[1]
    for p in range(height * width):
        x, y = p % width, p // width * stride % height
        px, py = x + ti.cast(0.5, ti.f64), y + ti.cast(0.5, ti.f64)
        origin = row(rays, 0) + px * row(rays, 1) + py * row(rays, 2)
        ray = row(rays, 3) + px * row(rays, 4) + py * row(rays, 5)
        here, end = near, ti.min(ti.cast(surface[y, x], ti.f64), far)
        clear, whole, deep = ti.cast(1.0, ti.f64), ti.cast(0.0, ti.f64), ti.cast(0.0, ti.f64)
        weights, ways = ti.Vector.zero(ti.f64, 2), ti.Matrix.zero(ti.f64, 2, 2)
        leader, lead = -1, ti.cast(0.0, ti.f64)
        while here < end and clear > OPAQUE:
            until, cell, most = stretch(origin, ray, here, end, to_grid, shape, first, bricks)
            reach = longest * cell * (2 if most * cell * ray.norm() < THIN else 1)
            steps = ti.max(ti.ceil((until - here) / reach), 1.0) if most > 0 else 0.0
            pace, s = (until - here) / ti.max(steps, 1.0), 0
            while s < steps and clear > OPAQUE:
                share, z, kept = absorbed(origin, ray, here + s * pace, pace, to_grid, shape, first, density)
                weight = clear * share
                clear *= kept
                s += 1
                if weight > 0:
                    whole += weight
                    deep += weight * z
                    at = origin + z * ray
                    moving, densest = motion_at(at, to_grid, shape, first, density, velocity)
                    # majority vote (Boyer and Moore, 1981): it takes no memory a volume
                    if densest != leader and lead < weight:
                        leader, lead = densest, weight - lead
                    else:
                        lead += weight if densest == leader else -weight
                    for k in ti.static(range(2)):
                        to, seen = projected_way(matrix[k], at + (1 - 2 * k) * seconds * moving, px, py)
                        weights[k] += weight * seen
                        for c in ti.static(range(2)):
                            ways[k, c] += weight * to[c]
            here = until
        alpha[y, x], volume[y, x] = ti.cast(whole, ti.f32), leader
        depth[y, x] = ti.cast(deep / whole if leader >= 0 else ti.math.inf, ti.f32)
        for k in ti.static(range(2)):
            known[k, y, x] = ti.cast(weights[k] > 0.5 * whole, ti.u8)
            for c in ti.static(range(2)):
                way[k, y, x, c] = ti.cast(ways[k, c] / ti.max(weights[k], 1e-30), ti.f32)
