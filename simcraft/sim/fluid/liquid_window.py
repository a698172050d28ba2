"""The part of the box that the liquid is in: most of a domain is air, and need not be computed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from simcraft.sim.fluid.boundary import Boundary
from simcraft.sim.fluid.grid import Faces, Grid
from simcraft.sim.fluid.liquid import LiquidState
from simcraft.sim.fluid.liquid_emitters import cells_of

MARGIN = 6
"""Cells around the particles: the layers to which velocity is continued, and the way of a step."""


@dataclass(frozen=True, eq=False)
class Window:
    """A block of cells of a grid. Where it does not end at the box's side, it ends in air, away from the liquid."""

    whole: Grid
    grid: Grid
    """The cells inside."""
    low: tuple[int, ...]
    """The first cell inside along each axis."""

    @property
    def corner(self) -> np.ndarray:
        """(dimension,) float32, metres: where the window begins."""
        return np.asarray(self.low, np.float32) * np.float32(self.whole.spacing)

    def enter(self, state: LiquidState) -> LiquidState:
        """`state` seen from the window's corner."""
        return replace(state, positions=state.positions - self.corner, pressure=state.pressure[self._cells()])

    def leave(self, state: LiquidState) -> LiquidState:
        """`state` in the whole box again; 0 outside the window."""
        pressure = self.whole.zeros()
        pressure[self._cells()] = state.pressure
        velocity = self.whole.still()
        for axis, component in enumerate(velocity):
            component[self._faces(axis)] = state.velocity[axis]
        return replace(state, positions=state.positions + self.corner, pressure=pressure, velocity=velocity)

    def cut(self, boundary: Boundary) -> Boundary:
        """What of `boundary` is inside."""

        def inside(faces: Faces) -> Faces:
            return tuple(np.ascontiguousarray(f[self._faces(axis)]) for axis, f in enumerate(faces))

        return replace(
            boundary,
            fluid=np.ascontiguousarray(boundary.fluid[self._cells()]),
            given=inside(boundary.given),
            velocity=inside(boundary.velocity),
            openness=inside(boundary.openness),
            regions=boundary.regions[self._cells()],
        )

    def _cells(self) -> tuple[slice, ...]:
        return tuple(slice(low, low + count) for low, count in zip(self.low, self.grid.cells, strict=True))

    def _faces(self, axis: int) -> tuple[slice, ...]:
        counts = self.grid.face_shape(axis)
        return tuple(slice(low, low + count) for low, count in zip(self.low, counts, strict=True))


def window_of(grid: Grid, state: LiquidState) -> Window:
    """The window around the particles of `state`, of which there is at least one."""
    places = cells_of(grid, state.positions)
    low = tuple(max(int(place.min()) - MARGIN, 0) for place in places)
    high = tuple(min(int(p.max()) + 1 + MARGIN, n) for p, n in zip(places, grid.cells, strict=True))
    inner = Grid(tuple(last - first for first, last in zip(low, high, strict=True)), grid.spacing)
    return Window(grid, inner, low)
