"""Regions of a grid: for inflows and obstacles without a mesh."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simcraft.sim.fluid.grid import Grid


def ball(grid: Grid, centre: Sequence[float], radius: float) -> np.ndarray:
    """(*cells) bool: the cells whose centre is within `radius` metres of `centre` (a disc in 2D)."""
    return np.asarray(((grid.centres() - np.asarray(centre)) ** 2).sum(-1) <= radius**2)


def block(grid: Grid, low: Sequence[float], high: Sequence[float]) -> np.ndarray:
    """(*cells) bool: the cells whose centre lies between the corners `low` and `high`, in metres."""
    places = grid.centres()
    return np.asarray(((places >= np.asarray(low)) & (places <= np.asarray(high))).all(-1))
