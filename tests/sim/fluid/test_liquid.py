"""Liquid against what is known in closed form, and against what must never happen."""

from dataclasses import replace

import numpy as np
import pytest

from simcraft.errors import UserError
from simcraft.recording import ChangingBody, Particles
from simcraft.recording.format import check_recording
from simcraft.sim.fluid.boundary import Obstacle
from simcraft.sim.fluid.free_surface import left_divergence, liquid_cells
from simcraft.sim.fluid.grid import Grid
from simcraft.sim.fluid.liquid import (
    Emitter,
    LiquidConfig,
    LiquidState,
    ball,
    box,
    liquid_solver,
    liquid_start,
    liquid_step,
)
from simcraft.sim.fluid.liquid_surface import SurfaceMesh, liquid_surface
from simcraft.sim.solver import advance, record

GRAVITY = 9.81


def run(config: LiquidConfig, seconds: float, state: LiquidState | None = None) -> LiquidState:
    state = liquid_start(config) if state is None else state
    for following, _ in advance(liquid_solver(config), state, state.time + seconds):
        state = following
    return state


def lower_part(grid: Grid, share: float) -> np.ndarray:
    """Whole cells: the lowest `share` of the box."""
    cells = np.zeros(grid.cells, bool)
    cells[..., : round(share * grid.cells[-1])] = True
    return cells


@pytest.mark.parametrize("dimension", [2, 3])
def test_a_blob_falls_as_in_closed_form(dimension: int) -> None:
    grid = Grid((12,) * (dimension - 1) + (20,), 1 / 12)
    blob = Emitter(ball(grid, (0.4,) * (dimension - 1) + (1.3,), 0.25), velocity=(0.5,) + (0.0,) * (dimension - 1))
    config = LiquidConfig(grid, (blob,), flip=1.0)
    start = state = liquid_start(config)
    steps, dt = 40, 0.005
    for _ in range(steps):
        state = liquid_step(config, state, dt)
    time = steps * dt
    way = state.positions.mean(0) - start.positions.mean(0)
    assert state.velocities[:, -1].mean() == pytest.approx(-GRAVITY * time, rel=1e-3)
    # speeds are exact at the end of each step and carry the whole step: that is half a step too far
    assert way[-1] == pytest.approx(-GRAVITY * time**2 / 2, abs=GRAVITY * time * dt / 2 + 1e-3)
    assert way[0] == pytest.approx(0.5 * time, rel=5e-3)
    # and it keeps its shape
    spread = (state.positions - state.positions.mean(0)).std(0) / (start.positions - start.positions.mean(0)).std(0)
    np.testing.assert_allclose(spread, 1.0, atol=0.02)


@pytest.mark.parametrize("dimension", [2, 3])
def test_a_pool_at_rest_stays_so_under_hydrostatic_pressure(dimension: int) -> None:
    grid = Grid((12,) * dimension, 0.1)
    config = LiquidConfig(grid, (Emitter(lower_part(grid, 0.5)),))
    state = run(config, 1.0)
    assert np.abs(state.velocities).max() < 0.02 * np.sqrt(GRAVITY * 0.6)
    surface = state.positions[:, -1].max()
    assert surface == pytest.approx(0.6, abs=0.05)
    # pressure over density grows by g a metre; air begins at the centre of the first cell without liquid
    depth = 0.65 - (np.arange(6) + 0.5) * 0.1
    column = state.pressure[(6,) * (dimension - 1)][:6]
    np.testing.assert_allclose(column, GRAVITY * depth, rtol=0.01)


def test_a_dam_break_runs_at_the_speed_of_the_experiment() -> None:
    # Martin and Moyce 1952, figure 3, column twice as high as wide: the front has gone from 1 to 3 widths after
    # t sqrt(2 g / width) = 2.51; the shallow-water theory of Ritter gives 2 sqrt(g height) as its limit.
    grid = Grid((80, 40), 0.0125)
    width = 0.2
    config = LiquidConfig(grid, (Emitter(box(grid, (0, 0), (width, 2 * width))),))
    solver, start = liquid_solver(config), liquid_start(config)
    fronts, times = [], []
    for state, _ in advance(solver, start, 0.5):
        low = state.positions[state.positions[:, 1] < 2 * grid.spacing, 0]
        fronts.append(np.quantile(low, 0.995))
        times.append(state.time)
    arrival = np.interp(3 * width, fronts, times) * np.sqrt(2 * GRAVITY / width)
    assert arrival == pytest.approx(2.51, rel=0.15)  # usual without its gate and friction
    speed = np.polyfit(
        *np.array([(t, x) for t, x in zip(times, fronts, strict=True) if 2 * width < x < 4 * width]).T, 1
    )[0]
    assert speed < 2 * np.sqrt(GRAVITY * 2 * width)


def test_nothing_is_lost_or_made_in_a_closed_box_and_volume_stays() -> None:
    grid = Grid((32, 32), 1 / 32)
    config = LiquidConfig(grid, (Emitter(box(grid, (0, 0), (0.4, 0.75))),))
    start = liquid_start(config)
    state = run(config, 2.5, start)
    np.testing.assert_array_equal(np.sort(state.ids), np.sort(start.ids))
    assert (state.positions > 0).all() and (state.positions < 1).all()
    # half of it lies below half of the height that its volume says; without any control it swells by 10 %
    assert 2 * np.median(state.positions[:, 1]) == pytest.approx(0.3, rel=0.04)


def test_divergence_in_the_liquid_is_small() -> None:
    grid = Grid((32, 32), 1 / 32)
    config = LiquidConfig(grid, (Emitter(box(grid, (0, 0), (0.4, 0.75))),))
    state = start = run(config, 0.3)
    dt = 0.004
    state = liquid_step(config, start, dt)
    assert state.divergence <= 1e-4
    # measured anew from the velocity that particles move with, in the cells that held some
    liquid = np.zeros(grid.cells, bool)
    liquid[tuple((start.positions / grid.spacing).astype(int).T)] = True
    cells = liquid_cells(liquid, config.boundary(0), config.closed)
    assert left_divergence(cells, tuple(u * dt / grid.spacing for u in state.velocity)) <= 1e-4


def test_two_runs_are_bitwise_equal_and_another_seed_is_not() -> None:
    grid = Grid((16, 12, 16), 1 / 16)
    pool = Emitter(box(grid, (0, 0, 0), (0.4, 0.75, 0.6)))
    jet = Emitter(ball(grid, (0.7, 0.4, 0.7), 0.12), velocity=(-1.0, 0, 0), once=False)
    config = LiquidConfig(grid, (pool, jet), viscosity=0.01, seed=3)
    first, second = run(config, 0.2), run(config, 0.2)
    for name in ("positions", "velocities", "affine", "ids", "pressure"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    assert not np.array_equal(first.positions[:100], run(replace(config, seed=4), 0.2).positions[:100])


def test_viscosity_slows() -> None:
    grid = Grid((32, 32), 1 / 32)
    runs = []
    for viscosity in (0.0, 0.005, 0.05, 0.5):
        config = LiquidConfig(grid, (Emitter(box(grid, (0, 0), (0.3, 0.6))),), viscosity=viscosity)
        runs.append(np.quantile(run(config, 0.3).positions[:, 0], 0.99))
    assert runs[0] > runs[1] + 0.01 > runs[2] + 0.1 > runs[3] + 0.2
    assert runs[3] < 0.4


def test_a_viscous_film_runs_down_as_fast_as_theory_says() -> None:
    # steady film between walls (Poiseuille): the mean speed is g w² / 12 nu
    grid = Grid((10, 40), 0.01)
    config = LiquidConfig(grid, (Emitter(np.ones(grid.cells, bool)),), viscosity=0.02, closed=False)
    walls = np.zeros(grid.cells, bool)
    walls[[0, 9]] = True
    config = replace(config, obstacle=Obstacle(walls))
    state = liquid_start(config)
    for _ in range(60):
        state = liquid_step(config, state, 0.002)
    middle = state.velocities[(state.positions[:, 1] > 0.1) & (state.positions[:, 1] < 0.2)]
    assert -middle[:, 1].mean() == pytest.approx(GRAVITY * 0.08**2 / (12 * 0.02), rel=0.05)


@pytest.mark.parametrize("solver", ["taichi", "phiflow"])
def test_obstacles_are_not_entered_and_thin_walls_hold(solver: str) -> None:
    grid = Grid((24, 24), 1 / 24)
    solid = np.zeros(grid.cells, bool)
    solid[4:20, 6] = True  # a tray with one cell of wall, on one leg
    solid[4, 6:12] = solid[19, 6:12] = True
    solid[12, :6] = True
    config = LiquidConfig(grid, (Emitter(box(grid, (0.5, 0.3), (0.79, 0.48))),), Obstacle(solid), solver=solver)
    state = run(config, 1.0 if solver == "taichi" else 0.06)
    cells = tuple((state.positions / grid.spacing).astype(int).T)
    assert not solid[cells].any()
    assert state.positions[:, 1].min() > 7 / 24
    assert state.positions[:, 0].min() > 5 / 24 and state.positions[:, 0].max() < 19 / 24
    if solver == "taichi":
        assert state.positions[:, 0].min() < 6 / 24  # it has run across the tray


def test_a_moving_wall_pushes_the_liquid_ahead() -> None:
    grid = Grid((40, 20), 0.05)
    speed = 0.5

    def piston(time: float) -> Obstacle:
        cells = np.zeros(grid.cells, bool)
        cells[: 2 + int(speed * time / grid.spacing)] = True
        velocity = np.zeros((*grid.cells, 2), np.float32)
        velocity[..., 0] = speed
        return Obstacle(cells, velocity)

    config = LiquidConfig(grid, (Emitter(lower_part(grid, 0.3)),), piston)
    start = liquid_start(config)
    state = run(config, 1.0, start)
    assert len(state.ids) == len(start.ids)
    assert state.positions[:, 0].min() >= 0.1 + speed * 1.0 - grid.spacing
    assert state.positions[:, 1].max() > start.positions[:, 1].max() + 0.1  # it has to go somewhere


def test_a_tap_gives_its_speed_times_its_opening() -> None:
    grid = Grid((32, 32), 1 / 32)
    tap = Emitter(box(grid, (0.4, 0.8), (0.6, 0.95)), velocity=(0.0, -1.0), once=False, start=0.1)
    config = LiquidConfig(grid, (tap,))
    assert len(liquid_start(config).ids) == 0
    earlier, later = run(config, 0.2), run(config, 0.6)
    rate = (len(later.ids) - len(earlier.ids)) / (4 * 32**2) / 0.4
    assert rate == pytest.approx(0.2 * 1.0, rel=0.05)
    assert run(replace(config, emitters=(replace(tap, stop=0.05),)), 0.2).made == 0


def test_liquid_leaves_an_open_box_and_ids_are_not_used_again() -> None:
    grid = Grid((16, 16), 1 / 16)
    tap = Emitter(box(grid, (0.4, 0.7), (0.6, 0.9)), velocity=(0.0, -1.0), once=False)
    config = LiquidConfig(grid, (tap,), closed=False)
    state = run(config, 1.0)
    assert 0 < len(state.ids) < state.made
    assert len(np.unique(state.ids)) == len(state.ids) and state.ids.max() < state.made
    recording = record(liquid_solver(config), frames=12)
    body = recording.bodies[0]
    assert isinstance(body, Particles) and body.present is not None
    assert not body.present.all(0).all() and body.present.any(0).all()
    check_recording(recording)


def test_a_closed_region_full_of_liquid_is_solved_too() -> None:
    grid = Grid((16, 16), 1 / 16)
    solid = np.zeros(grid.cells, bool)
    solid[8] = True
    pools = np.ones(grid.cells, bool)
    pools[8:, 8:] = False  # the left half has no air at all
    config = LiquidConfig(grid, (Emitter(pools),), Obstacle(solid))
    state = run(config, 0.3)
    assert np.isfinite(state.positions).all() and state.divergence <= 1e-4
    assert np.abs(state.velocities[state.positions[:, 0] < 0.5]).max() < 0.05


def test_the_surface_is_closed_turns_outwards_and_moves_with_the_liquid() -> None:
    grid = Grid((20, 20, 20), 0.05)
    config = LiquidConfig(grid, (Emitter(ball(grid, (0.5, 0.5, 0.6), 0.25), velocity=(0.3, 0, 0)),))
    recording = record(liquid_solver(config), frames=4)
    body = recording.bodies[0]
    assert isinstance(body, ChangingBody) and body.velocity is not None
    check_recording(recording)
    for t in range(4):
        faces = body.faces[body.face_offsets[t] : body.face_offsets[t + 1]]
        rows = slice(body.vertex_offsets[t], body.vertex_offsets[t + 1])
        corners = body.vertices[rows][faces].astype(np.float64)
        edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
        assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all()
        volume = np.einsum("fi,fi->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) / 6
        assert volume == pytest.approx(4 / 3 * np.pi * 0.25**3, rel=0.15)
        expected = [0.3, 0, -GRAVITY * t / 24]
        np.testing.assert_allclose(np.median(body.velocity[rows], axis=0), expected, atol=0.05)


def test_a_lone_particle_and_a_thin_sheet_have_a_surface() -> None:
    grid = Grid((12, 12, 12), 0.1)
    sheet = np.zeros(grid.cells, bool)
    sheet[2:10, 2:10, 5] = True
    state = liquid_start(LiquidConfig(grid, (Emitter(sheet),)))
    lone = replace(state, positions=np.array([[0.52, 0.61, 0.47]], np.float32), ids=np.zeros(1, np.int64))
    mesh = liquid_surface(grid, lone)
    assert len(mesh.faces) > 0
    np.testing.assert_allclose(mesh.vertices.mean(0), lone.positions[0], atol=0.02)
    lower = state.positions[:, 2] < 0.55
    thin = liquid_surface(grid, replace(state, positions=state.positions[lower], ids=state.ids[lower]))
    across = thin.vertices[np.abs(thin.vertices[:, :2] - 0.6).max(1) < 0.25]
    assert np.ptp(across[:, 2]) < 0.2 and len(across) > 100  # no holes: both sides are there all over
    nothing = liquid_surface(grid, replace(state, positions=state.positions[:0], ids=state.ids[:0]))
    assert nothing.vertices.shape == (0, 3) and nothing.faces.shape == (0, 3)


def test_what_makes_no_sense_is_refused() -> None:
    grid = Grid((8, 8), 0.1)
    for wrong in ({"solver": "lava"}, {"flip": 1.5}, {"viscosity": -1.0}, {"gravity": (0.0, 0.0, -9.81)}):
        with pytest.raises(UserError):
            LiquidConfig(grid, **wrong)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="cells"):
        liquid_start(LiquidConfig(grid, (Emitter(np.ones((4, 4), bool)),)))


def test_air_around_the_liquid_changes_nothing() -> None:
    small = Grid((16, 16), 0.05)
    states = []
    for cells in (small.cells, (16, 40)):
        grid = Grid(cells, 0.05)
        config = LiquidConfig(grid, (Emitter(box(grid, (0, 0), (0.3, 0.4))),))
        state = liquid_start(config)
        for _ in range(20):
            state = liquid_step(config, state, 0.005)
        assert state.pressure.shape == cells and state.velocity[1].shape == (16, cells[1] + 1)
        states.append(state)
    np.testing.assert_array_equal(states[0].positions, states[1].positions)
    corner = liquid_surface_of(np.array([[0.0011, 0.0011, 0.0011]], np.float32))
    assert len(corner.faces) == 0 or corner.vertices.min() >= 0


def liquid_surface_of(positions: np.ndarray) -> SurfaceMesh:
    """The surface around particles at rest in a box of 0.4 metres."""
    grid = Grid((8, 8, 8), 0.05)
    state = liquid_start(LiquidConfig(grid))
    still = np.zeros_like(positions)
    return liquid_surface(
        grid,
        replace(
            state,
            positions=positions,
            velocities=still,
            affine=np.zeros((len(still), 3, 3), np.float32),
            ids=np.arange(len(still)),
            born=still[:, 0],
        ),
    )
