"""How much memory and disk the simulation of an effect will take: rough, and known before anything is added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_PER_CELL = {"smoke": 180, "fire": 180, "liquid": 200, "material": 250}
"""Bytes that the solver keeps for each cell of the domain: measured, of liquids and materials with some to spare."""
_COPIES = 2.4
"""How often the frames of a volume are in memory while they are put together, measured."""
_PER_CELL_AND_FRAME = {"smoke": 16, "fire": 20}
"""Bytes of a volume: density and velocity, and of fire its glow, in single precision."""
_PER_SURFACE_CELL = 30
"""Bytes of a frame's mesh for each cell that the surface of a liquid passes."""


@dataclass(frozen=True)
class Need:
    """What a simulation will take."""

    cells: tuple[int, int, int]
    memory: int
    """Bytes, of the engine's process at its largest, beyond what it takes anyway."""
    disk: int
    """Bytes of the recording."""


def need(kind: str, size: Sequence[float], resolution: int, frames: int) -> Need:
    """What an effect of `kind` in a box with sides of `size` (3,) metres will take.

    Parameters
    ----------
    kind: smoke, fire, liquid or material.
    resolution: cells along the longest side.
    """
    spacing = max(size) / resolution
    x, y, z = (max(round(side / spacing), 1) for side in size)
    total = x * y * z
    if kind in _PER_CELL_AND_FRAME:
        disk = total * frames * _PER_CELL_AND_FRAME[kind]
        memory = total * _PER_CELL[kind] + int(_COPIES * disk)
    else:
        disk = 2 * (x * y + y * z + z * x) * frames * _PER_SURFACE_CELL
        memory = total * _PER_CELL[kind] + disk
    return Need((x, y, z), memory, disk)


def in_words(size: float) -> str:
    """Bytes as people read them: "350 MB", "1.2 GB"."""
    if size >= 10**9:
        return f"{size / 1e9:.1f} GB"
    return f"{max(round(size / 1e6), 1)} MB"
