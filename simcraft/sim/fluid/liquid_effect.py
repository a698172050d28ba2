"""Liquid in a scene: its domain, what it comes from and what it runs into are bodies of the recording.

Obstacles block the cells that `simcraft.sim.voxels.obstacle` names: closed bodies with all that they enclose, open
ones as walls without a gap from one cell to the next. Liquid flows only through faces between free cells, and
particles move along one axis after the other in steps of at most half a cell: so a glass holds its drink, however thin
its wall and however coarse the grid.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from simcraft.errors import UserError
from simcraft.recording import Effect, Role
from simcraft.recording.format import KINDS, complete
from simcraft.sim import voxels
from simcraft.sim.effects import settings_of
from simcraft.sim.fluid.domain import POINT_RADIUS, Domain, axis_of, domain_of, near_points, obstacle_of
from simcraft.sim.fluid.liquid import WATER, Emitter, LiquidConfig, LiquidState, Region, liquid_solver
from simcraft.sim.solver import Solver
from simcraft.sim.surroundings import Surroundings, roles

BAND = 3.0
"""Cells around an emitter's surface in which its distance is known."""


def solver(effect: Effect, surroundings: Surroundings, seed: int) -> Solver[LiquidState]:
    """The solver of a "liquid" effect.

    Raises `UserError` where the domain is no box, nothing emits, or a role names what is not there.
    """
    settings = settings_of(effect)
    domain = domain_of(effect, settings["resolution"])
    sources = roles(effect, "emitter")
    if not sources:
        raise UserError(f"The liquid '{effect.name}' has no emitter.", "Give one object the role of its emitter.")
    config = LiquidConfig(
        domain.grid,
        tuple(_emitter(domain, surroundings, role) for role in sources),
        obstacle_of(domain, surroundings, [role.name for role in roles(effect, "obstacle")]),
        gravity=tuple(domain.direction(np.array([0.0, 0.0, settings["gravity"]])).tolist()),
        seed=seed,
        **{name: settings[name] for name in ("viscosity", "flip", "closed", "solver")},
    )
    own = effect.material < 0
    return liquid_solver(
        config,
        name=effect.name,
        output=settings["output"],
        to_world=domain.to_world,
        warm_up=settings["warm_up"],
        material=len(surroundings.recording.materials) if own else effect.material,
        look=WATER if own else None,
    )


def _emitter(domain: Domain, surroundings: Surroundings, role: Role) -> Emitter:
    """What comes out of the thing `role`, as functions of time where it moves."""
    settings = complete(KINDS["liquid"].roles["emitter"], role.settings)

    @lru_cache(maxsize=4)
    def region(time: float) -> Region:
        return _region(domain, surroundings, role, time)

    @lru_cache(maxsize=4)
    def drift(time: float) -> np.ndarray:
        return domain.direction(surroundings.drift(role, time))

    @lru_cache(maxsize=4)
    def velocity(time: float) -> np.ndarray:
        own = settings["speed"] * axis_of(surroundings.recording, role.name, time)
        return domain.direction(own) + drift(time)

    def when(what: Callable[[float], np.ndarray]) -> np.ndarray | Callable[[float], np.ndarray]:
        if not surroundings.moves(role):
            return what(0.0)
        return lambda time: what(surroundings.standing_since(role, time))

    return Emitter(
        when(region),
        when(velocity),
        when(drift),
        once=settings["once"],
        start=settings["start"],
        stop=settings["stop"],
    )


def _region(domain: Domain, surroundings: Surroundings, role: Role, time: float) -> Region:
    """Distance to what a body encloses; of what encloses nothing, the cells around its surface or points."""
    if role.points is not None:
        return near_points(domain, surroundings, role, time)
    surface = surroundings.surface(role.name, time)
    distance = voxels.signed_distance(surface, domain.cells, domain.grid_to_world, BAND * domain.grid.spacing)
    return distance if (distance < 0).any() else np.asarray(np.abs(distance) < POINT_RADIUS * domain.grid.spacing)
