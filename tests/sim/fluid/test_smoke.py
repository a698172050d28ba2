"""Smoke against what must be true of air: volumes kept, walls respected, hot air up, nothing from nothing."""

from dataclasses import replace

import numpy as np
import pytest

from simcraft.errors import UserError
from simcraft.recording.format import check_recording
from simcraft.sim.fluid import smoke
from simcraft.sim.fluid.boundary import Obstacle, boundary_of
from simcraft.sim.fluid.grid import Grid, all_walls
from simcraft.sim.fluid.shapes import ball, block
from simcraft.sim.fluid.smoke_state import Fire, Inflow, SmokeConfig, SmokeState
from simcraft.sim.fluid.staggered import at_centres, divergence, fastest
from simcraft.sim.solver import Diverged, SimulationStopped, record

from .gases import QUIET, centre_of_mass, plume, quiet, run, swirling

PLANE, ROOM = (32, 48), (20, 20, 28)
both = pytest.mark.parametrize("cells", [PLANE, ROOM], ids=["2D", "3D"])


def left_in_cells(config: SmokeConfig, state: SmokeState, dt: float) -> np.ndarray:
    """Share of each fluid cell's volume that it wins or loses in a step, from the velocity itself in float64."""
    velocity = tuple(component.astype(np.float64) for component in state.velocity)
    return np.abs(divergence(velocity))[config.boundary_at(state.time).fluid] * dt / config.grid.spacing


@both
def test_no_cell_wins_or_loses_volume(cells: tuple[int, ...]) -> None:
    config = plume(cells)
    state = smoke.init(config)
    for _ in range(8):
        dt = min(1 / 24, smoke.stable_step(config, state))
        state = smoke.step(config, state, dt)
        assert left_in_cells(config, state, dt).max() < 1e-4
        assert state.divergence < 1e-4
    assert fastest(state.velocity) > 0.1


@both
def test_air_that_nothing_moves_stays_still(cells: tuple[int, ...]) -> None:
    """A floor covered evenly with heavy smoke is in balance: pressure carries it."""
    config = quiet(cells, buoyancy=-1.0)
    layer = np.zeros(cells, np.float32)
    layer[..., : cells[-1] // 3] = 1
    state = run(config, replace(smoke.init(config), density=layer), 10, dt=1 / 24)
    assert fastest(state.velocity) < 1e-5
    np.testing.assert_allclose(state.density, layer, atol=1e-5)


@both
@pytest.mark.parametrize("sign", [1, -1])
def test_hot_air_rises_and_cold_air_sinks(cells: tuple[int, ...], sign: int) -> None:
    config = quiet(cells, heat_buoyancy=2.0, buoyancy=0.0)
    cloud = ball(config.grid, (*(0.5,) * (len(cells) - 1), config.grid.size[-1] / 2), 0.2).astype(np.float32)
    start = replace(smoke.init(config), density=cloud, temperature=sign * cloud)
    state = run(config, start, 12, dt=1 / 24)
    moved = centre_of_mass(config, state.density) - centre_of_mass(config, cloud)
    # a body as heavy as the air that it pushes aside rises with half its buoyancy at first, and slower as it is torn
    free = sign * 2.0 * (12 / 24) ** 2 / 2
    assert 0.2 < moved[-1] / free < 0.6
    np.testing.assert_allclose(moved[:-1], 0, atol=2e-3)


def test_up_is_where_the_configuration_says() -> None:
    """On a square grid, a plume to the right is the transpose of a plume upwards."""
    cloud = ball(Grid((24, 24), 1 / 24), (0.5, 0.4), 0.2).astype(np.float32)
    states = []
    for up, heat in (((0.0, 1.0), cloud), ((1.0, 0.0), cloud.T.copy())):
        config = quiet((24, 24), heat_buoyancy=2.0, vorticity=1.0, up=up)
        states.append(run(config, replace(smoke.init(config), density=heat, temperature=heat), 8, dt=1 / 24))
    upwards, rightwards = states
    assert centre_of_mass(config, upwards.density)[1] > centre_of_mass(config, cloud)[1] + 0.02
    np.testing.assert_allclose(rightwards.density, upwards.density.T, atol=1e-4)


@both
def test_a_blob_in_even_wind_keeps_its_speed(cells: tuple[int, ...]) -> None:
    """MacCormack's scheme carries a blob 4 cells across, and all of it, at the speed of the wind, to 2 %."""
    wind = (0.5, 0.25, 0.2)[: len(cells)]
    grid = Grid(cells, 1 / cells[0])
    config = SmokeConfig(grid, open_sides=((True, True),) * len(cells), wind=wind, **QUIET)
    blob = np.exp(-((grid.centres() - 0.4) ** 2).sum(-1) / (4 * grid.spacing) ** 2 * 2).astype(np.float32)
    start = replace(smoke.init(config), density=blob)
    np.testing.assert_allclose(at_centres(start.velocity), np.broadcast_to(wind, (*cells, len(wind))), atol=1e-4)
    state = run(config, start, 10, dt=1 / 24)
    moved = centre_of_mass(config, state.density) - centre_of_mass(config, blob)
    np.testing.assert_allclose(moved, np.array(wind) * 10 / 24, rtol=0.02)
    assert state.density.sum() == pytest.approx(blob.sum(), rel=0.02)
    # a first-order scheme flattens it to less than two thirds
    assert state.density.max() > 0.85 * blob.max()


@both
def test_a_closed_box_keeps_its_smoke(cells: tuple[int, ...]) -> None:
    """The scheme is not conservative; what turns around an obstacle for a second keeps its amount to 5 %."""
    config = quiet(cells, obstacle=Obstacle(ball(Grid(cells, 1 / cells[0]), (0.5,) * len(cells), 0.12)))
    fluid = config.boundary_at(0).fluid
    away = ((config.grid.centres() - config.grid.centres()[fluid].mean(0) * 1.3) ** 2).sum(-1)
    cloud = np.where(fluid, np.exp(-away / 0.15**2), 0).astype(np.float32)
    start = replace(swirling(config), density=cloud)
    assert fastest(start.velocity) > 0.9
    state = run(config, start, 24, dt=1 / 24)
    assert state.density[fluid].sum() == pytest.approx(cloud[fluid].sum(), rel=0.05)
    assert state.density.min() >= 0 and state.density.max() <= cloud.max() + 1e-6
    assert np.abs(state.density - cloud).max() > 0.5


@both
def test_nothing_flows_into_an_obstacle_or_a_wall(cells: tuple[int, ...]) -> None:
    config = plume(cells, open_sides=all_walls(len(cells)))
    state = run(config, smoke.init(config), 12)
    boundary = config.boundary_at(0)
    for axis, component in enumerate(state.velocity):
        assert (component[boundary.given[axis]] == 0).all()
        assert (np.take(component, [0, -1], axis) == 0).all()
    config = plume(cells, thickness=1.0)
    assert (smoke.solver(config).capture(state)["density"].reshape(cells)[~boundary.fluid] == 0).all()


def test_smoke_parts_around_an_obstacle() -> None:
    config = plume((48, 64))
    state = run(config, smoke.init(config), 56)
    beside = state.density[:, int(0.6 * 64)]
    assert beside[:17].sum() > 1 and beside[-17:].sum() > 1
    assert beside[17:-17][config.boundary_at(0).fluid[17:-17, int(0.6 * 64)]].size == 0


@both
def test_a_moving_obstacle_drags_the_air(cells: tuple[int, ...]) -> None:
    grid = Grid(cells, 1 / cells[0])
    speed = np.zeros((*cells, len(cells)), np.float32)
    speed[..., 0] = 0.8

    def obstacle(time: float) -> Obstacle:
        return Obstacle(ball(grid, (0.3 + 0.8 * time, *(0.5,) * (len(cells) - 1)), 0.15), speed)

    config = quiet(cells, obstacle=obstacle)
    state = run(config, smoke.init(config), 8, dt=1 / 24)
    boundary = config.boundary_at(state.time)
    along = state.velocity[0]
    solid = ~boundary.fluid
    assert (at_centres(state.velocity)[solid] @ np.eye(len(cells))[0]).min() > 0.7
    front = int((0.3 + 0.8 * 8 / 24 + 0.15) * cells[0]) + 1
    middle = (int(0.5 * cells[0]),) * (len(cells) - 1)
    assert along[(front, *middle)] > 0.3
    # in a closed box, what is pushed away at the front comes back along the sides
    assert along.min() < -0.1
    assert left_in_cells(config, state, 1 / 24).max() < 1e-4


def test_a_piston_asks_for_no_more_than_air_can_do() -> None:
    """Air in a closed box cannot be compressed: the solver leaves the mean that no velocity takes away, and no more."""
    grid = Grid((16, 16), 1 / 16)
    speed = np.zeros((16, 16, 2), np.float32)
    speed[..., 0] = 0.5
    config = quiet((16, 16), obstacle=Obstacle(block(grid, (0, 0), (0.2, 1)), speed))
    state = run(config, smoke.init(config), 3, dt=1 / 24)
    assert state.divergence < 1e-4
    left = left_in_cells(config, state, 1 / 24)
    np.testing.assert_allclose(left, left.mean(), atol=1e-4)


def test_cut_off_regions_are_solved_each_by_itself() -> None:
    """A statue that touches floor and ceiling, and a tiny pocket inside it, which is filled."""
    grid = Grid((32, 24), 1 / 32)
    solid = block(grid, (0.4, 0), (0.6, 1))
    solid[15, 10] = False
    config = quiet((32, 24), obstacle=Obstacle(solid), heat_buoyancy=2.0)
    boundary = config.boundary_at(0)
    assert not boundary.fluid[15, 10] and len(boundary.closed_regions) == 2
    hot = ball(grid, (0.2, 0.2), 0.1).astype(np.float32)
    state = run(config, replace(smoke.init(config), temperature=hot), 6, dt=1 / 24)
    speed = np.linalg.norm(at_centres(state.velocity), axis=-1)
    assert speed[:12].max() > 0.1 and speed[20:].max() < 1e-5
    assert left_in_cells(config, state, 1 / 24).max() < 1e-4


def test_wind_blows_around_an_obstacle() -> None:
    grid = Grid((32, 24), 1 / 32)
    config = SmokeConfig(
        grid, obstacle=Obstacle(ball(grid, (0.5, 0.375), 0.1)), wind=(1.0, 0.0), open_sides=((True, True),) * 2, **QUIET
    )
    state = run(config, smoke.init(config), 6)
    np.testing.assert_allclose(state.velocity[0][0], 1, atol=1e-6)
    above = state.velocity[0][16, 17:].max()
    assert 1.1 < above < 2.5


def test_fuel_burns_to_heat_and_soot() -> None:
    """At a constant rate: after half its time half of it is left, the rest is heat and soot in proportion."""
    fire = Fire(burning_rate=2.0, flame_heat=3.0, soot=0.5)
    config = quiet((16, 16), fire=fire)
    start = replace(smoke.init(config), fuel=np.ones((16, 16), np.float32))
    half = run(config, start, 6, dt=1 / 24)
    np.testing.assert_allclose(half.fuel, 0.5, atol=1e-5)
    np.testing.assert_allclose(half.temperature, 1.5, atol=1e-5)
    np.testing.assert_allclose(half.density, 0.25, atol=1e-5)
    assert run(config, half, 8, dt=1 / 24).fuel.max() == 0


def test_smoke_thins_out_and_cools() -> None:
    config = quiet((16, 16), dissipation=0.5, cooling=2.0)
    ones = np.ones((16, 16), np.float32)
    state = run(config, replace(smoke.init(config), density=ones, temperature=ones), 12, dt=1 / 24)
    np.testing.assert_allclose(state.density, np.exp(-0.25), rtol=1e-5)
    np.testing.assert_allclose(state.temperature, np.exp(-1), rtol=1e-5)


def test_an_inflow_begins_and_ends_when_it_should() -> None:
    region = np.zeros((16, 16), bool)
    region[8, 8] = True
    late = quiet((16, 16), inflows=(Inflow(region, start=0.1, stop=0.2),))
    state = run(late, smoke.init(late), 2, dt=0.045)
    assert state.density.max() == 0
    assert run(late, state, 1, dt=0.045).density[8, 8] == 1
    once = quiet((16, 16), inflows=(Inflow(region, once=True),), dissipation=1.0, warm_up=1.0)
    state = run(once, smoke.init(once), 4, dt=0.05)
    assert state.time == pytest.approx(-0.8)
    assert state.density[8, 8] == pytest.approx(np.exp(-0.2), rel=1e-4)


def test_confinement_keeps_swirls_alive() -> None:
    energy = []
    for vorticity in (0.0, 4.0):
        config = quiet((32, 32), vorticity=vorticity)
        state = run(config, swirling(config), 20, dt=1 / 24)
        energy.append(sum((c.astype(np.float64) ** 2).sum() for c in state.velocity))
    assert energy[1] > 1.15 * energy[0]


@both
def test_two_runs_are_bitwise_equal(cells: tuple[int, ...]) -> None:
    first, second = (run(plume(cells, seed=3), smoke.init(plume(cells, seed=3)), 5) for _ in range(2))
    for a, b in zip(
        (first.density, first.temperature, first.pressure, *first.velocity),
        (second.density, second.temperature, second.pressure, *second.velocity),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)
    other = run(plume(cells, seed=4), smoke.init(plume(cells, seed=4)), 5)
    assert (other.density != first.density).any()


def test_a_step_changes_nothing_of_the_state_it_starts_from() -> None:
    config = plume((16, 16), fire=Fire())
    state = run(config, smoke.init(config), 2)
    before = [a.copy() for a in (state.density, state.temperature, state.fuel, state.pressure, *state.velocity)]
    smoke.step(config, state, 0.02)
    for a, b in zip(
        before, (state.density, state.temperature, state.fuel, state.pressure, *state.velocity), strict=True
    ):
        np.testing.assert_array_equal(a, b)


def test_what_is_not_a_number_diverges() -> None:
    config = plume((16, 16))
    state = run(config, smoke.init(config), 2)
    broken = state.velocity[0].copy()
    broken[8, 8] = np.nan
    with pytest.raises(Diverged, match="velocity"):
        smoke.step(config, replace(state, velocity=(broken, state.velocity[1])), 0.02)
    endless = smoke.solver(replace(config, heat_buoyancy=1e38))
    with pytest.raises(SimulationStopped, match=r"smoke diverged at"):
        record(endless, frames=3)


def test_steps_stay_below_the_limit() -> None:
    config = plume((32, 32), heat_buoyancy=40.0)
    solver = smoke.solver(config)
    state = solver.init()
    for _ in range(12):
        dt = solver.stable_step(state)
        state = solver.step(state, dt)
        assert fastest(state.velocity) * dt / config.grid.spacing < 3


def test_a_recording_in_a_few_lines() -> None:
    grid = Grid((24, 36), spacing=1 / 24)
    source = Inflow(ball(grid, (0.5, 0.15), 0.1), fuel=1.0)
    recording = smoke.simulate(SmokeConfig(grid, (source,), fire=Fire(), warm_up=0.2), frames=4, size=(64, 64))
    check_recording(recording)
    (volume,) = recording.bodies
    assert volume.name == "fire" and volume.kind == "volume"
    assert volume.density.shape == (4, 24, 1, 36) and volume.velocity.shape == (4, 24, 1, 36, 3)
    assert volume.glow is not None and 0.9 < volume.glow.max() <= 1
    assert volume.density.max() > 1 and (volume.velocity[..., 1] == 0).all()
    corner = volume.grid_to_world[0] @ [24, 0.5, 36, 1]
    np.testing.assert_allclose(corner[:3], [1, 0, 1.5])
    # later frames are seen to move by what the velocity says: smoke rises
    assert volume.velocity[-1, ..., 2].max() > 0.05


def test_bad_configurations_are_refused() -> None:
    grid = Grid((8, 8), 0.1)
    with pytest.raises(UserError, match="wind of smoke in 2D should have 2"):
        SmokeConfig(grid, wind=(1.0, 0.0, 0.0))
    with pytest.raises(UserError, match="no smoke solver 'warp'"):
        SmokeConfig(grid, solver="warp")
    with pytest.raises(UserError, match=r"obstacle has \(4, 4\) cells"):
        smoke.init(SmokeConfig(grid, obstacle=Obstacle(np.zeros((4, 4), bool))))
    with pytest.raises(UserError, match="fill the whole domain"):
        boundary_of(grid, all_walls(2), (0.0, 0.0), Obstacle(np.ones((8, 8), bool)))
    config = SmokeConfig(grid, (Inflow(np.zeros((4, 4), bool)),))
    with pytest.raises(UserError, match="Inflow 1 has"):
        smoke.step(config, smoke.init(config), 0.1)
