"""The reference liquid: FLIP by PhiFlow's own operators, in 2D and, for small grids, in 3D.

Transfer to the faces, pressure, transfer back and advection are PhiFlow's; viscosity and the way around obstacles are
shared with the quick solver. Slow: most of a step is PhiFlow tracing the pressure's matrix anew, because its cells
change.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from simcraft.sim.fluid.boundary import Boundary
from simcraft.sim.fluid.free_surface import LiquidCells, free_faces, left_divergence, liquid_cells, without_mean
from simcraft.sim.fluid.grid import Faces, Grid
from simcraft.sim.fluid.liquid import LiquidConfig, LiquidState
from simcraft.sim.fluid.liquid_emitters import cells_of
from simcraft.sim.fluid.liquid_solids import out_of_solids, walk
from simcraft.sim.fluid.liquid_viscosity import diffuse
from simcraft.sim.fluid.phiflow_runtime import backend
from simcraft.sim.solver import Diverged

LAYERS = 4
"""Faces beyond the liquid to which its velocity is continued."""


def flow(config: LiquidConfig, state: LiquidState, boundary: Boundary, dt: float) -> LiquidState:
    """`state` moved on by `dt` seconds among `boundary`, the solids at its end.

    Raises `Diverged`.
    """
    from phi import field
    from phi.math import precision

    grid = config.grid
    if not len(state.ids):
        return replace(state, time=state.time + dt, velocity=grid.still(), pressure=grid.zeros(), divergence=0.0)
    state = out_of_solids(grid, state, boundary)
    liquid = np.zeros(grid.cells, bool)
    liquid[cells_of(grid, state.positions)] = True
    cells = liquid_cells(liquid & boundary.fluid, boundary, config.closed)
    with (
        backend("numpy"),
        precision(64),
        np.errstate(invalid="ignore"),
    ):  # PhiFlow divides 0 by 0 where there are no particles
        particles = _points(grid, state.positions, state.velocities)
        before = _arrays(config, field.finite_fill(_scatter(config, particles), distance=LAYERS))
        forced = tuple(u + dt * g for u, g in zip(before, config.gravity_vector, strict=True))
        forced = boundary.apply(diffuse(cells, grid, forced, config.viscosity * dt))
        flowing, pressure = _incompressible(config, cells, forced)
        divergence = left_divergence(cells, tuple(u * dt / grid.spacing for u in flowing))
        after = _continued(config, cells, flowing)
        velocities = _new_velocities(config, particles, before, after)
        positions = _advected(config, state.positions, particles, after, boundary, dt)
    if not (np.isfinite(velocities).all() and np.isfinite(positions).all()):
        raise Diverged("speed m/s")
    return replace(
        state,
        time=state.time + dt,
        positions=positions,
        velocities=velocities,
        velocity=tuple(u.astype(np.float32) for u in after),
        pressure=(pressure / dt).astype(np.float32),
        divergence=divergence,
    )


def _axes(grid: Grid) -> tuple[str, ...]:
    return ("x", "y", "z")[: grid.dimension]


def _points(grid: Grid, positions: np.ndarray, velocities: np.ndarray) -> Any:
    """PhiFlow's particles. NaN outside marks faces that no particle reaches."""
    from phi.field import PointCloud
    from phi.math import channel, instance, wrap

    shape = instance("points"), channel(vector=",".join(_axes(grid)))
    return PointCloud(
        wrap(positions.astype(np.float64), *shape),
        wrap(velocities.astype(np.float64), *shape),
        extrapolation=float("nan"),
    )


def _staggered(config: LiquidConfig, faces: Faces) -> Any:
    """PhiFlow's grid of our faces, for its operators. It leaves out the faces of closed walls, whose velocity is 0."""
    if not config.closed:
        return _continuous(config, faces)
    inner = tuple(np.take(u, range(1, u.shape[d] - 1), axis=d) for d, u in enumerate(faces))
    return _grid(config, inner, 0)


def _continuous(config: LiquidConfig, faces: Faces) -> Any:
    """PhiFlow's grid of our faces, to sample: beside a wall the velocity along it stays that of the last cell."""
    from phi.math import extrapolation

    return _grid(config, faces, extrapolation.BOUNDARY)


def _grid(config: LiquidConfig, faces: Faces, outside: Any) -> Any:
    from phi.field import StaggeredGrid
    from phi.geom import Box
    from phi.math import dual, spatial, stack, wrap

    axes = _axes(config.grid)
    values = {axis: wrap(u.astype(np.float64), spatial(",".join(axes))) for axis, u in zip(axes, faces, strict=True)}
    bounds = Box(**dict(zip(axes, config.grid.size, strict=True)))
    return StaggeredGrid(stack(values, dual("vector")), outside, bounds)


def _arrays(config: LiquidConfig, staggered: Any) -> Faces:
    """Our faces of PhiFlow's grid, float64; NaN becomes 0."""
    axes = _axes(config.grid)
    result = []
    for d, axis in enumerate(axes):
        values = staggered.vector[axis].values.numpy(",".join(axes))
        left_out = values.shape[d] < config.grid.cells[d]
        width = [(1, 1) if left_out and e == d else (0, 0) for e in range(len(axes))]
        result.append(np.nan_to_num(np.pad(values, width)))
    return tuple(result)


def _scatter(config: LiquidConfig, particles: Any) -> Any:
    from phi.field import resample

    return resample(particles, to=_staggered(config, config.grid.still()), scatter=True, outside_handling="clamp")


def _incompressible(config: LiquidConfig, cells: LiquidCells, velocity: Faces) -> tuple[Faces, np.ndarray]:
    """`velocity` without divergence in the liquid, and the pressure times dt: `phi.physics.fluid.make_incompressible`
    with obstacles that are cells instead of shapes."""
    from phi.field import CenteredGrid, divergence, spatial_gradient
    from phi.geom import Box
    from phi.math import Solve, extrapolation, solve_linear, spatial, wrap
    from phi.physics.fluid import masked_laplace

    axes = _axes(config.grid)
    bounds = Box(**dict(zip(axes, config.grid.size, strict=True)))
    outside = extrapolation.BOUNDARY if config.closed else extrapolation.ZERO

    def centred(values: np.ndarray) -> Any:
        return CenteredGrid(wrap(values.astype(np.float64), spatial(",".join(axes))), outside, bounds)

    staggered = _staggered(config, velocity)
    free = _staggered(config, tuple((~given).astype(np.float64) for given in cells.boundary.given))
    flowing_out = np.zeros(config.grid.cells)
    found = divergence(staggered).values.numpy(",".join(axes))[cells.liquid]
    flowing_out[cells.liquid] = without_mean(cells, found)
    active = centred(_solvable(cells))
    # The CG family fails within ten steps (the matrix of air, liquid and solids is badly scaled).
    solve = Solve("scipy-direct", 1e-9, 1e-9, x0=centred(np.zeros(config.grid.cells)))
    right = centred(np.where(_solvable(cells), flowing_out, 0))
    try:
        pressure = solve_linear(
            masked_laplace, right, solve, staggered.boundary, free, active,
            wide_stencil=False, order=2, implicit=None, upwind=None, correct_skew=False,
        )  # fmt: skip
    except (ArithmeticError, AssertionError, RuntimeError, ValueError) as error:
        raise Diverged("pressure") from error
    gradient = spatial_gradient(pressure, staggered.boundary, at="face") * free
    return _arrays(config, staggered - gradient), pressure.values.numpy(",".join(axes))


def _solvable(cells: LiquidCells) -> np.ndarray:
    """(*cells) bool: liquid cells, but one of each region without air, whose pressure is set to 0."""
    chosen = cells.liquid.copy()
    if cells.airless.any():
        places = np.argwhere(cells.liquid)
        for region in np.unique(cells.airless[cells.airless > 0]):
            chosen[tuple(places[np.argmax(cells.airless == region)])] = False
    return chosen


def _continued(config: LiquidConfig, cells: LiquidCells, velocity: Faces) -> Faces:
    """The liquid's velocity continued into the air and along walls."""
    from phi import field

    known = (free_faces(cells, axis) for axis in range(config.grid.dimension))
    marked = tuple(np.where(k, u, np.nan) for k, u in zip(known, velocity, strict=True))
    filled = _arrays(config, field.finite_fill(_staggered(config, marked), distance=LAYERS))
    return cells.boundary.apply(filled)


def _new_velocities(config: LiquidConfig, particles: Any, before: Faces, after: Faces) -> np.ndarray:
    """(N, dimension) float32: FLIP's change of the particles' velocity, and what is left of 1 by PIC."""
    from phi.field import resample

    old, new = (resample(_continuous(config, u), to=particles).values.numpy("points,vector") for u in (before, after))
    own = particles.values.numpy("points,vector")
    blended: np.ndarray = new + config.flip * (own - old)
    return blended.astype(np.float32)


def _advected(
    config: LiquidConfig, positions: np.ndarray, particles: Any, velocity: Faces, boundary: Boundary, dt: float
) -> np.ndarray:
    """(N, dimension) float32: fourth order Runge-Kutta, around obstacles."""
    from phi.physics import advect

    wanted = advect.points(particles, _continuous(config, velocity), dt, advect.rk4).points.numpy("points,vector")
    return walk(config, positions, (wanted - positions).astype(np.float32), boundary)
