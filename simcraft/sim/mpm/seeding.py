"""Fresh material: particles that fill a shape, two along a cell's side, each a little off its place by chance."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from simcraft.sim.mpm.state import Domain
from simcraft.sim.surroundings import Surface
from simcraft.sim.voxels import occupancy

JITTER = 0.25
"""Of the distance between particles: how far each is off its place, at most, along each axis."""


def fill(domain: Domain, inside: Callable[[np.ndarray], np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """(N, D) float32: particles where `inside` says true, in metres from the domain's lower corner.

    `inside` takes points (..., D) and returns (...,) bool.
    """
    count = [2 * n for n in domain.cells]
    places = (np.moveaxis(np.indices(count, np.float64), 0, -1) + 0.5) * domain.particle_spacing
    return jittered(domain, places[inside(places)], rng)


def fill_box(domain: Domain, low: np.ndarray, high: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(N, D) float32: particles in the box between two corners (D,), metres from the domain's lower corner."""
    return fill(domain, lambda p: ((p >= np.asarray(low)) & (p < np.asarray(high))).all(-1), rng)


def fill_ball(domain: Domain, middle: np.ndarray, radius: float, rng: np.random.Generator) -> np.ndarray:
    """(N, D) float32: particles in a ball (a disc in 2D), metres from the domain's lower corner."""
    return fill(domain, lambda p: ((p - np.asarray(middle)) ** 2).sum(-1) < radius**2, rng)


def fill_surface(
    domain: Domain, to_world: np.ndarray, surface: Surface, rng: np.random.Generator, taken: np.ndarray
) -> np.ndarray:
    """(N, 3) float32: particles enclosed by `surface`, where they are inside a 3D domain and not `taken`.

    Parameters
    ----------
    to_world: (4, 4), from the domain's metres to the world.
    taken: (2X, 2Y, 2Z) bool, the places of the domain that other material has already; marked in place.
    """
    to_local = np.linalg.inv(to_world)
    local = surface.vertices @ to_local[:3, :3].T + to_local[:3, 3]
    spacing = domain.particle_spacing
    low = np.clip(np.floor(local.min(0) / spacing), 0, taken.shape).astype(int)
    high = np.clip(np.ceil(local.max(0) / spacing), 0, taken.shape).astype(int)
    if not (low < high).all():
        return np.zeros((0, 3), np.float32)
    grid_to_local = np.diag([spacing, spacing, spacing, 1.0])
    grid_to_local[:3, 3] = low * spacing
    cells = tuple(int(n) for n in high - low)
    free = taken[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
    filled = occupancy(surface, (cells[0], cells[1], cells[2]), to_world @ grid_to_local) & ~free
    free |= filled
    return jittered(domain, (np.argwhere(filled) + low + 0.5) * spacing, rng)


def jittered(domain: Domain, places: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """`places` (N, D), each moved by chance, float32."""
    off = rng.uniform(-JITTER, JITTER, places.shape) * domain.particle_spacing
    return (places + off).astype(np.float32)
