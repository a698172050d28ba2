"""What a gas runs into at one moment: obstacles and the sides of the box, and which regions they cut it into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from simcraft.errors import UserError
from simcraft.sim.fluid.grid import Faces, Grid, Sides
from simcraft.sim.fluid.staggered import along, beside

SMALLEST_REGION = 8
"""Cells; closed pockets with fewer are filled: nothing is seen of them, and they only cost the solver digits."""


@dataclass(frozen=True, eq=False)
class Obstacle:
    """Solid cells at one moment. Hand in the same object again where nothing has changed: it is prepared once."""

    cells: np.ndarray
    """(*cells) bool: is it solid?"""
    velocity: np.ndarray | None = None
    """(*cells, dimension) float32, metres a second, of the solid cells; None where they stand still."""


@dataclass(frozen=True, eq=False)
class Boundary:
    """Where the velocity is given, and which cells hold fluid."""

    fluid: np.ndarray
    """(*cells) bool."""
    given: tuple[np.ndarray, ...]
    """One bool array an axis, at the faces: is the velocity given there (walls, obstacles, wind that enters)?"""
    velocity: Faces
    """Metres a second: the given velocity, 0 where none is given."""
    openness: Faces
    """At the faces: 0 where the velocity is given, 1 between fluid cells, 2 at the open sides of the box, where the
    pressure is 0 at the face itself, only half a cell away."""
    rim: tuple[np.ndarray, ...]
    """Indices of the solid cells beside fluid."""
    regions: np.ndarray
    """(*cells) int32: 0 outside the fluid, else the number of the connected region."""
    closed_regions: tuple[int, ...]
    """Regions without an open side: what flows into them must flow out of them."""
    is_still: bool
    """Will it stay as it is for the whole simulation? Then it is worth factoring."""

    def without_mean(self, divergence: np.ndarray) -> np.ndarray:
        """`divergence` (*cells), 0 outside the fluid, less the mean of each closed region.

        A moving obstacle may ask a closed region to shrink; no velocity can, and the solver must not try.
        """
        left = np.where(self.fluid, divergence, np.float32(0))
        for region in self.closed_regions:
            cells = self.regions == region
            left[cells] -= left[cells].mean(dtype=np.float64)
        return left

    def continued(self, cells: np.ndarray) -> np.ndarray:
        """`cells` with the mean of the fluid neighbours in the solid cells that have some."""
        total = np.zeros(len(self.rim[0]), np.float32)
        count = np.zeros(len(self.rim[0]), np.float32)
        for axis, length in enumerate(cells.shape):
            for way in (-1, 1):
                place = list(self.rim)
                place[axis] = np.clip(place[axis] + way, 0, length - 1)
                wet = self.fluid[tuple(place)]
                total += np.where(wet, cells[tuple(place)], 0)
                count += wet
        cells = cells.copy()
        cells[self.rim] = total / count
        return cells

    def apply(self, velocity: Faces) -> Faces:
        """`velocity` with the given one where one is given."""
        return tuple(np.where(g, v, u) for g, v, u in zip(self.given, self.velocity, velocity, strict=True))


@lru_cache(maxsize=4)
def boundary_of(
    grid: Grid, open_sides: Sides, wind: tuple[float, ...], obstacle: Obstacle | None, is_still: bool = False
) -> Boundary:
    """The boundary that `obstacle` and the box's sides make. Where the wind blows into an open side, it is given there.

    Raises `UserError` where the obstacle has another shape than the grid or leaves no room.
    """
    solid = np.zeros(grid.cells, bool) if obstacle is None else np.array(obstacle.cells, bool)
    if solid.shape != grid.cells:
        raise UserError(f"The obstacle has {solid.shape} cells, its grid {grid.cells}.")
    entered = _entered_sides(open_sides, wind)
    left = _left_open(open_sides, entered)
    regions, closed = _regions(solid, left)
    sizes = np.bincount(regions.ravel())
    solid |= np.isin(regions, [region for region in closed if sizes[region] < SMALLEST_REGION])
    regions = np.where(solid, 0, regions)
    closed = tuple(region for region in closed if sizes[region] >= SMALLEST_REGION)
    if solid.all():
        raise UserError("The obstacles fill the whole domain.", "Make the domain larger, or the obstacles smaller.")
    given = tuple(_given(solid, axis, left[axis]) for axis in range(grid.dimension))
    velocity = tuple(
        _velocity(grid, obstacle, solid, axis, entered[axis], wind[axis]) for axis in range(grid.dimension)
    )
    openness = tuple(_openness(given[axis], axis) for axis in range(grid.dimension))
    return Boundary(~solid, given, velocity, openness, _rim(solid), regions, closed, is_still)


def _entered_sides(open_sides: Sides, wind: Sequence[float]) -> Sides:
    """The open sides that the wind blows into."""
    return tuple((low and speed > 0, high and speed < 0) for (low, high), speed in zip(open_sides, wind, strict=True))


def _left_open(open_sides: Sides, entered: Sides) -> Sides:
    pairs = zip(open_sides, entered, strict=True)
    return tuple((low and not wind_low, high and not wind_high) for (low, high), (wind_low, wind_high) in pairs)


def _regions(solid: np.ndarray, open_sides: Sides) -> tuple[np.ndarray, tuple[int, ...]]:
    """Number of each cell's connected region (0 in solids), and the regions that touch no open side."""
    from scipy.ndimage import label

    regions, count = label(~solid)
    free: set[int] = set()
    for axis, sides in enumerate(open_sides):
        for is_open, end in zip(sides, (0, -1), strict=True):
            if is_open:
                free |= set(np.unique(regions[along(axis, end)]).tolist())
    return regions.astype(np.int32), tuple(n for n in range(1, count + 1) if n not in free)


def _given(solid: np.ndarray, axis: int, open_sides: tuple[bool, bool]) -> np.ndarray:
    """Faces across `axis` that belong to a solid cell or to a side that is not open."""
    before, after = beside(solid, axis)
    given = before | after
    for is_open, end in zip(open_sides, (0, -1), strict=True):
        if not is_open:
            given[along(axis, end)] = True
    return given


def _velocity(
    grid: Grid, obstacle: Obstacle | None, solid: np.ndarray, axis: int, entered: tuple[bool, bool], wind: float
) -> np.ndarray:
    """Component `axis` of the given velocity; a face between two solid cells moves like their mean."""
    velocity = np.zeros(grid.face_shape(axis), np.float32)
    if obstacle is not None and obstacle.velocity is not None:
        before, after = beside(solid, axis)
        low, high = beside(np.where(solid, obstacle.velocity[..., axis], 0).astype(np.float32), axis)
        velocity = (low + high) / np.maximum(before.astype(np.float32) + after, 1)
    for enters, end, inner in zip(entered, (0, -1), (0, -1), strict=True):
        wall = velocity[along(axis, end)]
        wall[:] = np.where(solid[along(axis, inner)], 0.0, wind) if enters else 0.0
    return velocity


def _rim(solid: np.ndarray) -> tuple[np.ndarray, ...]:
    """Indices of the solid cells that share a face with a fluid one."""
    rim = np.zeros_like(solid)
    for axis in range(solid.ndim):
        low, high = along(axis, slice(None, -1)), along(axis, slice(1, None))
        rim[low] |= ~solid[high]
        rim[high] |= ~solid[low]
    return np.nonzero(rim & solid)


def _openness(given: np.ndarray, axis: int) -> np.ndarray:
    openness = 1 - given.astype(np.float32)
    for end in (0, -1):
        openness[along(axis, end)] *= 2
    return openness
