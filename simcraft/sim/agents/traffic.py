"""Traffic: cars that follow each other along lanes, and change lanes where that is faster and safe.

    from simcraft.sim.agents import traffic

    recording = traffic.simulate(traffic.Traffic(count=20, seed=7), frames=96)

Following is by the intelligent driver model (`following.idm`), changing lanes by MOBIL (`lane_changes`). A car that
changes lanes is on both until it has left the first. There are few cars where there are many birds: numpy carries it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from simcraft.errors import UserError
from simcraft.recording import Recording
from simcraft.sim.agents.bodies import BUILT_IN, Model, Paint, extent_of, gather_agents
from simcraft.sim.agents.following import DECELERATION, FARTHEST, Entries, around, idm, leaders, sorted_entries
from simcraft.sim.agents.lanes import (
    LEFT,
    RIGHT,
    Lanes,
    beside,
    lefts,
    limit_at,
    make_lanes,
    point_at,
    tangent_at,
    wrapped,
)
from simcraft.sim.solver import Snapshot, Solver, record

LONGEST_STEP = 0.05
"""Seconds: a tenth of what a driver reacts in."""
CHANGING_TIME = 3.5
"""Seconds that a change of lanes takes."""
SIDE_ROOM = 0.3
"""Metres beside a car that others keep free."""
SPREAD = 0.12
"""How much drivers differ in the speed that they like, of that speed."""


def _straight(count: int = 2, length: float = 200.0, width: float = 3.5) -> tuple[np.ndarray, ...]:
    return tuple(np.array([[0.0, width * n, 0], [length, width * n, 0]]) for n in range(count))


@dataclass(frozen=True)
class Traffic:
    """The road and who drives on it."""

    lanes: tuple[np.ndarray, ...] = field(default_factory=_straight)
    """Each (P, 3), world, metres: a line in the direction of travel. One that ends where it begins is a ring."""
    count: int = 24
    """Cars at the start, and as long as those that leave an open lane find room to enter one again."""
    speed: float = 12.0
    """Desired speed, metres a second; each driver's own differs a little."""
    headway: float = 1.5
    """Desired time gap in seconds."""
    gap: float = 2.0
    """Smallest gap in metres."""
    lane_width: float = 3.5
    lane_changes: bool = True
    obstacles: Callable[[float], np.ndarray] = lambda time: np.zeros((0, 4))
    """Time -> (K, 4): what else is on the lanes: lane, middle and half length along it in metres, speed in m/s."""
    warm_up: float = 0.0
    """Seconds before the first frame that the simulation starts."""
    seed: int = 0


@dataclass(frozen=True)
class Road:
    """What the steps of traffic need, made once."""

    lanes: Lanes
    half_length: float
    """Of a car, metres."""
    width: float


@dataclass(frozen=True)
class TrafficState:
    """The n cars that are there."""

    time: float
    id: np.ndarray
    """(n,) int64: a car keeps it."""
    lane: np.ndarray
    """(n,) int64."""
    arc: np.ndarray
    """(n,) float64: the car's middle, metres along its lane."""
    speed: np.ndarray
    """(n,) float64, m/s."""
    desired: np.ndarray
    """(n,) float64: the speed that the driver likes, m/s."""
    driven: np.ndarray
    """(n,) float64: metres since it appeared; what the wheels have rolled."""
    left_lane: np.ndarray
    """(n,) int64: the lane that it comes from, -1 for none."""
    offset: np.ndarray
    """(n,) float64: how far to the left of its lane it was when the change began, metres."""
    change: np.ndarray
    """(n,) float64: how much of the change is done, 0 to 1; up to 2 it rests before another."""
    next_id: int


PER_CAR = ("id", "lane", "arc", "speed", "desired", "driven", "left_lane", "offset", "change")


def solver(
    traffic: Traffic, *, model: Model | None = None, name: str = "traffic", paint: Paint = BUILT_IN
) -> Solver[TrafficState]:
    """The simulation of `traffic`.

    Parameters
    ----------
    model: what a car looks like; by default the built-in one. Its extent along x and y is what others keep clear of.
    name: of the bodies that come out.
    paint: how its materials follow those of the recording that it is added to.

    Raises `UserError` where the numbers make no sense or the lanes have no room.
    """
    from simcraft.sim.agents.meshes import car

    looks = model or car()
    road = road_of(traffic, looks)
    room = np.array([[-1, -1, 0], [1, 1, 0.5]]) * traffic.lane_width
    return Solver(
        name=name,
        init=lambda: initial_state(traffic, road),
        step=lambda state, dt: step(traffic, road, state, dt),
        stable_step=lambda state: LONGEST_STEP,
        measure=_measure,
        capture=lambda state: _capture(road, state),
        gather=lambda snapshots: gather_agents(snapshots, looks, name, "traffic", np.eye(4), paint),
        bounds=np.stack([road.lanes.points.min(0), road.lanes.points.max(0)]) + room,
        fix="Lower the speed of the traffic.",
    )


def simulate(traffic: Traffic, frames: int = 48, fps: float = 24.0, **options: Any) -> Recording:
    """Record `frames` frames of `traffic`; `options` are those of `simcraft.sim.solver.record`."""
    return record(solver(traffic), frames, fps, warm_up=traffic.warm_up, seed=traffic.seed, **options)


def road_of(traffic: Traffic, model: Model) -> Road:
    """The lanes for cars that look like `model`. Raises `UserError` where the numbers make no sense."""
    for name in ("count", "speed", "headway", "gap", "lane_width"):
        if not 0 < getattr(traffic, name) < 1e9:
            raise UserError(f"The traffic's {name} is {getattr(traffic, name)}; expected a positive number.")
    if not traffic.lanes:
        raise UserError("The traffic has no lanes.", "Give at least one line to drive along.")
    low, high = extent_of(model)
    half = float(max(-low[0], high[0]))
    return Road(make_lanes(traffic.lanes, traffic.lane_width), half, 2 * float(max(-low[1], high[1])))


def initial_state(traffic: Traffic, road: Road) -> TrafficState:
    """Cars evenly spread over the lanes, at speeds that suit the gaps. Raises `UserError` where there is no room."""
    lane, arc = _starting_places(traffic, road)
    count = len(lane)
    state = TrafficState(
        time=-traffic.warm_up,
        id=np.arange(count),
        lane=lane,
        arc=arc,
        speed=np.zeros(count),
        desired=np.array([_liking(traffic, number) for number in range(count)]),
        driven=np.zeros(count),
        left_lane=np.full(count, -1),
        offset=np.zeros(count),
        change=np.full(count, 2.0),
        next_id=count,
    )
    return replace(state, speed=_starting_speeds(traffic, road, state))


def _starting_speeds(traffic: Traffic, road: Road, state: TrafficState) -> np.ndarray:
    """(n,) m/s: what drivers like, bends allow and gaps suit; behind an obstacle one can still brake in comfort."""
    entries = entries_of(traffic, road, state)
    front, gap = leaders(entries, road.lanes)
    free = np.maximum(gap - traffic.gap, 0.0)
    braking = np.sqrt(entries.speed[front] ** 2 + 2 * DECELERATION * free)
    behind_obstacle = (front >= 0) & (entries.car[front] < 0)
    suits = np.minimum(free / traffic.headway, np.where(behind_obstacle, braking, np.inf))
    own = entries.car >= 0
    speed = np.minimum(state.desired, limit_at(road.lanes, state.lane, state.arc))
    speed[entries.car[own]] = np.minimum(speed[entries.car[own]], suits[own])
    return speed


def step(traffic: Traffic, road: Road, state: TrafficState, dt: float) -> TrafficState:
    """The traffic `dt` seconds later: decide on lanes, follow, drive, leave and enter."""
    from simcraft.sim.agents.lane_changes import change_lanes

    if traffic.lane_changes:
        state = change_lanes(traffic, road, state)
    entries = entries_of(traffic, road, state)
    front, gap = leaders(entries, road.lanes)
    own = entries.car >= 0
    cars = entries.car[own]
    desired = np.minimum(state.desired, limit_at(road.lanes, state.lane, state.arc))
    leader_speed = np.where(front >= 0, entries.speed[front], 0.0)[own]
    each = idm(gap[own], state.speed[cars], leader_speed, desired[cars], traffic.headway, traffic.gap)
    # who is on two lanes heeds both leaders
    acceleration, room = np.full(len(state.id), np.inf), np.full(len(state.id), FARTHEST)
    np.minimum.at(acceleration, cars, each)
    np.minimum.at(room, cars, gap[own])
    return _enter(traffic, road, _leave(road, _drive(road, state, acceleration, room, dt)))


def _drive(road: Road, state: TrafficState, acceleration: np.ndarray, room: np.ndarray, dt: float) -> TrafficState:
    """The ballistic step (Treiber and Kanagaraj, Physica A 419, 2015): a car that brakes to a stop stays there."""
    speed = state.speed + acceleration * dt
    braking = np.minimum(acceleration, -1e-9)
    way = np.where(speed < 0, -0.5 * state.speed**2 / braking, state.speed * dt + 0.5 * acceleration * dt**2)
    speed = np.maximum(speed, 0.0)
    # nobody in front drives backwards, so what is free now is free then
    free = np.maximum(room - 0.1, 0.0)
    speed, way = np.where(way > free, np.minimum(speed, free / dt), speed), np.minimum(way, free)
    # one changes lanes by rolling
    change = np.minimum(state.change + dt / CHANGING_TIME * np.minimum(state.speed / 3.0, 1.0), 2.0)
    return replace(
        state,
        time=state.time + dt,
        arc=wrapped(road.lanes, state.lane, state.arc + way),
        speed=speed,
        driven=state.driven + way,
        change=change,
        left_lane=np.where(_aside(state.offset, change) <= _cleared(road, state.offset), -1, state.left_lane),
    )


def _aside(offset: np.ndarray, change: np.ndarray) -> np.ndarray:
    """(n,) metres that cars still are aside of their lane, as a share of the way: a smooth step."""
    done = np.clip(change, 0, 1)
    return np.abs(offset) * (1 - done**3 * (10 - 15 * done + 6 * done**2))


def _cleared(road: Road, offset: np.ndarray) -> np.ndarray:
    """(n,) metres aside at which a car no longer touches the lane that it comes from."""
    return np.maximum(np.abs(offset) - road.width - SIDE_ROOM, 0.0)


def entries_of(traffic: Traffic, road: Road, state: TrafficState) -> Entries:
    """Cars on their lanes, cars on lanes that they have not left yet, obstacles."""
    count = len(state.id)
    lane, arc, car = [state.lane], [state.arc], [np.arange(count)]
    for side in (LEFT, RIGHT):
        other, place = beside(road.lanes, state.lane, state.arc, side)
        both = (state.left_lane >= 0) & (other == state.left_lane)
        lane, arc, car = [*lane, other[both]], [*arc, place[both]], [*car, np.flatnonzero(both)]
    cars = np.concatenate(car)
    things = traffic.obstacles(state.time)
    return sorted_entries(
        np.concatenate([*lane, things[:, 0].astype(np.int64)]),
        np.concatenate([*arc, wrapped(road.lanes, things[:, 0].astype(np.int64), things[:, 1])]),
        np.concatenate([np.full(len(cars), road.half_length), things[:, 2]]),
        np.concatenate([state.speed[cars], things[:, 3]]),
        np.concatenate([cars, np.full(len(things), -1)]),
    )


def poses(road: Road, state: TrafficState) -> tuple[np.ndarray, np.ndarray]:
    """(n, 3) places and (n, 3) directions of the cars: each stands with both axles on its line."""
    reach = 0.6 * road.half_length
    ends = []
    for shift in (-reach, reach):
        arc = state.arc + shift
        aside = lefts(tangent_at(road.lanes, state.lane, arc)) * _offset_at(state, shift)[:, None]
        ends.append(point_at(road.lanes, state.lane, arc) + aside)
    return (ends[0] + ends[1]) / 2, ends[1] - ends[0]


def _offset_at(state: TrafficState, shift: float) -> np.ndarray:
    """(n,) metres to the left of the lane at `shift` metres before the car's middle, on its way across."""
    length = np.maximum(state.speed, 3.0) * CHANGING_TIME
    return np.sign(state.offset) * _aside(state.offset, state.change + shift / length)


def _leave(road: Road, state: TrafficState) -> TrafficState:
    """Without the cars that have left an open lane at its end."""
    lanes = road.lanes
    gone = ~lanes.closed[state.lane] & (state.arc - road.half_length > lanes.length[state.lane])
    return _keep(state, ~gone) if gone.any() else state


def _keep(state: TrafficState, rows: np.ndarray) -> TrafficState:
    return replace(state, **{name: getattr(state, name)[rows] for name in PER_CAR})


def _enter(traffic: Traffic, road: Road, state: TrafficState) -> TrafficState:
    """A new car on the open lane that has most room at its start, where cars are missing and the room suffices."""
    open_lanes = np.flatnonzero(~road.lanes.closed)
    if len(state.id) >= traffic.count or not len(open_lanes):
        return state
    entries, half = entries_of(traffic, road, state), road.half_length
    first, _ = around(entries, road.lanes, open_lanes, np.full(len(open_lanes), -FARTHEST))
    # -1, for nobody, is the row behind the last
    free = np.append(entries.arc - entries.half - 2 * half, FARTHEST)[first]
    best = int(np.argmax(free))
    lane, room = open_lanes[best], float(free[best])
    desired = min(_liking(traffic, state.next_id), float(limit_at(road.lanes, lane[None], np.array([half]))[0]))
    ahead = float(np.append(entries.speed, desired)[first[best]])
    # one keeps more distance than another: lanes do not fill in step
    patience = np.random.default_rng([traffic.seed, state.next_id, 1]).uniform(1.0, 1.5)
    if room <= traffic.gap + patience * traffic.headway * min(desired, ahead):
        return state
    return _with_car(traffic, state, int(lane), half, min(desired, (room - traffic.gap) / traffic.headway))


def _with_car(traffic: Traffic, state: TrafficState, lane: int, arc: float, speed: float) -> TrafficState:
    new = {
        "id": state.next_id, "lane": lane, "arc": arc, "speed": speed, "desired": _liking(traffic, state.next_id),
        "driven": 0.0, "left_lane": -1, "offset": 0.0, "change": 2.0,
    }  # fmt: skip
    grown: dict[str, Any] = {name: np.append(getattr(state, name), new[name]) for name in PER_CAR}
    return replace(state, **grown, next_id=state.next_id + 1)


def _liking(traffic: Traffic, number: int) -> float:
    """The speed that driver `number` likes, m/s."""
    return traffic.speed * (1 + SPREAD * np.random.default_rng([traffic.seed, number]).uniform(-1, 1))


def _starting_places(traffic: Traffic, road: Road) -> tuple[np.ndarray, np.ndarray]:
    """(count,) lanes and (count,) metres along them: at equal distances, but clear of obstacles."""
    random = np.random.default_rng([traffic.seed, 0, 0])
    lanes, things = road.lanes, traffic.obstacles(-traffic.warm_up)
    least = 2 * road.half_length + traffic.gap
    spacing = float(lanes.length.sum()) / traffic.count
    while spacing >= least:
        lane: list[np.ndarray] = []
        arc: list[np.ndarray] = []
        for number, length in enumerate(lanes.length):
            count = int(length / spacing + 1e-9)
            # the rest is shaken, so that lanes do not drive in step
            every = length / max(count, 1)
            shake = random.uniform(-0.5, 0.5, count) * min(every - least, 0.5 * every) if count else np.zeros(0)
            places = (np.arange(count) + 0.5) * every + shake
            taken = things[things[:, 0] == number]
            away = np.abs(places[:, None] - taken[:, 1])
            away = np.where(lanes.closed[number], np.minimum(away, length - away), away)
            places = places[(away > taken[:, 2] + least).all(1)]
            lane, arc = [*lane, np.full(len(places), number)], [*arc, places]
        lane_of, arc_of = np.concatenate(lane), np.concatenate(arc)
        if len(lane_of) >= traffic.count:
            chosen = np.sort(random.permutation(len(lane_of))[: traffic.count])
            return lane_of[chosen], arc_of[chosen]
        spacing *= 0.95
    raise UserError(f"The lanes have no room for {traffic.count} cars.", "Lower their count, or make the lanes longer.")


def _measure(state: TrafficState) -> Mapping[str, float]:
    return {"cars": float(len(state.id)), "speed m/s": float(state.speed.mean()) if len(state.id) else 0.0}


def _capture(road: Road, state: TrafficState) -> Snapshot:
    position, forward = poses(road, state)
    up = np.tile([0.0, 0.0, 1.0], (len(state.id), 1))
    return {"id": state.id.copy(), "position": position, "forward": forward, "up": up, "distance": state.driven.copy()}
