"""A step against the same formulas in plain numpy, and the order that makes it repeatable."""

from dataclasses import replace

import numpy as np
import pytest

from simcraft.sim.mpm.obstacles import no_obstacles
from simcraft.sim.mpm.seeding import fill_box
from simcraft.sim.mpm.state import BLOCK, PADDING, sort_into_blocks
from simcraft.sim.mpm.step import Setup, rest_state, stable_step, step
from simcraft.sim.mpm.substances import LAWS, substance

from .materials import box_domain, piece, run
from .reference import numpy_step


@pytest.mark.parametrize("dimension", [2, 3])
def test_a_step_of_all_materials_equals_plain_numpy(dimension: int) -> None:
    domain = box_domain(dimension, 12, friction=0.0)
    setup = Setup(domain, tuple(substance(law, 0.5) for law in LAWS), no_obstacles(dimension))
    rng = np.random.default_rng(5)
    position = fill_box(domain, np.full(dimension, 0.1), np.full(dimension, 0.9), rng)
    velocity = rng.normal(0, 2, position.shape)
    state = rest_state(setup, position, velocity, np.arange(len(position)) % len(LAWS))
    for _ in range(6):  # until snow and sand have yielded, and particles lie anywhere
        state = step(setup, state, stable_step(setup, state))
    assert (state.plastic[state.substance == LAWS.index("snow")] != 1).mean() > 0.2
    dt = stable_step(setup, state)
    expected, state = numpy_step(setup, state, dt), step(setup, state, dt)
    tolerance = {"position": 1e-6, "velocity": 1e-4, "affine": 5e-3, "deformation": 2e-5, "plastic": 1e-4}
    for name, atol in tolerance.items():
        np.testing.assert_allclose(getattr(state, name), expected[name], atol=atol, err_msg=name)
    np.testing.assert_allclose(
        state.stress, expected["stress"], rtol=1e-3, atol=1e-4 * np.abs(expected["stress"]).max()
    )


@pytest.mark.parametrize("dimension", [2, 3])
def test_blocks_of_one_colour_share_no_node(dimension: int) -> None:
    domain = box_domain(dimension, 20)
    position = fill_box(domain, np.zeros(dimension), np.ones(dimension), np.random.default_rng(0))
    order, blocks = sort_into_blocks(domain, position)
    assert sorted(order) == list(range(len(position)))
    base = np.floor(position[order] / domain.spacing - 0.5).astype(int) + PADDING
    room = (BLOCK[dimension] - 2) // 2
    for first, last in zip(blocks.colours[:-1], blocks.colours[1:], strict=True):
        used = np.zeros(domain.nodes, int)
        for block in range(first, last):
            own = base[blocks.starts[block] : blocks.starts[block + 1]]
            low = np.maximum(own.min(0) - room, 0)
            high = own.max(0) + 3 + room  # even after all have drifted as far as they may
            used[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] += 1
        assert used.max() <= 1
    assert blocks.starts[0] == 0 and blocks.starts[-1] == len(position)
    assert (np.diff(blocks.starts) > 0).all()


def test_particles_are_sorted_again_before_they_leave_their_blocks_surroundings() -> None:
    setup, state = piece(box_domain(3, 16, gravity=0.0), "jelly", (0.1,) * 3, (0.4,) * 3, (2.0, 1.0, 0.5))
    sorts = 0
    room = (BLOCK[3] - 2) // 2
    for following in run(setup, state, 0.15):
        sorts += not np.array_equal(following.identity, state.identity)
        home = following.blocks
        base = np.floor(state.position / setup.domain.spacing - 0.5).astype(int) + PADDING  # as scattered
        if home.starts is state.blocks.starts:
            for a, b in zip(home.starts[:-1], home.starts[1:], strict=True):
                middle = np.median(base[a:b] // BLOCK[3], axis=0) * BLOCK[3]
                assert (base[a:b] >= middle - room).all() and (base[a:b] < middle + BLOCK[3] + room).all()
        state = following
    assert sorts >= 3


def test_a_step_changes_nothing_it_was_given() -> None:
    setup, state = piece(box_domain(2, 16), "sand", (0.3, 0.0), (0.6, 0.4))
    before = {name: value.copy() for name, value in vars(state).items() if isinstance(value, np.ndarray)}
    halves = step(setup, step(setup, replace(state), 1e-4), 1e-4)
    assert halves.time == pytest.approx(2e-4)
    for name, value in before.items():
        np.testing.assert_array_equal(getattr(state, name), value)
