"""The pressure projection against a dense solve in float64, with walls, open sides and obstacles."""

import numpy as np
import pytest

from simcraft.sim.fluid import pressure
from simcraft.sim.fluid.boundary import Boundary, Obstacle, boundary_of
from simcraft.sim.fluid.grid import Faces, Grid, Sides
from simcraft.sim.fluid.shapes import ball
from simcraft.sim.fluid.smoke_state import SmokeConfig
from simcraft.sim.fluid.staggered import at_faces, divergence, gradient
from simcraft.sim.solver import Diverged

WALLS, OPEN, FLOOR, CEILING = (False, False), (True, True), (False, True), (True, False)
DT = 1 / 24


def random_faces(grid: Grid, seed: int = 0) -> Faces:
    random = np.random.default_rng(seed)
    return tuple(random.normal(size=grid.face_shape(axis)).astype(np.float32) for axis in range(grid.dimension))


def dense_projection(velocity: Faces, boundary: Boundary) -> Faces:
    """Least squares in float64: the matrix is the divergence of each cell's own gradient."""
    shape = boundary.fluid.shape
    units = np.eye(boundary.fluid.size).reshape(-1, *shape)
    openness = [o.astype(np.float64) for o in boundary.openness]
    columns = [divergence(tuple(o * gradient(unit, d) for d, o in enumerate(openness))).ravel() for unit in units]
    given = tuple(c.astype(np.float64) for c in boundary.apply(velocity))
    right = boundary.without_mean(divergence(given)).ravel()
    potential = np.linalg.lstsq(np.stack(columns, 1), right, rcond=1e-10)[0].reshape(shape)
    return tuple(c - o * gradient(potential, d) for d, (c, o) in enumerate(zip(given, openness, strict=True)))


@pytest.mark.parametrize(
    ("cells", "sides"),
    [
        ((9, 12), (WALLS, WALLS)),
        ((9, 12), (OPEN, FLOOR)),
        ((12, 9), (CEILING, OPEN)),
        ((1, 12), (WALLS, FLOOR)),
        ((6, 5, 7), (WALLS, WALLS, WALLS)),
        ((6, 5, 7), (OPEN, FLOOR, CEILING)),
    ],
)
@pytest.mark.parametrize("obstacle", [False, True])
@pytest.mark.parametrize("is_still", [False, True], ids=["iterated", "factored in 2D"])
def test_agrees_with_a_dense_solve(cells: tuple[int, ...], sides: Sides, obstacle: bool, is_still: bool) -> None:
    grid = Grid(cells, 0.1)
    blocked = ball(grid, (0.3,) * len(cells), 0.16) if obstacle and min(cells) > 1 else np.zeros(cells, bool)
    boundary = boundary_of(grid, sides, (0.0,) * len(cells), Obstacle(blocked), is_still)
    config = SmokeConfig(grid, open_sides=sides)
    velocity = random_faces(grid)
    made = pressure.project(config, velocity, boundary, grid.zeros(), DT)
    for ours, exact in zip(made.velocity, dense_projection(velocity, boundary), strict=True):
        np.testing.assert_allclose(ours, exact, atol=2e-4)
    assert made.divergence <= 1e-4
    again = pressure.project(config, made.velocity, boundary, made.pressure * 0, DT)
    np.testing.assert_allclose(again.velocity[0], made.velocity[0], atol=2e-4)


def test_pressure_carries_a_column() -> None:
    """At rest, pressure over density falls by the acceleration times the height, to 0 at the open top's face."""
    grid = Grid((4, 10), 0.1)
    boundary = boundary_of(grid, (WALLS, FLOOR), (0.0, 0.0), None)
    falling = (np.zeros((5, 10), np.float32), np.full((4, 11), -9.81 * DT, np.float32))
    made = pressure.project(SmokeConfig(grid), falling, boundary, grid.zeros(), DT)
    np.testing.assert_allclose(made.pressure[1], 9.81 * (1.0 - (np.arange(10) + 0.5) * 0.1), rtol=1e-3)
    np.testing.assert_allclose(made.velocity[1], 0, atol=1e-4)


def test_a_box_without_obstacles_takes_one_iteration(monkeypatch: pytest.MonkeyPatch) -> None:
    grid = Grid((24, 20, 16), 0.05)
    boundary = boundary_of(grid, (OPEN, WALLS, FLOOR), (0.0, 0.0, 0.0), None)
    monkeypatch.setattr(pressure, "ITERATIONS", 2)
    made = pressure.project(SmokeConfig(grid), random_faces(grid), boundary, grid.zeros(), DT)
    assert made.divergence < 1e-4


def test_a_solver_that_does_not_converge_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    grid = Grid((16, 16), 0.05)
    boundary = boundary_of(grid, (WALLS, WALLS), (0.0, 0.0), Obstacle(ball(grid, (0.4, 0.4), 0.2)))
    monkeypatch.setattr(pressure, "ITERATIONS", 1)
    with pytest.raises(Diverged, match="pressure"):
        pressure.project(SmokeConfig(grid), random_faces(grid), boundary, grid.zeros(), DT)


def test_faces_and_centres() -> None:
    """The divergence of a linear velocity is constant, and means at faces keep constants."""
    grid = Grid((5, 6, 7), 0.5)
    velocity = tuple(grid.face_centres(d)[..., d] * (d + 1) for d in range(3))
    np.testing.assert_allclose(divergence(velocity) / grid.spacing, 6)
    for axis in range(3):
        assert at_faces(np.ones(grid.cells), axis).shape == grid.face_shape(axis)
        np.testing.assert_array_equal(at_faces(np.ones(grid.cells), axis), 1)
    np.testing.assert_allclose(grid.centres()[-1, -1, -1], np.array(grid.size) - 0.25)
