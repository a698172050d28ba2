"""Small boxes of air for the tests of smoke and fire."""

from dataclasses import replace
from typing import Any

import numpy as np

from simcraft.sim.fluid import smoke
from simcraft.sim.fluid.boundary import Obstacle
from simcraft.sim.fluid.grid import Grid, all_walls
from simcraft.sim.fluid.pressure import project
from simcraft.sim.fluid.shapes import ball
from simcraft.sim.fluid.smoke_state import Inflow, SmokeConfig, SmokeState

QUIET = {"buoyancy": 0.0, "heat_buoyancy": 0.0, "vorticity": 0.0, "dissipation": 0.0, "cooling": 0.0}
"""Air that only moves by itself."""


def plume(cells: tuple[int, ...], **changes: Any) -> SmokeConfig:
    """A source below an obstacle, in a box one metre wide."""
    grid = Grid(cells, 1 / cells[0])
    middle = (0.5,) * (len(cells) - 1)
    up = grid.size[-1]
    source = Inflow(ball(grid, (*middle, 0.15 * up), 0.12), variation=0.3)
    obstacle = Obstacle(ball(grid, (*middle, 0.6 * up), 0.15))
    return SmokeConfig(**{"grid": grid, "inflows": (source,), "obstacle": obstacle, **changes})


def quiet(cells: tuple[int, ...], **changes: Any) -> SmokeConfig:
    """A closed box, one metre wide, in which nothing happens."""
    grid = Grid(cells, 1 / cells[0])
    return SmokeConfig(**{"grid": grid, "open_sides": all_walls(len(cells)), **QUIET, **changes})


def swirling(config: SmokeConfig, speed: float = 1.0) -> SmokeState:
    """Air that turns in the whole box, and around its obstacles, at `speed` metres a second or faster."""
    grid = config.grid
    size = np.asarray(grid.size)
    velocity = list(grid.still())
    for axis, other, sign in ((0, -1, 1), (-1, 0, -1)):
        places = np.pi * grid.face_centres(range(grid.dimension)[axis]) / size
        turn = sign * np.sin(places[..., axis]) * np.cos(places[..., other]) * size[axis] / size.max()
        velocity[axis] = (speed * turn).astype(np.float32)
    state = smoke.init(config)
    made = project(config, tuple(velocity), config.boundary_at(state.time), grid.zeros(), 1 / 24)
    return replace(state, velocity=made.velocity)


def run(config: SmokeConfig, state: SmokeState, steps: int, dt: float | None = None) -> SmokeState:
    """`state` after some steps of `dt` seconds, or as long as is stable and at most a frame."""
    for _ in range(steps):
        state = smoke.step(config, state, dt or min(1 / 24, smoke.stable_step(config, state)))
    return state


def centre_of_mass(config: SmokeConfig, density: np.ndarray) -> np.ndarray:
    """(dimension,) metres."""
    weights = density[..., None].astype(np.float64)
    middle: np.ndarray = (weights * config.grid.centres()).sum(tuple(range(density.ndim))) / weights.sum()
    return middle
