"""Bodies of a scene on the lanes of a road: the camera's own car, people who cross, things that fell from a lorry."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from simcraft.recording import Instances
from simcraft.sim.agents.lanes import Lanes, tangent_at
from simcraft.sim.surroundings import Surface, Surroundings

EDGE = 0.4
"""Metres between points on a footprint's edge."""
LOWEST, HIGHEST = 0.15, 2.5
"""Metres above the road: what is lower is driven over, what is higher is driven under."""


def obstacles_over_time(
    surroundings: Surroundings, names: tuple[str, ...], lanes: Lanes, corridor: float
) -> Callable[[float], np.ndarray]:
    """Time -> (K, 4) rows lane, middle, half length, speed of the bodies `names`, as `traffic.Traffic.obstacles`.

    `corridor` is how far to each side of a lane's line it has to be free, metres. Bodies are looked at once a frame and
    keep their speed until the next.
    """
    fps, last = surroundings.recording.fps, surroundings.frame_count - 1

    @lru_cache(maxsize=4)
    def in_frame(frame: int) -> np.ndarray:
        found = [np.zeros((0, 4))]
        for name in names:
            for surface in _things(surroundings, name, frame):
                found.append(intervals(surface, lanes, corridor))
        return np.concatenate(found)

    def rows(time: float) -> np.ndarray:
        frame = int(np.clip(np.floor(time * fps + 1e-6), 0, last))
        result = in_frame(frame).copy()
        since = np.clip(time - frame / fps, 0, 1 / fps)
        result[:, 1] += since * result[:, 3]
        return result

    return rows


def intervals(surface: Surface, lanes: Lanes, corridor: float) -> np.ndarray:
    """(K, 4): for each lane that the footprint of `surface` reaches: lane, middle, half length, speed along it."""
    points, speed = _footprint(surface), surface.velocity.mean(0)
    bottom, top = surface.vertices[:, 2].min(), surface.vertices[:, 2].max()
    found = [np.zeros((0, 4))]
    for lane in range(len(lanes.length)):
        arc, aside, height = _along(lanes, lane, points)
        within = (aside <= corridor) & (top > height + LOWEST) & (bottom < height + HIGHEST)
        within &= lanes.closed[lane] | ((arc > 0) & (arc < lanes.length[lane]))
        if not within.any():
            continue
        inside, first = arc[within], arc[within][0]
        if lanes.closed[lane]:
            half = lanes.length[lane] / 2
            inside = first + np.mod(inside - first + half, 2 * half) - half
        middle = (inside.min() + inside.max()) / 2
        along = tangent_at(lanes, np.array([lane]), np.array([middle]))[0]
        found.append(np.array([[lane, middle, (inside.max() - inside.min()) / 2 + EDGE / 2, max(speed @ along, 0.0)]]))
    return np.concatenate(found)


def _things(surroundings: Surroundings, name: str, frame: int) -> list[Surface]:
    """The body named `name` in a frame, hidden or not (the camera's car is); copies that are there one by one."""
    surface = surroundings.surface(name, frame / surroundings.recording.fps)
    body = next(b for b in surroundings.recording.bodies if b.name == name)
    if not isinstance(body, Instances):
        return [surface] if len(surface.vertices) else []
    count = body.transforms.shape[1]
    places, velocity = (a.reshape(count, -1, 3) for a in (surface.vertices, surface.velocity))
    there = np.ones(count, bool) if body.present is None else body.present[frame]
    return [Surface(places[n], velocity[n], surface.faces[:0]) for n in np.flatnonzero(there)]


def _footprint(surface: Surface) -> np.ndarray:
    """(M, 2): points on the edge of the convex hull, seen from above."""
    from scipy.spatial import ConvexHull, QhullError

    places = surface.vertices[:, :2]
    try:
        corners = places[ConvexHull(places).vertices]
    except QhullError:  # an upright plane has no area from above
        corners = places
    ahead = np.roll(corners, -1, axis=0) - corners
    counts = np.maximum(np.ceil(np.linalg.norm(ahead, axis=1) / EDGE).astype(int), 1)
    number = np.repeat(np.arange(len(corners)), counts)
    share = (np.arange(len(number)) - np.repeat(np.cumsum(counts) - counts, counts)) / counts[number]
    return corners[number] + share[:, None] * ahead[number]


def _along(lanes: Lanes, lane: int, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For `points` (M, 2): metres along the lane, metres aside of it, and its height there."""
    rows = slice(lanes.starts[lane], lanes.starts[lane + 1])
    line, tangent = lanes.points[rows], lanes.tangents[rows]
    nearest = ((points[:, None] - line[None, :, :2]) ** 2).sum(-1).argmin(1)
    level = tangent[nearest, :2] / np.maximum(np.linalg.norm(tangent[nearest, :2], axis=1, keepdims=True), 1e-9)
    offset = points - line[nearest, :2]
    along = (offset * level).sum(1)
    aside = np.abs(offset[:, 0] * -level[:, 1] + offset[:, 1] * level[:, 0])
    return nearest * lanes.spacing[lane] + along, aside, line[nearest, 2]
