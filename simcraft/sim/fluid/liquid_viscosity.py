"""Viscosity of a liquid with a free surface (placeholder signature)."""

from __future__ import annotations

from simcraft.sim.fluid.free_surface import LiquidCells
from simcraft.sim.fluid.grid import Faces, Grid


def diffuse(cells: LiquidCells, grid: Grid, velocity: Faces, reach: float) -> Faces:
    return velocity
