"""Ways round walls: the walking distance to a goal from everywhere, and the direction in which it falls."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simcraft.sim.agents.walls import sample_walls

MOST_CELLS = 250_000


@dataclass(frozen=True)
class Goal:
    """A line that people walk to; a point where both ends are one."""

    start: tuple[float, float]
    end: tuple[float, float]
    radius: float = 1.0
    """Metres from the line at which one has arrived."""


@dataclass(frozen=True)
class Routes:
    """For G goals on a grid of X x Y squares over a floor."""

    distance: np.ndarray
    """(G, X, Y) float64: metres to walk from the squares' middles; infinite where no way leads."""
    direction: np.ndarray
    """(G, X, Y, 2) float64: the unit vector of the shortest way; 0 where there is none."""
    cell: float
    """Side of a square in metres."""


def plan_routes(goals: tuple[Goal, ...], segments: np.ndarray, size: np.ndarray, clear: float) -> Routes:
    """Shortest ways to `goals` on a floor of `size` (2,) metres, `clear` metres away from walls `segments` (S, 4)."""
    from scipy import ndimage

    from simcraft.sim.agents.route_kernels import descend, sweep

    cell = max(clear / 2, float(np.sqrt(size[0] * size[1] / MOST_CELLS)))
    shape = np.maximum(np.ceil(size / cell).astype(int), 2)
    blocked = np.zeros(shape, bool)
    points = sample_walls(segments, cell / 2)
    index = np.floor(points / cell).astype(int)
    index = index[((index >= 0) & (index < shape)).all(1)]
    blocked[tuple(index.T)] = True
    if blocked.any():
        blocked = ndimage.distance_transform_edt(~blocked) * cell < clear
    middles = (np.stack(np.meshgrid(*(np.arange(n) + 0.5 for n in shape), indexing="ij"), -1)) * cell
    distance = np.full((len(goals), *shape), np.inf)
    direction = np.zeros((*distance.shape, 2))
    for number, goal in enumerate(goals):
        away = distance_to_line(middles, goal)
        # a goal beyond the floor, or smaller than a square, still has a nearest one
        source = (away <= max(goal.radius, cell)) | (away <= away.min() + cell)
        distance[number][source & ~blocked] = away[source & ~blocked]
        sweep(distance[number], blocked, cell)
        descend(distance[number], direction[number])
        _leave_walls(blocked, direction[number])
    return Routes(distance, direction, cell)


def distance_to_line(points: np.ndarray, goal: Goal) -> np.ndarray:
    """(...) metres from `points` (..., 2) to the line of `goal`."""
    start, along = np.array(goal.start), np.subtract(goal.end, goal.start)
    share = np.clip((points - start) @ along / max(float(along @ along), 1e-12), 0, 1)
    return np.linalg.norm(points - start - share[..., None] * along, axis=-1)


def _leave_walls(blocked: np.ndarray, direction: np.ndarray) -> None:
    """Let who was pushed against a wall walk as one does in the nearest free square."""
    from scipy import ndimage

    if blocked.any() and not blocked.all():
        nearest = ndimage.distance_transform_edt(blocked, return_distances=False, return_indices=True)
        direction[blocked] = direction[tuple(nearest[:, blocked])]
