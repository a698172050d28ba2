"""How far it is to the nearest solid thing, on a grid over a box and over time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from simcraft.sim.surroundings import Surface, Surroundings

MOST_CELLS = 150_000


@dataclass(frozen=True)
class DistanceField:
    """Distances at the centres of cubes that fill a box from its lowest corner, the origin."""

    values: np.ndarray
    """(X, Y, Z) float32, metres, negative inside; cut off where nothing is near."""
    cell: float
    """Side of a cube in metres."""

    @staticmethod
    def nothing() -> DistanceField:
        """Far from everything."""
        return DistanceField(np.full((1, 1, 1), 1e9, np.float32), 1e9)

    def at(self, places: np.ndarray) -> np.ndarray:
        """(N,) distances in the cells of `places` (N, 3)."""
        index = np.clip((places / self.cell).astype(int), 0, np.array(self.values.shape) - 1)
        return self.values[tuple(index.T)]


def distance_over_time(
    surroundings: Surroundings, names: tuple[str, ...], box: np.ndarray, box_to_world: np.ndarray, reach: float
) -> Callable[[float], DistanceField]:
    """Distances to the bodies `names` in a box of `box` (3,) metres that `box_to_world` (4, 4, rigid) places.

    Exact up to `reach` metres, and never more; what moves is looked at once a frame.
    """
    from simcraft.sim.voxels import signed_distance

    cell = max(reach / 10, float(np.prod(box) / MOST_CELLS) ** (1 / 3))
    x, y, z = (max(int(np.ceil(side / cell)), 1) for side in box)
    grid_to_world = np.asarray(box_to_world, np.float64) @ np.diag([cell, cell, cell, 1.0])

    def union(bodies: tuple[str, ...], time: float) -> np.ndarray:
        if not bodies:
            return np.full((x, y, z), reach, np.float32)
        surface = joined(surroundings.surface(body, time) for body in bodies)
        return signed_distance(surface, (x, y, z), grid_to_world, reach)

    moving = tuple(name for name in names if surroundings.moves(name))
    still = union(tuple(name for name in names if name not in moving), 0.0)
    fps, last = surroundings.recording.fps, surroundings.frame_count - 1

    @lru_cache(maxsize=2)
    def in_frame(frame: int) -> DistanceField:
        return DistanceField(np.minimum(still, union(moving, frame / fps)), cell)

    return lambda time: in_frame(min(max(round(time * fps), 0), last) if moving else 0)


def joined(surfaces: Iterable[Surface]) -> Surface:
    """All of `surfaces` as one."""
    parts = list(surfaces)
    first = np.cumsum([0, *(len(part.vertices) for part in parts)])
    return Surface(
        np.concatenate([part.vertices for part in parts]),
        np.concatenate([part.velocity for part in parts]),
        np.concatenate([part.faces + n for part, n in zip(parts, first[:-1], strict=True)]).astype(np.int32),
    )
