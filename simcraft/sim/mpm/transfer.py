# mypy: disable-error-code="valid-type, index, attr-defined"
"""Between particles and grid: the moving least squares material point method, the same bits on every run.

Hu et al., "A Moving Least Squares Material Point Method with Displacement Discontinuity and Two-Way Rigid Body
Coupling", ACM Transactions on Graphics 37(4), 2018, with quadratic B-splines and the affine particle-in-cell transfer
(Jiang et al. 2015).

Particles that scatter to the same node from several threads would need atomic additions, whose order, and so whose
rounding, differs from run to run. Here a thread takes a whole block of particles and adds them one after the other;
blocks that run at the same time have the same colour and share no node. That is faster than atomics as well.

Grids are flat, (nodes, D + 1) float32: momentum (later velocity) and mass. `strides` (D,) int32 leads from a node's
indices to its row.
"""

from simcraft.sim.mpm.laws import LEAST_WATER, MOST_WATER, WATER, respond
from simcraft.sim.mpm.state import PADDING
from simcraft.taichi_runtime import ti

Array = ti.types.ndarray()

SPREAD = 512
"""Taichi hands out at least so many items of a loop at once. Every block gets so many, of which one does the work."""
FARTHEST = 0.95
"""Cells that a particle may fly in a step."""


@ti.func
def loaded(values: ti.template(), p: ti.i32, D: ti.template()):
    """Row `p` of an (N, D) array as a vector."""
    return ti.Vector([values[p, d] for d in ti.static(range(D))])


@ti.func
def loaded_matrix(values: ti.template(), p: ti.i32, D: ti.template()):
    """Row `p` of an (N, D, D) array as a matrix."""
    return ti.Matrix([[values[p, i, j] for j in ti.static(range(D))] for i in ti.static(range(D))])


@ti.func
def store(values: ti.template(), p: ti.i32, vector: ti.template(), D: ti.template()):
    """Write a vector to row `p` of an (N, D) array."""
    for d in ti.static(range(D)):
        values[p, d] = vector[d]


@ti.func
def store_matrix(values: ti.template(), p: ti.i32, matrix: ti.template(), D: ti.template()):
    """Write a matrix to row `p` of an (N, D, D) array."""
    for i in ti.static(range(D)):
        for j in ti.static(range(D)):
            values[p, i, j] = matrix[i, j]


@ti.func
def spline(place: ti.template(), D: ti.template()):
    """First node, offset from it and weights (3, D) of a place in cells: quadratic B-splines."""
    base = ti.cast(ti.floor(place - 0.5), ti.i32)
    offset = place - ti.cast(base, ti.f32)
    weights = ti.Matrix.zero(ti.f32, 3, D)
    for d in ti.static(range(D)):
        weights[0, d] = 0.5 * (1.5 - offset[d]) * (1.5 - offset[d])
        weights[1, d] = 0.75 - (offset[d] - 1.0) * (offset[d] - 1.0)
        weights[2, d] = 0.5 * (offset[d] - 0.5) * (offset[d] - 0.5)
    return base + PADDING, offset, weights


@ti.kernel
def scatter(
    D: ti.template(),
    first: ti.i32,
    last: ti.i32,
    starts: Array,
    position: Array,
    velocity: Array,
    affine: Array,
    stress: Array,
    substance: Array,
    constants: Array,
    strides: Array,
    spacing: ti.f32,
    volume: ti.f32,
    dt: ti.f32,
    grid: Array,
):
    """Add mass and momentum of the particles in blocks `first` to `last`, all of one colour, to `grid`."""
    for item in range((last - first) * SPREAD):
        if item % SPREAD == 0:
            block = first + item // SPREAD
            for p in range(starts[block], starts[block + 1]):
                mass = volume * constants[substance[p], 1]
                base, offset, weights = spline(loaded(position, p, D) / spacing, D)
                # Hu et al. 2018, equation 29: stress and affine velocity act alike, times 4 / spacing**2 and spacing
                tilt = (mass * spacing) * loaded_matrix(affine, p, D) - (dt * volume * 4.0 / spacing) * loaded_matrix(
                    stress, p, D
                )
                momentum = mass * loaded(velocity, p, D) - tilt @ offset
                row = 0
                for d in ti.static(range(D)):
                    row += base[d] * strides[d]
                for step in ti.static(ti.grouped(ti.ndrange(*(3,) * D))):
                    weight = ti.cast(1.0, ti.f32)
                    node = row
                    for d in ti.static(range(D)):
                        weight *= weights[step[d], d]
                        node += step[d] * strides[d]
                    share = momentum
                    for d in ti.static(range(D)):
                        share += tilt[:, d] * ti.cast(step[d], ti.f32)
                    for d in ti.static(range(D)):
                        grid[node, d] = grid[node, d] + weight * share[d]
                    grid[node, D] = grid[node, D] + weight * mass


@ti.func
def after_contact(relative: ti.template(), normal: ti.template(), friction: ti.f32):
    """A velocity relative to something solid after touching it (Stomakhin et al. 2013, section 8).

    What separates is free; what comes in loses its normal part, and of the rest as much as friction holds. A negative
    friction holds everything.
    """
    result = relative
    inwards = relative.dot(normal)
    if friction < 0.0:
        result = relative * 0.0
    elif inwards < 0.0:
        along = relative - inwards * normal
        speed = along.norm()
        held = -friction * inwards
        result = along * (ti.max(speed - held, 0.0) / ti.max(speed, 1e-12))
    return result


@ti.func
def beside_obstacle(
    v: ti.template(),
    node: ti.i32,
    strides: ti.template(),
    distance: ti.template(),
    motion: ti.template(),
    friction: ti.template(),
    D: ti.template(),
):
    """A node's velocity after touching what obstacle it is in, if any."""
    result = v
    if distance[node] < 0.0:
        slope = ti.Vector([distance[node + strides[d]] - distance[node - strides[d]] for d in ti.static(range(D))])
        solid = loaded(motion, node, D)
        steepness = slope.norm()
        if steepness > 0.0:
            result = solid + after_contact(v - solid, slope / steepness, friction[node])
        else:  # too deep to know the way out
            result = solid
    return result


@ti.kernel
def move_grid(
    D: ti.template(),
    gravity: Array,
    strides: Array,
    cells: Array,
    wall_friction: ti.f32,
    spacing: ti.f32,
    dt: ti.f32,
    distance: Array,
    motion: Array,
    friction: Array,
    grid: Array,
):
    """Momentum becomes velocity; gravity, obstacles and walls act on it.

    `distance` (nodes,), `motion` (nodes, D) and `friction` (nodes,) are an `ObstacleField`'s, of no nodes where there
    are no obstacles.
    """
    for node in range(grid.shape[0]):
        mass = grid[node, D]
        if mass > 0.0:
            v = loaded(grid, node, D) / mass
            for d in ti.static(range(D)):
                v[d] += dt * gravity[d]
            if distance.shape[0] > 0:
                v = beside_obstacle(v, node, strides, distance, motion, friction, D)
            rest = node
            for d in ti.static(range(D)):
                index = rest // strides[d] - PADDING
                rest = rest % strides[d]
                normal = ti.Vector([1.0 if i == d else 0.0 for i in ti.static(range(D))])
                if index <= 0:
                    v = after_contact(v, normal, wall_friction)
                elif index >= cells[d]:
                    v = after_contact(v, -normal, wall_friction)
            for d in ti.static(range(D)):
                grid[node, d] = v[d]


@ti.func
def pushed_out(
    position: ti.template(),
    v: ti.template(),
    spacing: ti.f32,
    strides: ti.template(),
    distance: ti.template(),
    motion: ti.template(),
    D: ti.template(),
):
    """Position and velocity of a particle that must not be inside an obstacle."""
    place = position / spacing
    corner = ti.cast(ti.floor(place), ti.i32)
    share = place - ti.cast(corner, ti.f32)
    row = 0
    for d in ti.static(range(D)):
        row += (corner[d] + PADDING) * strides[d]
    depth = ti.cast(0.0, ti.f32)
    slope = position * 0.0
    for step in ti.static(ti.grouped(ti.ndrange(*(2,) * D))):
        node = row
        weight = ti.cast(1.0, ti.f32)
        for d in ti.static(range(D)):
            node += step[d] * strides[d]
            weight *= share[d] if step[d] == 1 else 1.0 - share[d]
        depth += weight * distance[node]
        for d in ti.static(range(D)):
            slope[d] += weight * (distance[node + strides[d]] - distance[node - strides[d]])
    if depth < 0.0:
        normal = slope / ti.max(slope.norm(), 1e-12)
        position -= depth * normal
        relative = v - loaded(motion, row, D)
        v -= ti.min(relative.dot(normal), 0.0) * normal
    return position, v


@ti.func
def within(place: ti.template(), cells: ti.template(), spacing: ti.f32, D: ti.template()):
    """A place in metres, kept in the domain."""
    result = place
    for d in ti.static(range(D)):
        result[d] = ti.min(ti.max(place[d], 0.0), cells[d] * spacing)
    return result


@ti.func
def grid_motion_at(
    place: ti.template(), strides: ti.template(), grid: ti.template(), spacing: ti.f32, D: ti.template()
):
    """The grid's velocity at a place in cells, m/s, and its gradient there, 1/s (C of APIC)."""
    base, offset, weights = spline(place, D)
    row = 0
    for d in ti.static(range(D)):
        row += base[d] * strides[d]
    v = place * 0.0
    C = ti.Matrix.zero(ti.f32, D, D)
    for step in ti.static(ti.grouped(ti.ndrange(*(3,) * D))):
        weight = ti.cast(1.0, ti.f32)
        node = row
        for d in ti.static(range(D)):
            weight *= weights[step[d], d]
            node += step[d] * strides[d]
        share = weight * loaded(grid, node, D)
        v += share
        for d in ti.static(range(D)):
            for i in ti.static(range(D)):
                C[i, d] += share[i] * (ti.cast(step[d], ti.f32) - offset[d])
    return v, C * (4.0 / spacing)


@ti.kernel
def gather(
    D: ti.template(),
    starts: Array,
    position: Array,
    deformation: Array,
    plastic: Array,
    substance: Array,
    constants: Array,
    strides: Array,
    cells: Array,
    spacing: ti.f32,
    dt: ti.f32,
    grid: Array,
    distance: Array,
    motion: Array,
    new_position: Array,
    new_velocity: Array,
    new_affine: Array,
    new_deformation: Array,
    new_plastic: Array,
    new_stress: Array,
    figures: Array,
):
    """Particles take over the grid's motion and answer its deformation.

    Writes the new arrays of `MaterialState`, and for each block into `figures` (A, 4) the fastest particle and the
    fastest signal in m/s, the longest way of a particle in metres, and the number of those whose result makes no sense.
    """
    for item in range((starts.shape[0] - 1) * SPREAD):
        if item % SPREAD == 0:
            block = item // SPREAD
            most = ti.Vector([0.0, 0.0, 0.0, 0.0])
            for p in range(starts[block], starts[block + 1]):
                old = loaded(position, p, D)
                v, C = grid_motion_at(old / spacing, strides, grid, spacing, D)
                kind = substance[p]
                volume = plastic[p]
                if ti.cast(constants[kind, 0], ti.i32) == WATER:
                    volume = ti.min(ti.max(volume * (1.0 + dt * C.trace()), LEAST_WATER), MOST_WATER)
                F = loaded_matrix(deformation, p, D)
                elastic, remembered, tau, sound = respond(F + dt * (C @ F), volume, constants, kind, D)
                new = within(old + dt * v, cells, spacing, D)
                if distance.shape[0] > 0:
                    new, v = pushed_out(new, v, spacing, strides, distance, motion, D)
                    new = within(new, cells, spacing, D)
                store(new_position, p, new, D)
                store(new_velocity, p, v, D)
                store_matrix(new_affine, p, C, D)
                store_matrix(new_deformation, p, elastic, D)
                store_matrix(new_stress, p, tau, D)
                new_plastic[p] = remembered
                speed, way = v.norm(), (new - old).norm()
                most = ti.max(most, ti.Vector([speed, speed + sound, way, 0.0]))
                # written so that NaN counts as lost
                if not (speed * dt < FARTHEST * spacing and way < 2.0 * spacing and sound < 1e9):
                    most[3] += 1.0
            store(figures, block, most, 4)


@ti.kernel
def respond_at_rest(
    D: ti.template(),
    deformation: Array,
    plastic: Array,
    substance: Array,
    constants: Array,
    stress: Array,
    sound: Array,
):
    """The stress (N, D, D) and speed of sound (N,) of particles that have not moved yet."""
    for p in range(plastic.shape[0]):
        _, _, tau, own = respond(loaded_matrix(deformation, p, D), plastic[p], constants, substance[p], D)
        sound[p] = own
        store_matrix(stress, p, tau, D)
