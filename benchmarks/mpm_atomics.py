# mypy: disable-error-code="valid-type, index, attr-defined"
"""A peer for `benchmarks.materials`: Taichi's example mpm99 on this solver's arrays, jelly only.

Particles in any order add to the grid atomically and are moved in place, as in taichi/examples/simulation/mpm99.py.
"""

import math
from collections.abc import Callable

import numpy as np

from simcraft.sim.mpm.state import PADDING, MaterialState
from simcraft.sim.mpm.step import Setup
from simcraft.sim.mpm.transfer import loaded, loaded_matrix, spline
from simcraft.taichi_runtime import ti

Array = ti.types.ndarray()


@ti.kernel
def substep(
    D: ti.template(),
    x: Array,
    v: Array,
    C: Array,
    F: Array,
    grid: Array,
    strides: Array,
    cells: ti.i32,
    spacing: ti.f32,
    volume: ti.f32,
    density: ti.f32,
    mu: ti.f32,
    lam: ti.f32,
    gravity: ti.f32,
    dt: ti.f32,
):
    """Clear, scatter, move and gather, one after the other."""
    for node in range(grid.shape[0]):
        for d in ti.static(range(D + 1)):
            grid[node, d] = 0.0
    for p in range(x.shape[0]):
        base, offset, weights = spline(loaded(x, p, D) / spacing, D)
        deformed = (ti.Matrix.identity(ti.f32, D) + dt * loaded_matrix(C, p, D)) @ loaded_matrix(F, p, D)
        U, sigma, V = ti.svd(deformed)
        J = ti.cast(1.0, ti.f32)
        for d in ti.static(range(D)):
            J *= sigma[d, d]
        stress = 2 * mu * (deformed - U @ V.transpose()) @ deformed.transpose()
        stress += ti.Matrix.identity(ti.f32, D) * lam * J * (J - 1)
        mass = volume * density
        affine = mass * loaded_matrix(C, p, D) - dt * volume * 4 / (spacing * spacing) * stress
        for step in ti.static(ti.grouped(ti.ndrange(*(3,) * D))):
            weight = ti.cast(1.0, ti.f32)
            node = 0
            for d in ti.static(range(D)):
                weight *= weights[step[d], d]
                node += (base[d] + step[d]) * strides[d]
            momentum = mass * loaded(v, p, D) + affine @ ((ti.cast(step, ti.f32) - offset) * spacing)
            for d in ti.static(range(D)):
                grid[node, d] += weight * momentum[d]
            grid[node, D] += weight * mass
        for i in ti.static(range(D)):
            for j in ti.static(range(D)):
                F[p, i, j] = deformed[i, j]
    for node in range(grid.shape[0]):
        if grid[node, D] > 0:
            rest = node
            for d in ti.static(range(D)):
                grid[node, d] = grid[node, d] / grid[node, D]
                index = rest // strides[d] - PADDING
                rest = rest % strides[d]
                if ti.static(d == D - 1):
                    grid[node, d] = grid[node, d] + dt * gravity
                if index <= 0:
                    grid[node, d] = ti.max(grid[node, d], 0.0)
                elif index >= cells:
                    grid[node, d] = ti.min(grid[node, d], 0.0)
    for p in range(x.shape[0]):
        place = loaded(x, p, D)
        base, offset, weights = spline(place / spacing, D)
        speed = place * 0.0
        affine = ti.Matrix.zero(ti.f32, D, D)
        for step in ti.static(ti.grouped(ti.ndrange(*(3,) * D))):
            weight = ti.cast(1.0, ti.f32)
            node = 0
            for d in ti.static(range(D)):
                weight *= weights[step[d], d]
                node += (base[d] + step[d]) * strides[d]
            share = weight * loaded(grid, node, D)
            speed += share
            affine += 4 / spacing * share.outer_product(ti.cast(step, ti.f32) - offset)
        for i in ti.static(range(D)):
            v[p, i] = speed[i]
            x[p, i] = ti.min(ti.max(place[i] + dt * speed[i], 0.0), cells * spacing)
            for j in ti.static(range(D)):
                C[p, i, j] = affine[i, j]


def atomic_stepper(setup: Setup, state: MaterialState) -> Callable[[float], None]:
    """A step in place on copies of `state`, whose particles are put in the order in which they were made."""
    domain, made = setup.domain, setup.substances[0]
    order = np.argsort(state.identity)
    arrays = [a[order].copy() for a in (state.position, state.velocity, state.affine, state.deformation)]
    grid = np.zeros((math.prod(domain.nodes), domain.dimension + 1), np.float32)

    def once(dt: float) -> None:
        substep(
            *(domain.dimension, *arrays, grid, setup.strides, domain.cells[0], domain.spacing, domain.particle_volume),
            *(made.density, made.shear_modulus, made.lame_modulus, domain.gravity[-1], dt),
        )

    return once
