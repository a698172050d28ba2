# mypy: disable-error-code="valid-type, index, attr-defined"
"""Taichi functions that walk along a ray through any number of volumes, which may overlap.

A ray is walked in *stretches*, in which it neither enters nor leaves a box or a brick; empty ones are skipped at once.
A stretch is cut into equal steps of at most `STEP` cells of the finest grid, and within a step the optical density is
taken to be that at its middle. So a homogeneous box is exact whatever the step.

No bounds are checked here: positions are clamped into the grid.
"""

from simcraft.observe.kernels import vec3
from simcraft.observe.volumes import BRICK
from simcraft.taichi_runtime import ti

# arrays of small vectors: with their lengths known when a kernel is compiled, indexing is a third faster
Affine = ti.types.matrix(3, 4, ti.f64)
Affines = ti.types.ndarray(dtype=Affine, ndim=1)
Shapes = ti.types.ndarray(dtype=ti.types.vector(3, ti.i32), ndim=1)
Firsts = ti.types.ndarray(dtype=ti.types.vector(2, ti.i64), ndim=1)
Vectors = ti.types.ndarray(dtype=ti.types.vector(3, ti.f32), ndim=1)
Vectors4 = ti.types.ndarray(dtype=ti.types.vector(4, ti.f32), ndim=1)
Values = ti.types.ndarray(dtype=ti.f32, ndim=1)

OPAQUE = 1e-5
"""Transmittance below which nothing behind is looked at."""
CREEP = 1e-7
"""Of a cell: the least stretch, so that rounding at a face cannot hold up the walk."""
FAR = 1e30


@ti.kernel
def mark_bricks(shape: Shapes, first: Firsts, density: Values, bricks: Values):
    """Fill `bricks` as `Grids` describes it."""
    for b in range(bricks.shape[0]):
        n = 0
        while n + 1 < shape.shape[0] and b >= first[n + 1][1]:
            n += 1
        ny, nz = (shape[n][1] + BRICK - 1) // BRICK, (shape[n][2] + BRICK - 1) // BRICK
        own = b - ti.cast(first[n][1], ti.i32)
        x0, y0, z0 = own // (ny * nz) * BRICK, own // nz % ny * BRICK, own % nz * BRICK
        densest = ti.cast(0.0, ti.f32)
        for x in range(ti.max(x0 - 1, 0), ti.min(x0 + BRICK + 1, shape[n][0])):
            for y in range(ti.max(y0 - 1, 0), ti.min(y0 + BRICK + 1, shape[n][1])):
                for z in range(ti.max(z0 - 1, 0), ti.min(z0 + BRICK + 1, shape[n][2])):
                    densest = ti.max(densest, density[first[n][0] + (x * shape[n][1] + y) * shape[n][2] + z])
        bricks[b] = densest


@ti.func
def transformed(matrix: Affine, at: vec3) -> vec3:
    """A point under an affine map."""
    result = vec3(0, 0, 0)
    for i in ti.static(range(3)):
        result[i] = matrix[i, 0] * at[0] + matrix[i, 1] * at[1] + matrix[i, 2] * at[2] + matrix[i, 3]
    return result


@ti.func
def turned(matrix: Affine, way: vec3) -> vec3:
    """A direction under an affine map."""
    result = vec3(0, 0, 0)
    for i in ti.static(range(3)):
        result[i] = matrix[i, 0] * way[0] + matrix[i, 1] * way[1] + matrix[i, 2] * way[2]
    return result


@ti.func
def inverse(way: vec3) -> vec3:
    """1 / way, and something finite but huge instead of infinity."""
    result = vec3(0, 0, 0)
    for i in ti.static(range(3)):
        result[i] = 1.0 / way[i] if ti.abs(way[i]) > 1.0 / FAR else FAR
    return result


@ti.func
def between_faces(at: vec3, inverse_way: vec3, low: vec3, high: vec3):
    """Ray parameters at which a ray enters and leaves a box (Kay and Kajiya, "Ray Tracing Complex Scenes", SIGGRAPH
    1986); it misses where it would leave before it enters."""
    a, b = (low - at) * inverse_way, (high - at) * inverse_way
    return ti.min(a, b).max(), ti.max(a, b).min()


# fmt: off
@ti.func
def stretch(
    origin: vec3, way: vec3, here: ti.f64, end: ti.f64,
    to_grid: ti.template(), shape: ti.template(), first: ti.template(), bricks: ti.template(),
):
    # fmt: on
    """The stretch that begins at parameter `here` of a ray: where it ends, the length of the smallest cell along the
    ray (huge if it is empty), and the most optical density that may be in it (0 if it is empty)."""
    until, cell, most = end, ti.cast(FAR, ti.f64), ti.cast(0.0, ti.f64)
    for n in range(shape.shape[0]):
        at, along = transformed(to_grid[n], origin), turned(to_grid[n], way)
        size = ti.cast(shape[n], ti.f64)
        inverse_way, length = inverse(along), 1.0 / ti.max(along.norm(), 1e-30)
        enter, leave = between_faces(at, inverse_way, vec3(0, 0, 0), size)
        creep = CREEP * length
        if leave > enter and leave > here + creep:
            if enter > here + creep:
                until = ti.min(until, enter)
            else:
                middle = ti.floor((at + (here + creep) * along) / BRICK)
                middle = ti.min(ti.max(middle, 0.0), ti.ceil(size / BRICK) - 1)
                _, out = between_faces(at, inverse_way, middle * BRICK, ti.min((middle + 1) * BRICK, size))
                until = ti.min(until, ti.max(out, here + creep))
                counts = ti.cast(ti.ceil(size / BRICK), ti.i32)
                brick = ti.cast(middle, ti.i32)
                densest = bricks[first[n][1] + (brick[0] * counts[1] + brick[1]) * counts[2] + brick[2]]
                if densest > 0:
                    cell, most = ti.min(cell, length), most + densest
    return until, cell, most


@ti.func
def is_inside(at: vec3, shape: ti.template(), n: ti.i32) -> ti.i32:
    """1 where a point in cell units lies in the box of volume n."""
    return (
        at.min() >= 0
        and at[0] <= ti.cast(shape[n][0], ti.f64)
        and at[1] <= ti.cast(shape[n][1], ti.f64)
        and at[2] <= ti.cast(shape[n][2], ti.f64)
    )


@ti.func
def corner_and_share(at: ti.f64, size: ti.i32):
    """Of one direction: the lower of the two cells around a place, the step to the upper one, and that one's share."""
    place = ti.min(ti.max(at - 0.5, 0.0), ti.cast(size - 1, ti.f64))
    lower = ti.min(ti.cast(place, ti.i32), ti.max(size - 2, 0))
    return lower, ti.cast(size > 1, ti.i32), ti.cast(place - lower, ti.f32)


@ti.func
def neighbours(at: vec3, shape: ti.template(), n: ti.i32):
    """Where linear interpolation at a point in cell units reads: the first cell of volume n, the steps to the next
    ones in each direction, and their shares."""
    x, dx, fx = corner_and_share(at[0], shape[n][0])
    y, dy, fy = corner_and_share(at[1], shape[n][1])
    z, dz, fz = corner_and_share(at[2], shape[n][2])
    row, plane = shape[n][2], shape[n][1] * shape[n][2]
    return x * plane + y * row + z, ti.Vector([dx * plane, dy * row, dz]), ti.Vector([fx, fy, fz])


@ti.func
def interpolate(values: ti.template(), base: ti.i64, step: ti.template(), share: ti.template()) -> ti.f32:
    """Linear interpolation of (C,) values, where `neighbours` says."""
    result = ti.cast(0.0, ti.f32)
    for i, j in ti.static(ti.ndrange(2, 2)):
        row = base + i * step[0] + j * step[1]
        side = (share[0] if i else 1 - share[0]) * (share[1] if j else 1 - share[1])
        result += side * (values[row] * (1 - share[2]) + values[row + step[2]] * share[2])
    return result


@ti.func
def interpolate_vectors(values: ti.template(), base: ti.i64, step: ti.template(), share: ti.template()):
    """The same of C vectors of one length."""
    result = values[base] * ti.cast(0.0, ti.f32)
    for i, j, k in ti.static(ti.ndrange(2, 2, 2)):
        side = (share[0] if i else 1 - share[0]) * (share[1] if j else 1 - share[1])
        side *= share[2] if k else 1 - share[2]
        result += side * values[base + i * step[0] + j * step[1] + k * step[2]]
    return result


@ti.func
def density_at(at: vec3, to_grid: ti.template(), shape: ti.template(), first: ti.template(), values: ti.template()):
    """The sum of all volumes' (C,) `values` at a world point."""
    total = ti.cast(0.0, ti.f32)
    for n in range(shape.shape[0]):
        cell = transformed(to_grid[n], at)
        if is_inside(cell, shape, n):
            base, step, share = neighbours(cell, shape, n)
            total += interpolate(values, first[n][0] + base, step, share)
    return ti.cast(total, ti.f64)


@ti.func
def middle_of_absorption(depth: ti.f64, kept: ti.f64) -> ti.f64:
    """Where in a step of optical depth `depth` light is absorbed on average: 0 at its beginning, 1 at its end.

    The mean of x under exp(-depth x), 1 / depth - 1 / (exp(depth) - 1), or its series where depths are small; `kept`
    is exp(-depth).
    """
    result = 0.5 - depth / 12
    if depth > 0.01:
        result = 1 / depth - kept / (1 - kept)
    return result
