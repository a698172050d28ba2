"""The quick pressure projection: conjugate gradients, preconditioned by a cosine transform.

Without obstacles the transform solves the Poisson equation of the box exactly, so one iteration is enough; obstacles
cost about ten. Everything is float32 and in cell units.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from simcraft.sim.fluid.boundary import Boundary
from simcraft.sim.fluid.grid import Faces, Grid
from simcraft.sim.fluid.smoke_state import SmokeConfig
from simcraft.sim.fluid.staggered import beside, divergence
from simcraft.sim.solver import Diverged

TOLERANCE = 2e-5
"""Largest divergence that is left, in cell units: the share of a cell's volume that it wins or loses in a step."""
ITERATIONS = 300


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

    Raises `Diverged` where the solver does not converge.
    """
    grid, velocity = config.grid, boundary.apply(velocity)
    scale = grid.spacing / dt
    flowing_out = boundary.without_mean(divergence(velocity))
    potential = _solve(boundary, -flowing_out, pressure / scale, TOLERANCE * scale)
    velocity = tuple(
        u - openness * np.subtract(*reversed(beside(potential, axis)))
        for axis, (u, openness) in enumerate(zip(velocity, boundary.openness, strict=True))
    )
    return Projected(velocity, potential * scale, left_divergence(grid, velocity, boundary, dt))


def left_divergence(grid: Grid, velocity: Faces, boundary: Boundary, dt: float) -> float:
    """The largest divergence of a fluid cell in cell units, beyond what the boundary forces on its whole region."""
    return float(np.abs(boundary.without_mean(divergence(velocity))).max()) * dt / grid.spacing


def _solve(boundary: Boundary, right: np.ndarray, guess: np.ndarray, tolerance: float) -> np.ndarray:
    """`x` (*cells) with A x = `right` to within `tolerance` in every cell, 0 outside the fluid (Hestenes and Stiefel).

    A x is, in each fluid cell, the sum over its faces of openness times the difference to the other side.
    """
    system = _system(boundary)
    x = np.where(boundary.fluid, guess, np.float32(0)).astype(np.float32)
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
        length = np.float32(product / _dot(search, image))
        x += length * search
        residual -= length * image
    raise Diverged("pressure")


def _dot(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.dot(a.ravel(), b.ravel()))


@dataclass(frozen=True)
class _System:
    """The matrix of one boundary, and an approximate inverse."""

    boundary: Boundary
    openness: Faces
    inverse: np.ndarray
    kinds: tuple[tuple[str, int], ...]

    def apply(self, x: np.ndarray) -> np.ndarray:
        from simcraft.sim.fluid.pressure_kernels import apply_laplacian

        shape = self.inverse.shape if x.ndim == 3 else (x.shape[0], 1, x.shape[1])
        image = np.empty(shape, np.float32)
        apply_laplacian(x.reshape(shape), *self.openness, image)
        return image.reshape(x.shape)

    def precondition(self, residual: np.ndarray) -> np.ndarray:
        """What solves the equation in the box without obstacles, where there is fluid."""
        import scipy.fft

        transform = {"cos": scipy.fft.dct, "sin": scipy.fft.dst}
        back = {"cos": scipy.fft.idct, "sin": scipy.fft.idst}
        z = residual
        for axis, (name, number) in enumerate(self.kinds):
            z = transform[name](z, number, axis=axis, norm="ortho", workers=WORKERS)
        z = z * self.inverse
        for axis, (name, number) in enumerate(self.kinds):
            z = back[name](z, number, axis=axis, norm="ortho", workers=WORKERS)
        return np.where(self.boundary.fluid, z, np.float32(0))


WORKERS = 2


@lru_cache(maxsize=2)
def _system(boundary: Boundary) -> _System:
    kinds, eigenvalues = zip(*(_spectrum(c, axis) for axis, c in enumerate(boundary.openness)), strict=True)
    total = np.add.outer(*eigenvalues[:2])
    for values in eigenvalues[2:]:
        total = np.add.outer(total, values)
    inverse = np.divide(1.0, total, out=np.zeros_like(total), where=total > 1e-12).astype(np.float32)
    openness = boundary.openness
    if len(openness) == 2:
        across, up = openness
        openness = (across[:, None, :], np.zeros((up.shape[0], 2, across.shape[1]), np.float32), up[:, None, :])
    return _System(boundary, tuple(np.ascontiguousarray(c) for c in openness), inverse, kinds)


def _spectrum(openness: np.ndarray, axis: int) -> tuple[tuple[str, int], np.ndarray]:
    """The transform that diagonalises the second difference along `axis`, and its eigenvalues.

    A wall mirrors (even about the face), an open side mirrors with the other sign (0 at the face): Strang, "The
    discrete cosine transform", SIAM Review 1999. A side that is partly obstacle counts as open.
    """
    count = openness.shape[axis] - 1
    low, high = (bool(np.take(openness, end, axis).any()) for end in (0, -1))
    kind = {(False, False): ("cos", 2), (True, True): ("sin", 2), (False, True): ("cos", 4), (True, False): ("sin", 4)}
    first = {(False, False): 0.0, (True, True): 1.0}.get((low, high), 0.5)
    angles = np.pi * (np.arange(count) + first) / count
    return kind[low, high], 2 - 2 * np.cos(angles)
