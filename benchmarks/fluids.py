"""Speed of the quick fluid solvers against PhiFlow with numpy, in the same run.

    python -m benchmarks.fluids [--quick] [--json PATH]

Smoke with an inflow rises past a ball. Both solvers take the same steps from the same states, one after the other, in
the same process, and every number is the median over them; the first steps, in which kernels are compiled, do not
count. CPU seconds, summed over all threads, are given beside the wall clock, because they hold when other processes
share the machine. The second table, of liquids, is that of `benchmarks.fluid_liquid`.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks import fluid_liquid, measuring
from simcraft.sim.fluid import smoke
from simcraft.sim.fluid.boundary import Obstacle
from simcraft.sim.fluid.shapes import ball

SMOKE = (((64, 64), 8), ((128, 128), 8), ((64, 64, 64), 3))
SMOKE_QUICK = (((48, 48), 3), ((20, 20, 20), 3))
"""Cells, and how many steps are timed."""
UNTIMED = 2
"""Steps before the timed ones."""


@dataclass(frozen=True)
class Row:
    """One scene; milliseconds a step."""

    name: str
    quick_wall: float
    quick_cpu: float
    reference_wall: float
    reference_cpu: float
    difference: float
    """Between the two after the timed steps: largest difference of the velocities, as a share of the largest speed."""

    @property
    def ratio_wall(self) -> float:
        return self.reference_wall / self.quick_wall

    @property
    def ratio_cpu(self) -> float:
        return self.reference_cpu / self.quick_cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small grids and few steps only")
    parser.add_argument("--json", type=Path, help="write the numbers to this file too")
    options = parser.parse_args()
    rows = [time_smoke(cells, steps) for cells, steps in (SMOKE_QUICK if options.quick else SMOKE)]
    liquid = fluid_liquid.rows(options.quick)
    machine = measuring.machine()
    print(report(rows), fluid_liquid.report(liquid), f"Milliseconds a step; {machine}.", sep="\n\n")
    if options.json:
        numbers = [asdict(row) | {"ratio_wall": row.ratio_wall, "ratio_cpu": row.ratio_cpu} for row in rows]
        poured = [asdict(row) | {"ratio": row.ratio} for row in liquid]
        options.json.write_text(json.dumps({"machine": machine, "smoke": numbers, "liquid": poured}, indent=1))


def plume(cells: tuple[int, ...]) -> smoke.SmokeConfig:
    """An inflow below a ball, in a box one metre wide that is open but for its floor."""
    grid = smoke.Grid(cells, 1 / cells[0])
    middle = (0.5,) * (len(cells) - 1)
    source = smoke.Inflow(ball(grid, (*middle, 0.15), 0.1), variation=0.3)
    return smoke.SmokeConfig(grid, (source,), Obstacle(ball(grid, (*middle, 0.55), 0.15)))


def time_smoke(cells: tuple[int, ...], steps: int) -> Row:
    """Both solvers from the same state, step by step."""
    quick = plume(cells)
    reference = replace(quick, solver="phiflow")
    state = smoke.init(quick)
    for _ in range(10):
        state = smoke.step(quick, state, stable(quick, state))
    other = state
    times = []
    for _ in range(UNTIMED + steps):
        dt = stable(quick, state)
        ours, state = measure(lambda s=state, dt=dt: smoke.step(quick, s, dt))  # type: ignore[misc]
        theirs, other = measure(lambda s=other, dt=dt: smoke.step(reference, s, dt))  # type: ignore[misc]
        times.append((*ours, *theirs))
    wall, cpu, reference_wall, reference_cpu = (float(t) for t in 1e3 * np.median(times[UNTIMED:], axis=0))
    apart = max(float(np.abs(a - b).max()) for a, b in zip(state.velocity, other.velocity, strict=True))
    speed = max(float(np.abs(a).max()) for a in other.velocity)
    name = f"smoke {' x '.join(map(str, cells))}"
    return Row(name, wall, cpu, reference_wall, reference_cpu, apart / speed)


def stable(config: smoke.SmokeConfig, state: smoke.SmokeState) -> float:
    return min(1 / 24, smoke.stable_step(config, state))


def measure(
    work: Callable[[], smoke.SmokeState],
) -> tuple[tuple[float, float], smoke.SmokeState]:
    """(wall, CPU) seconds of one call, and what it returns."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    return (time.perf_counter() - wall, time.process_time() - cpu), result


def report(rows: list[Row]) -> str:
    """The table."""
    head = (
        "| scene | Taichi ms (CPU) | PhiFlow numpy ms (CPU) | ratio wall | ratio CPU | apart |\n"
        "| --- | --- | --- | --- | --- | --- |"
    )
    lines = [
        f"| {r.name} | {r.quick_wall:.1f} ({r.quick_cpu:.1f}) | {r.reference_wall:.0f} ({r.reference_cpu:.0f}) "
        f"| {r.ratio_wall:.1f} | {r.ratio_cpu:.1f} | {r.difference:.1e} |"
        for r in rows
    ]
    return "\n".join([head, *lines])


if __name__ == "__main__":
    main()
