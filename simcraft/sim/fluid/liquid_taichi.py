"""The quick liquid: particles and faces in Taichi, the pressure by preconditioned conjugate gradients.

Velocity goes from particles to faces with each particle's own gradient (APIC), and back as a blend of FLIP and APIC
(Fei et al., "Revisiting integration in the material point method", 2021): unlike plain FLIP and PIC it keeps rotation
and makes no noise that the grid cannot see.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from simcraft.sim.fluid import liquid_kernels as kernels
from simcraft.sim.fluid.boundary import Boundary
from simcraft.sim.fluid.free_surface import LiquidCells, left_divergence, less_gradient, liquid_cells, project, solve
from simcraft.sim.fluid.grid import Faces, Grid
from simcraft.sim.fluid.liquid import ALONG_EDGE, LiquidConfig, LiquidState, select
from simcraft.sim.fluid.liquid_emitters import cells_of
from simcraft.sim.fluid.liquid_solids import SUBMOVE, carry, out_of_solids
from simcraft.sim.fluid.liquid_viscosity import diffuse
from simcraft.sim.fluid.liquid_window import window_of
from simcraft.sim.fluid.staggered import beside
from simcraft.sim.solver import Diverged

LAYERS = 4
"""Faces beyond the liquid to which its velocity is continued: as far as a particle may fly in a step, and more for the
surface's mesh."""
NEAR = 2
"""Faces around particles that they sample where they are."""
CROWDING_SHARE = 0.5
"""Of the crowding that a step undoes."""
CROWDING_BAND = 0.15
"""Share of the particles of a full cell that may be too many or missing: as many as chance makes. Without it a pool
would never come to rest."""
CROWDING_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Sorted:
    """Particles sorted by cell."""

    state: LiquidState
    first: np.ndarray
    """(cells + 1,) int32: where each cell's particles begin."""


def flow(config: LiquidConfig, state: LiquidState, boundary: Boundary, dt: float) -> LiquidState:
    """`state` moved on by `dt` seconds among `boundary`, the solids at its end. Raises `Diverged`."""
    grid = config.grid
    if not len(state.ids):
        return replace(state, time=state.time + dt, velocity=grid.still(), pressure=grid.zeros(), divergence=0.0)
    window = window_of(grid, state)
    inner = replace(config, grid=window.grid)
    return window.leave(_flow(inner, window.enter(state), window.cut(boundary), dt))


def _flow(config: LiquidConfig, state: LiquidState, boundary: Boundary, dt: float) -> LiquidState:
    """The same in a window around the particles."""
    grid = config.grid
    state = out_of_solids(grid, state, boundary)
    particles = sort_particles(grid, state)
    state = particles.state
    liquid = (np.diff(particles.first) > 0).reshape(grid.cells) & boundary.fluid
    cells = liquid_cells(liquid, boundary, config.closed)

    before, known = _to_faces(grid, particles)
    before = _continued(before, known, NEAR)
    velocity = _with_gravity(config, before, dt)
    velocity = diffuse(cells, grid, velocity, config.viscosity * dt)
    scale = dt / grid.spacing
    after, pressure = project(cells, tuple(scale * u for u in velocity), state.pressure * scale**2)
    divergence = left_divergence(cells, after)
    after = boundary.apply(_continued(tuple(u / scale for u in after), _touching(cells), LAYERS))

    velocities, affine = _from_faces(config, state, before, after)
    uncrowding = _uncrowding(grid, cells, particles)
    positions = carry(config, state.positions, boundary, after, dt)
    positions = carry(config, positions, boundary, uncrowding, 1.0)
    return replace(
        state,
        time=state.time + dt,
        positions=positions,
        velocities=velocities,
        affine=affine,
        velocity=after,
        pressure=(pressure / scale**2).astype(np.float32),
        divergence=divergence,
    )


def sort_particles(grid: Grid, state: LiquidState) -> Sorted:
    """Particles in the order of their cells; within a cell, as before."""
    cell = np.ravel_multi_index(cells_of(grid, state.positions), grid.cells).astype(np.int32)
    first = np.zeros(math.prod(grid.cells) + 1, np.int32)
    first[1:] = np.cumsum(np.bincount(cell, minlength=len(first) - 1))
    order = np.empty(len(cell), np.int32)
    kernels.sort_by_cell(cell, first[:-1].copy(), order)
    return Sorted(select(state, order), first)


def _to_faces(grid: Grid, particles: Sorted) -> tuple[Faces, Faces]:
    """The particles' velocity at the faces, and where it is known."""
    state, velocity, known = particles.state, grid.still(), grid.still()
    for axis in range(grid.dimension):
        moved = (state.positions, state.velocities, state.affine)
        kernels.gather_velocity(
            axis, grid.dimension, *moved, particles.first, grid.spacing, velocity[axis], known[axis]
        )
    return velocity, known


def _continued(velocity: Faces, known: Faces, layers: int) -> Faces:
    """`velocity` continued `layers` faces beyond where it is known, 0 farther away."""
    result = []
    for component, start in zip(velocity, known, strict=True):
        layer = (start > 0).astype(np.int32)
        values = np.where(layer > 0, component, 0).astype(np.float32)
        for number in range(1, layers + 1):
            kernels.extrapolate(component.ndim, number, values, layer)
        result.append(values)
    return tuple(result)


def _touching(cells: LiquidCells) -> Faces:
    """Faces of liquid cells: there the velocity is that of the liquid."""
    pairs = (beside(cells.liquid, axis) for axis in range(cells.liquid.ndim))
    return tuple((before | after).astype(np.float32) for before, after in pairs)


def _with_gravity(config: LiquidConfig, velocity: Faces, dt: float) -> Faces:
    pull = (config.gravity_vector * dt).astype(np.float32)
    return tuple(component + pull[axis] for axis, component in enumerate(velocity))


def _from_faces(config: LiquidConfig, state: LiquidState, before: Faces, after: Faces) -> tuple[np.ndarray, np.ndarray]:
    """Velocities and gradients of the particles after a step. Raises `Diverged`."""
    velocities, affine = state.velocities.copy(), np.empty_like(state.affine)
    for axis, (old, new) in enumerate(zip(before, after, strict=True)):
        faces = (config.grid.spacing, old, new, config.flip)
        kernels.update_velocity(axis, config.grid.dimension, state.positions, *faces, velocities, affine)
    if not np.isfinite(velocities).all():
        raise Diverged("speed m/s")
    return velocities, affine


def _uncrowding(grid: Grid, cells: LiquidCells, particles: Sorted) -> Faces:
    """Metres that particles at the faces move so that no cell holds too many of them, nor too few inside the liquid.

    Kugelstadt et al., "Implicit density projection for volume conserving liquids", 2019: without it the liquid
    slowly loses volume.
    """
    density = cells.liquid.astype(np.float32)
    kernels.gather_density(grid.dimension, particles.state.positions, particles.first, grid.spacing, density)
    room = _room(cells.boundary, cells.closed)
    excess = density / (ALONG_EDGE**grid.dimension * np.maximum(room, 0.1)) - 1
    excess = np.where(_at_surface(cells), np.maximum(excess, 0), excess)
    undone = CROWDING_SHARE * np.sign(excess) * np.clip(np.abs(excess) - CROWDING_BAND, 0, 0.5)
    potential = solve(cells, undone, np.zeros(grid.cells), CROWDING_TOLERANCE, 100)
    moves = less_gradient(cells, grid.still(), potential)
    moves = tuple(np.clip(component, -SUBMOVE, SUBMOVE) * np.float32(grid.spacing) for component in moves)
    return _continued(moves, _touching(cells), NEAR)


def _room(boundary: Boundary, closed: bool) -> np.ndarray:
    """(*cells): share of the particles that may count for a cell's density, that are not behind a wall."""
    from scipy.ndimage import correlate1d

    room = boundary.fluid.astype(np.float32)
    for axis in range(room.ndim):
        room = correlate1d(room, [0.125, 0.75, 0.125], axis, mode="constant", cval=0.0 if closed else 1.0)
    return room


def _at_surface(cells: LiquidCells) -> np.ndarray:
    """(*cells) bool: liquid cells with air around a corner."""
    from scipy.ndimage import maximum_filter

    air = ~cells.liquid & cells.boundary.fluid
    found: np.ndarray = maximum_filter(air, 3, mode="constant", cval=0 if cells.closed else 1)
    return found
