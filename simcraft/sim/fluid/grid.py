"""The grid that all fluids share: cubic cells, velocity on their faces (marker-and-cell), the last axis up.

Arrays are indexed [x, y, z] in 3D and [x, z] in 2D, float32. Cell (i, j, k) fills i to i + 1 cells and so on from the
box's lower corner; quantities of cells sit at their centres. A velocity is a tuple of arrays, one an axis: component d
has one more entry along axis d than there are cells, because it sits at the faces across that axis
(Harlow and Welch, "Numerical calculation of time-dependent viscous incompressible flow of fluid with free surface",
Physics of Fluids 1965).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simcraft.errors import UserError

Faces = tuple[np.ndarray, ...]
"""One array an axis, at the faces across it: component d has the shape of the cells with 1 more along d."""
Sides = tuple[tuple[bool, bool], ...]
"""(low, high) of each axis: is that side of the box open? The others are walls."""


@dataclass(frozen=True)
class Grid:
    """Cubic cells in a box; positions are metres from its lower corner."""

    cells: tuple[int, ...]
    """Number of cells along x, y, z (3D), or x, z (2D)."""
    spacing: float
    """Side of a cell, metres."""

    def __post_init__(self) -> None:
        if len(self.cells) not in (2, 3) or min(self.cells) < 1:
            raise UserError(f"A grid has 2 or 3 positive numbers of cells, not {self.cells}.")
        if not 0 < self.spacing < np.inf:
            raise UserError(f"The side of a cell should be a positive number of metres, not {self.spacing}.")

    @property
    def dimension(self) -> int:
        return len(self.cells)

    @property
    def size(self) -> tuple[float, ...]:
        """Metres along each axis."""
        return tuple(n * self.spacing for n in self.cells)

    def face_shape(self, axis: int) -> tuple[int, ...]:
        """Shape of velocity component `axis`."""
        return tuple(n + (d == axis) for d, n in enumerate(self.cells))

    def zeros(self) -> np.ndarray:
        """Nothing in every cell, float32."""
        return np.zeros(self.cells, np.float32)

    def still(self) -> Faces:
        """No velocity at every face, float32."""
        return tuple(np.zeros(self.face_shape(axis), np.float32) for axis in range(self.dimension))

    def centres(self) -> np.ndarray:
        """(*cells, dimension) float64, metres: the centres of the cells."""
        return self._points(0.5 * np.ones(self.dimension), self.cells)

    def face_centres(self, axis: int) -> np.ndarray:
        """(*face_shape(axis), dimension) float64, metres: the centres of the faces across `axis`."""
        offset = np.where(np.arange(self.dimension) == axis, 0.0, 0.5)
        return self._points(offset, self.face_shape(axis))

    def _points(self, offset: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        return self.spacing * (np.moveaxis(np.indices(shape, np.float64), 0, -1) + offset)


def all_walls(dimension: int) -> Sides:
    """A closed box."""
    return ((False, False),) * dimension


def open_but_floor(dimension: int) -> Sides:
    """A box that has a floor and nothing else."""
    return (*((True, True),) * (dimension - 1), (False, True))
