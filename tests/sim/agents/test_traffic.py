"""Traffic: following in closed form, changing lanes, and that nobody is ever hit."""

from dataclasses import fields, replace

import numpy as np
import pytest

from simcraft.errors import UserError
from simcraft.recording import Effect, Instances, Mesh, RigidBody, Role
from simcraft.sim.agents import following, traffic
from simcraft.sim.agents.lane_changes import incentive
from simcraft.sim.agents.lanes import LEFT, RIGHT, beside, limit_at, make_lanes, point_at
from simcraft.sim.agents.meshes import WHEEL_RADIUS, car
from simcraft.sim.agents.traffic import Traffic, TrafficState
from simcraft.sim.effects import simulate_effects
from simcraft.sim.primitives import box
from simcraft.sim.setting import default_setting

LENGTH, WIDTH = 4.3, 1.8
"""Metres: a little less than a car, so that touching does not count as overlapping."""


def ring(radius: float, points: int = 200) -> np.ndarray:
    angle = 2 * np.pi * np.arange(points + 1) / points
    return radius * np.column_stack([np.cos(angle), np.sin(angle), 0 * angle])


def straight(length: float, count: int = 1) -> tuple[np.ndarray, ...]:
    return tuple(np.array([[0, 3.5 * n, 0], [length, 3.5 * n, 0]]) for n in range(count))


def states(config: Traffic, seconds: float, dt: float = 0.05) -> list[TrafficState]:
    road = traffic.road_of(config, car())
    result = [traffic.initial_state(config, road)]
    while result[-1].time < seconds - 1e-9:
        result.append(traffic.step(config, road, result[-1], dt))
    return result


def overlaps(position: np.ndarray, forward: np.ndarray, length: float = LENGTH, width: float = WIDTH) -> bool:
    """Do any two rectangles on the ground overlap? By separating axes."""
    ahead = forward[:, :2] / np.linalg.norm(forward[:, :2], axis=1, keepdims=True)
    axes = np.stack([ahead, np.stack([-ahead[:, 1], ahead[:, 0]], 1)], 1)
    signs = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]]) * [length / 2, width / 2]
    corners = position[:, None, :2] + np.einsum("kc,ncd->nkd", signs, axes)
    for i in range(len(corners)):
        for j in range(i):
            if np.linalg.norm(position[i] - position[j]) > length + 2:
                continue
            spans = [np.stack([(c @ axis) for c in (corners[i], corners[j])]) for axis in (*axes[i], *axes[j])]
            if not any(s[0].max() < s[1].min() or s[1].max() < s[0].min() for s in spans):
                return True
    return False


def test_one_step_is_the_brute_force_one() -> None:
    config = Traffic((ring(60.0), *straight(150.0, 2)), 30, speed=12.0, lane_changes=False, seed=3)
    road = traffic.road_of(config, car())
    state = states(config, 1.0)[-1]
    after = traffic.step(config, road, state, 0.05)
    for n in range(len(state.id)):
        closed, length = road.lanes.closed[state.lane[n]], road.lanes.length[state.lane[n]]
        gap, ahead = 1e6, 0.0
        for other in range(len(state.id)):
            way = state.arc[other] - state.arc[n]
            way = way % length if closed else way
            if other != n and state.lane[other] == state.lane[n] and 0 < way - 2 * road.half_length < gap:
                gap, ahead = way - 2 * road.half_length, state.speed[other]
        v, likes = state.speed[n], min(state.desired[n], limit_at(road.lanes, state.lane[[n]], state.arc[[n]])[0])
        wanted = 2.0 + max(v * 1.5 + v * (v - ahead) / (2 * np.sqrt(1.5 * 2.0)), 0)
        acceleration = max(1.5 * (1 - (v / likes) ** 4 - (wanted / gap) ** 2), -9.0)
        row = after.id == state.id[n]
        assert row.sum() == 1
        np.testing.assert_allclose(after.speed[row], v + 0.05 * acceleration, atol=1e-9)
        np.testing.assert_allclose(
            after.arc[row], (state.arc[n] + 0.05 * v + 0.05**2 / 2 * acceleration) % (length if closed else 1e9)
        )


def test_a_lone_car_reaches_the_speed_it_likes() -> None:
    # far from its own back: 1,257 m
    last = states(Traffic((ring(200.0),), 1, speed=12.0), 40.0, 0.1)[-1]
    np.testing.assert_allclose(last.speed, last.desired, rtol=1e-3)


def test_a_platoon_comes_to_the_equilibrium_gap() -> None:
    """A leader at 8 m/s, an obstacle that always drives ahead; those behind keep the closed form's distance."""
    config = Traffic(straight(4000.0), 6, speed=12.0, lane_changes=False, seed=1)
    config = replace(config, obstacles=lambda time: np.array([[0.0, 500 + 8 * time, 2.2, 8.0]]))
    road = traffic.road_of(config, car())
    state = traffic.initial_state(config, road)
    state = replace(state, arc=np.linspace(300, 450, 6), speed=np.full(6, 8.0))
    while state.time < 200:
        state = traffic.step(config, road, state, 0.1)
    np.testing.assert_allclose(state.speed, 8.0, atol=2e-3)
    gap = np.diff(np.append(state.arc, 500 + 8 * state.time)) - 2 * road.half_length
    gap[-1] += road.half_length - 2.2
    expected = [following.equilibrium_gap(8.0, likes, 1.5, 2.0) for likes in state.desired]
    np.testing.assert_allclose(gap, expected, rtol=5e-3)


@pytest.mark.parametrize("seed", [1, 2])
def test_nobody_is_hit_while_lanes_are_changed_round_what_stands_in_the_way(seed: int) -> None:
    blocked = np.array([[0.0, 150, 3, 0.0]])
    config = Traffic(straight(300.0, 3), 26, speed=14.0, seed=seed, obstacles=lambda time: blocked)
    road = traffic.road_of(config, car())
    run = states(config, 40.0)
    changes = 0
    for before, after in zip(run[::4], run[4::4], strict=False):
        position, forward = traffic.poses(road, after)
        things = np.vstack([position, [150, 0, 0]]), np.vstack([forward, [1, 0, 0]])
        assert not overlaps(*things)
        entries = traffic.entries_of(config, road, after)
        assert following.leaders(entries, road.lanes)[1].min() > 0
        both = np.intersect1d(before.id, after.id)
        lanes = [s.lane[np.isin(s.id, both)] for s in (before, after)]
        changes += int((lanes[0] != lanes[1]).sum())
    assert changes >= 3
    # cars left at the end, and others came in
    assert run[-1].next_id > 30 and run[-1].id.min() > 0


def test_changing_lanes_pays_behind_a_slow_car_and_is_refused_before_a_fast_one() -> None:
    config = Traffic(straight(500.0, 2), 3, speed=12.0, seed=1)
    road = traffic.road_of(config, car())
    state = traffic.initial_state(config, road)
    # one behind a slow car; on the other lane a third, far behind or close
    for behind, gain in ((20.0, None), (88.0, -np.inf)):
        state = replace(
            state,
            lane=np.array([0, 0, 1]),
            arc=np.array([100.0, 120.0, behind]),
            speed=np.array([10.0, 4.0, 14.0]),
            desired=np.array([12.0, 12.0, 15.0]),
        )
        entries = traffic.entries_of(config, road, state)
        found = incentive(config, road, state, entries, np.array([0]), np.array([1]), np.array([100.0]))
        if gain is None:
            half = 2 * road.half_length

            def follow(gap: float, own: float, ahead: float, likes: float) -> float:
                return float(following.idm(*np.array([gap, own, ahead, likes]), 1.5, 2.0))

            there, here = follow(1e6, 10, 0, 12), follow(20 - half, 10, 4, 12)
            other = follow(80 - half, 14, 10, 15) - follow(1e6, 14, 0, 15)
            gain = there - here + 0.3 * other
        np.testing.assert_allclose(found, gain, rtol=1e-9)


def test_two_runs_have_the_same_bits() -> None:
    first, second = (states(Traffic(seed=5), 8.0)[-1] for _ in range(2))
    for field in fields(TrafficState):
        np.testing.assert_array_equal(getattr(first, field.name), getattr(second, field.name))


def test_an_empty_road_is_entered_again() -> None:
    run = states(Traffic(straight(30.0), 1, seed=2), 12.0)
    ids = [int(s.id[0]) for s in run]
    assert run[-1].next_id > 2
    assert ids == sorted(ids)  # nobody comes back: who enters is new


def test_bends_are_driven_slowly_and_lanes_know_their_neighbours() -> None:
    lanes = make_lanes((ring(20.0), ring(23.5), straight(50.0)[0] + [100, 0, 0]), 3.5)
    # driving counterclockwise the inner lane is to the left
    place = np.array([10.0, 40.0])
    other, arc = beside(lanes, np.array([1, 1]), place, LEFT)
    assert (other == 0).all()
    np.testing.assert_allclose(
        point_at(lanes, other, arc), point_at(lanes, np.array([1, 1]), place) * 20 / 23.5, atol=0.1
    )
    assert (beside(lanes, np.array([0, 0]), place, LEFT)[0] == -1).all()
    assert (beside(lanes, np.array([0, 0]), place, RIGHT)[0] == 1).all()
    np.testing.assert_allclose(limit_at(lanes, np.array([0]), np.array([30.0])), np.sqrt(3.0 * 20), rtol=0.02)
    state = states(Traffic((ring(20.0),), 2, speed=20.0), 20.0)[-1]
    np.testing.assert_allclose(state.speed, np.sqrt(3.0 * 20), rtol=0.05)


def test_wheels_turn_by_the_way_that_the_car_goes() -> None:
    made = traffic.simulate(Traffic(straight(500.0), 1, speed=10.0), frames=12)
    body, wheels = made.bodies[0], made.bodies[1]
    assert isinstance(body, Instances) and isinstance(wheels, Instances) and wheels.part_of == body.name
    way = np.linalg.norm(np.diff(body.transforms[:, 0, :3, 3], axis=0), axis=1)
    # the angle about the axle from one frame to the next: forward is from z (up) to x (ahead)
    turn = np.linalg.inv(wheels.transforms[:-1, 0]) @ wheels.transforms[1:, 0]
    np.testing.assert_allclose(np.arctan2(turn[:, 0, 2], turn[:, 0, 0]), way / WHEEL_RADIUS, rtol=1e-6)
    # the tyres touch the road
    points = wheels.vertices @ wheels.transforms[0, 0, :3, :3].T + wheels.transforms[0, 0, :3, 3]
    np.testing.assert_allclose(points[:, 2].min(), 0, atol=0.02)


def test_the_camera_s_car_is_followed_and_never_hit() -> None:
    """An ego car that creeps along its lane by keyframes, and stops."""
    frames = 144
    vertices, faces, _ = box((4.4, 1.8, 1.4))
    places = np.tile(np.eye(4), (frames, 1, 1))
    places[:, :3, 3] = [35, 0, 0.7]
    places[:, 0, 3] += np.minimum(np.arange(frames) / 24 * 4, 10)
    hidden = np.zeros(frames, bool)  # it carries the camera
    ego = RigidBody("ego", Mesh(faces), vertices.astype(np.float32), places, hidden)
    stage = default_setting(np.array([[0, -3, 0], [90.0, 3, 2]])).stage("street", frames, 24.0)
    lane = Role("lane", "line", points=np.tile(np.float32([[0, 0, 0], [90, 0, 0]]), (frames, 1, 1)))
    cars = Effect("traffic", "cars", np.eye(4), {"count": 5, "speed": 8.0}, (lane, Role("obstacle", "ego")))
    made = simulate_effects(replace(stage, bodies=(ego,), effects=(cars,)), seed=2)
    bodies = [b for b in made.bodies if isinstance(b, Instances) and not b.part_of]
    x = np.concatenate(
        [np.where(b.present if b.present is not None else True, b.transforms[..., 0, 3], -99) for b in bodies], 1
    )
    behind = np.where(x < places[:, None, 0, 3], x, -np.inf).max(1)
    gap = places[:, 0, 3] - behind - 4.4
    assert gap.min() > 0.5
    assert gap[-1] < 6 and np.ptp(behind[-12:]) < 1.0  # queued behind it
    # who has left is absent, and nobody jumps
    jumps = np.abs(np.diff(x, axis=0))[(x[1:] > -99) & (x[:-1] > -99)]
    assert jumps.max() < 12 / 24


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(UserError, match="no room for 90 cars"):
        traffic.solver(Traffic(straight(100.0), 90)).init()
    with pytest.raises(UserError, match="Lane 1 has no length"):
        traffic.solver(Traffic((np.zeros((3, 3)),)))
    with pytest.raises(UserError, match="no lanes"):
        traffic.solver(Traffic(()))
