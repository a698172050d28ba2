"""What the material point method works on: the domain's grid, and particles that carry a material's history.

Positions are metres from the domain's lower corner, along (x, y, z) in 3D and (x, z) in 2D (a plane one metre deep).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from simcraft.errors import UserError

PADDING = 3
"""Grid nodes beyond each wall, so that no particle's neighbourhood leaves the grid."""
BLOCK = {2: 8, 3: 4}
"""Cells along a block's side, by dimension. Particles are sorted by block."""


@dataclass(frozen=True)
class Domain:
    """A closed box of cubic cells that the material cannot leave."""

    cells: tuple[int, ...]
    """Number of cells along x, y, z (3D), or x, z (2D)."""
    spacing: float
    """Side of a cell, metres."""
    gravity: tuple[float, ...]
    """(D,) acceleration along the domain's own axes, m/s²."""
    wall_friction: float = 0.4
    """Coulomb's coefficient of floor, walls and ceiling."""

    def __post_init__(self) -> None:
        if len(self.cells) not in (2, 3) or min(self.cells) < 4 or len(self.gravity) != len(self.cells):
            raise UserError(
                f"A material's domain of {self.cells} cells with gravity {self.gravity} makes no sense.",
                "Give at least 4 cells along 2 or 3 axes, and as many components of gravity.",
            )
        if not 0 < self.spacing < math.inf:
            raise UserError(f"The side of a cell should be a positive number of metres, not {self.spacing}.")

    @property
    def dimension(self) -> int:
        return len(self.cells)

    @property
    def size(self) -> np.ndarray:
        """(D,) float64, metres."""
        return self.spacing * np.asarray(self.cells, np.float64)

    @property
    def nodes(self) -> tuple[int, ...]:
        """Grid nodes along each axis; node i lies at (i - PADDING) * spacing."""
        return tuple(n + 2 * PADDING + 1 for n in self.cells)

    @property
    def particle_spacing(self) -> float:
        """Metres between particles of fresh material: two along a cell's side."""
        return self.spacing / 2

    @property
    def particle_volume(self) -> float:
        """Volume that a particle stands for at rest, m³ (in 2D one metre deep)."""
        return self.particle_spacing**self.dimension


@dataclass(frozen=True)
class Blocks:
    """Which particles lie in which block of cells, blocks of one colour one after the other.

    Two blocks of one colour are a whole block apart, so that they never touch the same grid node.
    """

    starts: np.ndarray
    """(A + 1,) int32: block a, of those with particles, holds the particles starts[a] to starts[a + 1]."""
    colours: tuple[int, ...]
    """(2**D + 1) numbers: colour c has the blocks colours[c] to colours[c + 1]."""
    drift: float = 0.0
    """Cells that some particle may have moved at most since the sort."""


@dataclass(frozen=True)
class MaterialState:
    """All particles at one moment, in the order of their blocks; D is 2 or 3."""

    time: float
    """Seconds since the first frame."""
    position: np.ndarray
    """(N, D) float32, metres from the domain's lower corner."""
    velocity: np.ndarray
    """(N, D) float32, m/s."""
    affine: np.ndarray
    """(N, D, D) float32, 1/s: the velocity's gradient around the particle (C of APIC)."""
    deformation: np.ndarray
    """(N, D, D) float32: the elastic deformation gradient; the identity for water."""
    plastic: np.ndarray
    """(N,) float32. Water: volume relative to rest. Snow: volume of the plastic part. Sand: volume gained (log)."""
    stress: np.ndarray
    """(N, D, D) float32, Pa: Kirchhoff stress."""
    substance: np.ndarray
    """(N,) int32: index into the substances."""
    identity: np.ndarray
    """(N,) int32: the number that the particle was made with."""
    blocks: Blocks
    speed: float = 0.0
    """The fastest particle, m/s."""
    wave_speed: float = 0.0
    """The fastest signal, m/s: sound on top of a particle's motion."""


def sort_into_blocks(domain: Domain, position: np.ndarray) -> tuple[np.ndarray, Blocks]:
    """The order (N,) that sorts particles at `position` (N, D) by colour and block, and the blocks; it is stable."""
    edge = BLOCK[domain.dimension]
    base = np.floor(position / np.float32(domain.spacing) - np.float32(0.5)).astype(np.int32) + PADDING
    block = base // edge
    halves = tuple((n // edge + 2) // 2 for n in domain.nodes)
    colour = (block & 1) @ (1 << np.arange(domain.dimension))
    rank = colour * math.prod(halves) + np.ravel_multi_index(tuple((block >> 1).T), halves)
    ranks = math.prod(halves) << domain.dimension
    # numpy sorts 16-bit numbers by radix, in linear time
    order = np.argsort(rank.astype(np.uint16) if ranks <= 1 << 16 else rank, kind="stable")
    count = np.bincount(rank, minlength=ranks)
    active = np.flatnonzero(count)
    starts = np.concatenate([[0], np.cumsum(count[active])]).astype(np.int32)
    colours = np.searchsorted(active, np.arange((1 << domain.dimension) + 1) * math.prod(halves))
    return order, Blocks(starts, tuple(int(c) for c in colours))
