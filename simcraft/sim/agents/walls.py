"""Meshes as people meet them: line segments on the floor, where a mesh is cut at the height of feet, hips and heads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from simcraft.sim.agents.cells import Cells
from simcraft.sim.surroundings import Surface, Surroundings

HEIGHTS = (0.15, 0.5, 0.9)
"""Of a person's height: what is lower is stepped over, what is higher is walked under."""


@dataclass(frozen=True)
class Walls:
    """Line segments, and which of them are near a cell."""

    segments: np.ndarray
    """(S, 4) float64, metres: x, y of one end, x, y of the other."""
    starts: np.ndarray
    """(C + 1,) int32: cell c of the grid is near the segments numbers[starts[c]:starts[c + 1]]."""
    numbers: np.ndarray
    """(L,) int32."""


WallsOverTime = Callable[[float], np.ndarray]
"""Seconds -> segments (S, 4) in the frame of the domain; the very same array where nothing has moved."""


def no_walls(time: float) -> np.ndarray:
    """An open place."""
    return np.zeros((0, 4))


def outline(surface: Surface, place: np.ndarray, height: float) -> np.ndarray:
    """(S, 4): where `surface`, seen from the frame that `place` (4, 4) puts in the world, is cut at z = `height`."""
    to_local = np.linalg.inv(place)
    points = surface.vertices @ to_local[:3, :3].T + to_local[:3, 3]
    points = points[:, :3] - [0, 0, height]
    # a vertex exactly at the height counts as above it, so that every cut triangle has one corner by itself
    above = points[:, 2] >= 0
    faces = surface.faces[np.isin(above[surface.faces].sum(1), (1, 2))]
    alone = above[faces] == (above[faces].sum(1, keepdims=True) == 1)
    first = alone.argmax(1)
    apex, left, right = (points[faces[np.arange(len(faces)), (first + k) % 3]] for k in range(3))

    def crossing(end: np.ndarray) -> np.ndarray:
        share = apex[:, 2] / (apex[:, 2] - end[:, 2])
        return apex[:, :2] + share[:, None] * (end - apex)[:, :2]

    return np.concatenate([crossing(left), crossing(right)], axis=1)


def walls_over_time(
    surroundings: Surroundings, names: tuple[str, ...], size: np.ndarray, place: np.ndarray, height: float
) -> WallsOverTime:
    """The outlines of the bodies `names` for people of `height` metres who walk on the floor of a box.

    `size` (3,) are the box's sides in metres; `place` (4, 4, rigid) puts it in the world. What moves is looked at once
    a frame.
    """

    def cut(bodies: tuple[str, ...], time: float) -> np.ndarray:
        found = [np.zeros((0, 4))]
        for name in bodies:
            surface = surroundings.surface(name, time)
            found += [outline(surface, place, share * height) for share in HEIGHTS]
        segments = np.concatenate(found)
        x, y = np.sort(segments[:, ::2], axis=1), np.sort(segments[:, 1::2], axis=1)
        inside = (x[:, 1] > -height) & (x[:, 0] < size[0] + height) & (y[:, 1] > -height) & (y[:, 0] < size[1] + height)
        return np.ascontiguousarray(segments[inside])

    moving = tuple(name for name in names if surroundings.moves(name))
    still = cut(tuple(name for name in names if name not in moving), 0.0)
    fps, last = surroundings.recording.fps, surroundings.frame_count - 1

    @lru_cache(maxsize=2)
    def in_frame(frame: int) -> np.ndarray:
        return np.concatenate([still, cut(moving, frame / fps)]) if moving else still

    return lambda time: in_frame(min(max(round(time * fps), 0), last) if moving else 0)


def sorted_walls(walls: WallsOverTime, cells: Cells, reach: float) -> Callable[[float], Walls]:
    """Seconds -> the walls at that time as `sort_walls` gives them; sorted again only where they have moved."""
    last: list[tuple[np.ndarray, Walls]] = []

    def at(time: float) -> Walls:
        segments = walls(time)
        if not last or last[0][0] is not segments:
            last[:] = [(segments, sort_walls(segments, cells, reach))]
        return last[0][1]

    return at


def sort_walls(segments: np.ndarray, cells: Cells, reach: float) -> Walls:
    """List the segments that come within `reach` metres of each cell."""
    low = np.minimum(segments[:, :2], segments[:, 2:]) - reach
    high = np.maximum(segments[:, :2], segments[:, 2:]) + reach
    first, last = (np.clip(np.floor((c - cells.low) / cells.size), 0, cells.shape - 1).astype(int) for c in (low, high))
    # each segment in each cell of its rectangle, numbered row by row
    width, height = (last - first + 1).T
    number = np.repeat(np.arange(len(segments)), width * height)
    within = np.arange(len(number)) - np.repeat(np.cumsum(width * height) - width * height, width * height)
    x, y = first[number, 0] + within % width[number], first[number, 1] + within // width[number]
    table = np.column_stack([x + cells.shape[0] * y, number])
    table = table[np.lexsort((table[:, 1], table[:, 0]))]
    starts = np.searchsorted(table[:, 0], np.arange(int(np.prod(cells.shape)) + 1))
    return Walls(segments, starts.astype(np.int32), table[:, 1].astype(np.int32))


def sample_walls(segments: np.ndarray, spacing: float) -> np.ndarray:
    """(P, 2) points on the segments, at most `spacing` metres apart along each."""
    starts, ends = segments[:, :2], segments[:, 2:]
    counts = np.ceil(np.linalg.norm(ends - starts, axis=1) / spacing).astype(int) + 1
    number = np.repeat(np.arange(len(segments)), counts)
    step = np.arange(len(number)) - np.repeat(np.cumsum(counts) - counts, counts)
    share = (step / np.maximum(counts[number] - 1, 1))[:, None]
    return starts[number] + share * (ends - starts)[number]
