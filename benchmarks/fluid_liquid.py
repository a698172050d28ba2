"""Speed and quality of the quick liquid against PhiFlow's FLIP on the same scenes, in the same run.

    python -m benchmarks.fluid_liquid [--quick] [--json PATH]

A dam breaks: both solvers make the same steps from the same particles. Milliseconds a step are medians without the
first two steps (compilation, tracing). `benchmarks.fluids` shows the same rows beside those of smoke.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks import measuring
from simcraft.sim.fluid.grid import Grid
from simcraft.sim.fluid.liquid import Emitter, LiquidConfig, LiquidState, liquid_solver, liquid_start, liquid_step

STEPS = 10
"""Over which both are compared."""


@dataclass(frozen=True)
class Row:
    """One scene."""

    scene: str
    particles: int
    quick_ms: float
    """A step of the quick solver."""
    phiflow_ms: float | None
    """A step of PhiFlow; None where it is too slow to wait for."""
    divergence: float
    """Largest that the quick solver leaves in the liquid, in cell units."""
    speed_apart: float | None
    """Relative difference of the largest speed after `STEPS` steps."""
    energy_apart: float | None
    """The same of the kinetic energy."""
    centre_apart: float | None
    """Distance of the centres of mass after `STEPS` steps, cells."""

    @property
    def ratio(self) -> float | None:
        return None if self.phiflow_ms is None else self.phiflow_ms / self.quick_ms


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small grids only")
    parser.add_argument("--json", type=Path, help="write the numbers to this file too")
    options = parser.parse_args()
    found = rows(options.quick)
    machine = measuring.machine()
    print(report(found), f"\n{machine}.")
    if options.json:
        numbers = [asdict(row) | {"ratio": row.ratio} for row in found]
        options.json.write_text(json.dumps({"machine": machine, "liquid": numbers}, indent=1))


def rows(quick: bool) -> list[Row]:
    """All measurements; with `quick` only the small ones."""
    small = [compare((64, 64), 17), compare((16, 16, 16), 4)]
    if quick:
        return small
    large = [compare((128, 128), 34), compare((256, 256), 68, reference=False)]
    return [*small, *large, compare((64, 64, 64), 17, reference=False), surface((64, 64, 64), 17)]


def dam(cells: tuple[int, ...], width: int) -> LiquidConfig:
    """A column of liquid `width` cells wide, as high as the box, one metre."""
    grid = Grid(cells, 1 / cells[-1])
    region = np.zeros(cells, bool)
    region[:width] = True
    return LiquidConfig(grid, (Emitter(region),))


def compare(cells: tuple[int, ...], width: int, reference: bool = True) -> Row:
    """Both solvers over `STEPS` steps of a third of a cell at the speed of the column's foot."""
    config = dam(cells, width)
    dt = config.grid.spacing / 3
    quick, milliseconds, divergence = run(config, dt)
    if not reference:
        return Row(_name(cells), len(quick.ids), milliseconds, None, divergence, None, None, None)
    slow, phiflow_milliseconds, _ = run(replace(config, solver="phiflow"), dt)
    away = np.linalg.norm(quick.positions.mean(0, np.float64) - slow.positions.mean(0, np.float64))
    return Row(
        _name(cells),
        len(quick.ids),
        milliseconds,
        phiflow_milliseconds,
        divergence,
        abs(_speed(quick) / _speed(slow) - 1),
        abs(_energy(quick) / _energy(slow) - 1),
        float(away) / config.grid.spacing,
    )


def run(config: LiquidConfig, dt: float) -> tuple[LiquidState, float, float]:
    """The state after `STEPS` steps, milliseconds a step, and the largest divergence on the way."""
    state = liquid_start(config)
    seconds, divergence = [], 0.0
    for _ in range(STEPS):
        begin = time.perf_counter()
        state = liquid_step(config, state, dt)
        seconds.append(time.perf_counter() - begin)
        divergence = max(divergence, state.divergence)
    return state, 1e3 * float(np.median(seconds[2:])), divergence


def surface(cells: tuple[int, ...], width: int) -> Row:
    """Making the surface mesh of one frame."""
    solver = liquid_solver(dam(cells, width))
    state = solver.step(solver.init(), 1e-3)
    seconds = []
    for _ in range(4):
        begin = time.perf_counter()
        solver.capture(state)
        seconds.append(time.perf_counter() - begin)
    milliseconds = 1e3 * float(np.median(seconds[1:]))
    name = f"{_name(cells)}, surface mesh"
    return Row(name, len(state.ids), milliseconds, None, state.divergence, None, None, None)


def _name(cells: tuple[int, ...]) -> str:
    return "liquid " + "x".join(map(str, cells))


def _speed(state: LiquidState) -> float:
    return float(np.linalg.norm(state.velocities, axis=1).max())


def _energy(state: LiquidState) -> float:
    return float((state.velocities.astype(np.float64) ** 2).sum())


def report(found: list[Row]) -> str:
    """The table."""
    head = (
        "| scene | particles | quick ms | PhiFlow ms | ratio | divergence | speed | energy | centre, cells |\n"
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    )
    lines = [
        f"| {r.scene} | {r.particles:,} | {r.quick_ms:.1f} | {_shown(r.phiflow_ms, '.0f')} | {_shown(r.ratio, '.0f')} "
        f"| {r.divergence:.1e} | {_shown(r.speed_apart, '.1%')} | {_shown(r.energy_apart, '.1%')} "
        f"| {_shown(r.centre_apart, '.3f')} |"
        for r in found
    ]
    below = f"The last three columns: how far the two are apart after {STEPS} steps."
    return "\n".join([head, *lines, "", below])


def _shown(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


if __name__ == "__main__":
    main()
