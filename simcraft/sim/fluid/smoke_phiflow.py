"""The reference: the same step with PhiFlow's fields, advection and linear solver (https://github.com/tum-pbs/PhiFlow).

It is slow, because PhiFlow traces the pressure equation anew in each step, and there to be compared with. The jax
backend compiles what it can; it needs the extra `jax`, and takes its time to start.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from simcraft.sim.fluid.phiflow_runtime import backend, compiled  # isort: skip  (before phi: it says what is missing)
from phi import field, geom, math
from phi.field import CenteredGrid, Field, StaggeredGrid, sample
from phi.math import dual, extrapolation, spatial
from phi.physics import advect as phi_advect
from phi.physics import fluid as phi_fluid

from simcraft.sim.fluid.boundary import Boundary
from simcraft.sim.fluid.grid import Faces, Grid
from simcraft.sim.fluid.pressure import Projected, left_divergence
from simcraft.sim.fluid.smoke_state import SmokeConfig, SmokeState
from simcraft.sim.solver import Diverged

RELATIVE, ABSOLUTE = 1e-4, 1e-6
"""How small the solver makes the divergence: as a share of what it was, and in 1/s (root of the sum of squares)."""
ITERATIONS = 2000


def advect(config: SmokeConfig, state: SmokeState, dt: float) -> SmokeState:
    """`state` carried along its velocity for `dt` seconds by PhiFlow's MacCormack scheme; see `smoke_taichi.advect`."""
    grid = config.grid
    names = ("density", "temperature", *(("fuel",) if config.fire else ()))
    with backend(config.backend):
        scalars = [_cells(grid, getattr(state, name), extrapolation.BOUNDARY) for name in names]
        carried, turned = _carry(scalars, _faces(grid, state.velocity), math.tensor(dt, convert=True))
        fields: dict[str, Any] = {name: _array(values) for name, values in zip(names, carried, strict=True)}
        return replace(state, velocity=tuple(_array(component) for component in turned), **fields)


def project(config: SmokeConfig, velocity: Faces, boundary: Boundary, pressure: np.ndarray, dt: float) -> Projected:
    """The closest velocity without divergence that is as `boundary` says; `pressure` is where the search begins.

    PhiFlow's `make_incompressible` knows obstacles as shapes that move rigidly. This is what it does inside, with the
    masks of `boundary` in the place of its own. Raises `Diverged` where the solver does not converge.
    """
    grid = config.grid
    velocity = boundary.apply(velocity)
    fluid = boundary.fluid.astype(np.float32)
    with backend(config.backend):
        flow, openness = _faces(grid, velocity), _faces(grid, boundary.openness)
        # each closed region on its own: with one mean for all, regions that obstacles cut off make CG diverge
        flowing_out = boundary.without_mean(_array(field.divergence(flow)))
        # the solver leaves solid cells as they are in its first guess, so they must be 0 there
        guess = pressure * fluid * np.float32(dt)
        right, guess, active = (_cells(grid, values, extrapolation.ZERO) for values in (flowing_out, guess, fluid))
        try:
            potential, flow = _take_off(right, guess, flow, openness, active)
        except (math.Diverged, math.NotConverged):
            raise Diverged("pressure") from None
        velocity = tuple(_array(flow.vector[name]) for name in flow.vector.item_names)
        pressure = _array(potential) / np.float32(dt)
    return Projected(velocity, pressure, left_divergence(grid, velocity, boundary, dt))


@compiled
def _carry(scalars: list[Field], flow: Field, dt: Any) -> tuple[list[Field], list[Field]]:
    """Cells and velocity components after a MacCormack step.

    The components go one by one: in PhiFlow 3.4.0 the limiter of `mac_cormack` looks up a whole staggered velocity at
    the centres of cells instead of faces (the lines for staggered grids in `Field.closest_values` are never reached).
    """
    components = [flow.vector[name] for name in flow.vector.item_names]
    return (
        [phi_advect.mac_cormack(cells, flow, dt, integrator=_midpoint) for cells in scalars],
        [phi_advect.mac_cormack(component, flow, dt, integrator=_midpoint) for component in components],
    )


def _midpoint(data: Field, flow: Field, dt: Any, v0: Any) -> Any:
    """Where the points of `data` get to in `dt`, by the midpoint rule; `v0` is the flow where they are."""
    return data.points + dt * sample(flow, data.points + 0.5 * dt * v0, at=data.sampled_at, boundary=data.boundary)


@compiled
def _take_off(right: Field, guess: Field, flow: Field, openness: Field, active: Field) -> tuple[Field, Field]:
    """The potential with Laplacian `right`, and `flow` less its gradient."""
    # A bare Solve() picks a direct solver in closed boxes, which jit cannot compile, and which diverges in float32. The
    # rank is given, because finding it out costs more than the solve; CG does not mind that closed boxes lack one.
    solve = math.Solve("CG", RELATIVE, ABSOLUTE, x0=guess, max_iterations=ITERATIONS, rank_deficiency=0)
    potential = math.solve_linear(
        phi_fluid.masked_laplace,
        right,
        solve,
        flow.extrapolation,
        openness,
        active,
        wide_stencil=False,
        order=2,
        implicit=None,
        upwind=None,
        correct_skew=False,
    )
    return potential, flow - openness * field.spatial_gradient(potential, flow.extrapolation, at="face")


def _cells(grid: Grid, values: np.ndarray, outside: Any) -> Field:
    return CenteredGrid(_tensor(grid, values), outside, bounds=_box(grid))


def _faces(grid: Grid, velocity: Faces) -> Field:
    """All faces, those on the sides of the box too; outside the nearest value continues."""
    components = {name: _tensor(grid, values) for name, values in zip(_axes(grid), velocity, strict=True)}
    resolution = spatial(**dict(zip(_axes(grid), grid.cells, strict=True)))
    values = math.stack(components, dual("vector"))
    return StaggeredGrid(values, extrapolation.BOUNDARY, bounds=_box(grid), resolution=resolution)


def _tensor(grid: Grid, values: np.ndarray) -> Any:
    return math.tensor(np.asarray(values, np.float32), spatial(",".join(_axes(grid))), convert=True)


def _array(values: Field) -> np.ndarray:
    return np.array(values.values.numpy(values.shape.spatial.names), np.float32)


def _axes(grid: Grid) -> str:
    return "xyz" if grid.dimension == 3 else "xz"


def _box(grid: Grid) -> Any:
    return geom.Box(**dict(zip(_axes(grid), grid.size, strict=True)))
