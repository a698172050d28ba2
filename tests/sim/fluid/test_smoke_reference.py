"""The quick path against PhiFlow over the first ten steps: same state in, same state out, to a stated tolerance."""

import importlib
import sys
from typing import Any

import numpy as np
import pytest

from simcraft.errors import UserError
from simcraft.sim.fluid import smoke
from simcraft.sim.fluid.boundary import Obstacle
from simcraft.sim.fluid.grid import Grid, all_walls
from simcraft.sim.fluid.shapes import ball, block
from simcraft.sim.fluid.smoke_state import Fire, Inflow, SmokeConfig
from simcraft.sim.fluid.staggered import fastest

from .gases import plume

pytest.importorskip("phi")

TOLERANCE = 1e-3
"""Of the largest value of each quantity. Beyond the first steps the two drift apart, as turbulence does."""


def moving_ball(cells: tuple[int, ...]) -> dict[str, Any]:
    """A ball that sweeps through a closed box."""
    grid = Grid(cells, 1 / cells[0])
    speed = np.zeros((*cells, len(cells)), np.float32)
    speed[..., 0] = 0.7

    def obstacle(time: float) -> Obstacle:
        return Obstacle(ball(grid, (0.25 + 0.7 * time, *(0.5,) * (len(cells) - 1)), 0.15), speed)

    return {"obstacle": obstacle, "open_sides": all_walls(len(cells))}


def statue(cells: tuple[int, ...]) -> dict[str, Any]:
    """An obstacle from floor to ceiling cuts a closed box in two."""
    grid = Grid(cells, 1 / cells[0])
    low, high = (0.65, *(0.0,) * (len(cells) - 1)), (0.8, *(2.0,) * (len(cells) - 1))
    return {"obstacle": Obstacle(block(grid, low, high)), "open_sides": all_walls(len(cells))}


def flame(cells: tuple[int, ...]) -> dict[str, Any]:
    """Fire in the wind."""
    grid = Grid(cells, 1 / cells[0])
    region = ball(grid, (0.4, *(0.3,) * (len(cells) - 1)), 0.15)
    wind = (0.4, *(0.0,) * (len(cells) - 1))
    return {"inflows": (Inflow(region, density=0, fuel=1, variation=0.2),), "fire": Fire(), "wind": wind}


def differences(config: SmokeConfig, reference: SmokeConfig, steps: int = 10) -> list[dict[str, float]]:
    """For each step, the largest difference of each quantity as a share of its largest value."""
    quick, slow = smoke.init(config), smoke.init(reference)
    found = []
    for _ in range(steps):
        dt = min(1 / 24, smoke.stable_step(config, quick))
        quick, slow = smoke.step(config, quick, dt), smoke.step(reference, slow, dt)
        speed = max(fastest(slow.velocity), 1e-3)
        apart = {
            name: float(np.abs(getattr(quick, name) - getattr(slow, name)).max())
            / max(float(np.abs(getattr(slow, name)).max()), 1e-3)
            for name in ("density", "temperature", "fuel")
        }
        apart["velocity"] = fastest(tuple(a - b for a, b in zip(quick.velocity, slow.velocity, strict=True))) / speed
        apart["divergence"] = slow.divergence
        found.append(apart)
    return found


def test_ten_steps_agree_in_a_small_box() -> None:
    cells = (16, 20)
    for apart in differences(plume(cells), plume(cells, solver="phiflow")):
        assert max(apart.values()) < TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("cells", [(32, 40), (12, 12, 16)], ids=["2D", "3D"])
@pytest.mark.parametrize("scene", [moving_ball, statue, flame])
def test_ten_steps_agree(cells: tuple[int, ...], scene: Any) -> None:
    config, reference = plume(cells, **scene(cells)), plume(cells, solver="phiflow", **scene(cells))
    for apart in differences(config, reference):
        assert max(apart.values()) < TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("cells", [(20, 24), (24, 28), (8, 8, 10)])
def test_jax_agrees_too(cells: tuple[int, ...]) -> None:
    """In one process, in two and three dimensions: what is compiled for one must not leak into the next."""
    pytest.importorskip("jax")
    for apart in differences(plume(cells), plume(cells, solver="phiflow", backend="jax"), steps=4):
        assert max(apart.values()) < TOLERANCE


@pytest.mark.slow
def test_more_cells_than_32_bits_can_pair() -> None:
    """PhiFlow itself stops beyond 46,340 cells."""
    cells = (40, 36, 36)
    for apart in differences(plume(cells), plume(cells, solver="phiflow"), steps=1):
        assert max(apart.values()) < TOLERANCE


def test_the_reference_repeats_bitwise() -> None:
    config = plume((12, 12), solver="phiflow")
    first, second = (smoke.step(config, smoke.init(config), 0.04) for _ in range(2))
    for a, b in zip((first.density, *first.velocity), (second.density, *second.velocity), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "phi", None)
    monkeypatch.delitem(sys.modules, "simcraft.sim.fluid.phiflow_runtime", raising=False)
    with pytest.raises(UserError, match=r"needs the package phiflow\. Install it: pip install -e \.\[phiflow\]"):
        importlib.import_module("simcraft.sim.fluid.phiflow_runtime")
