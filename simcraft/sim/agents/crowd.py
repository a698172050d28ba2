"""A crowd: people who walk to goals, give way to each other, and go round walls.

    from simcraft.sim.agents import crowd

    recording = crowd.simulate(crowd.Crowd(count=80, seed=7), frames=72)

The forces are those of Helbing and Molnar ("Social force model for pedestrian dynamics", Physical Review E 51, 1995);
that nobody overlaps is not left to them but to each step, see `crowd_kernels.walk`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from simcraft.errors import UserError
from simcraft.recording import Recording
from simcraft.sim.agents.bodies import BUILT_IN, Model, Paint, gather_agents
from simcraft.sim.agents.cells import Cells, cells_over, sort_by_cell
from simcraft.sim.agents.routes import Goal, Routes, distance_to_line, plan_routes
from simcraft.sim.agents.walls import Walls, WallsOverTime, no_walls, sample_walls, sorted_walls
from simcraft.sim.solver import Snapshot, Solver, record

SIGHT = 8.0
"""Radii: whoever is farther away is not heeded."""
LONGEST_STEP = 0.05
"""Seconds: a tenth of the time in which people change their pace."""


@dataclass(frozen=True)
class Crowd:
    """Who walks, and where."""

    floor: tuple[float, float] = (16.0, 10.0)
    """Metres along x and y, from the origin; people start there."""
    count: int = 60
    speed: float = 1.34
    """Preferred walking speed, metres a second; each person's own differs a little (by a tenth)."""
    size: float = 1.75
    """Height of a person in metres."""
    radius: float = 0.25
    """Metres: nobody comes nearer to another than two of it, or to a wall than one."""
    leave: bool = False
    """Is who reaches a goal gone? Otherwise the next goal follows, after the last the first."""
    goals: tuple[Goal, ...] = ()
    """By default the two ends of the floor; a single one is completed by the end that is farther away."""
    walls: WallsOverTime = no_walls
    warm_up: float = 0.0
    """Seconds before the first frame that the simulation starts."""
    seed: int = 0
    floor_to_world: np.ndarray = field(default_factory=lambda: np.eye(4))
    """(4, 4), rigid: where the floor lies in the world, its z axis up."""


@dataclass(frozen=True)
class CrowdState:
    """The n people who are there, in the frame of the floor."""

    time: float
    id: np.ndarray
    """(n,) int64: a person keeps it."""
    position: np.ndarray
    """(n, 2) float64, metres."""
    velocity: np.ndarray
    """(n, 2) float64, metres a second."""
    heading: np.ndarray
    """(n, 2) float64, unit vector."""
    goal: np.ndarray
    """(n,) int32, index of the goal that the person walks to."""
    lane: np.ndarray
    """(n,) float64, 0 to 1: where on the goal's line the person aims at."""
    pace: np.ndarray
    """(n,) float64, the person's preferred speed."""
    phase: np.ndarray
    """(n,) float64, radians of the walk: a full turn is two steps."""


@dataclass(frozen=True)
class Place:
    """What a crowd's steps need of its surroundings, made once."""

    goals: tuple[Goal, ...]
    routes: Routes | None
    """None where no wall is in the way."""
    cells: Cells
    """Of the floor: whoever is heeded is in the same or in a neighbouring one."""
    walls: Callable[[float], Walls]
    """Seconds -> the walls at that time, sorted by cell."""


def solver(
    crowd: Crowd, *, model: Model | None = None, name: str = "crowd", paint: Paint = BUILT_IN
) -> Solver[CrowdState]:
    """The simulation of `crowd`.

    Parameters
    ----------
    model: what a person looks like; by default the built-in one.
    name: of the bodies that come out.
    paint: how its materials follow those of the recording that it is added to.

    Raises `UserError` where the numbers make no sense or the floor has no room.
    """
    from simcraft.sim.agents.meshes import person

    _check(crowd)
    looks = model or person(crowd.size)
    place = place_of(crowd)
    corners = np.array(np.meshgrid((0, crowd.floor[0]), (0, crowd.floor[1]), (0, crowd.size))).reshape(3, -1).T
    placed = corners @ np.asarray(crowd.floor_to_world)[:3, :3].T + crowd.floor_to_world[:3, 3]
    return Solver(
        name=name,
        init=lambda: initial_state(crowd, place),
        step=lambda state, dt: step(crowd, place, state, dt),
        stable_step=lambda state: stable_step(crowd),
        measure=_measure,
        capture=lambda state: _capture(crowd, state),
        gather=lambda snapshots: gather_agents(snapshots, looks, name, "crowd", crowd.floor_to_world, paint),
        bounds=np.stack([placed.min(0), placed.max(0)]),
        fix="Lower the walking speed.",
    )


def simulate(crowd: Crowd, frames: int = 48, fps: float = 24.0, **options: Any) -> Recording:
    """Record `frames` frames of `crowd`; `options` are those of `simcraft.sim.solver.record`."""
    return record(solver(crowd), frames, fps, warm_up=crowd.warm_up, seed=crowd.seed, **options)


def stable_step(crowd: Crowd) -> float:
    """Seconds: nobody goes farther than half a radius, and forces change little."""
    return min(LONGEST_STEP, 0.25 * crowd.radius / crowd.speed)


def place_of(crowd: Crowd) -> Place:
    """The goals, with those that go without saying, and the ways to them round the walls of the first moment."""
    goals = crowd.goals or (_end(crowd, 0.0), _end(crowd, 1.0))
    if len(goals) == 1 and not crowd.leave:
        middles = [np.add(end.start, end.end) / 2 for end in (_end(crowd, 0.0), _end(crowd, 1.0))]
        goals = (*goals, _end(crowd, float(np.argmax([distance_to_line(middle, goals[0]) for middle in middles]))))
    segments = crowd.walls(-crowd.warm_up)
    routes = plan_routes(goals, segments, np.array(crowd.floor), 1.3 * crowd.radius) if len(segments) else None
    cells = cells_over(np.zeros(2), np.array(crowd.floor), SIGHT * crowd.radius)
    return Place(goals, routes, cells, sorted_walls(crowd.walls, cells, cells.size))


def initial_state(crowd: Crowd, place: Place) -> CrowdState:
    """The crowd at the start of the warm-up. Raises `UserError` where there is no room for it."""
    random = np.random.default_rng(crowd.seed)
    goal = (np.arange(crowd.count) % len(place.goals)).astype(np.int32)
    position = _starting_places(crowd, place, random)
    lane = random.random(crowd.count)
    pace = crowd.speed * np.clip(random.normal(1, 0.1, crowd.count), 0.7, 1.3)
    heading = _targets(place, goal, lane) - position
    heading /= np.maximum(np.linalg.norm(heading, axis=1, keepdims=True), 1e-9)
    return CrowdState(
        time=-crowd.warm_up,
        id=np.arange(crowd.count),
        position=position,
        velocity=pace[:, None] * heading,
        heading=heading,
        goal=goal,
        lane=lane,
        pace=pace,
        phase=random.uniform(0, 2 * np.pi, crowd.count),
    )


def step(crowd: Crowd, place: Place, state: CrowdState, dt: float) -> CrowdState:
    """The crowd `dt` seconds later: look around, steer, walk, arrive."""
    from simcraft.sim.agents import crowd_kernels as kernels
    from simcraft.sim.agents.meshes import STRIDE

    cells, walls = place.cells, place.walls(state.time)
    sorted_ = sort_by_cell(cells, state.position)
    order, grid = sorted_.order, (sorted_.starts, cells.low, cells.size, cells.shape, crowd.radius)
    position, velocity = state.position[order], state.velocity[order]
    solid = (walls.segments, walls.starts, walls.numbers)
    routes = place.routes or Routes(np.zeros((1, 1, 1)), np.zeros((1, 1, 1, 2)), 0.0)
    lines = np.array([(*g.start, *g.end) for g in place.goals], np.float64)
    acceleration = np.empty_like(position)
    kernels.steer(
        position, velocity, order, state.pace, state.goal, state.lane, lines, *grid, crowd.speed, *solid,
        routes.distance, routes.direction, routes.cell, acceleration,
    )  # fmt: skip
    moved, flown = np.empty_like(position), np.empty_like(position)
    near = np.empty((len(order), kernels.MOST_NEAR), np.int32)
    kernels.walk(position, velocity, acceleration, order, state.pace, dt, *grid, *solid, near, moved, flown)
    heading, phase, arrived = np.empty_like(moved), np.empty_like(state.phase), np.empty(len(order), np.uint8)
    kernels.stride(
        moved, flown, state.heading, state.pace, state.phase, state.goal, lines,
        np.array([g.radius for g in place.goals]), dt, 1 - float(np.exp(-dt / kernels.TURNING_TIME)),
        STRIDE * crowd.size, _common_speed(crowd), heading, phase, arrived,
    )  # fmt: skip
    following = replace(state, time=state.time + dt, position=moved, velocity=flown, heading=heading, phase=phase)
    return _arrive(crowd, place, following, arrived > 0)


def _arrive(crowd: Crowd, place: Place, state: CrowdState, there: np.ndarray) -> CrowdState:
    """Who is `there` (n,), at the goal, walks to the next, or is gone."""
    if not there.any():
        return state
    if not crowd.leave:
        return replace(state, goal=np.where(there, (state.goal + 1) % len(place.goals), state.goal).astype(np.int32))
    rows = ("id", "position", "velocity", "heading", "goal", "lane", "pace", "phase")
    return replace(state, **{name: getattr(state, name)[~there] for name in rows})


def _common_speed(crowd: Crowd) -> float:
    """m/s: how fast people of that height usually walk; legs swing like pendulums (Froude)."""
    return 1.34 * float(np.sqrt(crowd.size / 1.75))


def _targets(place: Place, goal: np.ndarray, lane: np.ndarray) -> np.ndarray:
    """(n, 2): each person's own point on the line of its goal."""
    ends = np.array([(g.start, g.end) for g in place.goals], np.float64)[goal]
    return ends[:, 0] + lane[:, None] * (ends[:, 1] - ends[:, 0])


def _end(crowd: Crowd, side: float) -> Goal:
    """One end of the longer axis of the floor, as a line to walk to."""
    long = int(np.argmax(crowd.floor))
    margin = 2 * crowd.radius
    line = np.empty((2, 2))
    line[:, long] = margin + side * (crowd.floor[long] - 2 * margin)
    line[:, 1 - long] = margin, crowd.floor[1 - long] - margin
    return Goal((line[0, 0], line[0, 1]), (line[1, 0], line[1, 1]), margin)


def _starting_places(crowd: Crowd, place: Place, random: np.random.Generator) -> np.ndarray:
    """(count, 2): a shaken lattice, as wide as the floor allows; where a way leads to the goals, and clear of walls."""
    floor, least = np.array(crowd.floor) - 2 * crowd.radius, 2.1 * crowd.radius
    spacing = float(np.sqrt(np.prod(floor) / crowd.count))
    while spacing > least:
        counts = np.maximum((floor / spacing).astype(int), 1)
        sites = np.stack(np.meshgrid(*(np.arange(n) + 0.5 for n in counts), indexing="ij"), -1).reshape(-1, 2)
        # shaken by less than half of what is free between neighbours
        shake = random.uniform(-0.5, 0.5, sites.shape) * (np.minimum(floor / counts, 3 * least) - least) * 0.9
        sites = crowd.radius + sites * (floor / counts) + np.maximum(shake, 0) + np.minimum(shake, 0)
        sites = sites[_free(crowd, place, sites)]
        if len(sites) >= crowd.count:
            return np.ascontiguousarray(random.permutation(sites)[: crowd.count])
        spacing *= 0.9
    raise UserError(
        f"The floor of {crowd.floor[0]:g} x {crowd.floor[1]:g} m has no room for {crowd.count} people.",
        "Make the domain larger, or lower count or radius.",
    )


def _free(crowd: Crowd, place: Place, sites: np.ndarray) -> np.ndarray:
    """(n,) bool: which `sites` (n, 2) are clear of walls and have a way to every goal."""
    if place.routes is None:
        return np.ones(len(sites), bool)
    from scipy.spatial import cKDTree

    samples = sample_walls(crowd.walls(-crowd.warm_up), 0.5 * crowd.radius)
    clear = cKDTree(samples).query(sites)[0] > 1.2 * crowd.radius
    index = np.clip((sites / place.routes.cell).astype(int), 0, np.array(place.routes.distance.shape[1:]) - 1)
    return clear & np.isfinite(place.routes.distance[:, index[:, 0], index[:, 1]]).all(0)


def _measure(state: CrowdState) -> Mapping[str, float]:
    speed = np.linalg.norm(state.velocity, axis=1)
    return {"people": float(len(speed)), "speed m/s": float(speed.mean()) if len(speed) else 0.0}


def _capture(crowd: Crowd, state: CrowdState) -> Snapshot:
    count = len(state.id)
    speed = np.linalg.norm(state.velocity, axis=1)
    return {
        "id": state.id,
        "position": np.column_stack([state.position, np.zeros(count)]),
        "forward": np.column_stack([state.heading, np.zeros(count)]),
        "up": np.tile([0.0, 0.0, 1.0], (count, 1)),
        "phase": state.phase,
        "swing": np.minimum(speed / _common_speed(crowd), 1.2),
    }


def _check(crowd: Crowd) -> None:
    sizes = {"count": crowd.count, "size": crowd.size, "speed": crowd.speed, "radius": crowd.radius}
    for name, value in {**sizes, "floor": min(crowd.floor)}.items():
        if not 0 < value < 1e9:
            raise UserError(f"The crowd's {name} is {value}; expected a positive number.")
