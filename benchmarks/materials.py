"""Speed of the material point method: particles moved a second, for each material in 2D and 3D.

    python -m benchmarks.materials [--quick] [--json PATH]

A block of material falls, lands and spreads in a domain with gravity and a floor; a step is everything that the solver
does (stress, both transfers, yield, sorting, a fresh state), and is bitwise repeatable. Beside it, in the same run and
from the same states: the same step in plain numpy (`tests/sim/mpm/reference.py`, one step), and for jelly the step of
Taichi's own example mpm99 carried over to this solver's arrays (atomic additions in no particular order, a singular
value decomposition, everything in place), which differs from run to run. CPU seconds, summed over all threads, hold
when other processes share the machine.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks import measuring
from benchmarks.mpm_atomics import atomic_stepper
from simcraft.sim.mpm.obstacles import no_obstacles
from simcraft.sim.mpm.seeding import fill_box
from simcraft.sim.mpm.state import Domain, MaterialState
from simcraft.sim.mpm.step import Setup, rest_state, stable_step, step
from simcraft.sim.mpm.substances import LAWS, substance
from tests.sim.mpm.reference import numpy_step


@dataclass(frozen=True)
class Row:
    """One material; millions of particles a second, by the wall clock and for each CPU second."""

    dimension: int
    law: str
    particles: int
    wall: float
    cpu: float
    numpy_wall: float
    atomics_wall: float | None
    atomics_cpu: float | None

    @property
    def ratio(self) -> float:
        return self.wall / self.numpy_wall


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer particles and steps")
    parser.add_argument("--json", type=Path, help="write the numbers to this file too")
    options = parser.parse_args()
    sizes, steps = ({2: 96, 3: 28}, 40) if options.quick else ({2: 256, 3: 64}, 200)
    rows = [compare(dimension, cells, law, steps) for dimension, cells in sizes.items() for law in LAWS]
    machine = measuring.machine()
    print(report(rows, machine))
    if options.json:
        numbers = [asdict(row) | {"ratio": row.ratio} for row in rows]
        options.json.write_text(json.dumps({"machine": machine, "materials": numbers}, indent=1))


def block(dimension: int, cells: int, law: str) -> tuple[Setup, MaterialState]:
    """A block of half the domain's height, a cell above the floor."""
    domain = Domain((cells,) * dimension, 1.0 / cells, (0.0,) * (dimension - 1) + (-9.81,))
    low, high = np.full(dimension, 0.25), np.full(dimension, 0.75)
    low[-1], high[-1] = 1 / cells, 0.5
    position = fill_box(domain, low, high, np.random.default_rng(0))
    setup = Setup(domain, (substance(law, 0.5),), no_obstacles(dimension))
    return setup, rest_state(setup, position, np.zeros_like(position), np.zeros(len(position)))


def compare(dimension: int, cells: int, law: str, steps: int) -> Row:
    """The solver and its peers on the same states, one after the other."""
    setup, state = block(dimension, cells, law)
    for _ in range(5):  # compiles, and gets it moving
        state = step(setup, state, stable_step(setup, state))
    count = len(state.position)
    numpy_seconds, _ = measuring.measure(lambda: numpy_step(setup, state, stable_step(setup, state)))
    atomics: tuple[float | None, float | None] = (None, None)
    if law == "jelly":
        atomic_step = atomic_stepper(setup, state)
        atomic_step(stable_step(setup, state))
        atomics = rates(count, lambda: atomic_step(stable_step(setup, state)), steps // 2)
    states = [state]

    def once() -> None:
        latest = states.pop()
        states.append(step(setup, latest, stable_step(setup, latest)))

    wall, cpu = rates(count, once, steps)
    return Row(dimension, law, count, wall, cpu, count / numpy_seconds / 1e6, *atomics)


def rates(count: int, once: Callable[[], None], steps: int) -> tuple[float, float]:
    """Millions of particles a second of wall clock and of CPU time: of the median of ten stretches of steps."""

    def stretch() -> None:
        for _ in range(steps // 10):
            once()

    stretches = np.array([measuring.measure(stretch) for _ in range(10)])
    wall, cpu = np.median(stretches, axis=0)
    moved = count * (steps // 10) / 1e6
    return float(moved / wall), float(moved / cpu)


def report(rows: list[Row], machine: str) -> str:
    """The table."""
    head = (
        "| | material | particles | M/s | M/CPU s | numpy M/s | times numpy | atomics M/s (M/CPU s) |\n"
        "| --- | --- | --- | --- | --- | --- | --- | --- |"
    )
    lines = []
    for r in rows:
        atomics = "" if r.atomics_wall is None else f"{r.atomics_wall:.2f} ({r.atomics_cpu:.2f})"
        lines.append(
            f"| {r.dimension}D | {r.law} | {r.particles:,} | {r.wall:.2f} | {r.cpu:.2f} | {r.numpy_wall:.3f} "
            f"| {r.ratio:.0f} | {atomics} |"
        )
    return "\n".join([head, *lines, "", f"Millions of particles moved a second; {machine}."])


if __name__ == "__main__":
    main()
