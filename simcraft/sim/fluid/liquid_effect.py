"""Liquid in a scene: its domain, what it comes from and what it runs into are bodies of the recording.

The box may be turned in any way. Obstacles block the cells that `simcraft.sim.voxels.obstacle` names: closed bodies
with all that they enclose, open ones as walls that are never thinner than the way from one cell to the next. Liquid
flows only through faces between free cells, and particles move along one axis after the other in steps of at most
half a cell: so a glass holds its drink, however thin its wall and however coarse the grid.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from simcraft.errors import UserError
from simcraft.recording import Effect, Recording, RigidBody, Role
from simcraft.recording.format import KINDS, complete
from simcraft.sim import voxels
from simcraft.sim.effects import settings_of
from simcraft.sim.fluid.boundary import Obstacle
from simcraft.sim.fluid.grid import Grid
from simcraft.sim.fluid.liquid import WATER, Emitter, LiquidConfig, LiquidState, Region, liquid_solver
from simcraft.sim.solver import Solver
from simcraft.sim.surroundings import Surroundings, roles

BAND = 3.0
"""Cells around an emitter's surface in which its distance is known."""


@dataclass(frozen=True, eq=False)
class Domain:
    """The box of an effect, divided into cubic cells."""

    grid: Grid
    to_world: np.ndarray
    """(4, 4) float64: metres from the box's lower corner to the world; a rotation and a shift."""

    @property
    def cells(self) -> tuple[int, int, int]:
        return self.grid.cells  # type: ignore[return-value]

    @property
    def grid_to_world(self) -> np.ndarray:
        """(4, 4) float64, from cell units to the world."""
        return self.to_world @ np.diag([self.grid.spacing] * 3 + [1.0])

    def direction(self, vectors: np.ndarray) -> np.ndarray:
        """(..., 3) world vectors along the box's own axes."""
        turned: np.ndarray = vectors @ self.to_world[:3, :3]
        return turned


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
        grid=domain.grid,
        emitters=tuple(_emitter(domain, surroundings, role) for role in sources),
        obstacle=_obstacle(domain, surroundings, roles(effect, "obstacle")),
        gravity=tuple(domain.direction(np.array([0.0, 0.0, settings["gravity"]]))),
        viscosity=settings["viscosity"],
        flip=settings["flip"],
        closed=settings["closed"],
        solver=settings["solver"],
        seed=seed,
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


def domain_of(effect: Effect, resolution: int) -> Domain:
    """The box of `effect` with `resolution` cells along its longest side. Raises `UserError` where it is no box."""
    edges = np.asarray(effect.box_to_world, np.float64)[:3, :3]
    size = np.linalg.norm(edges, axis=0)
    axes = edges / np.maximum(size, 1e-12)
    upright = np.allclose(axes.T @ axes, np.eye(3), atol=1e-3)
    if not (np.isfinite(edges).all() and size.min() > 1e-6 * size.max() > 0 and upright):
        raise UserError(
            f"The domain of '{effect.name}' is flat or sheared ({', '.join(f'{s:g}' for s in size)} m).",
            "Make it a box; it may be turned.",
        )
    spacing = float(size.max()) / resolution
    cells = tuple(max(1, round(float(s) / spacing)) for s in size)
    to_world = np.eye(4)
    to_world[:3, :3], to_world[:3, 3] = axes, np.asarray(effect.box_to_world, np.float64)[:3, 3]
    return Domain(Grid(cells, spacing), to_world)


def _emitter(domain: Domain, surroundings: Surroundings, role: Role) -> Emitter:
    settings = complete(KINDS["liquid"].roles["emitter"], role.settings)

    def region(time: float) -> Region:
        surface = surroundings.surface(role.name, time)
        return voxels.signed_distance(surface, domain.cells, domain.grid_to_world, BAND * domain.grid.spacing)

    def velocity(time: float) -> tuple[float, ...]:
        drift = surroundings.surface(role.name, time).velocity.mean(0)
        own = settings["speed"] * axis_of(surroundings.recording, role.name, time)
        return tuple(domain.direction(own + drift).tolist())

    moves = surroundings.moves(role.name)
    return Emitter(
        region=lru_cache(maxsize=2)(region) if moves else region(0.0),
        velocity=lru_cache(maxsize=4)(velocity) if moves else velocity(0.0),
        once=settings["once"],
        start=settings["start"],
        stop=settings["stop"],
    )


def axis_of(recording: Recording, name: str, time: float) -> np.ndarray:
    """(3,) float64: the own z axis of the body `name` in the world; the world's for bodies without a transform."""
    body = next(b for b in recording.bodies if b.name == name)
    if not isinstance(body, RigidBody):
        return np.array([0.0, 0.0, 1.0])
    frame = round(min(max(time * recording.fps, 0.0), recording.frame_count - 1.0))
    axis = np.asarray(body.transforms[frame], np.float64)[:3, 2]
    return axis / max(float(np.linalg.norm(axis)), 1e-12)


def _obstacle(
    domain: Domain, surroundings: Surroundings, things: tuple[Role, ...]
) -> Obstacle | Callable[[float], Obstacle] | None:
    """All obstacles together: once and for all where none of them moves."""
    if not things:
        return None
    still = [thing.name for thing in things if not surroundings.moves(thing.name)]
    moving = [thing.name for thing in things if surroundings.moves(thing.name)]
    resting = _solids(domain, surroundings, still, 0.0)
    if not moving:
        return resting

    @lru_cache(maxsize=4)
    def at(time: float) -> Obstacle:
        pushing = _solids(domain, surroundings, moving, time)
        return Obstacle(resting.cells | pushing.cells, pushing.velocity)

    return at


def _solids(domain: Domain, surroundings: Surroundings, names: list[str], time: float) -> Obstacle:
    """The cells that the bodies `names` block, and how they move."""
    blocked = np.zeros(domain.cells, bool)
    velocity = np.zeros((*domain.cells, 3), np.float32)
    for name in names:
        surface = surroundings.surface(name, time)
        cells = voxels.obstacle(surface, domain.cells, domain.grid_to_world)
        speed = voxels.surface_velocity(surface, domain.cells, domain.grid_to_world, cells)
        velocity[cells] = domain.direction(speed[cells].astype(np.float64))
        blocked |= cells
    return Obstacle(blocked, velocity)
