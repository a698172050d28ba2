# mypy: disable-error-code="valid-type, index, attr-defined, operator"
"""Taichi kernels of the crowd: what people want, what they do to each other, and a step on which nobody collides.

All are in the frame of the floor, metres and seconds. Positions and velocities come sorted by cell (`cells.Sorted`),
all else by the person's number, to which `order` leads. Nothing here checks bounds: sizes are made by who calls.

Write no `x = f(x)` for a vector here: Taichi 1.7.4 overwrites x while f still reads it.
"""

from simcraft.sim.agents.cells import Array, clamped_cell
from simcraft.taichi_runtime import ti

vec2 = ti.types.vector(2, ti.f64)

RELAXATION = 0.5
"""Seconds in which a person takes up its own pace."""
POTENTIAL = 1.17
"""Of speed²: the repulsion by others, 2.1 m²/s² for 1.34 m/s."""
RANGE = 1.2
"""Of the radius: how far that repulsion reaches, 0.3 m."""
FORESIGHT = 0.8
"""Seconds that people look ahead."""
BEHIND = 0.2
"""What somebody behind counts, of somebody in front."""
WALL_POTENTIAL, WALL_RANGE = 3.0, 0.8
"""As above, for walls."""
KEEP_RIGHT = 0.12
"""Of the repulsion, to the right: two who meet head on give way to the same side."""
FASTEST = 1.3
"""Of a person's own pace."""
LIMIT = 4.0
"""Of speed / relaxation time: the most acceleration there is."""
TURNING_TIME = 0.25
"""Seconds in which a body turns to where it walks."""
MOST_NEAR = 10
"""People that one may touch next; who has more stands still. Nine fit within reach."""
ROUNDS = 4
"""How often a step is corrected by each constraint before it is shortened."""


@ti.func
def row2(array: ti.template(), n: ti.i32) -> vec2:
    """Row `n` of an array (N, 2)."""
    return vec2(array[n, 0], array[n, 1])


@ti.func
def unit(vector: vec2) -> vec2:
    """`vector` with length 1; (0, 0) stays."""
    return vector / ti.max(vector.norm(), 1e-9)


@ti.func
def wish(
    here: vec2,
    target: vec2,
    goal: ti.i32,
    distance: ti.template(),
    direction: ti.template(),
    cell: ti.f64,
    near: ti.f64,
) -> vec2:
    """The direction to walk in: straight to the target where it is near, or else round the walls."""
    result = unit(target - here)
    if cell > 0:
        x = clamped_cell(here[0], 0.0, cell, distance.shape[1])
        y = clamped_cell(here[1], 0.0, cell, distance.shape[2])
        way = vec2(direction[goal, x, y, 0], direction[goal, x, y, 1])
        if way.norm() > 0.5 and distance[goal, x, y] > near:
            result = way
    return result


@ti.func
def repulsion(offset: vec2, own: vec2, other: vec2, facing: vec2, speed: ti.f64, radius: ti.f64) -> vec2:
    """The elliptical specification: offset = own place - the other's (Johansson, Helbing, Shukla, Advances in Complex
    Systems 10, 2007, equations 7 and 8; anisotropy by equation 4)."""
    reach = RANGE * radius
    step = (other - own) * FORESIGHT
    apart, later = offset.norm(), (offset - step).norm()
    axis = ti.max(0.5 * ti.sqrt(ti.max((apart + later) ** 2 - step.norm_sqr(), 0.0)), 0.5 * radius)
    middle = 0.5 * (unit(offset) + unit(offset - step))
    strength = POTENTIAL * speed * speed / reach * ti.exp(-axis / reach) * (apart + later) / (2.0 * axis)
    seen = BEHIND + (1.0 - BEHIND) * 0.5 * (1.0 - facing.dot(unit(offset)))
    aside = vec2(middle[1], -middle[0]) * (1.0 if facing.dot(middle) < 0 else 0.0)
    # `middle` points at me: its left-hand side is my right
    return strength * seen * (middle - KEEP_RIGHT * aside)


@ti.func
def nearest_on(segments: ti.template(), s: ti.i32, here: vec2) -> vec2:
    """The point of a wall that is nearest."""
    start = vec2(segments[s, 0], segments[s, 1])
    along = vec2(segments[s, 2], segments[s, 3]) - start
    share = (here - start).dot(along) / ti.max(along.norm_sqr(), 1e-12)
    return start + ti.min(ti.max(share, 0.0), 1.0) * along


@ti.kernel
def steer(
    position: Array,
    velocity: Array,
    order: Array,
    pace: Array,
    goal: Array,
    lane: Array,
    lines: Array,
    starts: Array,
    low: Array,
    size: ti.f64,
    shape: Array,
    radius: ti.f64,
    speed: ti.f64,
    segments: Array,
    wall_starts: Array,
    wall_numbers: Array,
    distance: Array,
    direction: Array,
    route_cell: ti.f64,
    acceleration: Array,
):
    """The social force (Helbing and Molnar, Physical Review E 51, 1995): a pull to the goal, repulsion by the rest.

    pace: (N,) preferred speeds; goal: (N,) int32, row of `lines` (G, 4), from x, y to x, y; lane: (N,) where on it the
    person aims at, 0 to 1; route_cell 0: no walls, walk straight.
    """
    for k in range(position.shape[0]):
        here, own, person = row2(position, k), row2(velocity, k), order[k]
        start = vec2(lines[goal[person], 0], lines[goal[person], 1])
        end = vec2(lines[goal[person], 2], lines[goal[person], 3])
        target = start + lane[person] * (end - start)
        facing = wish(here, target, goal[person], distance, direction, route_cell, 6.0 * radius)
        total = (pace[person] * facing - own) / RELAXATION
        cx, cy = clamped_cell(here[0], low[0], size, shape[0]), clamped_cell(here[1], low[1], size, shape[1])
        for y in range(ti.max(cy - 1, 0), ti.min(cy + 2, shape[1])):
            first = starts[shape[0] * y + ti.max(cx - 1, 0)]
            last = starts[shape[0] * y + ti.min(cx + 2, shape[0])]
            for other in range(first, last):
                offset = here - row2(position, other)
                if other != k and offset.norm_sqr() < size * size:
                    total += repulsion(offset, own, row2(velocity, other), facing, speed, radius)
        closest, push = size, vec2(0.0)
        cell = cx + shape[0] * cy
        for n in range(wall_starts[cell], wall_starts[cell + 1]):
            offset = here - nearest_on(segments, wall_numbers[n], here)
            if offset.norm() < closest:
                closest = offset.norm()
                reach = WALL_RANGE * radius
                push = WALL_POTENTIAL * speed * speed / reach * ti.exp(-closest / reach) * unit(offset)
        total += push
        limited = total * ti.min(1.0, LIMIT * speed / RELAXATION / ti.max(total.norm(), 1e-9))
        acceleration[k, 0], acceleration[k, 1] = limited[0], limited[1]


@ti.kernel
def walk(
    position: Array,
    velocity: Array,
    acceleration: Array,
    order: Array,
    pace: Array,
    dt: ti.f64,
    starts: Array,
    low: Array,
    size: ti.f64,
    shape: Array,
    radius: ti.f64,
    segments: Array,
    wall_starts: Array,
    wall_numbers: Array,
    near: Array,
    new_position: Array,
    new_velocity: Array,
):
    """Symplectic Euler, with each step kept within the person's buffered Voronoi cell: half of the way that is free.

    Two who keep to their halves cannot touch, whatever they do (Zhou, Wang, Bandyopadhyay, Schwager, IEEE Robotics and
    Automation Letters 2, 2017); a wall gives all of the way up to it. near: (N, MOST_NEAR) int32, room to work in.
    """
    for k in range(position.shape[0]):
        here, person = row2(position, k), order[k]
        wanted = row2(velocity, k) + dt * row2(acceleration, k)
        new = wanted * ti.min(1.0, FASTEST * pace[person] / ti.max(wanted.norm(), 1e-9))
        cx, cy = clamped_cell(here[0], low[0], size, shape[0]), clamped_cell(here[1], low[1], size, shape[1])
        cell = cx + shape[0] * cy
        # nobody goes farther than half a radius: who is farther than three radii cannot be met
        step = dt * new * ti.min(1.0, 0.5 * radius / ti.max(dt * new.norm(), 1e-9))
        count = 0
        for y in range(ti.max(cy - 1, 0), ti.min(cy + 2, shape[1])):
            first = starts[shape[0] * y + ti.max(cx - 1, 0)]
            last = starts[shape[0] * y + ti.min(cx + 2, shape[0])]
            for other in range(first, last):
                if other != k and (row2(position, other) - here).norm_sqr() < 9.0 * radius * radius:
                    if count < MOST_NEAR:
                        near[k, count] = other
                    count += 1
        for _ in range(ROUNDS):
            for n in range(ti.min(count, MOST_NEAR)):
                offset = row2(position, near[k, n]) - here
                ahead = step.dot(unit(offset)) - 0.5 * (offset.norm() - 2.0 * radius)
                step -= ti.max(ahead, 0.0) * unit(offset)
            for n in range(wall_starts[cell], wall_starts[cell + 1]):
                offset = nearest_on(segments, wall_numbers[n], here) - here
                ahead = step.dot(unit(offset)) - (offset.norm() - radius)
                step -= ti.max(ahead, 0.0) * unit(offset)
        # what is left of a conflict between constraints: a shorter step keeps all of them
        share = ti.cast(1.0 if count <= MOST_NEAR else 0.0, ti.f64)
        for n in range(ti.min(count, MOST_NEAR)):
            offset = row2(position, near[k, n]) - here
            share = ti.min(share, allowed(step.dot(unit(offset)), 0.5 * (offset.norm() - 2.0 * radius)))
        for n in range(wall_starts[cell], wall_starts[cell + 1]):
            offset = nearest_on(segments, wall_numbers[n], here) - here
            share = ti.min(share, allowed(step.dot(unit(offset)), offset.norm() - radius))
        for d in ti.static(range(2)):
            new_position[person, d] = here[d] + share * step[d]
            new_velocity[person, d] = share * step[d] / dt


@ti.func
def allowed(ahead: ti.f64, free: ti.f64) -> ti.f64:
    """The share of a step of length `ahead` that stays within `free` metres."""
    share = ti.cast(1.0, ti.f64)
    if ahead > free and ahead > 0:
        share = ti.max(free, 0.0) / ahead
    return share


@ti.kernel
def stride(
    position: Array,
    velocity: Array,
    heading: Array,
    pace: Array,
    phase: Array,
    goal: Array,
    lines: Array,
    goal_radius: Array,
    dt: ti.f64,
    turning: ti.f64,
    stride_length: ti.f64,
    common_speed: ti.f64,
    new_heading: Array,
    new_phase: Array,
    arrived: Array,
):
    """Turn bodies to where they walk, let legs cover the way, and see who has come to its goal.

    turning: the share of the way to a new heading that is made in this step; stride_length: metres of two steps at
    `common_speed`; goal_radius: (G,); arrived: (N,) uint8, out.
    """
    for n in range(position.shape[0]):
        here, flight, before = row2(position, n), row2(velocity, n), row2(heading, n)
        speed = flight.norm()
        # who hardly moves keeps looking where they looked; an about turn is by the left
        turn = turning * ti.min(speed / (0.3 * pace[n]), 1.0)
        between = before + turn * (unit(flight) - before) + 1e-6 * vec2(-before[1], before[0])
        facing = unit(between)
        new_heading[n, 0], new_heading[n, 1] = facing[0], facing[1]
        length = stride_length * (0.4 + 0.6 * ti.min(speed / common_speed, 1.3))
        turns = phase[n] / (2.0 * ti.math.pi) + speed * dt / length
        new_phase[n] = 2.0 * ti.math.pi * (turns - ti.floor(turns))
        away = (here - nearest_on(lines, goal[n], here)).norm()
        arrived[n] = ti.cast(1 if away <= goal_radius[goal[n]] else 0, ti.u8)
