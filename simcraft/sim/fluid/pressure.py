"""The quick pressure projection: conjugate gradients, preconditioned by a cosine transform.

A plane whose boundary stays as it is has its matrix factored instead (`pressure_direct`). Without obstacles the
transform solves the Poisson equation of the box exactly, so one iteration is enough; obstacles cost about ten.
Everything is float32 and in cell units.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache, reduce

import numpy as np

from simcraft.sim.fluid.boundary import Boundary
from simcraft.sim.fluid.grid import Faces, Grid
from simcraft.sim.fluid.pressure_direct import solve_directly
from simcraft.sim.fluid.smoke_state import SmokeConfig
from simcraft.sim.fluid.staggered import divergence, gradient, with_depth
from simcraft.sim.solver import Diverged

TOLERANCE = 2e-5
"""Largest divergence that the solver leaves, in cell units: the share of its volume that a cell wins or loses in a
step."""
LARGEST = 1e-4
"""Largest divergence, in cell units, with which a step counts as done; what is faster than hundreds of cells a step
has more by rounding alone."""
ITERATIONS = 300
Transform = tuple[str, int]
"""Name ("cosine" or "sine") and type of a discrete transform."""


@dataclass(frozen=True)
class Projected:
    """A velocity that leaves all volumes as they are."""

    velocity: Faces
    pressure: np.ndarray
    """(*cells), m²/s²: pressure over density of the air."""
    divergence: float
    """The largest that is left in a cell, in cell units."""


def project(config: SmokeConfig, velocity: Faces, boundary: Boundary, pressure: np.ndarray, dt: float) -> Projected:
    """The closest velocity without divergence that is as `boundary` says; `pressure` is where the search begins.

    Raises `Diverged` where the solver does not converge, or more than `LARGEST` is left.
    """
    grid, velocity = config.grid, boundary.apply(velocity)
    scale = grid.spacing / dt
    flowing_out = boundary.without_mean(divergence(velocity))
    if boundary.is_still and grid.dimension == 2:
        potential = solve_directly(boundary, -flowing_out)
    else:
        potential = _iterate(boundary, -flowing_out, pressure / scale, TOLERANCE * scale)
    velocity = tuple(
        component - openness * gradient(potential, axis)
        for axis, (component, openness) in enumerate(zip(velocity, boundary.openness, strict=True))
    )
    left = left_divergence(grid, velocity, boundary, dt)
    if not left <= LARGEST:
        raise Diverged("divergence")
    return Projected(velocity, potential * scale, left)


def left_divergence(grid: Grid, velocity: Faces, boundary: Boundary, dt: float) -> float:
    """The largest divergence of a fluid cell in cell units, beyond what the boundary forces on its whole region."""
    return float(np.abs(boundary.without_mean(divergence(velocity))).max()) * dt / grid.spacing


def _iterate(boundary: Boundary, right: np.ndarray, guess: np.ndarray, tolerance: float) -> np.ndarray:
    """`x` (*cells) with A x = `right` to within `tolerance` in every cell, 0 outside the fluid (Hestenes and Stiefel).

    A x is, in each fluid cell, the sum over its faces of openness times the difference to the other side.
    """
    system = _system(boundary)
    # closed regions know their pressure up to a constant only, which would wander off over many steps
    x = boundary.without_mean(guess.astype(np.float32))
    residual = right - system.apply(x)
    search = np.zeros_like(x)
    previous = np.inf
    for _ in range(ITERATIONS):
        largest = float(np.abs(residual).max())
        if largest <= tolerance:
            return x
        if not np.isfinite(largest):
            break
        correction = system.precondition(residual)
        product = _dot(residual, correction)
        search = correction + np.float32(product / previous) * search
        previous = product
        image = system.apply(search)
        curvature = _dot(search, image)
        if not curvature > 0:
            break
        length = np.float32(product / curvature)
        x += length * search
        residual -= length * image
    raise Diverged("pressure")


def _dot(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.dot(a.ravel(), b.ravel()))


@dataclass(frozen=True)
class _System:
    """The matrix of one boundary, and an approximate inverse."""

    fluid: np.ndarray
    """(*cells) bool."""
    openness: Faces
    """Of the boundary, with one cell along y in 2D."""
    inverse: np.ndarray
    """(*cells) float32: one over the eigenvalues of the box without obstacles."""
    kinds: tuple[Transform, ...]
    """What leads to them, for each axis."""

    def apply(self, x: np.ndarray) -> np.ndarray:
        """A times `x` (*cells)."""
        from simcraft.sim.fluid.pressure_kernels import apply_laplacian

        shape = x.shape if x.ndim == 3 else (x.shape[0], 1, x.shape[1])
        image = np.empty(shape, np.float32)
        apply_laplacian(x.reshape(shape), *self.openness, image)
        return image.reshape(x.shape)

    def precondition(self, residual: np.ndarray) -> np.ndarray:
        """What solves the equation in the box without obstacles, where there is fluid."""
        z = residual
        for axis, kind in enumerate(self.kinds):
            z = _transform(z, kind, axis, forward=True)
        z = z * self.inverse
        for axis, kind in enumerate(self.kinds):
            z = _transform(z, kind, axis, forward=False)
        return np.where(self.fluid, z, np.float32(0))


def _transform(values: np.ndarray, kind: Transform, axis: int, forward: bool) -> np.ndarray:
    import scipy.fft

    waves, number = kind
    there, back = (scipy.fft.dct, scipy.fft.idct) if waves == "cosine" else (scipy.fft.dst, scipy.fft.idst)
    transform = there if forward else back
    result: np.ndarray = transform(values, number, axis=axis, norm="ortho", workers=os.cpu_count())
    return result


@lru_cache(maxsize=2)
def _system(boundary: Boundary) -> _System:
    kinds, eigenvalues = zip(*(_spectrum(c, axis) for axis, c in enumerate(boundary.openness)), strict=True)
    total = reduce(np.add.outer, eigenvalues)
    # the mean of a closed box has no influence and stays 0
    inverse = np.divide(1.0, total, out=np.zeros_like(total), where=total > 1e-12).astype(np.float32)
    return _System(boundary.fluid, with_depth(boundary.openness), inverse, kinds)


def _spectrum(openness: np.ndarray, axis: int) -> tuple[Transform, np.ndarray]:
    """The transform that diagonalises the second difference along `axis`, and its eigenvalues.

    A wall mirrors (even about the face), an open side mirrors with the other sign (0 at the face): Strang, "The
    discrete cosine transform", SIAM Review 1999. A side that is partly obstacle counts as open.
    """
    count = openness.shape[axis] - 1
    low, high = (bool(np.take(openness, end, axis).any()) for end in (0, -1))
    kind, first = {
        (False, False): (("cosine", 2), 0.0),
        (True, True): (("sine", 2), 1.0),
        (False, True): (("cosine", 4), 0.5),
        (True, False): (("sine", 4), 0.5),
    }[low, high]
    return kind, 2 - 2 * np.cos(np.pi * (np.arange(count) + first) / count)
