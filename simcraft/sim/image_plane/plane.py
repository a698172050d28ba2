"""The picture as a box of fluid: a two-dimensional grid that spans all of it, and the way between metres and pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simcraft.sim.fluid.grid import Grid


@dataclass(frozen=True)
class Plane:
    """A grid (X, Z), z up, over a picture of `size` pixels."""

    grid: Grid
    size: tuple[int, int]
    """(width, height) in pixels."""

    @property
    def pixels_a_cell(self) -> np.ndarray:
        """(2,) float64: width and height of a cell in pixels; nearly equal, because the cells are square."""
        return np.asarray(self.size, np.float64) / self.grid.cells

    def to_cells(self, pixels: np.ndarray) -> np.ndarray:
        """Positions (..., 2) in cell units (x to the right, z up) of image coordinates (..., 2) (y down)."""
        places = np.asarray(pixels, np.float64) / self.pixels_a_cell
        places[..., 1] = self.grid.cells[1] - places[..., 1]
        return places

    def to_pixels(self, places: np.ndarray) -> np.ndarray:
        """The inverse of `to_cells`."""
        pixels = np.array(places, np.float64)
        pixels[..., 1] = self.grid.cells[1] - pixels[..., 1]
        return pixels * self.pixels_a_cell

    def pixel_centres(self) -> np.ndarray:
        """(H, W, 2) float64 image coordinates of the pixel centres, at +0.5."""
        x, y = np.meshgrid(np.arange(self.size[0]) + 0.5, np.arange(self.size[1]) + 0.5)
        return np.stack([x, y], -1)

    def nearest(self, cells: np.ndarray) -> np.ndarray:
        """(H, W): the value of the cell (X, Z) that each pixel's centre lies in."""
        i, k = np.floor(np.moveaxis(self.to_cells(self.pixel_centres()), -1, 0)).astype(np.int64)
        return cells[i.clip(0, cells.shape[0] - 1), k.clip(0, cells.shape[1] - 1)]

    def read(self, cells: np.ndarray) -> np.ndarray:
        """(H, W) float32: a quantity of cells (X, Z) at the pixel centres, linear between the centres of the cells."""
        from scipy.ndimage import map_coordinates

        places = self.to_cells(self.pixel_centres()) - 0.5
        return map_coordinates(np.asarray(cells, np.float32), np.moveaxis(places, -1, 0), order=1, mode="nearest")


def plane_of(size: tuple[int, int], resolution: int, extent: float) -> Plane:
    """Square cells, `resolution` of them along the picture's longest side, which is `extent` metres long."""
    longest = max(size)
    cells = tuple(max(round(resolution * pixels / longest), 1) for pixels in size)
    return Plane(Grid(cells, extent / resolution), size)
