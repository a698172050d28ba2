"""Boids: the rules one by one, what comes of them, and what they keep clear of."""

from dataclasses import fields, replace

import numpy as np
import pytest

from simcraft.errors import UserError
from simcraft.recording import Effect, Mesh, Recording, RigidBody, Role
from simcraft.sim.agents import flock
from simcraft.sim.agents.distance import DistanceField
from simcraft.sim.agents.flock import Flock, FlockState
from simcraft.sim.effects import simulate_effects
from simcraft.sim.primitives import box
from simcraft.sim.setting import default_setting
from simcraft.sim.solver import advance
from tests.sim.agents.brute_force import flock_step

SIDE = 3.0
"""Metres, of the crate in the way."""


def run(config: Flock, seconds: float) -> FlockState:
    solver = flock.solver(config)
    state = solver.init()
    for following, _ in advance(solver, state, seconds):
        state = following
    return state


def test_one_step_is_the_brute_force_one() -> None:
    goals, predators = np.array([[5.0, 4, 3, 1.5], [1, 1, 1, 0.7]]), np.array([[3.0, 4, 3, 6.0, 2.5]])
    config = Flock((8.0, 7.0, 6.0), 80, start="scattered", goals=lambda t: goals, predators=lambda t: predators, seed=4)
    state = flock.initial_state(config)
    for _ in range(3):
        following = flock.step(config, state, 0.01)
        position, velocity = flock_step(config, state, 0.01)
        np.testing.assert_allclose(following.position, position, rtol=0, atol=1e-6)  # constants in kernels are float32
        np.testing.assert_allclose(following.velocity, velocity, rtol=0, atol=1e-6)  # constants in kernels are float32
        state = following


def test_scattered_agents_come_to_fly_as_their_neighbours_do() -> None:
    config = Flock((16.0, 16.0, 10.0), start="scattered", seed=1)
    assert flock.local_alignment(config, flock.initial_state(config)) < 0.2
    state = run(config, 6.0)
    assert flock.local_alignment(config, state) > 0.9
    speed = np.linalg.norm(state.velocity, axis=1)
    assert speed.min() >= 0.6 * config.speed - 1e-9 and abs(speed.mean() - config.speed) < 0.15 * config.speed


def test_two_runs_have_the_same_bits_and_another_seed_has_others() -> None:
    first, second, other = (run(Flock(count=150, seed=seed), 0.5) for seed in (2, 2, 3))
    for field in fields(FlockState):
        np.testing.assert_array_equal(getattr(first, field.name), getattr(second, field.name))
    assert not np.array_equal(first.position, other.position)


def test_nobody_leaves_the_box_and_bodies_lean_into_turns() -> None:
    config = Flock((10.0, 10.0, 8.0), 60, seed=5)
    state = flock.initial_state(config)
    turns, backs = [], []
    for _ in range(150):
        before, state = state, flock.step(config, state, 0.02)
        assert (state.position >= 0).all() and (state.position <= config.box).all()
        turns.append((state.velocity - before.velocity) / 0.02)
        backs.append(state.back)
    np.testing.assert_allclose(np.linalg.norm(state.back, axis=1), 1, atol=1e-9)
    np.testing.assert_allclose((state.back * state.velocity).sum(1), 0, atol=1e-9)
    # in a level turn the back points to the inside
    turn, back = np.concatenate(turns)[:, :2], np.concatenate(backs)[:, :2]
    inside = (turn * back).sum(1) / np.linalg.norm(turn, axis=1)
    sharp = np.linalg.norm(turn, axis=1) > 8
    assert sharp.sum() > 100 and inside[sharp].mean() > 0.2


def test_a_goal_draws_and_a_predator_drives_away() -> None:
    alone = Flock((30.0, 30.0, 20.0), 40, seed=6)
    goal = np.array([[15.0, 24, 10, 1.0]])
    there = run(replace(alone, goals=lambda t: goal), 3.0).position
    assert np.linalg.norm(there - goal[0, :3], axis=1).mean() < 6
    hunter = np.array([[8.0, 15, 10, 20.0, 6.0]])
    feared, free = (run(f, 1.0).position for f in (replace(alone, predators=lambda t: hunter), alone))
    nearest = [np.linalg.norm(p - hunter[0, :3], axis=1).min() for p in (feared, free)]
    assert nearest[0] > 2 * nearest[1]


def crate_scene(speed: float, frames: int = 60) -> Recording:
    """A crate between a flock and its goal; it comes towards the flock with `speed` m/s."""
    vertices, faces, _ = box((SIDE, SIDE, SIDE))
    places = np.tile(np.eye(4), (frames, 1, 1))
    places[:, :3, 3] = [12, 8, 5]
    places[:, 0, 3] -= speed * np.arange(frames) / 24
    crate = RigidBody("crate", Mesh(faces), vertices.astype(np.float32), places)
    stage = default_setting(np.array([[0, 0, 0], [24.0, 16, 10]])).stage("crate", frames, 24.0)
    goal = Role("goal", "nest", points=np.tile(np.float32([[[22, 8, 5]]]), (frames, 1, 1)))
    sky = Effect("flock", "birds", np.diag([24.0, 16, 10, 1]), {"count": 80}, (Role("obstacle", "crate"), goal))
    return replace(stage, bodies=(crate,), effects=(sky,))


@pytest.mark.parametrize("speed", [0.0, 1.0])
def test_birds_fly_round_a_mesh_even_one_that_moves(speed: float) -> None:
    made = simulate_effects(crate_scene(speed), seed=1)
    birds = np.concatenate([b.transforms[..., :3, 3] for b in made.bodies[1:] if not b.part_of], axis=1)
    beside = np.abs(birds - made.bodies[0].transforms[:, None, :3, 3]) - SIDE / 2
    distance = np.linalg.norm(np.maximum(beside, 0), axis=-1)
    # a bird keeps half its size, 0.3 m; the cells of the distance field, as large, round the corners
    assert distance.min() > 0.2
    # it was in the way, and they are past it
    assert distance.min() < 1.5 and np.median(birds[-1, :, 0]) > made.bodies[0].transforms[-1, 0, 3] + SIDE


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(UserError, match=r"radius is -1.* positive"):
        flock.solver(Flock(radius=-1.0))
    with pytest.raises(UserError, match="start is 'here'"):
        flock.solver(Flock(start="here"))
    solid = DistanceField(np.full((2, 2, 2), -1.0, np.float32), 12.0)
    with pytest.raises(UserError, match="no room for 200"):
        flock.solver(Flock(obstacles=lambda time: solid)).init()
    sheared = np.eye(4)
    sheared[0, 1] = 0.5
    scene = crate_scene(0.0, 2)
    with pytest.raises(UserError, match=r"birds.* no box"):
        simulate_effects(replace(scene, effects=(replace(scene.effects[0], box_to_world=sheared),)))
