"""Smoke and fire on a grid: what feeds, lifts, swirls, burns and cools it. Two solvers, one state, the same physics.

A step carries everything along (MacCormack), feeds and burns, accelerates, and takes the divergence off again (Stam,
"Stable fluids", SIGGRAPH 1999; Fedkiw, Stam and Jensen, "Visual simulation of smoke", SIGGRAPH 2001). Carrying and
projecting are done by Taichi kernels (`smoke_taichi`) or by PhiFlow (`smoke_phiflow`), the rest here.

    from simcraft.sim.fluid import smoke
    from simcraft.sim.fluid.shapes import ball

    grid = smoke.Grid((64, 96), spacing=1 / 64)
    source = smoke.Inflow(ball(grid, (0.5, 0.1), 0.08))
    recording = smoke.simulate(smoke.SmokeConfig(grid, [source]), frames=48)
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from simcraft.progress import Progress, silent
from simcraft.recording import Recording
from simcraft.sim.fluid.boundary import Boundary, Obstacle
from simcraft.sim.fluid.forces import confinement, lift
from simcraft.sim.fluid.grid import Grid
from simcraft.sim.fluid.inflow import feed
from simcraft.sim.fluid.open_air import admit_air
from simcraft.sim.fluid.smoke_state import Fire, Inflow, SmokeConfig, SmokeState
from simcraft.sim.fluid.smoke_volume import bounds, capture, gather
from simcraft.sim.fluid.staggered import fastest
from simcraft.sim.setting import Setting
from simcraft.sim.solver import Diverged, Solver, record

__all__ = ["Fire", "Grid", "Inflow", "Obstacle", "SmokeConfig", "SmokeState", "init", "simulate", "solver", "step"]

CELLS_PER_STEP = 2.0
"""How far anything moves in a step at most; beyond 3, departure points say little about the way."""
SHORTEST_STEP = 1e-5
"""Seconds; what would need shorter steps is exploding, and is to be found out rather than followed."""


def simulate(
    config: SmokeConfig,
    frames: int = 48,
    fps: float = 24.0,
    *,
    size: tuple[int, int] = (512, 512),
    setting: Setting | None = None,
    progress: Progress = silent,
) -> Recording:
    """A recording of the smoke, and of the things of `setting` around it; arguments and errors as in `record`."""
    made = solver(config, materials_before=len(setting.materials) if setting else 0)
    return record(
        made, frames, fps, size=size, setting=setting, warm_up=config.warm_up, seed=config.seed, progress=progress
    )


def solver(
    config: SmokeConfig, name: str = "", *, material: int | None = None, materials_before: int = 0
) -> Solver[SmokeState]:
    """The smoke or fire that `config` describes, ready to run.

    Parameters
    ----------
    name: of the solver and of the body that comes out; by default "fire" where something burns, else "smoke".
    material: index of what the body is made of; None for a new one, after the `materials_before` of the recording.
    """
    name = name or ("fire" if config.fire else "smoke")
    return Solver(
        name,
        init=partial(init, config),
        step=partial(step, config),
        stable_step=partial(stable_step, config),
        measure=partial(measure, config),
        capture=partial(capture, config),
        gather=partial(gather, config, name, material, materials_before),
        bounds=bounds(config),
        fix="Lower buoyancy, wind or vorticity, or raise the resolution.",
    )


def init(config: SmokeConfig) -> SmokeState:
    """Clean air at the start of the warm-up: still, or moving with the wind around the obstacles."""
    grid, start = config.grid, -config.warm_up
    boundary = config.boundary_at(start)
    wind = zip(grid.still(), config.wind_vector, strict=True)
    velocity = boundary.apply(tuple(still + np.float32(speed) for still, speed in wind))
    if speed := fastest(velocity):
        # the step only says what a cell unit is: the fastest air goes one cell in it
        dt = grid.spacing / speed
        velocity = _operators(config).project(config, velocity, boundary, grid.zeros(), dt).velocity
    return SmokeState(start, grid.zeros(), grid.zeros(), grid.zeros(), velocity, grid.zeros())


def step(config: SmokeConfig, state: SmokeState, dt: float) -> SmokeState:
    """The air `dt` seconds later. Raises `Diverged`."""
    operators, time = _operators(config), state.time + dt
    boundary = config.boundary_at(time)
    state = admit_air(config, operators.advect(config, state, dt), state.velocity, dt)
    state = feed(state, config.inflows_at(time), dt, config.seed, first=state.time == -config.warm_up)
    if config.fire:
        state = burn(config.fire, state, dt)
    state = fade(config, state, boundary, dt)
    state = accelerate(config, state, dt)
    if not np.isfinite(fastest(state.velocity)):
        raise Diverged("velocity")
    projected = operators.project(config, state.velocity, boundary, state.pressure, dt)
    return replace(
        state,
        time=time,
        velocity=projected.velocity,
        pressure=projected.pressure,
        divergence=projected.divergence,
    )


def burn(fire: Fire, state: SmokeState, dt: float) -> SmokeState:
    """Fuel becomes heat and soot at a constant rate, so that a flame has an end."""
    burnt = np.minimum(state.fuel, np.float32(fire.burning_rate * dt))
    return replace(
        state,
        fuel=state.fuel - burnt,
        temperature=state.temperature + np.float32(fire.flame_heat) * burnt,
        density=state.density + np.float32(fire.soot) * burnt,
    )


def fade(config: SmokeConfig, state: SmokeState, boundary: Boundary, dt: float) -> SmokeState:
    """Smoke thins out, heat is lost; what solids hold continues what is beside them."""
    return replace(
        state,
        density=boundary.continued(state.density * np.float32(np.exp(-config.dissipation * dt))),
        temperature=boundary.continued(state.temperature * np.float32(np.exp(-config.cooling * dt))),
        fuel=boundary.continued(state.fuel) if config.fire else state.fuel,
    )


def accelerate(config: SmokeConfig, state: SmokeState, dt: float) -> SmokeState:
    """Buoyancy lifts, and vorticity confinement keeps swirls alive."""
    upward = np.float32(config.buoyancy) * state.density + np.float32(config.heat_buoyancy) * state.temperature
    velocity = tuple(
        u + np.float32(dt) * a for u, a in zip(state.velocity, lift(upward, config.up_vector), strict=True)
    )
    if config.vorticity:
        swirl = confinement(state.velocity, config.grid.spacing, config.vorticity)
        velocity = tuple(u + np.float32(dt) * a for u, a in zip(velocity, swirl, strict=True))
    return replace(state, velocity=velocity)


def stable_step(config: SmokeConfig, state: SmokeState) -> float:
    """Seconds in which nothing goes farther than `CELLS_PER_STEP`, neither now nor accelerated until then."""
    inflows = config.inflows_at(state.time)
    speed = max(fastest(state.velocity), fastest(config.boundary_at(state.time).velocity))
    speed = max(speed, *(abs(part) for inflow in inflows for part in inflow.velocity or ()), 0.0)
    upward = config.buoyancy * state.density + config.heat_buoyancy * state.temperature
    fed = (abs(config.buoyancy * inflow.density + config.heat_buoyancy * inflow.temperature) for inflow in inflows)
    acceleration = max(float(np.abs(upward).max()), *fed, 0.0)
    reach = CELLS_PER_STEP * config.grid.spacing
    # the root of speed dt + acceleration dt² / 2 = reach, written so that neither may vanish
    slowness = speed + math.sqrt(speed**2 + 2 * acceleration * reach)
    return max(2 * reach / slowness, SHORTEST_STEP) if slowness > 0 else math.inf


def measure(config: SmokeConfig, state: SmokeState) -> Mapping[str, float]:
    """Figures to show while it runs."""
    volume = config.grid.spacing**config.grid.dimension
    return {
        "speed m/s": fastest(state.velocity),
        "divergence": state.divergence,
        "smoke": float(state.density.sum(dtype=np.float64)) * volume,
    }


def _operators(config: SmokeConfig) -> Any:
    """The module whose `advect` and `project` do the work; imported on use."""
    return importlib.import_module(f"simcraft.sim.fluid.smoke_{config.solver}")
