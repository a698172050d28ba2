"""One step of the material point method, on frozen states."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from simcraft.errors import UserError
from simcraft.sim.mpm.obstacles import ObstacleField, Obstacles
from simcraft.sim.mpm.state import BLOCK, Domain, MaterialState, sort_into_blocks
from simcraft.sim.mpm.substances import Substance, constants
from simcraft.sim.solver import Diverged

COURANT = 0.4
"""Cells that the fastest signal may cross in a step."""


@dataclass(frozen=True)
class Setup:
    """What does not change during a simulation."""

    domain: Domain
    substances: tuple[Substance, ...]
    obstacles: Obstacles

    @cached_property
    def strides(self) -> np.ndarray:
        """(D,) int32: rows of a flat grid from a node to the next one along each axis."""
        nodes = self.domain.nodes
        return np.array([math.prod(nodes[d + 1 :]) for d in range(len(nodes))], np.int32)

    @cached_property
    def constants(self) -> np.ndarray:
        """(S, 5) float32, see `substances.constants`."""
        return constants(self.substances, self.domain.dimension)


def rest_state(
    setup: Setup, position: np.ndarray, velocity: np.ndarray, substance: np.ndarray, time: float = 0.0
) -> MaterialState:
    """Undeformed material: particles at `position` (N, D) metres with `velocity` (N, D) m/s, of `substance` (N,).

    Raises `UserError` where a particle is outside the domain.
    """
    from simcraft.sim.mpm.transfer import respond_at_rest

    count, dimension = position.shape
    # written so that NaN is outside
    outside = int((~((position >= 0) & (position <= setup.domain.size)).all(1)).sum())
    if outside:
        raise UserError(
            f"{outside} of {count} particles are outside the domain of {setup.domain.size} m.",
            "Give places in metres from its lower corner; see simcraft.sim.mpm.seeding.",
        )
    order, blocks = sort_into_blocks(setup.domain, np.asarray(position, np.float32))
    identities = np.tile(np.eye(dimension, dtype=np.float32), (count, 1, 1))
    sorted_substance = np.asarray(substance, np.int32)[order]
    laws = np.array([s.law for s in setup.substances])[sorted_substance]
    plastic = np.where(laws == "sand", 0.0, 1.0).astype(np.float32)
    stress, sound = np.zeros_like(identities), np.zeros(count, np.float32)
    respond_at_rest(dimension, identities, plastic, sorted_substance, setup.constants, stress, sound)
    speed = float(np.linalg.norm(velocity, axis=1).max(initial=0.0))
    return MaterialState(
        time=time,
        position=np.asarray(position, np.float32)[order],
        velocity=np.asarray(velocity, np.float32)[order],
        affine=np.zeros_like(identities),
        deformation=identities,
        plastic=plastic,
        stress=stress,
        substance=sorted_substance,
        identity=order.astype(np.int32),
        blocks=blocks,
        speed=speed,
        wave_speed=speed + float(sound.max(initial=0.0)),
    )


def stable_step(setup: Setup, state: MaterialState) -> float:
    """Seconds: neither sound nor a particle nor an obstacle crosses `COURANT` cells (Courant-Friedrichs-Lewy)."""
    return COURANT * setup.domain.spacing / max(state.wave_speed, setup.obstacles.fastest(state.time), 1e-6)


def measure(state: MaterialState) -> Mapping[str, float]:
    """Number and highest speed of the particles."""
    return {"particles": float(len(state.position)), "speed m/s": state.speed}


def step(setup: Setup, state: MaterialState, dt: float) -> MaterialState:
    """The state `dt` seconds later. Raises `Diverged` where particles would fly more than a cell, or have no number."""
    state = sort_again(setup.domain, state, dt)
    obstacles = setup.obstacles.at(setup.domain, state.time + dt)
    grid = particles_to_grid(setup, state, dt)
    grid = grid_motion(setup, grid, obstacles, dt)
    return grid_to_particles(setup, state, grid, obstacles, dt)


def sort_again(domain: Domain, state: MaterialState, dt: float) -> MaterialState:
    """`state` with its particles sorted, unless nothing can have left the surroundings of its block."""
    room = (BLOCK[domain.dimension] - 2) // 2
    if state.blocks.drift <= room - 1e-3:
        return state
    order, blocks = sort_into_blocks(domain, state.position)
    arrays = ("position", "velocity", "affine", "deformation", "plastic", "stress", "substance", "identity")
    return replace(state, blocks=blocks, **{name: getattr(state, name)[order] for name in arrays})


def particles_to_grid(setup: Setup, state: MaterialState, dt: float) -> np.ndarray:
    """(nodes, D + 1) float32: momentum after the stresses have acted for `dt` seconds, and mass."""
    from simcraft.sim.mpm.transfer import scatter

    domain, blocks = setup.domain, state.blocks
    grid = np.zeros((math.prod(domain.nodes), domain.dimension + 1), np.float32)
    for first, last in zip(blocks.colours[:-1], blocks.colours[1:], strict=True):
        if first < last:
            scatter(
                *(domain.dimension, first, last, blocks.starts),
                *(state.position, state.velocity, state.affine, state.stress, state.substance),
                *(setup.constants, setup.strides),
                *(domain.spacing, domain.particle_volume, dt, grid),
            )
    return grid


def grid_motion(setup: Setup, grid: np.ndarray, obstacles: ObstacleField, dt: float) -> np.ndarray:
    """`grid` with velocity in place of momentum, after gravity, obstacles and walls."""
    from simcraft.sim.mpm.transfer import move_grid

    domain = setup.domain
    move_grid(
        *(domain.dimension, np.array(domain.gravity, np.float32), setup.strides, np.array(domain.cells, np.int32)),
        *(domain.wall_friction, domain.spacing, dt, obstacles.distance, obstacles.velocity, obstacles.friction, grid),
    )
    return grid


def grid_to_particles(
    setup: Setup, state: MaterialState, grid: np.ndarray, obstacles: ObstacleField, dt: float
) -> MaterialState:
    """Particles moved by the velocities of `grid`, with the stress that their new shape causes."""
    from simcraft.sim.mpm.transfer import gather

    domain, blocks = setup.domain, state.blocks
    moved = ("position", "velocity", "affine", "deformation", "plastic", "stress")
    new = {name: np.empty_like(getattr(state, name)) for name in moved}
    figures = np.empty((len(blocks.starts) - 1, 4), np.float32)
    gather(
        *(domain.dimension, blocks.starts, state.position, state.deformation, state.plastic, state.substance),
        *(setup.constants, setup.strides, np.array(domain.cells, np.int32)),
        *(domain.spacing, dt, grid, obstacles.distance, obstacles.velocity, *new.values(), figures),
    )
    speed, wave_speed, way, lost = (float(f) for f in figures.max(0, initial=0.0))
    if lost > 0 or not np.isfinite(wave_speed):
        raise Diverged("speed")
    drift = blocks.drift + way / domain.spacing
    return replace(
        state,
        time=state.time + dt,
        blocks=replace(blocks, drift=drift),
        speed=speed,
        wave_speed=wave_speed,
        **new,
    )
