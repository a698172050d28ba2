"""Do latents move as pictures do? MotionCraft warps latents by the motion of pictures, and stands on this.

The motion between the latents of two frames is found by matching blocks over all their channels, that between the
pictures in the same way over all pixels of a cell, and both fields are compared, cell by cell: what the motivating
figure of MotionCraft (Montanaro et al., NeurIPS 2024) shows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_REACH = 4
"""Cells, the largest motion on each axis that is looked for."""
_WINDOW = 5
"""Cells, the side of the blocks that are compared."""
_REST = 1e-2
"""Share of the cost added per square cell of motion: of equal matches, the nearest."""


@dataclass(frozen=True)
class FlowLikeness:
    """How alike two fields of motion are."""

    correlation: float | None
    """Pearson's, -1 to 1, of x and y together; None where one field is constant."""
    cosine: float | None
    """Mean cosine of the angle between them; None where there is nothing to compare."""


def matched_flow(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(h, w, 2) float64 cells, x and y: the motion of the cells of `first` to `second`, both (C, h, w).

    Exhaustive matching of blocks, the sum of squared differences over all channels as they are (diffusion adds the same
    noise to all), to a part of a cell by a parabola through the costs around the best.
    """
    costs = _costs(first.astype(np.float64), second.astype(np.float64))
    side = 2 * _REACH + 1
    best = costs.reshape(side * side, *first.shape[1:]).argmin(0)
    row, column = np.divmod(best, side)
    y = row + _parabola(costs, row, column, axis=0)
    x = column + _parabola(costs, row, column, axis=1)
    return np.stack([x, y], -1) - _REACH


def flow_likeness(one: np.ndarray, other: np.ndarray, chosen: np.ndarray) -> FlowLikeness:
    """Compare two fields (..., 2) where `chosen` (...) bool: rather where things move; what stands still is easy."""
    a, b = one[chosen], other[chosen]
    lengths = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    cosines = (a * b).sum(-1) / np.where(lengths > 0, lengths, 1)
    correlation = None
    if len(a) > 1 and a.std() > 0 and b.std() > 0:
        correlation = float(np.corrcoef(a.ravel(), b.ravel())[0, 1])
    return FlowLikeness(correlation, float(cosines.mean()) if len(cosines) else None)


def cell_pixels(frame: np.ndarray, cells: tuple[int, int]) -> np.ndarray:
    """(C, h, w) all pixels of each of (w, h) `cells` of an (H, W, 3) frame as channels; sizes have to divide."""
    rows, columns = len(frame) // cells[1], frame.shape[1] // cells[0]
    blocks = frame.astype(np.float64).reshape(cells[1], rows, cells[0], columns, -1)
    return blocks.transpose(1, 3, 4, 0, 2).reshape(-1, cells[1], cells[0])


def _costs(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(side, side, h, w) mean squared difference of blocks, by motion along y and x."""
    from scipy.ndimage import uniform_filter

    side, (height, width) = 2 * _REACH + 1, first.shape[1:]
    padded = np.pad(second, ((0, 0), (_REACH, _REACH), (_REACH, _REACH)), mode="edge")
    costs = np.empty((side, side, height, width))
    for row in range(side):
        for column in range(side):
            there = padded[:, row : row + height, column : column + width]
            away = (row - _REACH) ** 2 + (column - _REACH) ** 2
            difference = np.square(first - there).mean(0)
            costs[row, column] = uniform_filter(difference, _WINDOW, mode="nearest") * (1 + _REST * away)
    return costs


def _parabola(costs: np.ndarray, row: np.ndarray, column: np.ndarray, axis: int) -> np.ndarray:
    """(h, w) cells, -0.5 to 0.5: where between the neighbours of the best motion the lowest cost is, along an axis."""
    last = len(costs) - 1
    y, x = np.indices(row.shape)
    place = (row, column)[axis]

    def cost(step: int) -> np.ndarray:
        moved = np.clip(place + step, 0, last)
        return costs[moved, column, y, x] if axis == 0 else costs[row, moved, y, x]

    before, here, after = cost(-1), cost(0), cost(1)
    bend = before - 2 * here + after
    offset = np.where(bend > 0, (before - after) / np.where(bend > 0, 2 * bend, 1), 0)
    return np.where((place > 0) & (place < last), offset.clip(-0.5, 0.5), 0)
