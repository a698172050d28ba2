"""Speed of agents: flocks against scipy's k-d tree and against agents as objects, crowds and traffic by themselves.

    python -m benchmarks.agents [--quick] [--json PATH]

Flocks: the same boids from the same start, about 16 neighbours each. "scipy" is the best that numpy and scipy do: one
`cKDTree.query_pairs` and sparse matrices; its velocities are compared with ours before anything is timed. "objects" is
agentpy's boids example: a Python object an agent, one k-d tree query and a few small numpy sums each. Where agentpy is
installed its own `Space` and `AgentList` carry it, else a stand-in that does the same calls on plain lists; the table
says which. Our step is the whole one, with box, whims, banking and wing beats. Medians, milliseconds a step; CPU time,
summed over all threads, in brackets.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

from benchmarks import measuring
from simcraft.sim.agents import crowd, flock, traffic

NEIGHBOURS = 16
PEOPLE_PER_SQUARE_METRE = 0.5
OBJECTS = 10_000
"""Agents as objects: their time a step grows in proportion to them, ours has a part that does not."""


@dataclass(frozen=True)
class Row:
    """One measurement."""

    what: str
    agents: int
    ours: tuple[float, float]
    """Milliseconds a step, by the wall clock and of CPU."""
    peer: str = ""
    theirs: tuple[float, float] = (0.0, 0.0)
    """The same of the peer."""

    @property
    def ratio(self) -> float:
        return self.theirs[0] / self.ours[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small numbers only")
    parser.add_argument("--json", type=Path, help="write the numbers to this file too")
    options = parser.parse_args()
    counts = (1_000, 10_000) if options.quick else (1_000, 10_000, 100_000)
    rows = [against_scipy(count) for count in counts]
    rows.append(against_objects(1_000 if options.quick else OBJECTS))
    rows += [time_crowd(10_000 if options.quick else 100_000), time_traffic(200 if options.quick else 2_000)]
    machine = measuring.machine()
    print(report(rows, machine))
    if options.json:
        numbers = [asdict(row) | {"ratio": row.ratio} for row in rows]
        options.json.write_text(json.dumps({"machine": machine, "agents": numbers}, indent=1))


def against_scipy(count: int) -> Row:
    """Flocks of `count` with the same rules."""
    config, state = settled_flock(count)
    ours = flock.acceleration_by_neighbours(config, state)
    np.testing.assert_allclose(scipy_acceleration(config, state), ours, atol=1e-4 * np.abs(ours).max())
    dt = flock.stable_step(config)
    theirs = median(lambda: scipy_step(config, state, dt), 7)
    return Row("flock", count, median(lambda: flock.step(config, state, dt), 15), "scipy cKDTree", theirs)


def against_objects(count: int) -> Row:
    """A flock whose agents are Python objects."""
    config, state = settled_flock(count)
    name, step = object_flock(config, state)
    ours = median(lambda: flock.step(config, state, flock.stable_step(config)), 15)
    return Row("flock", count, ours, name, median(step, 2))


def settled_flock(count: int) -> tuple[flock.Flock, flock.FlockState]:
    """A flock after a few steps, with `NEIGHBOURS` neighbours each."""
    config = flock.Flock(count=count, start="scattered", seed=1)
    side = (count * 4 / 3 * np.pi * config.radius**3 / NEIGHBOURS) ** (1 / 3) + config.clearance
    config = flock.Flock((side, side, side), count, start="scattered", seed=1)
    state = flock.initial_state(config)
    for _ in range(10):
        state = flock.step(config, state, flock.stable_step(config))
    return config, state


def scipy_acceleration(config: flock.Flock, state: flock.FlockState) -> np.ndarray:
    """(N, 3): what neighbours ask for, by sparse matrices over the pairs that a k-d tree finds."""
    from simcraft.sim.agents.flock_kernels import SOCIAL_LIMIT

    x, v = state.position, state.velocity
    pairs = cKDTree(x).query_pairs(config.radius, output_type="ndarray")
    row, column = np.concatenate([pairs[:, 0], pairs[:, 1]]), np.concatenate([pairs[:, 1], pairs[:, 0]])
    distance = np.linalg.norm(x[pairs[:, 0]] - x[pairs[:, 1]], axis=1)
    near = sparse.csr_matrix((np.ones(len(row)), (row, column)), (len(x), len(x)))
    push = np.tile((config.radius / distance - 1) / distance, 2)
    apart = sparse.csr_matrix((push, (row, column)), (len(x), len(x)))
    count = np.maximum(np.asarray(near.sum(1)), 1)
    some = np.asarray(near.sum(1)) > 0
    wish = config.separation * (np.asarray(apart.sum(1)) * x - apart @ x)
    wish += config.alignment * (near @ v / count - v) / config.speed * some
    wish += config.cohesion * (near @ x / count - x) / config.radius * some
    length = np.linalg.norm(wish, axis=1, keepdims=True)
    return wish * np.minimum(1, SOCIAL_LIMIT / np.maximum(length, 1e-30)) * config.speed**2 / config.radius


def scipy_step(config: flock.Flock, state: flock.FlockState, dt: float) -> tuple[np.ndarray, np.ndarray]:
    """New positions and velocities: the neighbours' rules, a speed within limits, and the box."""
    velocity = state.velocity + dt * scipy_acceleration(config, state)
    speed = np.linalg.norm(velocity, axis=1, keepdims=True)
    velocity *= np.clip(speed, 0.6 * config.speed, 1.6 * config.speed) / speed
    return np.clip(state.position + dt * velocity, 0, config.box), velocity


def object_flock(config: flock.Flock, state: flock.FlockState) -> tuple[str, Callable[[], None]]:
    """The name of what carries the objects, and one step of all of them."""
    if importlib.util.find_spec("agentpy"):
        return "agentpy", agentpy_step(config, state)
    space = PlainSpace(state)
    boids = [PlainBoid(n, v.copy()) for n, v in enumerate(state.velocity)]

    def step() -> None:
        for boid in boids:
            boid.velocity = steered(boid.velocity, space.positions[boid.number], space.neighbours, boid, config)
        for boid in boids:
            space.move(boid, np.clip(space.positions[boid.number] + boid.velocity * 0.02, 0, config.box))
        space.forget_tree()
        space.tree(boids)

    space.tree(boids)
    return "objects (agentpy is not installed)", step


def steered(
    velocity: np.ndarray,
    position: np.ndarray,
    neighbours: Callable[[Any, float], list[Any]],
    boid: Any,
    config: flock.Flock,
) -> np.ndarray:
    """The four rules of agentpy's example for one boid: cohesion, separation (nearer), alignment, walls."""
    near = neighbours(boid, config.radius)
    change = np.zeros(3)
    if near:
        change += (np.sum(np.array([b.place for b in near]), 0) / len(near) - position) * 0.005
        change += (np.sum(np.array([b.velocity for b in near]), 0) / len(near) - velocity) * 0.3
    for other in neighbours(boid, config.radius / 3):
        change -= (other.place - position) * 0.1
    for axis in range(3):
        if position[axis] < config.clearance:
            change[axis] += 0.5
        elif position[axis] > config.box[axis] - config.clearance:
            change[axis] -= 0.5
    new = velocity + change
    return new / np.linalg.norm(new) * config.speed


class PlainBoid:
    """An agent as an object."""

    def __init__(self, number: int, velocity: np.ndarray) -> None:
        self.number, self.velocity = number, velocity
        self.place = np.zeros(3)


class PlainSpace:
    """What agentpy's `Space` does: positions by agent, and a k-d tree that is rebuilt after agents have moved."""

    def __init__(self, state: flock.FlockState) -> None:
        self.positions = dict(enumerate(state.position.copy()))
        self._tree: Any = None
        self._boids: list[PlainBoid] = []

    def tree(self, boids: list[PlainBoid]) -> None:
        self._boids = boids
        for boid in boids:
            boid.place = self.positions[boid.number]
        self._tree = cKDTree([self.positions[b.number] for b in boids])

    def forget_tree(self) -> None:
        self._tree = None

    def neighbours(self, boid: PlainBoid, distance: float) -> list[PlainBoid]:
        found = [self._boids[n] for n in self._tree.query_ball_point(self.positions[boid.number], distance)]
        found.remove(boid)
        return found

    def move(self, boid: PlainBoid, place: np.ndarray) -> None:
        self.positions[boid.number][...] = place


def agentpy_step(config: flock.Flock, state: flock.FlockState) -> Callable[[], None]:
    """One step of a model of agentpy's."""
    import agentpy  # type: ignore[import-not-found, unused-ignore]

    class Boid(agentpy.Agent):  # type: ignore[misc, unused-ignore]
        def begin(self, space: Any, velocity: np.ndarray) -> None:
            self.space, self.place, self.velocity = space, space.positions[self], velocity

        def steer(self) -> None:
            near = lambda boid, distance: list(self.space.neighbors(boid, distance))  # noqa: E731
            self.velocity = steered(self.velocity, self.place, near, self, config)

        def fly(self) -> None:
            self.space.move_to(self, np.clip(self.place + self.velocity * 0.02, 0, config.box))

    model = agentpy.Model()
    space = agentpy.Space(model, shape=config.box)
    boids = agentpy.AgentList(model, len(state.position), Boid)
    space.add_agents(boids, positions=list(state.position.copy()))
    for boid, velocity in zip(boids, state.velocity, strict=True):
        boid.begin(space, velocity.copy())

    def step() -> None:
        boids.steer()
        boids.fly()

    return step


def time_crowd(count: int) -> Row:
    """A crowd in two streams on an open place."""
    side = (count / PEOPLE_PER_SQUARE_METRE) ** 0.5
    config = crowd.Crowd((side, side), count, seed=1)
    place = crowd.place_of(config)
    state, dt = crowd.initial_state(config, place), crowd.stable_step(config)
    for _ in range(10):
        state = crowd.step(config, place, state, dt)
    return Row("crowd", count, median(lambda: crowd.step(config, place, state, dt), 15))


def time_traffic(count: int) -> Row:
    """Cars on four lanes of a ring."""
    from simcraft.sim.agents.meshes import car

    angle = np.linspace(0, 2 * np.pi, 400)
    circle = np.column_stack([np.cos(angle), np.sin(angle), 0 * angle])
    radius = count * 25 / 4 / (2 * np.pi)
    config = traffic.Traffic(tuple((radius + 3.5 * n) * circle for n in range(4)), count, seed=1)
    road = traffic.road_of(config, car())
    state = traffic.initial_state(config, road)
    for _ in range(10):
        state = traffic.step(config, road, state, 0.05)
    return Row("traffic", count, median(lambda: traffic.step(config, road, state, 0.05), 15))


def median(work: Callable[[], object], times: int) -> tuple[float, float]:
    """Milliseconds of one call, by the wall clock and of CPU."""
    spent = []
    for _ in range(times):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        spent.append((1e3 * (time.perf_counter() - wall), 1e3 * (time.process_time() - cpu)))
    wall, cpu = np.median(spent, axis=0)
    return float(wall), float(cpu)


def report(rows: list[Row], machine: str) -> str:
    """The table."""
    lines = [
        "| what | agents | ours ms (CPU) | peer | peer ms (CPU) | ratio |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for r in rows:
        ours, theirs = (f"{wall:.2f} ({cpu:.2f})" for wall, cpu in (r.ours, r.theirs))
        beside = f"{r.peer} | {theirs} | {r.ratio:.1f}" if r.peer else "- | - | -"
        lines.append(f"| {r.what} | {r.agents:,} | {ours} | {beside} |")
    return "\n".join([*lines, "", f"Milliseconds a step, medians; {machine}."])


if __name__ == "__main__":
    main()
