"""Each material does what it is known for."""

import numpy as np
import pytest

from simcraft.errors import UserError
from simcraft.sim.mpm.obstacles import no_obstacles
from simcraft.sim.mpm.seeding import fill
from simcraft.sim.mpm.state import MaterialState
from simcraft.sim.mpm.step import Setup, rest_state
from simcraft.sim.mpm.substances import Substance, substance

from .materials import box_domain, last, piece, run


def heap(slope: float, law: str) -> tuple[Setup, MaterialState]:
    """A ridge on a rough floor whose sides rise by `slope` degrees."""
    domain = box_domain(2, 40, friction=1.0)
    rise = np.tan(np.radians(slope))
    position = fill(domain, lambda p: p[..., 1] < rise * (0.4 - np.abs(p[..., 0] - 0.5)), np.random.default_rng(0))
    setup = Setup(domain, (substance(law, 0.3),), no_obstacles(2))
    return setup, rest_state(setup, position, np.zeros_like(position), np.zeros(len(position)))


def top(state: MaterialState) -> float:
    return float(np.percentile(state.position[:, 1], 99))


def test_sand_holds_its_slope_up_to_the_angle_of_friction() -> None:
    gentle, start = heap(28.0, "sand")  # friction angle 35
    end = last(gentle, start, 0.8)
    assert top(end) > 0.93 * top(start)
    assert np.linalg.norm(end.velocity, axis=1).mean() < 0.02
    steep, start = heap(50.0, "sand")
    end = last(steep, start, 0.8)
    assert top(end) < 0.75 * top(start)
    sides = np.degrees(np.arctan(_rise(end)))
    assert 12 < sides < 38


def _rise(state: MaterialState) -> float:
    """Height over half width of what lies in a heap around 0.5."""
    away = np.percentile(np.abs(state.position[:, 0] - 0.5), 98)
    return top(state) / float(away)


def test_water_holds_no_slope_and_keeps_its_volume() -> None:
    setup, start = heap(28.0, "water")
    end = last(setup, start, 2.0)
    volume = len(start.position) * setup.domain.particle_volume
    columns = np.array([end.position[np.abs(end.position[:, 0] - x) < 0.06, 1].max() for x in np.linspace(0.1, 0.9, 5)])
    np.testing.assert_allclose(columns, volume, atol=1.5 * setup.domain.spacing)  # the floor is one metre long


def test_a_jelly_cube_bounces_and_keeps_its_volume() -> None:
    setup, start = piece(box_domain(3, 16), "jelly", (0.3, 0.3, 0.4), (0.7, 0.7, 0.8))
    heights, volumes = [], []
    for state in run(setup, start, 0.8):
        heights.append(state.position[:, 2].mean())
        volumes.append(np.linalg.det(state.deformation.astype(np.float64)).mean())
    lowest = int(np.argmin(heights))
    assert heights[lowest] < 0.2  # squashed: at rest it is 0.2 above the floor
    assert max(heights[lowest:]) > 0.26  # and up again
    assert min(volumes) > 0.7 and volumes[-1] == pytest.approx(1, abs=0.05)


def test_snow_packs_where_it_is_hit_and_stays_so() -> None:
    setup, start = piece(box_domain(3, 16, gravity=0.0), "snow", (0.3,) * 3, (0.7,) * 3, (0.0, 0.0, -5.0))
    end = last(setup, start, 0.3)
    before, after = (np.ptp(s.position, axis=0) for s in (start, end))
    assert after[2] < 0.9 * before[2]
    assert end.plastic.min() < 0.95  # packed
    jelly, start = piece(box_domain(3, 16, gravity=0.0), "jelly", (0.3,) * 3, (0.7,) * 3, (0.0, 0.0, -5.0))
    assert end.velocity[:, 2].mean() < 0.4 * last(jelly, start, 0.3).velocity[:, 2].mean()  # hardly bounces


def test_light_floats_and_heavy_sinks() -> None:
    from simcraft.sim.mpm.seeding import fill_box

    domain = box_domain(2, 24, friction=0.0)
    rng = np.random.default_rng(0)
    water = fill_box(domain, [0.0, 0.0], [1.0, 0.4], rng)
    light = fill_box(domain, [0.15, 0.42], [0.35, 0.6], rng)
    heavy = fill_box(domain, [0.65, 0.42], [0.85, 0.6], rng)
    made = (
        substance("water", 0.4),
        substance("jelly", 0.2, density=300.0, stiffness=5e4),
        substance("jelly", 0.2, density=3000.0, stiffness=5e4),
    )
    setup = Setup(domain, made, no_obstacles(2))
    position = np.concatenate([water, light, heavy])
    kind = np.repeat([0, 1, 2], [len(water), len(light), len(heavy)])
    end = last(setup, rest_state(setup, position, np.zeros_like(position), kind), 1.2)
    floats, sinks = (end.position[end.substance == k, 1].mean() for k in (1, 2))
    assert floats > 0.35 and sinks < 0.2


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: substance("steam", 1.0),
        lambda: Substance("jelly", -1.0, 1e4),
        lambda: Substance("jelly", 1.0, 1e4, poisson=0.5),
        lambda: box_domain(2, 3),
    ],
)
def test_constants_that_make_no_sense_are_refused(wrong) -> None:
    with pytest.raises(UserError):
        wrong()
