"""A flock of birds, or a swarm of fish: boids in a box, with goals, predators and obstacles.

    from simcraft.sim.agents import flock

    recording = flock.simulate(flock.Flock(count=300, seed=7), frames=72)

The rules are those of Reynolds ("Flocks, Herds, and Schools: A Distributed Behavioral Model", SIGGRAPH 1987), and
weights are in units of speed² / radius, the acceleration that turns an agent round within the distance it can see.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from simcraft.errors import UserError
from simcraft.recording import Recording
from simcraft.sim.agents.bodies import BUILT_IN, Model, Paint, gather_agents
from simcraft.sim.agents.distance import DistanceField
from simcraft.sim.agents.spreading import spread_points
from simcraft.sim.solver import Snapshot, Solver, record

SHAPE = (1.7, 1.25, 0.5)
"""Of a ball with as many agents: the half axes of a flock that starts together. It is flat, and longer than wide."""
Points = Callable[[float], np.ndarray]
"""Time in seconds -> rows in the frame of the box."""


def _nothing(columns: int) -> Points:
    rows = np.zeros((0, columns))
    return lambda time: rows


@dataclass(frozen=True)
class Flock:
    """What flies, and where."""

    box: tuple[float, float, float] = (24.0, 24.0, 12.0)
    """Metres along x, y, z; agents stay in it. Its lowest corner is the origin."""
    count: int = 200
    size: float = 0.6
    """Metres; a bird's wing span."""
    speed: float = 6.0
    """Cruising speed, metres a second."""
    separation: float = 0.3
    alignment: float = 4.0
    cohesion: float = 1.5
    wander: float = 0.6
    """Weight of whims: gentle, changing wishes that neighbours share. They keep a flock from being a ball."""
    radius: float = 1.5
    """Metres that an agent sees its neighbours at."""
    clearance: float = 2.0
    """Metres at which sides of the box and obstacles turn agents away."""
    beat: float = 4.0
    """Wing beats a second."""
    start: str = "together"
    """"together" in one flock that comes from the low end of x and flies along it, or "scattered": all over the box, in
    all directions."""
    warm_up: float = 0.0
    """Seconds before the first frame that the simulation starts."""
    seed: int = 0
    goals: Points = field(default_factory=lambda: _nothing(4))
    """(G, 4): place, and weight; each agent flies to the nearest one."""
    predators: Points = field(default_factory=lambda: _nothing(5))
    """(P, 5): place, weight, and the distance in metres within which agents flee it."""
    obstacles: Callable[[float], DistanceField] | None = None
    """Distance to everything solid, in the frame of the box, over time."""
    box_to_world: np.ndarray = field(default_factory=lambda: np.eye(4))
    """(4, 4), rigid: where the box stands in the world."""


@dataclass(frozen=True)
class FlockState:
    """N agents in the frame of the box."""

    time: float
    position: np.ndarray
    """(N, 3) float64, metres."""
    velocity: np.ndarray
    """(N, 3) float64, metres a second; also the direction that the body points in."""
    back: np.ndarray
    """(N, 3) float64: unit vector out of the back; it leans into turns."""
    phase: np.ndarray
    """(N,) float64, radians: where in its cycle the wing beat is."""
    tempo: np.ndarray
    """(N,) float64: each agent's own wing beats a second."""


def solver(
    flock: Flock, *, model: Model | None = None, name: str = "flock", paint: Paint = BUILT_IN
) -> Solver[FlockState]:
    """The simulation of `flock`.

    Parameters
    ----------
    model: what an agent looks like; by default the built-in bird.
    name: of the bodies that come out.
    paint: how its materials follow those of the recording that it is added to.

    Raises `UserError` where the numbers make no sense or the box has no room.
    """
    from simcraft.sim.agents.meshes import bird

    _check(flock)
    looks = model or bird(flock.size)
    rotation = np.asarray(flock.box_to_world)[:3, :3]
    corners = np.array(np.meshgrid(*((0, x) for x in flock.box))).reshape(3, -1).T
    placed = corners @ rotation.T + flock.box_to_world[:3, 3]
    # the beat must be seen too: eight steps of each
    longest = min(stable_step(flock), 0.125 / max(flock.beat, 1e-9))
    return Solver(
        name=name,
        init=lambda: initial_state(flock),
        step=lambda state, dt: step(flock, state, dt),
        stable_step=lambda state: longest,
        measure=_measure,
        capture=_capture,
        gather=lambda snapshots: gather_agents(snapshots, looks, name, "flock", flock.box_to_world, paint),
        bounds=np.stack([placed.min(0), placed.max(0)]),
        fix="Lower the flock's weights or its speed.",
    )


def simulate(flock: Flock, frames: int = 48, fps: float = 24.0, **options: Any) -> Recording:
    """Record `frames` frames of `flock`; `options` are those of `simcraft.sim.solver.record`."""
    return record(solver(flock), frames, fps, warm_up=flock.warm_up, seed=flock.seed, **options)


def initial_state(flock: Flock) -> FlockState:
    """The flock at the start of the warm-up. Raises `UserError` where there is no room for it."""
    random = np.random.default_rng(flock.seed)
    position = _starting_places(flock, random)
    direction = random.normal(size=(flock.count, 3))
    if flock.start == "together":
        direction = np.array([1.0, 0, 0]) + 0.15 * direction
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    up = np.asarray(flock.box_to_world)[2, :3]
    back = up - (direction @ up)[:, None] * direction + 1e-9
    return FlockState(
        time=-flock.warm_up,
        position=position,
        velocity=flock.speed * direction,
        back=back / np.linalg.norm(back, axis=1, keepdims=True),
        phase=random.uniform(0, 2 * np.pi, flock.count),
        tempo=flock.beat * random.uniform(0.85, 1.15, flock.count),
    )


def step(flock: Flock, state: FlockState, dt: float) -> FlockState:
    """The flock `dt` seconds later: look around, steer, move."""
    from simcraft.sim.agents import flock_kernels as kernels

    order, position, velocity, acceleration, _ = _look_around(flock, state)
    field = flock.obstacles(state.time) if flock.obstacles else DistanceField.nothing()
    box, up = np.array(flock.box, np.float64), np.ascontiguousarray(flock.box_to_world[2, :3], np.float64)
    solid = (field.values, field.cell, int(flock.obstacles is not None))
    kernels.surroundings(
        position, velocity, box, up, flock.radius, flock.speed, flock.clearance,
        flock.goals(state.time), flock.predators(state.time), whims(flock, state.time), *solid, acceleration,
    )  # fmt: skip
    moved, flown, back = (np.empty_like(position) for _ in range(3))
    leaning = 1 - float(np.exp(-dt / kernels.BANKING_TIME))
    kernels.move(
        position, velocity, acceleration, state.back, order, dt, leaning, box, up, flock.speed, flock.size / 2,
        *solid, moved, flown, back,
    )  # fmt: skip
    phase = np.mod(state.phase + 2 * np.pi * state.tempo * dt, 2 * np.pi)
    return FlockState(state.time + dt, moved, flown, back, phase, state.tempo)


def local_alignment(flock: Flock, state: FlockState) -> float:
    """The mean over agents of the cosine between an agent's velocity and the mean velocity of its neighbours.

    1 where all fly as their neighbours do; NaN where nobody has a neighbour. The flock as a whole may still turn.
    """
    agreement = _look_around(flock, state)[-1]
    return float(np.nanmean(agreement)) if np.isfinite(agreement).any() else float("nan")


def acceleration_by_neighbours(flock: Flock, state: FlockState) -> np.ndarray:
    """(N, 3) m/s²: what separation, alignment and cohesion ask of each agent."""
    order, *_, acceleration, _ = _look_around(flock, state)
    result = np.empty_like(acceleration)
    result[order] = acceleration
    return result


def stable_step(flock: Flock) -> float:
    """Seconds: half the time in which the strongest of the rules brings velocities together."""
    rate = (1 + flock.separation + flock.alignment + flock.cohesion) * flock.speed / flock.radius
    return min(0.5 / rate, 0.2 * min(flock.radius, flock.clearance) / flock.speed)


def _look_around(flock: Flock, state: FlockState) -> tuple[np.ndarray, ...]:
    """Order, positions and velocities in it, acceleration by the neighbours, and agreement with them."""
    from simcraft.sim.agents.cells import cells_over, sort_by_cell
    from simcraft.sim.agents.flock_kernels import neighbours

    cells = cells_over(np.zeros(3), np.array(flock.box), flock.radius)
    sorted_ = sort_by_cell(cells, state.position)
    position, velocity = state.position[sorted_.order], state.velocity[sorted_.order]
    acceleration, agreement = np.empty_like(position), np.empty(len(position))
    neighbours(
        position, velocity, sorted_.starts, cells.low, cells.size, cells.shape, flock.radius, flock.speed,
        flock.separation, flock.alignment, flock.cohesion, acceleration, agreement,
    )  # fmt: skip
    return sorted_.order, position, velocity, acceleration, agreement


def whims(flock: Flock, time: float) -> np.ndarray:
    """(4, 7): waves of acceleration in units of speed² / radius: wave vector (1/m), phase, amplitude across it.

    Each is some flock radii long and changes within seconds; across, so that it turns agents and does not press them.
    """
    random = np.random.default_rng([flock.seed, 1])
    direction, other = random.normal(size=(2, 4, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    across = np.cross(direction, other)
    across *= flock.wander / np.sqrt(4) / np.linalg.norm(across, axis=1, keepdims=True)
    length = flock.radius * random.uniform(6, 14, (4, 1))
    period = length[:, 0] / flock.speed * random.uniform(0.7, 1.5, 4)
    phase = 2 * np.pi * (time / period + random.random(4))
    return np.column_stack([2 * np.pi / length * direction, phase, across])


def _starting_places(flock: Flock, random: np.random.Generator) -> np.ndarray:
    """(count, 3), evenly spread over the box, or as one flock at its low x end; not in obstacles."""
    box = np.array(flock.box)
    margin = np.minimum(0.5 * flock.clearance, 0.25 * box)
    middle, reach = box / 2, box / 2 - margin
    if flock.start == "together":
        spacing = max(0.7 * flock.radius, flock.size)
        reach = np.minimum(reach, np.array(SHAPE) * (flock.count * spacing**3 * 3 / (4 * np.pi)) ** (1 / 3))
        middle[0] = margin[0] + reach[0]
    for candidates in (4 * flock.count, 64 * flock.count):
        unit = 2 * spread_points(candidates, 3, random) - 1
        if flock.start == "together":
            unit = unit[(unit**2).sum(1) < 1]
        places = middle + unit * reach
        if flock.obstacles is not None:
            places = places[flock.obstacles(-flock.warm_up).at(places) > flock.size]
        if len(places) >= flock.count:
            return np.ascontiguousarray(places[: flock.count])
    raise UserError(
        f"The flock's box has no room for {flock.count} agents between its obstacles.", "Make the box larger."
    )


def _measure(state: FlockState) -> Mapping[str, float]:
    speed = np.linalg.norm(state.velocity, axis=1)
    return {"agents": float(len(speed)), "speed m/s": float(speed.mean())}


def _capture(state: FlockState) -> Snapshot:
    # a glide on the way down, strong beats on the way up
    climb = state.velocity[:, 2] / np.linalg.norm(state.velocity, axis=1)
    return {
        "id": np.arange(len(state.position)),
        "position": state.position,
        "forward": state.velocity,
        "up": state.back,
        "phase": state.phase,
        "effort": np.clip(0.7 + 2.0 * climb, 0.15, 1.0),
    }


def _check(flock: Flock) -> None:
    sizes = {"count": flock.count, "size": flock.size, "speed": flock.speed, "radius": flock.radius}
    for name, value in {**sizes, "clearance": flock.clearance, "box": min(flock.box)}.items():
        if not 0 < value < 1e9:
            raise UserError(f"The flock's {name} is {value}; expected a positive number.")
    if flock.start not in ("together", "scattered"):
        raise UserError(f"The flock's start is '{flock.start}'; expected 'together' or 'scattered'.")
