"""New particles: where liquid is at the beginning, and what flows in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from simcraft.errors import UserError
from simcraft.sim.fluid.boundary import Boundary
from simcraft.sim.fluid.grid import Grid
from simcraft.sim.fluid.liquid import ALONG_EDGE, Emitter, LiquidConfig, LiquidState, Region


def emit(config: LiquidConfig, state: LiquidState, before: float) -> LiquidState:
    """`state` with what the emitters add between time `before` (-inf at the very beginning) and now.

    Nothing is put into solid cells, nor, when a region is filled, into cells that hold particles already.
    """
    boundary = config.boundary(state.time)
    for number, emitter in enumerate(config.emitters):
        begins = emitter.start if emitter.start > 0 else -np.inf
        if begins <= state.time < emitter.stop:
            first = before < begins or before == -np.inf
            if first or not emitter.once:
                # the time as well: after a step that adds nothing the same places would be tried, again in vain
                moment = abs(round(state.time * 1e9))
                random = np.random.default_rng((config.seed, number, state.made, moment))
                state = _add(config, state, emitter, boundary, _new(config, state, emitter, before, first, random))
    return state


def _new(
    config: LiquidConfig, state: LiquidState, emitter: Emitter, before: float, first: bool, random: np.random.Generator
) -> np.ndarray:
    """(K, dimension) places that `emitter` puts new particles at, obstacles not yet regarded."""
    grid, region = config.grid, emitter.region_at(state.time)
    if region.shape != grid.cells:
        raise UserError(f"An emitter's region has {region.shape} cells, its grid {grid.cells}.")
    velocity = emitter.velocity_at(state.time, grid.dimension)
    if first or (velocity == emitter.drift_at(state.time, grid.dimension)).all():
        free = np.ones(grid.cells, bool)
        free[cells_of(grid, state.positions)] = False
        return fill(grid, region, free, random)
    # What the region holds, less what it held and has moved on since: so the flow has the density of a filled region.
    places = fill(grid, region, np.ones(grid.cells, bool), random)
    came_from = places - velocity * (state.time - before)
    return places[~inside(grid, emitter.region_at(before), came_from)]


def _add(
    config: LiquidConfig, state: LiquidState, emitter: Emitter, boundary: Boundary, places: np.ndarray
) -> LiquidState:
    """`state` with particles at those `places` that are free of solids."""
    dimension = config.grid.dimension
    places = places[boundary.fluid[cells_of(config.grid, places)]]
    count = len(places)
    velocity = emitter.velocity_at(state.time, dimension).astype(np.float32)
    return replace(
        state,
        positions=np.concatenate([state.positions, places.astype(np.float32)]),
        velocities=np.concatenate([state.velocities, np.tile(velocity, (count, 1))]),
        affine=np.concatenate([state.affine, np.zeros((count, dimension, dimension), np.float32)]),
        ids=np.concatenate([state.ids, state.made + np.arange(count)]),
        born=np.concatenate([state.born, np.full(count, state.time, np.float32)]),
        made=state.made + count,
    )


def fill(grid: Grid, region: Region, cells: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """(K, dimension) float64, metres: one place in each 2^-dimension of a cell, at random in it, inside `region`.

    Only in `cells` (*cells) bool.
    """
    near = region if region.dtype == bool else region < grid.spacing * np.sqrt(grid.dimension) / 2
    lowest = np.argwhere(near & cells)
    parts = np.stack(np.meshgrid(*(np.arange(ALONG_EDGE),) * grid.dimension, indexing="ij"), -1)
    parts = parts.reshape(-1, grid.dimension)
    jitter = random.random((len(lowest), len(parts), grid.dimension))
    places = lowest[:, None, :] + (parts + 0.02 + 0.96 * jitter) / ALONG_EDGE
    places = grid.spacing * places.reshape(-1, grid.dimension)
    return places if region.dtype == bool else places[inside(grid, region, places)]


def inside(grid: Grid, region: Region, places: np.ndarray) -> np.ndarray:
    """(K,) bool: are the places, metres, within the region? Outside the box is outside."""
    in_box = ((places >= 0) & (places < np.asarray(grid.size))).all(1)
    if region.dtype == bool:
        return in_box & region[cells_of(grid, places)]
    from scipy.ndimage import map_coordinates

    distance = map_coordinates(region, places.T / grid.spacing - 0.5, order=1, mode="nearest")
    found: np.ndarray = in_box & (distance < 0)
    return found


def cells_of(grid: Grid, places: np.ndarray) -> tuple[np.ndarray, ...]:
    """The cell of each place, metres, as an index; places outside the box count to its nearest cell."""
    index = np.floor(places / grid.spacing).astype(np.int64)
    return tuple(np.clip(index[:, d], 0, n - 1) for d, n in enumerate(grid.cells))
