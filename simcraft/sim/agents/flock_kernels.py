# mypy: disable-error-code="valid-type, index, attr-defined"
"""Taichi kernels of the flock: what neighbours do to each other, what the surroundings do, and the motion itself.

All are in the frame of the flock's box, metres and seconds. Agents come sorted by cell (`cells.Sorted`): the agent at
place k has row k of every array. Nothing here checks bounds: sizes are made by who calls.

Write no `x = f(x)` for a vector here: Taichi 1.7.4 overwrites x while f still reads it.
"""

from simcraft.sim.agents.cells import Array, clamped_cell
from simcraft.taichi_runtime import ti

vec3 = ti.types.vector(3, ti.f64)
vec4 = ti.types.vector(4, ti.f64)

SLOWEST, FASTEST = 0.6, 1.6
"""Of the cruising speed: what flies neither stops nor races."""
SOCIAL_LIMIT = 2.0
"""Of speed² / radius: the most that neighbours can ask for."""
LIMIT = 4.0
"""Of speed² / the shorter of radius and clearance: the most acceleration there is."""
LEVELLING = 0.5
"""Weight of flying level."""
CRUISING = 2.5
"""Weight of flying at cruising speed."""
SIDES = 0.3
"""Of the box's extent: how far its sides reach. A whole flock needs more room to turn than one agent."""
BANKING_TIME = 0.12
"""Seconds in which the body rolls into a turn."""
GRAVITY = 9.81
TINY = 1e-30
"""Added to a length that is divided by."""


@ti.func
def row3(array: ti.template(), n: ti.i32) -> vec3:
    """Row `n` of an array (N, 3)."""
    return vec3(array[n, 0], array[n, 1], array[n, 2])


@ti.func
def shortened(vector: vec3, longest: ti.f64) -> vec3:
    """`vector`, no longer than `longest`."""
    return vector * ti.min(1.0, longest / ti.max(vector.norm(), 1e-100))


@ti.kernel
def neighbours(
    position: Array,
    velocity: Array,
    starts: Array,
    low: Array,
    cell: ti.f64,
    shape: Array,
    radius: ti.f64,
    speed: ti.f64,
    separation: ti.f64,
    alignment: ti.f64,
    cohesion: ti.f64,
    acceleration: Array,
    agreement: Array,
):
    """Separation, alignment and cohesion (Reynolds, "Flocks, Herds, and Schools", SIGGRAPH 1987).

    acceleration: (N, 3), out; agreement: (N,), out: the cosine between an agent's velocity and the mean velocity of its
    neighbours, NaN where it has none.
    """
    for k in range(position.shape[0]):
        here, own = row3(position, k), row3(velocity, k)
        cx = clamped_cell(here[0], low[0], cell, shape[0])
        cy = clamped_cell(here[1], low[1], cell, shape[1])
        cz = clamped_cell(here[2], low[2], cell, shape[2])
        apart, together, flight = vec3(0.0), vec3(0.0), vec3(0.0)
        count = 0
        for z in range(ti.max(cz - 1, 0), ti.min(cz + 2, shape[2])):
            for y in range(ti.max(cy - 1, 0), ti.min(cy + 2, shape[1])):
                line = shape[0] * (y + shape[1] * z)
                # cells of a line follow each other: three of them are one run
                first = starts[line + ti.max(cx - 1, 0)]
                last = starts[line + ti.min(cx + 2, shape[0])]
                for other in range(first, last):
                    offset = row3(position, other) - here
                    square = offset.norm_sqr()
                    if other != k and square < radius * radius:
                        closeness = 1.0 / ti.max(ti.sqrt(square), 1e-3 * radius)
                        apart -= offset * ((radius * closeness - 1.0) * closeness)
                        together += offset
                        flight += row3(velocity, other)
                        count += 1
        wish = vec3(0.0)
        agreement[k] = ti.math.nan
        if count > 0:
            wish = (
                separation * apart + alignment * (flight / count - own) / speed + cohesion * together / (count * radius)
            )  # in units of speed² / radius
            agreement[k] = own.dot(flight) / ti.max(own.norm() * flight.norm(), TINY)
        limited = shortened(wish, SOCIAL_LIMIT) * (speed * speed / radius)
        for d in ti.static(range(3)):
            acceleration[k, d] = limited[d]


@ti.func
def distance_and_slope(distance: ti.template(), cell: ti.f64, place: vec3) -> vec4:
    """Trilinear distance to the obstacles, and its gradient, in x, y, z after it."""
    base = ti.Vector([0, 0, 0])
    part = vec3(0.0)
    for d in ti.static(range(3)):
        size = distance.shape[d]
        at = ti.min(ti.max(place[d] / cell - 0.5, 0.0), size - 1.0)
        base[d] = ti.min(ti.cast(at, ti.i32), ti.max(size - 2, 0))
        part[d] = at - base[d]
    result = vec4(0.0)
    for i, j, k in ti.static(ti.ndrange(2, 2, 2)):
        x = ti.min(base[0] + i, distance.shape[0] - 1)
        y = ti.min(base[1] + j, distance.shape[1] - 1)
        z = ti.min(base[2] + k, distance.shape[2] - 1)
        value = ti.cast(distance[x, y, z], ti.f64)
        wx = part[0] if i == 1 else 1.0 - part[0]
        wy = part[1] if j == 1 else 1.0 - part[1]
        wz = part[2] if k == 1 else 1.0 - part[2]
        sx, sy, sz = 2.0 * i - 1.0, 2.0 * j - 1.0, 2.0 * k - 1.0
        result += value * vec4(wx * wy * wz, sx * wy * wz / cell, wx * sy * wz / cell, wx * wy * sz / cell)
    return result


@ti.func
def away_from_obstacles(
    here: vec3, velocity: vec3, speed: ti.f64, clearance: ti.f64, distance: ti.template(), cell: ti.f64
) -> vec3:
    """Turn away where something is near, and sideways where something lies ahead."""
    wish = vec3(0.0)
    near = distance_and_slope(distance, cell, here)
    if near[0] < clearance:
        depth = 1.0 - near[0] / clearance
        wish += 3.0 * depth * depth * vec3(near[1], near[2], near[3]).normalized(TINY)
    ahead = distance_and_slope(distance, cell, here + velocity * (clearance / speed))
    if ahead[0] < clearance:
        direction = velocity.normalized(TINY)
        slope = vec3(ahead[1], ahead[2], ahead[3]).normalized(TINY)
        sideways = slope - slope.dot(direction) * direction
        wish += 2.0 * (1.0 - ti.max(ahead[0], 0.0) / clearance) * sideways.normalized(TINY)
    return wish * (speed * speed / clearance)


@ti.kernel
def surroundings(
    position: Array,
    velocity: Array,
    box: Array,
    up: Array,
    radius: ti.f64,
    speed: ti.f64,
    clearance: ti.f64,
    goals: Array,
    predators: Array,
    waves: Array,
    distance: Array,
    cell: ti.f64,
    obstacles: ti.i32,
    acceleration: Array,
):
    """Add the sides of the box, goals, predators, whims, obstacles, level flight and cruising speed to `acceleration`.

    box: (3,) its size; up: (3,); goals: (G, 4) rows x, y, z, weight: the nearest is flown to; predators: (P, 5) rows
    x, y, z, weight, reach; waves: (W, 7) rows wave vector, phase, amplitude; distance: (X, Y, Z) metres to obstacles at
    the centres of cubes with side `cell`, read only where `obstacles` is not 0.
    """
    for k in range(position.shape[0]):
        here, own = row3(position, k), row3(velocity, k)
        natural = speed * speed / radius
        total = row3(acceleration, k)
        for d in ti.static(range(3)):
            # enough to turn round within that margin: the integral over it is speed²
            margin = ti.min(ti.max(clearance, SIDES * box[d]), 0.5 * box[d])
            low = ti.max(1.0 - here[d] / margin, 0.0)
            high = ti.max(1.0 - (box[d] - here[d]) / margin, 0.0)
            total[d] += 3.0 * speed * speed / margin * (low * low - high * high)
        nearest, to_goal, weight = ti.cast(ti.math.inf, ti.f64), vec3(0.0), ti.cast(0.0, ti.f64)
        for g in range(goals.shape[0]):
            offset = row3(goals, g) - here
            if offset.norm() < nearest:
                nearest, to_goal, weight = offset.norm(), offset, goals[g, 3]
        if nearest < ti.math.inf:
            total += weight * natural * (to_goal.normalized(TINY) - own / speed)
        for p in range(predators.shape[0]):
            flight = here - row3(predators, p)
            total += (
                predators[p, 3] * natural * ti.max(1.0 - flight.norm() / predators[p, 4], 0.0) * flight.normalized(TINY)
            )
        if obstacles != 0:
            total += away_from_obstacles(here, own, speed, clearance, distance, cell)
        vertical = up_axis(up)
        total -= LEVELLING * speed / radius * own.dot(vertical) * vertical
        total += CRUISING * own.normalized(TINY) * (speed - own.norm()) * speed / radius
        for w in range(waves.shape[0]):
            angle = waves[w, 0] * here[0] + waves[w, 1] * here[1] + waves[w, 2] * here[2] + waves[w, 3]
            for d in ti.static(range(3)):
                total[d] += natural * waves[w, 4 + d] * ti.sin(angle)
        limited = shortened(total, LIMIT * speed * speed / ti.min(radius, clearance))
        for d in ti.static(range(3)):
            acceleration[k, d] = limited[d]


@ti.func
def up_axis(up: ti.template()) -> vec3:
    """The array (3,) as a vector."""
    return vec3(up[0], up[1], up[2])


@ti.kernel
def move(
    position: Array,
    velocity: Array,
    acceleration: Array,
    back: Array,
    order: Array,
    dt: ti.f64,
    leaning: ti.f64,
    box: Array,
    up: Array,
    speed: ti.f64,
    half_size: ti.f64,
    distance: Array,
    cell: ti.f64,
    obstacles: ti.i32,
    new_position: Array,
    new_velocity: Array,
    new_back: Array,
):
    """Symplectic Euler; nobody leaves the box or enters an obstacle. The body's own up axis follows the turn.

    back and all that comes out are in the order of the agents' numbers, `order` (N,) leads there; leaning: the share of
    the way to a new bank that is made in this step.
    """
    for k in range(position.shape[0]):
        n = order[k]
        own = row3(velocity, k)
        wanted = own + dt * row3(acceleration, k)
        new = wanted.normalized(TINY) * ti.min(ti.max(wanted.norm(), SLOWEST * speed), FASTEST * speed)
        place = row3(position, k) + dt * new
        if obstacles != 0:
            near = distance_and_slope(distance, cell, place)
            if near[0] < half_size:
                outward = vec3(near[1], near[2], near[3]).normalized(TINY)
                inward = ti.min(new.dot(outward), 0.0)
                place += (half_size - near[0]) * outward
                new -= inward * outward
        for d in ti.static(range(3)):
            if place[d] < 0.0:
                place[d], new[d] = 0.0, ti.abs(new[d])
            if place[d] > box[d]:
                place[d], new[d] = box[d], -ti.abs(new[d])
        direction = new.normalized(TINY)
        # a coordinated turn: the resulting force points through the body's belly
        force = (new - own) / dt + GRAVITY * up_axis(up)
        lift = (force - force.dot(direction) * direction).normalized(TINY)
        before = row3(back, n)
        between = before + leaning * (lift - before)
        axis = (between - between.dot(direction) * direction).normalized(TINY)
        for d in ti.static(range(3)):
            new_position[n, d] = place[d]
            new_velocity[n, d] = new[d]
            new_back[n, d] = axis[d]
