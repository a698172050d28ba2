"""A fluid's domain in a scene: the box of an effect as a grid, and the scene's bodies as cells of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from simcraft.errors import UserError
from simcraft.recording import Effect, Recording, RigidBody, Role
from simcraft.sim import voxels
from simcraft.sim.fluid.boundary import Obstacle
from simcraft.sim.fluid.grid import Grid
from simcraft.sim.surroundings import Surroundings

POINT_RADIUS = 1.5
"""Cells around an emitter without an inside (an empty, a curve, a plane) in which something comes out."""


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


def domain_of(effect: Effect, resolution: int) -> Domain:
    """The box of `effect` with `resolution` cells along its longest side. Raises `UserError` where it is no box.

    Sides that are no whole number of cells long are rounded; the lower corner stays.
    """
    edges = np.asarray(effect.box_to_world, np.float64)[:3, :3]
    size = np.linalg.norm(edges, axis=0)
    axes = edges / np.maximum(size, 1e-12)
    is_turned = np.allclose(axes.T @ axes, np.eye(3), atol=1e-3) and np.linalg.det(axes) > 0
    if not (np.isfinite(edges).all() and size.min() > 1e-6 * size.max() > 0 and is_turned):
        mirrored = np.linalg.det(axes) < 0
        raise UserError(
            f"The domain '{effect.name}' is {'mirrored' if mirrored else 'flat or sheared'}"
            f" ({', '.join(f'{s:g}' for s in size)} m).",
            "Apply its scale in Blender, so that none is negative." if mirrored else "Make it a box; it may be turned.",
        )
    spacing = float(size.max()) / resolution
    cells = tuple(max(1, round(float(s) / spacing)) for s in size)
    to_world = np.eye(4)
    to_world[:3, :3], to_world[:3, 3] = axes, np.asarray(effect.box_to_world, np.float64)[:3, 3]
    return Domain(Grid(cells, spacing), to_world)


def obstacle_of(
    domain: Domain, surroundings: Surroundings, names: Sequence[str]
) -> Obstacle | Callable[[float], Obstacle] | None:
    """All bodies of `names` together, once and for all where none of them moves, else as a function of time: that gives
    the same object as long as they rest."""
    if not names:
        return None
    moving = [name for name in names if surroundings.moves(name)]
    still = [_solid(domain, surroundings, name, 0.0) for name in names if name not in moving]
    if not moving:
        return _together(domain, still)

    @lru_cache(maxsize=2 * len(moving))
    def solid(name: str, time: float) -> _Solid:
        return _solid(domain, surroundings, name, time)

    @lru_cache(maxsize=4)
    def at(times: tuple[float, ...]) -> Obstacle:
        return _together(domain, [*still, *(solid(name, time) for name, time in zip(moving, times, strict=True))])

    return lambda time: at(tuple(surroundings.standing_since(name, time) for name in moving))


@dataclass(frozen=True)
class _Solid:
    """What one body blocks at one moment."""

    cells: np.ndarray
    """(N,) int64: numbers of the cells, in the order of their memory."""
    velocity: np.ndarray
    """(N, 3) float32, metres a second along the box's axes."""


def _solid(domain: Domain, surroundings: Surroundings, name: str, time: float) -> _Solid:
    surface = surroundings.surface(name, time)
    blocked = voxels.obstacle(surface, domain.cells, domain.grid_to_world)
    spin = surroundings.spin(name, time)
    if spin is None:
        speed = voxels.surface_velocity(surface, domain.cells, domain.grid_to_world, blocked)[blocked]
    else:
        matrix = domain.grid_to_world
        centres = (np.argwhere(blocked) + 0.5) @ matrix[:3, :3].T + matrix[:3, 3]
        speed = centres @ spin[:, :3].T + spin[:, 3]
    return _Solid(np.flatnonzero(blocked), domain.direction(speed.astype(np.float64)).astype(np.float32))


def _together(domain: Domain, solids: Sequence[_Solid]) -> Obstacle:
    """What all of `solids` block; where they overlap, the last one says how it moves."""
    blocked, velocity = np.zeros(domain.cells, bool), np.zeros((*domain.cells, 3), np.float32)
    for solid in solids:
        blocked.ravel()[solid.cells] = True
        velocity.reshape(-1, 3)[solid.cells] = solid.velocity
    return Obstacle(blocked, velocity)


def near_points(domain: Domain, surroundings: Surroundings, role: Role, time: float) -> np.ndarray:
    """(*cells) bool: the cells within `POINT_RADIUS` of the points of a thing without faces."""
    radius = POINT_RADIUS * domain.grid.spacing
    places = surroundings.place(role, time)
    return np.logical_or.reduce([voxels.sphere(domain.cells, domain.grid_to_world, at, radius) for at in places])


def axis_of(recording: Recording, name: str, time: float) -> np.ndarray:
    """(3,) float64: the own z axis of the body `name` in the world; the world's for bodies without a transform."""
    body = next((b for b in recording.bodies if b.name == name), None)
    if not isinstance(body, RigidBody):
        return np.array([0.0, 0.0, 1.0])
    frame = round(min(max(time * recording.fps, 0.0), recording.frame_count - 1.0))
    axis = np.asarray(body.transforms[frame], np.float64)[:3, 2]
    return axis / max(float(np.linalg.norm(axis)), 1e-12)
