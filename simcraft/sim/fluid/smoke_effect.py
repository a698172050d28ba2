"""Smoke and fire in a scene: the domain, what emits and what stands in the way are bodies of the recording."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from simcraft.errors import UserError
from simcraft.recording import Effect, Role
from simcraft.recording.format import KINDS, complete
from simcraft.sim import voxels
from simcraft.sim.effects import settings_of
from simcraft.sim.fluid import smoke
from simcraft.sim.fluid.domain import Domain, axis_of, domain_of, near_points, obstacle_of
from simcraft.sim.fluid.grid import Sides, all_walls
from simcraft.sim.fluid.smoke_state import Fire, Inflow, SmokeConfig, SmokeState
from simcraft.sim.solver import Solver
from simcraft.sim.surroundings import Surroundings, roles


def solver(effect: Effect, surroundings: Surroundings, seed: int) -> Solver[SmokeState]:
    """The solver of a "smoke" or "fire" effect.

    Raises `UserError` where the domain is no box, nothing emits, or a role names what is not there.
    """
    settings = settings_of(effect)
    domain = domain_of(effect, settings["resolution"])
    sources = roles(effect, "emitter")
    if not sources:
        raise UserError(f"'{effect.name}' has no emitter.", "Give one object the role of its emitter.")
    up = domain.direction(np.array([0.0, 0.0, 1.0]))
    flame = ("burning_rate", "flame_heat", "soot")
    config = SmokeConfig(
        domain.grid,
        _inflows(effect, domain, surroundings, sources),
        obstacle_of(domain, surroundings, [role.name for role in roles(effect, "obstacle")]),
        open_sides=all_walls(3) if settings["closed"] else open_but_lowest(up),
        wind=(settings["wind_x"], 0.0, 0.0),
        up=tuple(up.tolist()),
        fire=Fire(**{name: settings[name] for name in flame}) if effect.kind == "fire" else None,
        to_world=domain.to_world,
        seed=seed,
        **{name: settings[name] for name in ("solver", "warm_up", "thickness", "dissipation", "cooling")},
        **{name: settings[name] for name in ("buoyancy", "heat_buoyancy", "vorticity")},
    )
    return smoke.solver(
        config,
        effect.name,
        material=effect.material if effect.material >= 0 else None,
        materials_before=len(surroundings.recording.materials),
    )


def open_but_lowest(up: np.ndarray) -> Sides:
    """All sides open but the floor: the one that faces down most, in a box in which `up` (3,) is upwards."""
    axis = int(np.abs(up).argmax())
    return tuple((d != axis or up[d] < 0, d != axis or up[d] > 0) for d in range(3))


def _inflows(
    effect: Effect, domain: Domain, surroundings: Surroundings, sources: tuple[Role, ...]
) -> Callable[[float], tuple[Inflow, ...]] | tuple[Inflow, ...]:
    """What comes out of the emitters: once and for all where none of them moves, else as a function of time."""

    @lru_cache(maxsize=2 * len(sources))
    def inflow(number: int, time: float) -> Inflow:
        return _inflow(effect, domain, surroundings, sources[number], time)

    def at(time: float) -> tuple[Inflow, ...]:
        return tuple(inflow(n, surroundings.standing_since(role, time)) for n, role in enumerate(sources))

    return at if any(surroundings.moves(role) for role in sources) else at(0.0)


def _inflow(effect: Effect, domain: Domain, surroundings: Surroundings, role: Role, time: float) -> Inflow:
    """What comes out of one emitter at `time`. What starts with the first frame has started before, in the warm-up."""
    settings: dict[str, Any] = complete(KINDS[effect.kind].roles["emitter"], role.settings)
    velocity = None
    if settings["speed"]:
        out = settings["speed"] * axis_of(surroundings.recording, role.name, time)
        velocity = tuple(domain.direction(out + surroundings.drift(role, time)).tolist())
    burns = effect.kind == "fire"
    return Inflow(
        _region(domain, surroundings, role, time),
        density=0.0 if burns else settings["density"],
        temperature=settings["temperature"],
        fuel=settings["density"] if burns else 0.0,
        velocity=velocity,
        start=settings["start"] if settings["start"] > 0 else -np.inf,
        stop=settings["stop"],
        once=settings["once"],
        variation=settings["variation"],
    )


def _region(domain: Domain, surroundings: Surroundings, role: Role, time: float) -> np.ndarray:
    """(*cells) bool: what a body encloses, or where it encloses nothing, its surface; the surroundings of points."""
    if role.points is not None:
        return near_points(domain, surroundings, role, time)
    surface = surroundings.surface(role.name, time)
    region = voxels.occupancy(surface, domain.cells, domain.grid_to_world)
    return region if region.any() else voxels.shell(surface, domain.cells, domain.grid_to_world)
