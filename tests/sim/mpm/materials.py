"""Small pieces of material that the room's tests share."""

from collections.abc import Iterator

import numpy as np

from simcraft.sim.mpm.obstacles import Obstacles, no_obstacles
from simcraft.sim.mpm.seeding import fill_box
from simcraft.sim.mpm.state import Domain, MaterialState
from simcraft.sim.mpm.step import Setup, rest_state, stable_step, step
from simcraft.sim.mpm.substances import substance


def box_domain(dimension: int, cells: int = 16, gravity: float = -9.81, friction: float = 0.4) -> Domain:
    """A square or cube of one metre."""
    return Domain((cells,) * dimension, 1.0 / cells, (0.0,) * (dimension - 1) + (gravity,), friction)


def piece(
    domain: Domain,
    law: str,
    low: tuple[float, ...],
    high: tuple[float, ...],
    velocity: tuple[float, ...] | None = None,
    obstacles: Obstacles | None = None,
    **constants: float,
) -> tuple[Setup, MaterialState]:
    """A box of one material at rest or in uniform motion."""
    made = substance(law, high[-1] - low[-1], **constants)
    setup = Setup(domain, (made,), obstacles or no_obstacles(domain.dimension))
    position = fill_box(domain, np.array(low), np.array(high), np.random.default_rng(3))
    speed = np.tile(velocity or (0.0,) * domain.dimension, (len(position), 1))
    return setup, rest_state(setup, position, speed, np.zeros(len(position)))


def run(setup: Setup, state: MaterialState, until: float) -> Iterator[MaterialState]:
    """Every state until a time, seconds."""
    while state.time < until - 1e-9:
        state = step(setup, state, min(stable_step(setup, state), until - state.time))
        yield state


def last(setup: Setup, state: MaterialState, until: float) -> MaterialState:
    """The state at a time, seconds."""
    *_, end = run(setup, state, until)
    return end
