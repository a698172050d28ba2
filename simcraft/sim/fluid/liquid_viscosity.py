"""Viscosity of a liquid with a free surface, stable for any step.

Batty and Bridson, "Accurate viscous free surfaces for buckling, coiling, and rotating liquids", SCA 2008: the velocity
that comes closest to the given one at the least cost of deforming, shear stresses included, so that rotation is free,
the surface feels no drag, and walls hold what they touch. Solved by conjugate gradients with a diagonal
preconditioner.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from simcraft.sim.fluid.free_surface import LiquidCells, free_faces
from simcraft.sim.fluid.grid import Faces, Grid
from simcraft.sim.fluid.staggered import beside
from simcraft.sim.solver import Diverged

LEAST = 1e-3
"""Cells squared a step: the grid itself is more viscous than what diffuses less than this."""
TOLERANCE = 1e-4
"""Largest error that is left, as a share of the largest speed."""
ITERATIONS = 1000


@dataclass(frozen=True)
class Weights:
    """What the liquid's shape makes of viscosity."""

    mass: Faces
    """Share of the volume around each face that is liquid; 0 where the velocity is given or there is only air."""
    stretch: np.ndarray
    """(*cells): 2 nu dt / h² in liquid cells."""
    shear: dict[tuple[int, int], np.ndarray]
    """For each pair of axes, at the edges across both: nu dt / h², by the share around that is not air."""
    diagonal: Faces
    """Of the matrix; 1 where nothing is solved."""


def diffuse(cells: LiquidCells, grid: Grid, velocity: Faces, reach: float) -> Faces:
    """`velocity` after viscosity; `reach` is viscosity times time, m². Given velocities stay.

    Raises `Diverged`.
    """
    strength = reach / grid.spacing**2
    if strength < LEAST or not cells.liquid.any():
        return velocity
    weights = _weights(cells, np.float32(strength))
    velocity = cells.boundary.apply(velocity)
    wanted = tuple(m * u for m, u in zip(weights.mass, velocity, strict=True))
    residual = _less(wanted, _resist(weights, velocity))
    limit = TOLERANCE * max(float(np.abs(w).max()) for w in wanted)
    search: Faces = tuple(np.zeros_like(r) for r in residual)
    previous = 1.0
    for iteration in range(ITERATIONS):
        if max(float(np.abs(r).max()) for r in residual) <= limit:
            return velocity
        correction = tuple(r / d for r, d in zip(residual, weights.diagonal, strict=True))
        product = _dot(residual, correction)
        share = np.float32(product / previous if iteration else 0.0)
        search = tuple(c + share * s for c, s in zip(correction, search, strict=True))
        previous = product
        image = _resist(weights, search)
        length = np.float32(product / max(_dot(search, image), 1e-30))
        velocity = tuple(u + length * s for u, s in zip(velocity, search, strict=True))
        residual = tuple(r - length * i for r, i in zip(residual, image, strict=True))
    raise Diverged("viscosity")


def _weights(cells: LiquidCells, strength: np.float32) -> Weights:
    dimension = cells.liquid.ndim
    faces = [free_faces(cells, axis) for axis in range(dimension)]
    mass = tuple(
        np.where(free, sum(side.astype(np.float32) for side in beside(cells.liquid, axis)) / 2, 0).astype(np.float32)
        for axis, free in enumerate(faces)
    )
    stretch = 2 * strength * cells.liquid.astype(np.float32)
    shear = {pair: strength * _shear_share(cells, pair) for pair in combinations(range(dimension), 2)}
    diagonal = [m.copy() for m in mass]
    for axis in range(dimension):
        diagonal[axis] += np.add(*beside(stretch, axis))
    for (d, e), weight in shear.items():
        diagonal[d] += _below(weight, e) + _above(weight, e)
        diagonal[e] += _below(weight, d) + _above(weight, d)
    safe = tuple(np.where(m > 0, d, 1).astype(np.float32) for m, d in zip(mass, diagonal, strict=True))
    return Weights(mass, stretch, shear, safe)


def _shear_share(cells: LiquidCells, pair: tuple[int, int]) -> np.ndarray:
    """At the edges across both axes of `pair`: the share of the four cells around that is not air, twice that in walls.

    Liquid beside a wall is half a cell away from it, not a whole one: twice the slope in half the volume.
    0 where one of the four faces around has air on both sides (no velocity is known there, nor any stress), and where
    no liquid is near.
    """
    first, second = pair
    around = [(slice(None, -1), slice(None, -1)), (slice(None, -1), slice(1, None))]
    around += [(slice(1, None), slice(1, None)), (slice(1, None), slice(None, -1))]  # in a ring
    width = [(1, 1) if axis in pair else (0, 0) for axis in range(cells.liquid.ndim)]
    filled = np.pad(cells.liquid | ~cells.boundary.fluid, width, constant_values=cells.closed)
    liquid = np.pad(cells.liquid, width, constant_values=False)

    def parts(values: np.ndarray) -> list[np.ndarray]:
        result = []
        for low, high in around:
            index = [slice(None)] * values.ndim
            index[first], index[second] = low, high
            result.append(values[tuple(index)])
        return result

    full, wet = parts(filled), parts(liquid)
    solid = sum((f & ~w).astype(np.int8) for f, w in zip(full, wet, strict=True))
    known = np.logical_and.reduce([full[n] | full[n - 1] for n in range(4)]) & np.logical_or.reduce(wet)
    share = sum(f.astype(np.float32) for f in full) / 4
    return np.where(known, np.where(solid >= 2, 2 * share, share), 0).astype(np.float32)


def _resist(weights: Weights, velocity: Faces) -> Faces:
    """The matrix times `velocity`: mass, and minus the divergence of the stress; 0 where nothing is solved."""
    result = [m * u for m, u in zip(weights.mass, velocity, strict=True)]
    for axis, component in enumerate(velocity):
        stress = weights.stretch * np.diff(component, axis=axis)
        low, high = beside(stress, axis)
        result[axis] += low - high
    for (d, e), weight in weights.shear.items():
        stress = weight * (_slope(velocity[d], e) + _slope(velocity[e], d))
        result[d] += _below(stress, e) - _above(stress, e)
        result[e] += _below(stress, d) - _above(stress, d)
    return tuple(np.where(m > 0, r, 0) for m, r in zip(weights.mass, result, strict=True))


def _slope(values: np.ndarray, axis: int) -> np.ndarray:
    """Differences along `axis`, walls at rest outside: one more than there are values."""
    before, after = beside(values, axis)
    return after - before


def _below(edges: np.ndarray, axis: int) -> np.ndarray:
    """The edge before each face along `axis`."""
    return edges[(slice(None),) * axis + (slice(None, -1),)]


def _above(edges: np.ndarray, axis: int) -> np.ndarray:
    """The edge after each face along `axis`."""
    return edges[(slice(None),) * axis + (slice(1, None),)]


def _less(a: Faces, b: Faces) -> Faces:
    return tuple(x - y for x, y in zip(a, b, strict=True))


def _dot(a: Faces, b: Faces) -> float:
    return sum(float(np.dot(x.ravel(), y.ravel())) for x, y in zip(a, b, strict=True))
