"""How fast one follows: the intelligent driver model, and who drives in front of and behind whom.

`Entry` rows are whatever stands or drives on a lane: cars, cars that are just leaving it, obstacles.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simcraft.sim.agents.lanes import Lanes

ACCELERATION = 1.5
"""a: m/s², of a car that starts."""
DECELERATION = 2.0
"""b: m/s², comfortable."""
HARDEST_BRAKING = 9.0
"""m/s²: what tyres can do."""
FARTHEST = 1e6
"""Metres to a car in front where there is none."""


@dataclass(frozen=True)
class Entries:
    """What is on the lanes, sorted by lane and then by how far along."""

    lane: np.ndarray
    """(E,) int64."""
    arc: np.ndarray
    """(E,) float64: the middle, metres along the lane."""
    half: np.ndarray
    """(E,) float64: half the length, metres."""
    speed: np.ndarray
    """(E,) float64, m/s along the lane."""
    car: np.ndarray
    """(E,) int64: row of the car, -1 for an obstacle."""


def sorted_entries(lane: np.ndarray, arc: np.ndarray, half: np.ndarray, speed: np.ndarray, car: np.ndarray) -> Entries:
    """The same rows, sorted; equal ones by car."""
    order = np.lexsort((car, arc, lane))
    return Entries(lane[order], arc[order], half[order], speed[order], car[order])


def idm(
    gap: np.ndarray, speed: np.ndarray, leader_speed: np.ndarray, desired: np.ndarray, headway: float, least: float
) -> np.ndarray:
    """(N,) m/s²: acceleration by the intelligent driver model.

    Treiber, Hennecke, Helbing, "Congested traffic states in empirical observations and microscopic simulations",
    Physical Review E 62, 2000, equations 3 and 4, with exponent 4.

    Parameters
    ----------
    gap: metres to the car in front, bumper to bumper. speed, leader_speed, desired: m/s.
    headway, least: desired time gap in seconds and smallest gap in metres.
    """
    closing = speed * (speed - leader_speed) / (2 * np.sqrt(ACCELERATION * DECELERATION))
    wanted = least + np.maximum(speed * headway + closing, 0.0)
    free = (speed / np.maximum(desired, 0.1)) ** 4
    acceleration = ACCELERATION * (1 - free - (wanted / np.maximum(gap, 0.05)) ** 2)
    return np.maximum(acceleration, -HARDEST_BRAKING)


def equilibrium_gap(speed: float, desired: float, headway: float, least: float) -> float:
    """Metres between cars that all drive at `speed`: where `idm` is 0 (equation 5 of the same paper)."""
    return (least + speed * headway) / float(np.sqrt(1 - (speed / desired) ** 4))


def leaders(entries: Entries, lanes: Lanes) -> tuple[np.ndarray, np.ndarray]:
    """(E,) int64: the entry in front of each, -1 for none; (E,) metres between them, `FARTHEST` for none."""
    count = len(entries.lane)
    rows = np.arange(count)
    following = rows + 1
    last = np.append(entries.lane[1:] != entries.lane[:-1], True) if count else np.zeros(0, bool)
    first_of_lane = np.searchsorted(entries.lane, entries.lane)
    front = np.where(last, np.where(lanes.closed[entries.lane], first_of_lane, -1), following)
    front = np.where(front == rows, -1, front)
    return front, _gaps(entries, lanes, rows, front)


def around(entries: Entries, lanes: Lanes, lane: np.ndarray, arc: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N,), (N,) int64: the entries in front of and behind places `arc` (N,) metres along `lane` (N,), -1 for none."""
    if not len(entries.lane):
        nobody = np.full(len(lane), -1)
        return nobody, nobody
    # one number for lane and place: no lane is longer than the stride
    stride = 2 * float(lanes.length.max()) + 1e4
    after = np.searchsorted(entries.lane * stride + entries.arc, lane * stride + arc, side="right")
    first, end = np.searchsorted(entries.lane, lane), np.searchsorted(entries.lane, lane, side="right")
    some = end > first
    loop = lanes.closed[lane] & some
    front = np.where(after < end, after, np.where(loop, first, -1))
    back = np.where(after > first, after - 1, np.where(loop, end - 1, -1))
    return front, back


def gap_between(
    lanes: Lanes, lane: np.ndarray, back: np.ndarray, back_half: np.ndarray, front: np.ndarray, front_half: np.ndarray
) -> np.ndarray:
    """(N,) metres from bumper to bumper; `back` and `front` are middles on the same `lane`."""
    distance = front - back
    distance = np.where(lanes.closed[lane], np.mod(distance, lanes.length[lane]), distance)
    return distance - back_half - front_half


def _gaps(entries: Entries, lanes: Lanes, back: np.ndarray, front: np.ndarray) -> np.ndarray:
    gap = gap_between(
        lanes, entries.lane[back], entries.arc[back], entries.half[back], entries.arc[front], entries.half[front]
    )
    return np.where(front >= 0, gap, FARTHEST)
