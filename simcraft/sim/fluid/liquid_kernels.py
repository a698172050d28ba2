# mypy: disable-error-code="valid-type, index, attr-defined, name-defined"
# ruff: noqa: SIM102 - "and" in a kernel may read both sides, also beyond an array's end
"""Taichi kernels of the liquid: between particles and faces, and along the flow. In 2D and 3D alike.

Particles are sorted by cell, and within a cell by age of their place in the list; `first` (number of cells + 1) says
where each cell's particles begin. Faces gather from the particles around them instead of particles scattering to
faces: no two threads write to one place, so results are the same whatever the number of threads.

Nothing here checks bounds: the caller keeps all particles inside the box, or has them removed.
"""

from simcraft.taichi_runtime import ti

Array = ti.types.ndarray()
MARGIN = 1e-3
"""Cells: how far particles stay away from walls, so that rounding never puts them into the next cell."""


@ti.kernel
def sort_by_cell(cell: Array, place: Array, order: Array):
    """`order`: the particles by cell (N,), stable. `place` (cells) is where each cell begins, and is used up."""
    ti.loop_config(serialize=True)
    for p in range(cell.shape[0]):
        c = cell[p]
        order[place[c]] = p
        place[c] += 1


@ti.func
def count_along(shape: ti.template(), axis: ti.template(), d: ti.template()) -> ti.i32:
    """Cells along `d` of an array at the faces across `axis`."""
    count = shape[d]
    if ti.static(d == axis):
        count -= 1
    return count


@ti.func
def row_of(
    at: ti.template(), offset: ti.template(), shape: ti.template(), axis: ti.template(), dimension: ti.template()
):
    """Index of the row of cells `offset` from `at`; -1 outside the box, and beyond the two cells beside a face."""
    row = 0
    for d in ti.static(range(dimension - 1)):
        count = count_along(shape, axis, d)
        c = at[d] + offset[d]
        far = ti.static(d == axis) and offset[d] == 1
        if c < 0 or c >= count or far or row < 0:
            row = -1
        else:
            row = row * count + c
    return row


@ti.kernel
def gather_velocity(
    axis: ti.template(),
    dimension: ti.template(),
    positions: Array,
    velocities: Array,
    affine: Array,
    first: Array,
    spacing: ti.f32,
    velocity: Array,
    weight: Array,
):
    """Mean velocity of the particles around each face across `axis`, weighted by nearness, and the sum of weights.

    Each particle counts with its own gradient (APIC: Jiang et al., "The affine particle-in-cell method", 2015, eq. 8).
    """
    last = ti.static(dimension - 1)
    for face in ti.grouped(velocity):
        count = count_along(velocity.shape, axis, last)
        low = ti.max(face[last] - 1, 0)
        high = ti.min(face[last] + ti.static(0 if axis == last else 1), count - 1)
        total, momentum = 0.0, 0.0
        for offset in ti.static(ti.grouped(ti.ndrange(*((-1, 2),) * (dimension - 1)))):
            row = row_of(face, offset, velocity.shape, axis, dimension)
            if row >= 0:
                for p in range(first[row * count + low], first[row * count + high + 1]):
                    w, value = 1.0, velocities[p, axis]
                    for d in ti.static(range(dimension)):
                        away = face[d] + ti.static(0.0 if d == axis else 0.5) - positions[p, d] / spacing
                        w *= ti.max(0.0, 1.0 - ti.abs(away))
                        value += affine[p, axis, d] * away * spacing
                    total += w
                    momentum += w * value
        weight[face] = total
        velocity[face] = momentum / total if total > 0 else 0.0


@ti.kernel
def gather_density(dimension: ti.template(), positions: Array, first: Array, spacing: ti.f32, density: Array):
    """Particles around each cell's centre, weighted by nearness, where `density` is not 0 before."""
    last = ti.static(dimension - 1)
    for cell in ti.grouped(density):
        if density[cell] != 0:
            count = density.shape[last]
            low, high = ti.max(cell[last] - 1, 0), ti.min(cell[last] + 1, count - 1)
            total = 0.0
            for offset in ti.static(ti.grouped(ti.ndrange(*((-1, 2),) * (dimension - 1)))):
                row = row_of(cell, offset, density.shape, -1, dimension)
                if row >= 0:
                    for p in range(first[row * count + low], first[row * count + high + 1]):
                        w = 1.0
                        for d in ti.static(range(dimension)):
                            w *= ti.max(0.0, 1.0 - ti.abs(cell[d] + 0.5 - positions[p, d] / spacing))
                        total += w
            density[cell] = total


@ti.kernel
def extrapolate(dimension: ti.template(), layer: ti.i32, velocity: Array, known: Array):
    """Faces beside those known since `layer` or before get their mean, and are known from the next layer on."""
    for face in ti.grouped(velocity):
        if known[face] == 0:
            total, count = 0.0, 0
            for d in ti.static(range(dimension)):
                for side in ti.static((-1, 1)):
                    beside = face + side * ti.Vector.unit(dimension, d, ti.i32)
                    if beside[d] >= 0 and beside[d] < velocity.shape[d]:
                        if known[beside] > 0 and known[beside] <= layer:
                            total += velocity[beside]
                            count += 1
            if count > 0:
                velocity[face] = total / count
                known[face] = layer + 1


@ti.func
def corner_of(
    x: ti.template(), field: ti.template(), axis: ti.template(), dimension: ti.template(), corner: ti.template()
):
    """Index and weights (one an axis) of one of the 2^D faces around `x`, given in cells."""
    index = ti.Vector.zero(ti.i32, dimension)
    weights = ti.Vector.zero(ti.f32, dimension)
    for d in ti.static(range(dimension)):
        place = ti.min(ti.max(x[d] - ti.static(0.0 if d == axis else 0.5), 0.0), field.shape[d] - 1.0)
        base = ti.min(ti.cast(place, ti.i32), ti.max(field.shape[d] - 2, 0))
        share = place - base
        index[d] = ti.min(base + corner[d], field.shape[d] - 1)
        weights[d] = share if ti.static(corner[d] == 1) else 1.0 - share
    return index, weights


@ti.func
def sample(x: ti.template(), field: ti.template(), axis: ti.template(), dimension: ti.template()) -> ti.f32:
    """Velocity component `axis` at `x` (cells), linear between faces."""
    value = 0.0
    for corner in ti.static(ti.grouped(ti.ndrange(*((2,) * dimension)))):
        index, weights = corner_of(x, field, axis, dimension, corner)
        share = 1.0
        for d in ti.static(range(dimension)):
            share *= weights[d]
        value += share * field[index]
    return value


@ti.kernel
def update_velocity(
    axis: ti.template(),
    dimension: ti.template(),
    positions: Array,
    spacing: ti.f32,
    before: Array,
    after: Array,
    flip: ti.f32,
    velocities: Array,
    affine: Array,
):
    """Component `axis` of the particles' velocities and gradients from the faces' before and after forces.

    `flip` of the change is added (FLIP: Zhu and Bridson, "Animating sand as a fluid", 2005), the rest is replaced.
    """
    for p in range(positions.shape[0]):
        x = ti.Vector.zero(ti.f32, dimension)
        for d in ti.static(range(dimension)):
            x[d] = positions[p, d] / spacing
        new, old = 0.0, 0.0
        gradient = ti.Vector.zero(ti.f32, dimension)
        for corner in ti.static(ti.grouped(ti.ndrange(*((2,) * dimension)))):
            index, weights = corner_of(x, after, axis, dimension, corner)
            share = 1.0
            for d in ti.static(range(dimension)):
                share *= weights[d]
            new += share * after[index]
            old += share * before[index]
            for d in ti.static(range(dimension)):
                slope = ti.cast(ti.static(1.0 if corner[d] == 1 else -1.0), ti.f32)
                for e in ti.static(range(dimension)):
                    if ti.static(e != d):
                        slope *= weights[e]
                gradient[d] += slope * after[index]
        velocities[p, axis] = new + flip * (velocities[p, axis] - old)
        for d in ti.static(range(dimension)):
            affine[p, axis, d] = gradient[d] / spacing


@ti.func
def blocked(x: ti.template(), solid: ti.template(), dimension: ti.template()):
    """Is `x` (cells) in a solid cell? Not outside the box."""
    index = ti.Vector.zero(ti.i32, dimension)
    inside = 1
    for d in ti.static(range(dimension)):
        index[d] = ti.cast(ti.floor(x[d]), ti.i32)
        if index[d] < 0 or index[d] >= solid.shape[d]:
            inside = 0
            index[d] = 0
    result = 0
    if inside == 1 and solid[index] != 0:
        result = 1
    return result


@ti.func
def moved(x: ti.template(), move: ti.template(), solid: ti.template(), closed: ti.i32, dimension: ti.template()):
    """`x` moved by less than a cell, one axis after the other, so that it slips through no edge between solid cells."""
    here = x
    for d in ti.static(range(dimension)):
        there = here
        there[d] += move[d]
        if closed != 0:
            there[d] = ti.min(ti.max(there[d], MARGIN), solid.shape[d] - MARGIN)
        if blocked(there, solid, dimension) == 1 and blocked(here, solid, dimension) == 0:
            if move[d] > 0:
                there[d] = ti.floor(there[d]) - MARGIN
            else:
                there[d] = ti.floor(there[d]) + 1.0 + MARGIN
        here = there
    return here


@ti.func
def freed(x: ti.template(), lean: ti.template(), solid: ti.template(), reach: ti.template(), dimension: ti.template()):
    """The nearest place to `x` + `lean` in a free cell, where a moving obstacle has come over `x`."""
    best, result = 1e30, x
    base = ti.cast(ti.floor(x), ti.i32)
    for offset in ti.grouped(ti.ndrange(*(((-reach, reach + 1)),) * dimension)):
        cell = base + offset
        inside = 1
        for d in ti.static(range(dimension)):
            if cell[d] < 0 or cell[d] >= solid.shape[d]:
                inside = 0
        if inside == 1:
            if solid[cell] == 0:
                place = x
                distance = 0.0
                for d in ti.static(range(dimension)):
                    place[d] = ti.min(ti.max(x[d], cell[d] + MARGIN), cell[d] + 1.0 - MARGIN)
                    distance += (place[d] - x[d] - lean[d]) ** 2
                if distance < best:
                    best = distance
                    result = place
    return result


REACH = 3
"""Cells: how far a particle looks for a free cell."""


@ti.kernel
def free_particles(dimension: ti.template(), positions: Array, spacing: ti.f32, lean: Array, solid: Array):
    """Push particles out of solid cells, to the side to which those move: `lean` (*cells, dimension), cells."""
    for p in range(positions.shape[0]):
        x = ti.Vector.zero(ti.f32, dimension)
        for d in ti.static(range(dimension)):
            x[d] = positions[p, d] / spacing
        if blocked(x, solid, dimension) == 1:
            push = ti.Vector.zero(ti.f32, dimension)
            cell = ti.cast(ti.floor(x), ti.i32)
            for d in ti.static(range(dimension)):
                if ti.static(dimension == 2):
                    push[d] = lean[cell[0], cell[1], d]
                else:
                    push[d] = lean[cell[0], cell[1], cell[2], d]
            x = freed(x, push, solid, REACH, dimension)
            for d in ti.static(range(dimension)):
                positions[p, d] = x[d] * spacing


@ti.kernel
def carry_2d(
    positions: Array, spacing: ti.f32, dt: ti.f32, moves: ti.i32, closed: ti.i32, solid: Array, u: Array, w: Array
):
    """Move particles along the flow for `dt`, in `moves` steps of the midpoint rule; they do not enter solid cells."""
    step = dt / moves / spacing
    for p in range(positions.shape[0]):
        x = ti.Vector([positions[p, 0], positions[p, 1]]) / spacing
        for _ in range(moves):
            first = ti.Vector([sample(x, u, 0, 2), sample(x, w, 1, 2)])
            middle = x + 0.5 * step * first
            x = moved(x, step * ti.Vector([sample(middle, u, 0, 2), sample(middle, w, 1, 2)]), solid, closed, 2)
        for d in ti.static(range(2)):
            positions[p, d] = x[d] * spacing


@ti.kernel
def carry_3d(
    positions: Array,
    spacing: ti.f32,
    dt: ti.f32,
    moves: ti.i32,
    closed: ti.i32,
    solid: Array,
    u: Array,
    v: Array,
    w: Array,
):
    """The same in 3D."""
    step = dt / moves / spacing
    for p in range(positions.shape[0]):
        x = ti.Vector([positions[p, 0], positions[p, 1], positions[p, 2]]) / spacing
        for _ in range(moves):
            first = ti.Vector([sample(x, u, 0, 3), sample(x, v, 1, 3), sample(x, w, 2, 3)])
            middle = x + 0.5 * step * first
            move = step * ti.Vector([sample(middle, u, 0, 3), sample(middle, v, 1, 3), sample(middle, w, 2, 3)])
            x = moved(x, move, solid, closed, 3)
        for d in ti.static(range(3)):
            positions[p, d] = x[d] * spacing


@ti.kernel
def walk(
    dimension: ti.template(),
    positions: Array,
    ways: Array,
    spacing: ti.f32,
    moves: ti.i32,
    closed: ti.i32,
    solid: Array,
):
    """Move each particle straight along its way, in `moves` parts; they do not enter solid cells."""
    for p in range(positions.shape[0]):
        x = ti.Vector.zero(ti.f32, dimension)
        way = ti.Vector.zero(ti.f32, dimension)
        for d in ti.static(range(dimension)):
            x[d] = positions[p, d] / spacing
            way[d] = ways[p, d] / spacing / moves
        for _ in range(moves):
            x = moved(x, way, solid, closed, dimension)
        for d in ti.static(range(dimension)):
            positions[p, d] = x[d] * spacing
