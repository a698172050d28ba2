"""Where smoke, heat and fuel come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from simcraft.errors import UserError
from simcraft.sim.fluid.grid import Faces
from simcraft.sim.fluid.smoke_state import Inflow, SmokeState
from simcraft.sim.fluid.staggered import beside

WAVES = 24
"""Of which the variation of an inflow is the sum."""


def feed(state: SmokeState, inflows: Sequence[Inflow], dt: float, seed: int, first: bool = False) -> SmokeState:
    """`state` after what comes out in the next `dt` seconds; `first` says that the simulation begins with them."""
    running = [
        (number, inflow) for number, inflow in enumerate(inflows) if _runs(inflow, state.time, state.time + dt, first)
    ]
    if not running:
        return state
    density, temperature, fuel = state.density.copy(), state.temperature.copy(), state.fuel.copy()
    velocity = tuple(component.copy() for component in state.velocity)
    for number, inflow in running:
        if inflow.region.shape != density.shape:
            raise UserError(f"Inflow {number + 1} has {inflow.region.shape} cells, its grid {density.shape}.")
        region = np.nonzero(inflow.region)
        share = 1 + inflow.variation * _wander(region, state.time + dt, seed + 7919 * number)
        for cells, value in ((density, inflow.density), (temperature, inflow.temperature), (fuel, inflow.fuel)):
            stronger = np.maximum if value > 0 else np.minimum
            if value:
                cells[region] = stronger(cells[region], np.float32(value) * share)
        if inflow.velocity is not None:
            _blow(velocity, inflow.region, inflow.velocity)
    return replace(state, density=density, temperature=temperature, fuel=fuel, velocity=velocity)


def _runs(inflow: Inflow, begin: float, end: float, first: bool) -> bool:
    """Does something come out between `begin` and `end`?"""
    if inflow.once:
        return inflow.start < end and (begin <= inflow.start or first)
    return inflow.start < end and begin < inflow.stop


def _blow(velocity: Faces, region: np.ndarray, speeds: Sequence[float]) -> None:
    """Give the faces of the region's cells its velocity."""
    for axis, speed in enumerate(speeds):
        before, after = beside(region, axis)
        velocity[axis][before | after] = speed


def _wander(region: tuple[np.ndarray, ...], time: float, seed: int) -> np.ndarray:
    """(R,) float32: a smooth random function of place and time in the cells of `region`, between -1 and 1.

    A sum of waves, so that it depends on no step length: 3 to 12 cells long, with up to 4 swings a second.
    """
    wave, swing, phase = _waves(len(region), seed)
    angles = np.stack(region, axis=-1) @ wave.T + (time * swing + phase)
    return np.tanh(np.cos(angles).sum(-1) * np.sqrt(2 / WAVES)).astype(np.float32)


@lru_cache(maxsize=64)
def _waves(dimension: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(WAVES, dimension) radians a cell, (WAVES,) radians a second, (WAVES,) radians."""
    random = np.random.default_rng(seed)
    direction = random.normal(size=(WAVES, dimension))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    wave = direction * (2 * np.pi / random.uniform(3, 12, (WAVES, 1)))
    return wave, random.uniform(-8 * np.pi, 8 * np.pi, WAVES), random.uniform(0, 2 * np.pi, WAVES)
