"""When to change lanes: MOBIL (Kesting, Treiber, Helbing, "General lane-changing model MOBIL for car-following models",
Transportation Research Record 1999, 2007).

In each step cars may only change to one side, and one car at most to each lane: two that decide at the same time cannot
choose the same gap.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from simcraft.sim.agents.following import FARTHEST, Entries, around, gap_between, idm, leaders
from simcraft.sim.agents.lanes import LEFT, RIGHT, beside, lefts, limit_at, point_at, tangent_at
from simcraft.sim.agents.traffic import Road, Traffic, TrafficState, entries_of

POLITENESS = 0.3
"""p: what others' acceleration counts."""
THRESHOLD = 0.2
"""m/s²: what a change has to gain."""
SAFE_BRAKING = 3.0
"""m/s²: the most that the new follower may have to brake."""
SLOWEST = 2.0
"""m/s: who drives slower cannot move aside."""
SIDE_TIME = 0.5
"""Seconds in which only changes to the one side are considered, and then to the other."""


def change_lanes(traffic: Traffic, road: Road, state: TrafficState) -> TrafficState:
    """`state` with the lane changes that begin now."""
    side = LEFT if int(np.floor(state.time / SIDE_TIME)) % 2 == 0 else RIGHT
    lane, arc = beside(road.lanes, state.lane, state.arc, side)
    ready = (lane >= 0) & (state.change >= 2.0) & (state.speed > SLOWEST) & _stays(road, state, lane, arc)
    if not ready.any():
        return state
    rows = np.flatnonzero(ready)
    gain = incentive(traffic, road, state, entries_of(traffic, road, state), rows, lane[rows], arc[rows])
    rows, gain = rows[gain > THRESHOLD], gain[gain > THRESHOLD]
    # the one that gains most goes first, and the only one to its lane
    rows = rows[np.lexsort((rows, -gain))]
    rows = rows[np.sort(np.unique(lane[rows], return_index=True)[1])]
    return _begin(road, state, rows, lane[rows], arc[rows]) if len(rows) else state


def incentive(
    traffic: Traffic,
    road: Road,
    state: TrafficState,
    entries: Entries,
    rows: np.ndarray,
    lane: np.ndarray,
    arc: np.ndarray,
) -> np.ndarray:
    """(n,) m/s²: what the cars `rows` (n,) gain by moving to `arc` on `lane`, -inf where that is not safe.

    The left-hand side of equation 4 (symmetric rules) less the threshold; safety by equation 2.
    """
    half = np.full(len(rows), road.half_length)
    speed = state.speed[rows]
    desired = np.minimum(state.desired[rows], limit_at(road.lanes, lane, arc))
    front, back = around(entries, road.lanes, lane, arc)

    def follow(gap: np.ndarray, own: np.ndarray, ahead: np.ndarray, likes: np.ndarray) -> np.ndarray:
        return idm(gap, own, ahead, likes, traffic.headway, traffic.gap)

    def part(array: np.ndarray, index: np.ndarray, missing: float) -> np.ndarray:
        return np.where(index >= 0, array[index], missing)

    gap_front = np.where(
        front >= 0, gap_between(road.lanes, lane, arc, half, entries.arc[front], entries.half[front]), FARTHEST
    )
    gap_back = np.where(
        back >= 0, gap_between(road.lanes, lane, entries.arc[back], entries.half[back], arc, half), FARTHEST
    )
    there = follow(gap_front, speed, part(entries.speed, front, 0.0), desired)
    # those who follow, now and then; an obstacle that drives is taken for a driver like others
    likes = np.append(state.desired, traffic.speed)[entries.car]
    leader, gap = leaders(entries, road.lanes)
    now = follow(gap, entries.speed, part(entries.speed, leader, 0.0), likes)
    back_then = follow(gap_back, part(entries.speed, back, 0.0), speed, part(likes, back, 1.0))
    back_gain = np.where(back >= 0, back_then - now[back], 0.0)
    own = np.full(len(state.id), -1)
    on_lane = (entries.car >= 0) & (entries.lane == state.lane[entries.car])
    own[entries.car[on_lane]] = np.flatnonzero(on_lane)
    here = now[own[rows]]
    safe = (gap_front > traffic.gap) & (gap_back > traffic.gap) & ((back < 0) | (back_then > -SAFE_BRAKING))
    safe &= there > -SAFE_BRAKING
    return np.where(safe, there - here + POLITENESS * back_gain, -np.inf)


def _stays(road: Road, state: TrafficState, lane: np.ndarray, arc: np.ndarray) -> np.ndarray:
    """(n,) bool: does the lane beside go on for long enough to change to it?"""
    from simcraft.sim.agents.traffic import CHANGING_TIME

    way = state.speed * CHANGING_TIME
    lanes = road.lanes
    there = np.maximum(lane, 0)
    return lanes.closed[there] | ((arc - 2 * road.half_length > 0) & (arc + way < lanes.length[there]))


def _begin(road: Road, state: TrafficState, rows: np.ndarray, lane: np.ndarray, arc: np.ndarray) -> TrafficState:
    """The cars `rows` belong to the new lane from now on, aside of it by what they have to move."""
    aside = point_at(road.lanes, state.lane[rows], state.arc[rows]) - point_at(road.lanes, lane, arc)
    offset = (aside * lefts(tangent_at(road.lanes, lane, arc))).sum(1)

    def changed(array: np.ndarray, values: np.ndarray | float) -> np.ndarray:
        result = array.copy()
        result[rows] = values
        return result

    return replace(
        state,
        left_lane=changed(state.left_lane, state.lane[rows]),
        lane=changed(state.lane, lane),
        arc=changed(state.arc, arc),
        offset=changed(state.offset, offset),
        change=changed(state.change, 0.0),
    )
