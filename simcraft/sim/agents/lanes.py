"""Lanes of a road: lines that cars follow, and which of them lie side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simcraft.errors import UserError

SPACING = 1.0
"""Metres between samples of a lane, about."""
LATERAL_ACCELERATION = 3.0
"""m/s²: how fast a bend is taken."""
BRAKING = 1.5
"""m/s²: how hard one brakes for a bend."""
BEND = 3
"""Samples before and after that a bend is measured over: a kink in a line is driven as a bend."""
LEFT, RIGHT = 0, 1


@dataclass(frozen=True)
class Lanes:
    """L lanes, sampled at equal distances along each; all samples one after the other. World frame, metres."""

    starts: np.ndarray
    """(L + 1,) int64: lane l owns the samples starts[l]:starts[l + 1]; the last of a closed one repeats its first."""
    spacing: np.ndarray
    """(L,) float64, metres between samples."""
    length: np.ndarray
    """(L,) float64, metres."""
    closed: np.ndarray
    """(L,) bool: does it end where it begins?"""
    points: np.ndarray
    """(S, 3) float64."""
    tangents: np.ndarray
    """(S, 3) float64, unit vectors in the direction of travel."""
    limit: np.ndarray
    """(S,) float64, m/s: as fast as the bends here and ahead allow."""
    side_lane: np.ndarray
    """(2, S) int64: the lane to the left and to the right, -1 for none."""
    side_arc: np.ndarray
    """(2, S) float64, metres: how far along that lane the place beside this one is."""


def make_lanes(lines: Sequence[np.ndarray], width: float) -> Lanes:
    """Lanes along `lines`, each (P, 3) in the direction of travel; those about `width` metres apart are neighbours.

    Raises `UserError` for a line without length.
    """
    sampled = [_resample(np.asarray(line, np.float64), number) for number, line in enumerate(lines)]
    starts = np.concatenate([[0], np.cumsum([len(points) for points, _, _ in sampled])])
    points = np.concatenate([points for points, _, _ in sampled])
    spacing, closed = np.array([s for _, s, _ in sampled]), np.array([c for _, _, c in sampled])
    tangents = np.concatenate([_tangents(points, loop) for points, _, loop in sampled])
    length = spacing * (np.diff(starts) - 1)
    limit = np.concatenate(
        [_limits(tangents[a:b], s, c) for a, b, s, c in zip(starts[:-1], starts[1:], spacing, closed, strict=True)]
    )
    side_lane, side_arc = _neighbours(starts, spacing, points, tangents, width)
    return Lanes(starts, spacing, length, closed, points, tangents, limit, side_lane, side_arc)


def wrapped(lanes: Lanes, lane: np.ndarray, arc: np.ndarray) -> np.ndarray:
    """(N,) `arc` within 0 to the length on closed lanes, as it is on open ones."""
    return np.where(lanes.closed[lane], np.mod(arc, lanes.length[lane]), arc)


def point_at(lanes: Lanes, lane: np.ndarray, arc: np.ndarray) -> np.ndarray:
    """(N, 3): the places `arc` (N,) metres along the lanes `lane` (N,); beyond the ends straight on."""
    base, share = _sample(lanes, lane, arc)
    return lanes.points[base] + share[:, None] * (lanes.points[base + 1] - lanes.points[base])


def tangent_at(lanes: Lanes, lane: np.ndarray, arc: np.ndarray) -> np.ndarray:
    """(N, 3): the directions of travel there, unit vectors."""
    base, share = _sample(lanes, lane, arc)
    share = np.clip(share, 0, 1)[:, None]
    mixed = (1 - share) * lanes.tangents[base] + share * lanes.tangents[base + 1]
    return mixed / np.linalg.norm(mixed, axis=1, keepdims=True)


def limit_at(lanes: Lanes, lane: np.ndarray, arc: np.ndarray) -> np.ndarray:
    """(N,) m/s: as fast as the bends allow."""
    return lanes.limit[_sample(lanes, lane, arc)[0]]


def beside(lanes: Lanes, lane: np.ndarray, arc: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """(N,), (N,): the lane to the `side`, LEFT or RIGHT, or -1, and how far along it the place beside is."""
    base, share = _sample(lanes, lane, arc)
    other = lanes.side_lane[side, base]
    return other, wrapped(lanes, np.maximum(other, 0), lanes.side_arc[side, base] + share * lanes.spacing[lane])


def lefts(tangents: np.ndarray) -> np.ndarray:
    """(N, 3): level unit vectors to the left of `tangents`."""
    side = np.column_stack([-tangents[:, 1], tangents[:, 0], np.zeros(len(tangents))])
    return side / np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-9)


def _sample(lanes: Lanes, lane: np.ndarray, arc: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The sample before each place, and the share of the way to the next."""
    at = wrapped(lanes, lane, arc) / lanes.spacing[lane]
    within = np.clip(np.floor(at), 0, np.diff(lanes.starts)[lane] - 2).astype(np.int64)
    return lanes.starts[lane] + within, at - within


def _resample(line: np.ndarray, number: int) -> tuple[np.ndarray, float, bool]:
    """Points at equal distances, that distance, and whether the line is a loop."""
    steps = np.linalg.norm(np.diff(line, axis=0), axis=1) if len(line) > 1 else np.zeros(0)
    arc = np.concatenate([[0.0], np.cumsum(steps)])
    if not arc[-1] > 1e-6:
        raise UserError(f"Lane {number + 1} has no length.", "Give the lane a curve with two points or more.")
    count = max(round(arc[-1] / SPACING), 4) + 1
    # points of equal arc length are needed, and np.interp wants increasing ones
    keep = np.concatenate([[True], steps > 1e-9])
    at = np.linspace(0, arc[-1], count)
    points = np.stack([np.interp(at, arc[keep], line[keep, k]) for k in range(3)], axis=1)
    return points, arc[-1] / (count - 1), bool(np.linalg.norm(line[0] - line[-1]) < 0.02 * arc[-1] and len(line) > 3)


def _tangents(points: np.ndarray, closed: bool) -> np.ndarray:
    ahead = np.diff(points, axis=0)
    before = np.concatenate([ahead[-1:] if closed else ahead[:1], ahead])
    after = np.concatenate([ahead, ahead[:1] if closed else ahead[-1:]])
    both = before + after
    return both / np.maximum(np.linalg.norm(both, axis=1, keepdims=True), 1e-9)


def _limits(tangents: np.ndarray, spacing: float, closed: bool) -> np.ndarray:
    """(P,) m/s: lateral acceleration in each bend, and comfortable braking before it."""
    padded = np.pad(tangents, ((BEND, BEND), (0, 0)), mode="wrap" if closed else "edge")
    turn = np.arccos(np.clip((padded[2 * BEND :] * padded[: -2 * BEND]).sum(1), -1, 1))
    curvature = np.maximum(turn / (2 * BEND * spacing), 1e-6)
    limit = np.sqrt(LATERAL_ACCELERATION / curvature)
    for _ in range(2 if closed else 1):
        for k in range(len(limit) - 2, -1, -1):
            limit[k] = min(limit[k], np.sqrt(limit[k + 1] ** 2 + 2 * BRAKING * spacing))
        if closed:
            limit[-1] = min(limit[-1], limit[0])
    return limit


def _neighbours(
    starts: np.ndarray, spacing: np.ndarray, points: np.ndarray, tangents: np.ndarray, width: float
) -> tuple[np.ndarray, np.ndarray]:
    """`Lanes.side_lane` and `side_arc`: the nearest lane to each side that runs the same way."""
    from scipy.spatial import cKDTree

    lane, arc = np.full((2, len(points)), -1), np.zeros((2, len(points)))
    closest = np.full((2, len(points)), np.inf)
    left = lefts(tangents)
    for other in range(len(spacing)):
        rows = slice(starts[other], starts[other + 1])
        distance, nearest = cKDTree(points[rows]).query(points)
        offset = points[rows][nearest] - points
        along = (offset * tangents).sum(1)
        aside = (offset * left).sum(1)
        same_way = (tangents[rows][nearest] * tangents).sum(1) > 0.8
        found = same_way & (np.abs(along) < SPACING) & (0.4 * width < distance) & (distance < 1.6 * width)
        for side, here in ((LEFT, aside > 0), (RIGHT, aside < 0)):
            better = found & here & (distance < closest[side])
            lane[side, better], closest[side, better] = other, distance[better]
            # the sample may lie a little ahead or behind
            arc[side, better] = (nearest * spacing[other] - along)[better]
    return lane, arc
