"""What materials run into, as distances and velocities at the nodes of their grid.

A body that stands still is measured once. A rigid body that moves is measured once in its own frame and looked up from
the nodes around it in each step; one that bends or changes is measured once a frame of the recording.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from simcraft.recording import RigidBody
from simcraft.sim.mpm.state import PADDING, Domain
from simcraft.sim.surroundings import Surface, Surroundings
from simcraft.sim.voxels import is_closed, signed_distance, surface_velocity

BAND = 4.0
"""Cells around a surface in which its distance is exact."""
THINNEST = 0.75
"""Cells from the middle of an obstacle to its surface, at least: what is thinner becomes thicker, or material would
leak through between two nodes."""
MOST_CELLS = 2**21
"""Of the grid that holds a moving obstacle's distances; larger obstacles get coarser ones."""
STICKY = -1.0
"""As friction: holds everything that touches."""


@dataclass(frozen=True)
class ObstacleField:
    """All obstacles at one moment, seen from the grid's nodes (flat, in the grid's order)."""

    distance: np.ndarray
    """(nodes,) float32, metres to the nearest obstacle, negative inside; no nodes where there is nothing to hit."""
    velocity: np.ndarray
    """(nodes, D) float32, m/s along the domain's axes: of that obstacle."""
    friction: np.ndarray
    """(nodes,) float32, Coulomb's coefficient of that obstacle, or `STICKY`."""

    @cached_property
    def fastest(self) -> float:
        """Metres a second that no obstacle exceeds."""
        return float(np.sqrt((self.velocity**2).sum(-1).max(initial=0.0)))


@dataclass(frozen=True)
class RigidObstacle:
    """A moving rigid body with its distances in its own frame."""

    distance: np.ndarray
    """(X, Y, Z) float32, metres, at the points of a grid around the body."""
    local_to_grid: np.ndarray
    """(4, 4) float64: from the domain's metres in the first frame to points of that grid (point i at i)."""
    moved: np.ndarray
    """(T, 4, 4) float64: from the body in the first frame to the body in each frame, in the domain's metres."""
    fps: float
    friction: float

    @cached_property
    def corners(self) -> np.ndarray:
        """(8, 4) float64: the corners of `distance` in the first frame, homogeneous, in the domain's metres."""
        unit = np.indices((2, 2, 2)).reshape(3, 8).T * (np.array(self.distance.shape) - 1)
        return np.concatenate([unit, np.ones((8, 1))], axis=1) @ np.linalg.inv(self.local_to_grid).T

    def pose(self, time: float) -> tuple[np.ndarray, np.ndarray]:
        """(4, 4) where it is at `time`, like `moved`, and (4, 4) its rate of change a second."""
        frame = time * self.fps
        last = len(self.moved) - 1
        first = int(min(max(math.floor(frame), 0), max(last - 1, 0)))
        change = self.moved[min(first + 1, last)] - self.moved[first]
        share = min(max(frame - first, 0.0), 1.0)
        rate = self.fps if 0 <= frame < last else 0.0
        return self.moved[first] + share * change, rate * change

    def add(self, domain: Domain, field: ObstacleField, time: float) -> None:
        """Write it into `field` where it is nearer than what is there."""
        from simcraft.sim.mpm.obstacle_kernels import add_rigid

        pose, rate = self.pose(time)
        back = np.linalg.inv(pose)
        seen = (self.corners @ pose.T)[:, :3] / domain.spacing + PADDING
        low = np.clip(np.floor(seen.min(0)), 0, np.array(domain.nodes)).astype(np.int32)
        high = np.clip(np.ceil(seen.max(0)) + 1, 0, np.array(domain.nodes)).astype(np.int32)
        if not (low < high).all():
            return
        to_local = node_to_local(domain)
        lookup = np.ascontiguousarray((self.local_to_grid @ back @ to_local)[:3])
        motion = np.ascontiguousarray((rate @ back @ to_local)[:3])
        nodes = np.array(domain.nodes, np.int32)
        add_rigid(
            *(low, high, nodes, lookup, motion, self.distance, self.friction),
            *(field.distance, field.velocity, field.friction),
        )

    def fastest(self, time: float) -> float:
        """Metres a second: no corner of the body's box is faster at `time`."""
        return float(np.sqrt(((self.corners @ self.pose(time)[1].T)[:, :3] ** 2).sum(1).max()))


@dataclass(frozen=True)
class ChangingObstacle:
    """A body that bends or changes, measured anew for each frame."""

    measured: Callable[[int], ObstacleField]
    """The body alone halfway between frame k and k + 1, for k from -1 (before the first frame)."""
    last: int
    """Frames after this one are like this one."""
    fps: float

    def add(self, domain: Domain, field: ObstacleField, time: float) -> None:
        """Write it into `field` where it is nearer than what is there."""
        merge(field, self.measured(self._frame(time)))

    def fastest(self, time: float) -> float:
        """Metres a second."""
        return self.measured(self._frame(time)).fastest

    def _frame(self, time: float) -> int:
        return int(min(max(math.floor(time * self.fps), -1), self.last))


@dataclass(frozen=True)
class Obstacles:
    """Everything there is to run into."""

    still: ObstacleField
    moving: tuple[RigidObstacle | ChangingObstacle, ...] = ()

    def at(self, domain: Domain, time: float) -> ObstacleField:
        """All of them at `time` seconds."""
        if not self.moving:
            return self.still
        field = ObstacleField(self.still.distance.copy(), self.still.velocity.copy(), self.still.friction.copy())
        for obstacle in self.moving:
            obstacle.add(domain, field, time)
        return field

    def fastest(self, time: float) -> float:
        """Metres a second that no obstacle exceeds at `time`."""
        return max((obstacle.fastest(time) for obstacle in self.moving), default=0.0)


def no_obstacles(dimension: int) -> Obstacles:
    """Nothing but the domain's walls."""
    none = np.zeros(0, np.float32)
    return Obstacles(ObstacleField(none, np.zeros((0, dimension), np.float32), none))


def still_obstacles(domain: Domain, distance: np.ndarray, friction: float) -> Obstacles:
    """Obstacles that stand still, by their signed distance in metres at the nodes (`domain.nodes`)."""
    flat = np.ascontiguousarray(distance, np.float32).reshape(-1)
    return Obstacles(
        ObstacleField(
            flat, np.zeros((len(flat), domain.dimension), np.float32), np.full(len(flat), friction, np.float32)
        )
    )


def node_places(domain: Domain) -> np.ndarray:
    """(*nodes, D) float64: where the grid's nodes are, metres from the domain's lower corner."""
    return (np.moveaxis(np.indices(domain.nodes, np.float64), 0, -1) - PADDING) * domain.spacing


def node_to_local(domain: Domain) -> np.ndarray:
    """(4, 4) float64: from indices of nodes to metres from the domain's lower corner, in 3D."""
    matrix = np.diag([*[domain.spacing] * 3, 1.0])
    matrix[:3, 3] = -PADDING * domain.spacing
    return matrix


def surrounding_obstacles(
    domain: Domain, to_world: np.ndarray, surroundings: Surroundings, names: Sequence[tuple[str, float]]
) -> Obstacles:
    """The bodies of a recording as obstacles in a 3D domain.

    Parameters
    ----------
    to_world: (4, 4), from the domain's metres to the world; a rotation and a shift.
    names: of bodies with faces, each with its friction.

    Raises `UserError` where there is no such body, or one without faces.
    """
    if not names:
        return no_obstacles(3)
    count = math.prod(domain.nodes)
    still = ObstacleField(
        np.full(count, BAND * domain.spacing, np.float32), np.zeros((count, 3), np.float32), np.zeros(count, np.float32)
    )
    moving: list[RigidObstacle | ChangingObstacle] = []
    for name, friction in names:
        body = next((b for b in surroundings.recording.bodies if b.name == name), None)
        if not surroundings.moves(name):
            merge(still, measured_field(domain, to_world, surroundings.surface(name, 0.0), friction))
        elif isinstance(body, RigidBody):
            moving.append(rigid_obstacle(domain, to_world, surroundings, body, friction))
        else:
            moving.append(_changing_obstacle(domain, to_world, surroundings, name, friction))
    return Obstacles(still, tuple(moving))


def merge(field: ObstacleField, other: ObstacleField) -> None:
    """Write `other` into `field` where it is nearer."""
    nearer = other.distance < field.distance
    for name in ("distance", "velocity", "friction"):
        getattr(field, name)[nearer] = getattr(other, name)[nearer]


def measured_field(domain: Domain, to_world: np.ndarray, surface: Surface, friction: float) -> ObstacleField:
    """One surface seen from the nodes."""
    distance, velocity = _measure(surface, domain.nodes, to_world @ node_to_local(domain), domain.spacing, True)
    local = velocity.reshape(-1, 3) @ to_world[:3, :3].astype(np.float32)
    return ObstacleField(distance.reshape(-1), local, np.full(distance.size, friction, np.float32))


def _measure(
    surface: Surface, points: tuple[int, ...], points_to_world: np.ndarray, spacing: float, moving: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Distance (X, Y, Z) float32 and velocity (X, Y, Z, 3) float32 in the world, at the points of a grid."""
    cells = (points[0], points[1], points[2])
    centred = points_to_world @ _shift(-0.5)
    band = BAND * spacing
    distance = signed_distance(surface, cells, centred, band)
    distance = thickened(distance, is_closed(surface), float(np.linalg.norm(points_to_world[:3, 0])), spacing)
    velocity = np.zeros((*cells, 3), np.float32)
    if moving and surface.velocity.any():
        velocity = surface_velocity(surface, cells, centred, distance < spacing)
    return distance, velocity


def thickened(distance: np.ndarray, closed: bool, step: float, spacing: float) -> np.ndarray:
    """Distances (X, Y, Z) float32 of an obstacle that is nowhere thinner than the domain's grid can hold up.

    Parameters
    ----------
    distance: metres to the surface, negative inside, at points `step` metres apart.
    closed: does the surface enclose what is inside? An open one is a wall of its own.
    spacing: side of the domain's cells, metres.
    """
    from scipy.ndimage import distance_transform_edt, maximum_filter

    least = THINNEST * spacing
    if not closed:
        return np.abs(distance) - np.float32(least)
    reach = 2 * least + 0.75 * step  # the corner of a cube is just within
    thin = distance < 0.87 * step
    deep = distance < -least
    if deep.any():
        # thin is what is solid, or on the surface, but not around anything deep, which begins between two points
        around, nearest = distance_transform_edt(~deep, sampling=step, return_indices=True)
        thin &= around - (-distance[tuple(nearest)] - least) > reach + np.maximum(distance, 0)
    if not thin.any():
        return distance
    near_thin = distance_transform_edt(~thin, sampling=step) < reach
    depth = maximum_filter(np.where(thin, -distance, 0), size=2 * math.ceil(reach / step) + 1)
    return np.where(near_thin, distance - np.clip(least - depth, 0, least), distance).astype(np.float32)


def _shift(by: float) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, 3] = by
    return matrix


def rigid_obstacle(
    domain: Domain, to_world: np.ndarray, surroundings: Surroundings, body: RigidBody, friction: float
) -> RigidObstacle:
    """The moving `body`, measured in the first frame."""
    surface = surroundings.surface(body.name, 0.0)
    to_local = np.linalg.inv(to_world)
    vertices = surface.vertices @ to_local[:3, :3].T + to_local[:3, 3]
    low, high = vertices.min(0), vertices.max(0)
    margin = 2 * domain.spacing
    step = domain.spacing / 2
    while math.prod(points := tuple(int(n) for n in np.ceil((high - low + 2 * margin) / step) + 1)) > MOST_CELLS:
        step *= 1.25
    grid_to_local = np.diag([step, step, step, 1.0])
    grid_to_local[:3, 3] = low - margin
    still = Surface(surface.vertices, np.zeros_like(surface.vertices), surface.faces)
    distance, _ = _measure(still, points, to_world @ grid_to_local, domain.spacing, False)
    first = np.linalg.inv(body.transforms[0])
    moved = to_local @ body.transforms @ first @ to_world
    return RigidObstacle(distance, np.linalg.inv(grid_to_local), moved, surroundings.recording.fps, friction)


def _changing_obstacle(
    domain: Domain, to_world: np.ndarray, surroundings: Surroundings, name: str, friction: float
) -> ChangingObstacle:
    fps = surroundings.recording.fps
    latest: dict[int, ObstacleField] = {}

    def measured(frame: int) -> ObstacleField:
        if frame not in latest:
            latest.clear()
            surface = surroundings.surface(name, (frame + 0.5) / fps)
            latest[frame] = measured_field(domain, to_world, surface, friction)
        return latest[frame]

    return ChangingObstacle(measured, surroundings.frame_count - 1, fps)
