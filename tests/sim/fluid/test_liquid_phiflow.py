"""The quick liquid against PhiFlow's, step by step from the same state."""

from dataclasses import replace

import numpy as np
import pytest

from simcraft.sim.fluid.grid import Grid
from simcraft.sim.fluid.liquid import Emitter, LiquidConfig, LiquidState, liquid_start, liquid_step

STEPS = 10


def column(cells: tuple[int, ...]) -> LiquidConfig:
    """A dam that is about to break, in a box one metre high."""
    grid = Grid(cells, 1 / cells[-1])
    region = np.zeros(cells, bool)
    region[: cells[0] // 3, ..., : 3 * cells[-1] // 4] = True
    return LiquidConfig(grid, (Emitter(region),))


def kinetic_energy(state: LiquidState) -> float:
    """Joules a kilogram."""
    return float(0.5 * (state.velocities.astype(np.float64) ** 2).sum(1).mean())


def speed(state: LiquidState) -> float:
    return float(np.linalg.norm(state.velocities, axis=1).max())


@pytest.mark.parametrize(
    ("cells", "energy"), [((24, 24), 0.04), pytest.param((16, 16, 16), 0.1, marks=pytest.mark.slow)]
)
def test_both_agree_over_the_first_ten_steps(cells: tuple[int, ...], energy: float) -> None:
    quick_config = column(cells)
    reference_config = replace(quick_config, solver="phiflow")
    quick = reference = liquid_start(quick_config)
    for step in range(STEPS):
        quick, reference = liquid_step(quick_config, quick, 0.008), liquid_step(reference_config, reference, 0.008)
        assert quick.time == reference.time
        apart = quick.positions.mean(0) - reference.positions.mean(0)
        assert np.abs(apart).max() <= 0.05 * quick_config.grid.spacing
        assert kinetic_energy(quick) == pytest.approx(kinetic_energy(reference), rel=1e-3 if step == 0 else energy)
        assert speed(quick) == pytest.approx(speed(reference), rel=0.15)
        assert quick.divergence <= 1e-4 and reference.divergence <= 1e-4
    np.testing.assert_array_equal(np.sort(quick.ids), np.sort(reference.ids))


def test_the_reference_repeats_itself_and_loses_nothing() -> None:
    config = replace(column((12, 12)), solver="phiflow")
    runs = []
    for _ in range(2):
        state = liquid_start(config)
        for _ in range(2):
            state = liquid_step(config, state, 0.01)
        runs.append(state)
    np.testing.assert_array_equal(runs[0].positions, runs[1].positions)
    assert len(runs[0].ids) == runs[0].made and runs[0].time == pytest.approx(0.02)


def test_the_reference_solves_a_box_that_is_full_and_one_that_is_open() -> None:
    grid = Grid((8, 8), 0.1)
    full = LiquidConfig(grid, (Emitter(np.ones(grid.cells, bool)),), solver="phiflow")
    state = liquid_step(full, liquid_start(full), 0.01)
    assert np.abs(state.velocities).max() < 1e-3 and state.divergence <= 1e-4
    open_box = replace(full, closed=False, viscosity=0.01)
    state = liquid_step(open_box, liquid_start(open_box), 0.01)
    np.testing.assert_allclose(state.velocities[:, 1], -9.81 * 0.01, rtol=1e-3)
