"""What a step must not lose: mass, momentum, angular momentum, the very bits; and free fall."""

import numpy as np
import pytest

from simcraft.errors import UserError
from simcraft.sim.mpm.material import Part, material_solver
from simcraft.sim.mpm.obstacles import node_places, still_obstacles
from simcraft.sim.mpm.seeding import fill_ball, fill_box
from simcraft.sim.mpm.state import MaterialState
from simcraft.sim.mpm.step import Setup, particles_to_grid, rest_state, stable_step, step
from simcraft.sim.mpm.substances import LAWS, substance
from simcraft.sim.solver import Diverged, simulate_frames

from .materials import box_domain, piece, run

GRAVITY = 9.81
COLLISION = {2: ((0.5, 0.5), (0.8, -0.3)), 3: ((0.5, 0.5, 0.5), (0.8, 0.2, -0.3))}


def mass(setup: Setup, state: MaterialState) -> np.ndarray:
    return setup.constants[state.substance, 1].astype(np.float64) * setup.domain.particle_volume


def momentum(setup: Setup, state: MaterialState) -> np.ndarray:
    return mass(setup, state) @ state.velocity.astype(np.float64)


def angular_momentum(setup: Setup, state: MaterialState) -> np.ndarray:
    """Of the particles and of their own spin (Jiang et al. 2015, equation 10 with D = spacing**2 / 4)."""
    m = mass(setup, state)
    x, v, C = (a.astype(np.float64) for a in (state.position, state.velocity, state.affine))
    spin = C * setup.domain.spacing**2 / 4
    tensor = np.einsum("p,pi,pj->ij", m, x, v) + np.einsum("p,pji->ij", m, spin)
    return tensor - tensor.T


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("dimension", [2, 3])
def test_mass_and_momentum_are_kept_without_gravity(dimension: int, law: str) -> None:
    domain = box_domain(dimension, 16, gravity=0.0)
    _, speed = COLLISION[dimension]
    setup, state = piece(domain, law, (0.3,) * dimension, (0.7,) * dimension, speed)
    rng = np.random.default_rng(1)
    kick = rng.normal(0, 0.3, state.velocity.shape).astype(np.float32)
    state = MaterialState(**{**vars(state), "velocity": state.velocity + kick})
    before, turning = momentum(setup, state), angular_momentum(setup, state)
    scale = mass(setup, state) @ np.linalg.norm(state.velocity, axis=1)
    for _ in range(20):
        state = step(setup, state, stable_step(setup, state))
        grid = particles_to_grid(setup, state, 0.0)
        # sums of float32 over thousands of particles
        assert grid[:, -1].sum(dtype=np.float64) == pytest.approx(mass(setup, state).sum(), rel=1e-6)
    np.testing.assert_allclose(momentum(setup, state), before, atol=1e-5 * scale)
    np.testing.assert_allclose(angular_momentum(setup, state), turning, atol=1e-5 * scale)


def test_colours_come_after_the_materials_that_are_there() -> None:
    domain = box_domain(2, 8)
    ball = fill_ball(domain, np.array([0.5, 0.5]), 0.2, np.random.default_rng(0))
    parts = [Part("snow", substance("snow", 0.4), ball), Part("sand", substance("sand", 0.4), ball)]
    solver = material_solver(domain, parts, materials_before=3)
    frame = solver.capture(solver.init())
    made = solver.gather([frame, frame])
    assert [body.material for body in made.bodies] == [3, 4]
    assert [material.name for material in made.materials] == ["snow", "sand"]


@pytest.mark.parametrize("dimension", [2, 3])
def test_free_fall_in_closed_form(dimension: int) -> None:
    domain = box_domain(dimension, 16)
    setup, start = piece(domain, "jelly", (0.4,) * dimension, (0.6,) * (dimension - 1) + (0.8,), stiffness=5000.0)
    states = [start, *run(setup, start, 0.2)]
    end, steps = states[-1], np.diff([s.time for s in states])
    fallen = (start.position[np.argsort(start.identity)] - end.position[np.argsort(end.identity)])[:, -1]
    # velocity first, then place with the new velocity: every step adds g dt² / 2 to the fall
    np.testing.assert_allclose(fallen, GRAVITY * (0.2**2 + (steps**2).sum()) / 2, rtol=1e-4)
    assert len(steps) > 20
    np.testing.assert_allclose(end.velocity[:, -1], -GRAVITY * 0.2, rtol=1e-4)
    np.testing.assert_allclose(end.velocity[:, 0], 0, atol=1e-4)


def test_two_runs_are_bitwise_equal() -> None:
    domain = box_domain(3, 16)

    def twice() -> list:
        rng = np.random.default_rng(4)
        parts = [
            Part(
                "a", substance("jelly", 0.3), fill_box(domain, np.full(3, 0.1), np.full(3, 0.4), rng), (1.0, 1.0, 0.0)
            ),
            Part("b", substance("sand", 0.3), fill_ball(domain, np.full(3, 0.6), 0.2, rng)),
            Part("c", substance("water", 0.3), fill_box(domain, [0.5, 0.1, 0.0], [0.9, 0.5, 0.3], rng)),
        ]
        return simulate_frames(material_solver(domain, parts), 4, 24)

    for a, b in zip(twice(), twice(), strict=True):
        assert a.keys() == b.keys()
        for name in a:
            np.testing.assert_array_equal(a[name], b[name])


def test_nonsense_is_an_error_and_not_a_picture() -> None:
    setup, state = piece(box_domain(2, 16), "jelly", (0.3, 0.3), (0.6, 0.6))
    with pytest.raises(Diverged):  # far beyond the stable step
        for _ in range(20):
            state = step(setup, state, 60 * stable_step(setup, state))
    floor = still_obstacles(box_domain(2, 16), node_places(box_domain(2, 16))[..., 1] - 0.25, 0.3)
    for obstacles in (None, floor):
        setup, state = piece(box_domain(2, 16), "jelly", (0.3, 0.3), (0.6, 0.6), (np.nan, 0.0), obstacles)
        with pytest.raises(Diverged):
            step(setup, state, 1e-4)
    with pytest.raises(UserError, match="of 4 particles are outside"):
        rest_state(setup, np.array([[0.5, 0.5], [0.5, 1.2], [np.nan, 0.5], [0.1, 0.1]]), np.zeros((4, 2)), np.zeros(4))
