"""The crowd: its forces one by one, and that nobody overlaps, walks through walls, or gets lost behind them."""

import itertools
from dataclasses import fields, replace

import numpy as np
import pytest
from scipy.spatial import cKDTree

from simcraft.errors import UserError
from simcraft.recording import Effect, Instances, Mesh, RigidBody, Role
from simcraft.sim.agents import crowd
from simcraft.sim.agents.cells import cells_over
from simcraft.sim.agents.crowd import Crowd, CrowdState
from simcraft.sim.agents.routes import Goal, plan_routes
from simcraft.sim.agents.walls import outline, sort_walls
from simcraft.sim.effects import simulate_effects
from simcraft.sim.primitives import box, sphere
from simcraft.sim.setting import default_setting
from simcraft.sim.surroundings import Surface
from tests.sim.agents.brute_force import crowd_step, nearest

GATE = np.array([[6.0, 0, 6, 3.4], [6, 4.6, 6, 8]])
"""A wall across a floor of 12 x 8 m, with a gap of 1.2 m."""


def states(config: Crowd, seconds: float) -> list[CrowdState]:
    """The state after each step."""
    place = crowd.place_of(config)
    result = [crowd.initial_state(config, place)]
    dt = crowd.stable_step(config)
    while result[-1].time < seconds:
        result.append(crowd.step(config, place, result[-1], dt))
    return result


def test_walls_are_sorted_again_only_where_they_have_moved() -> None:
    still, open_ = GATE.copy(), GATE[:1].copy()
    place = crowd.place_of(Crowd(floor=(12, 8), walls=lambda time: still if time < 1 else open_))
    assert place.walls(0.0) is place.walls(0.5) is not place.walls(1.5)
    assert len(place.walls(1.5).segments) == 1 and len(place.walls(0.0).segments) == 2


def closest(state: CrowdState) -> float:
    return float(cKDTree(state.position).query(state.position, 2)[0][:, 1].min())


def test_one_step_is_the_brute_force_one() -> None:
    walls = np.array([[0.0, 0, 9, 0.2], [4, 3, 4, 5]])
    config = Crowd((9.0, 7.0), 40, seed=3, walls=lambda time: walls)
    place = replace(crowd.place_of(config), routes=None)
    state = crowd.initial_state(replace(config, walls=crowd.no_walls), place)
    kept = np.linalg.norm(state.position - np.clip(state.position, [4, 3], [4, 5]), axis=1) > config.radius
    state = replace(state, **{f.name: getattr(state, f.name)[kept] for f in fields(state) if f.name != "time"})
    for _ in range(3):
        following = crowd.step(config, place, state, 0.03)
        position, velocity = crowd_step(config, place, state, 0.03)
        np.testing.assert_allclose(following.position, position, rtol=0, atol=1e-6)
        np.testing.assert_allclose(following.velocity, velocity, rtol=0, atol=1e-5)
        state = following


def test_nobody_overlaps_where_two_streams_meet() -> None:
    config = Crowd((10.0, 4.0), 60, seed=1)  # 1.5 people on a square metre
    run = states(config, 6.0)
    assert min(closest(state) for state in run) >= 2 * config.radius - 1e-9
    # and they still get on
    assert np.linalg.norm(run[-1].velocity, axis=1).mean() > 0.3 * config.speed


def test_all_pass_a_gate_and_nobody_walks_through_the_wall() -> None:
    config = Crowd((12.0, 8.0), 24, seed=2, walls=lambda time: GATE, goals=(Goal((11.0, 4.0), (11.0, 4.0), 1.5),))
    config = replace(config, leave=True)
    run = states(config, 40.0)
    for before, after in itertools.pairwise(run):
        rows = np.isin(before.id, after.id)
        start, end = before.position[rows], after.position
        crossed = (start[:, 0] - 6) * (end[:, 0] - 6) < 0
        assert ((end[crossed, 1] > 3.4) & (end[crossed, 1] < 4.6)).all()
        assert len(end) < 2 or closest(after) >= 2 * config.radius - 1e-9
        away = [np.linalg.norm(x - nearest(wall, x)) for wall in GATE for x in end]
        assert min(away, default=np.inf) >= config.radius - 1e-9
    assert len(run[-1].id) <= 1  # all but perhaps a straggler have arrived


def test_a_lone_walker_reaches_its_pace_and_turns_round_at_the_goal() -> None:
    config = Crowd((10.0, 3.0), 1, seed=5)
    run = states(config, 16.0)
    speed = np.array([np.linalg.norm(s.velocity[0]) for s in run])
    np.testing.assert_allclose(np.median(speed), run[0].pace[0], rtol=1e-3)
    assert {int(s.goal[0]) for s in run} == {0, 1}
    assert np.ptp([s.position[0, 0] for s in run]) > 8
    # a full turn of the walk is two steps, whose length suits the pace
    phase = np.unwrap([s.phase[0] for s in run])
    stride = np.linalg.norm(np.diff([s.position[0] for s in run], axis=0), axis=1).sum() / (phase[-1] / 2 / np.pi)
    assert 1.2 < stride < 1.6


def test_who_has_left_is_absent_and_an_empty_place_stays_empty() -> None:
    config = Crowd((6.0, 4.0), 3, leave=True, goals=(Goal((3.0, 2.0), (3.0, 2.0)),), seed=1)
    made = crowd.simulate(config, frames=96)
    present = np.concatenate([b.present for b in made.bodies if not b.part_of], axis=1)
    assert present[0].all() and not present[-1].any() and (np.diff(present.astype(int), axis=0) <= 0).all()


def test_two_runs_have_the_same_bits() -> None:
    first, second = (states(Crowd(count=80, seed=7), 1.0)[-1] for _ in range(2))
    for field in fields(CrowdState):
        np.testing.assert_array_equal(getattr(first, field.name), getattr(second, field.name))


def test_routes_lead_round_a_wall_by_the_shortest_way() -> None:
    routes = plan_routes((Goal((11.0, 7.0), (11.0, 7.0), 0.2),), GATE, np.array([12.0, 8.0]), 0.3)
    here = (np.array([1.0, 7.0]) / routes.cell).astype(int)
    # to the upper edge of the gate, kept clear by 0.3 m, and on to the goal
    corner = np.array([6.0, 4.3])
    way = np.linalg.norm([1.0, 7.0] - corner) + np.linalg.norm([11.0, 7.0] - corner)
    assert abs(routes.distance[0][tuple(here)] - way) < 0.04 * way
    direction = routes.direction[0][tuple(here)]
    assert direction @ (corner - [1.0, 7.0]) / np.linalg.norm(corner - [1.0, 7.0]) > 0.98


def test_walls_are_listed_in_all_cells_that_they_come_near() -> None:
    cells = cells_over(np.zeros(2), np.array([9.0, 7.0]), 1.0)
    segments = np.array([[1.5, 1.5, 1.5, 1.5], [-3, 2, 4.2, 3], [8.9, 6.9, 12, 12]])
    walls = sort_walls(segments, cells, 0.6)
    listed = {
        (c % 9, c // 9): set(walls.numbers[a:b]) for c, (a, b) in enumerate(itertools.pairwise(walls.starts)) if b > a
    }
    assert listed[(0, 0)] == {0} and listed[(2, 2)] == {0, 1} and listed[(8, 6)] == {2} and (6, 2) not in listed
    assert [c for c in listed if 0 in listed[c]] == [(x, y) for y in range(3) for x in range(3)]


def test_a_mesh_is_cut_at_the_height_of_who_walks() -> None:
    vertices, faces, _ = sphere(1.0)
    surface = Surface(vertices, np.zeros_like(vertices), faces)
    place = np.eye(4)
    place[:3, 3] = [-2, -3, -1]  # the floor is 1 m below the middle of the ball
    segments = outline(surface, place, 1.6)
    radius = np.linalg.norm(segments.reshape(-1, 2) - [2, 3], axis=1)
    np.testing.assert_allclose(radius, 0.8, atol=0.01)
    # one closed line: each end is the beginning of another
    ends = np.sort(segments.reshape(-1, 2).round(9).view("f8,f8").ravel())
    assert (ends[::2] == ends[1::2]).all() and len(segments) == 96
    assert len(outline(surface, place, 2.5)) == 0


def test_a_scene_s_crowd_keeps_out_of_a_house_that_moves_away() -> None:
    frames = 48
    vertices, faces, _ = box((3.0, 4.0, 4.0))
    places = np.tile(np.eye(4), (frames, 1, 1))
    places[:, :3, 3] = [6, 4, 2]
    places[:, 0, 3] += np.linspace(0, 1, frames)
    house = RigidBody("house", Mesh(faces), vertices.astype(np.float32), places)
    stage = default_setting(np.array([[0, 0, 0], [12.0, 8, 2]])).stage("town", frames, 24.0)
    people = Effect("crowd", "people", np.diag([12.0, 8, 2, 1]), {"count": 25}, (Role("obstacle", "house"),))
    made = simulate_effects(replace(stage, bodies=(house,), effects=(people,)), seed=1)
    bodies = [b for b in made.bodies if isinstance(b, Instances) and not b.part_of]
    assert sum(b.transforms.shape[1] for b in bodies) == 25 and len(bodies) > 3
    feet = np.concatenate([b.transforms[..., :3, 3] for b in bodies], axis=1)
    assert (feet[..., 2] == 0).all()
    inside = np.abs(feet - places[:, None, :3, 3])[..., :2] - [1.5, 2.0]
    # at least the radius but for what the wall moves in a frame
    assert np.linalg.norm(np.maximum(inside, 0), axis=-1).min() > 0.2


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(UserError, match="no room for 500 people"):
        crowd.solver(Crowd((5.0, 5.0), 500)).init()
    with pytest.raises(UserError, match="speed is 0"):
        crowd.solver(Crowd(speed=0.0))
