"""Frame consistency without weights: the histograms of colours and edges of consecutive frames.

It stands in for CLIP's where there is no CLIP, under a name of its own. A frame is described by histograms in a pyramid
of cells (Lazebnik, Schmid, Ponce 2006), so that what moves within a cell changes little, and what flickers, drifts in
colour, blurs or is painted anew each time changes much. A video that stands still has 1, as with CLIP: read it beside
the value of the true frames.
"""

from __future__ import annotations

import numpy as np

from simcraft.metrics.sharpness import grey

_FINEST = 4
"""Cells on each side at the finest of the pyramid's three levels; 2 and 1 at the others."""
_COLOURS = 6
"""Levels of each colour channel."""
_DIRECTIONS = 8
"""Of edges, over half a turn."""
_FLAT = 4.0
"""Grey values a pixel: the weight of having no edge, so that blur and noise change the histogram of edges too."""


def histogram_consistency(frames: np.ndarray) -> float | None:
    """Mean cosine of the `embedding` of consecutive frames (T, H, W, 3) uint8, 0 to 1; None for a single frame."""
    if len(frames) < 2:
        return None
    embedded = np.stack([embedding(frame) for frame in frames])
    return float((embedded[1:] * embedded[:-1]).sum(-1).mean())


def embedding(frame: np.ndarray) -> np.ndarray:
    """(N,) float64 of length one: the roots of all histograms of an (H, W, 3) uint8 frame.

    The product of two embeddings so is the mean Bhattacharyya coefficient of their histograms, in which each level of
    the pyramid weighs the same.
    """
    parts = []
    for votes in (_colours(frame), _edges(frame)):
        for cells in (_FINEST, 2, 1):
            joined = (
                votes.reshape(cells, _FINEST // cells, cells, _FINEST // cells, -1).sum((1, 3)).reshape(cells**2, -1)
            )
            parts.append((np.sqrt(joined / joined.sum(-1, keepdims=True)) / cells).ravel())
    together = np.concatenate(parts)
    return together / np.linalg.norm(together)


def _colours(frame: np.ndarray) -> np.ndarray:
    """(cells, cells, colours^3): how often each colour is in each cell; a pixel votes for the eight around its own."""
    place = frame.reshape(-1, 3) / 255.0 * (_COLOURS - 1)
    below = np.minimum(place.astype(np.int64), _COLOURS - 2)
    over = place - below
    counts = np.zeros(_FINEST**2 * _COLOURS**3)
    for corner in np.ndindex(2, 2, 2):
        red, green, blue = (below + corner).T
        share = np.where(np.array(corner, bool), over, 1 - over).prod(-1)
        colour = (red * _COLOURS + green) * _COLOURS + blue
        counts += np.bincount(_cells(frame) * _COLOURS**3 + colour, share, len(counts))
    return counts.reshape(_FINEST, _FINEST, -1)


def _edges(frame: np.ndarray) -> np.ndarray:
    """(cells, cells, directions + 1): gradients by direction, weighted by length, and the weight of having none."""
    down, right = np.gradient(grey(frame))
    turn = ((np.arctan2(down, right) % np.pi) / np.pi * _DIRECTIONS).ravel()
    length = np.hypot(down, right).ravel()
    below = turn.astype(np.int64)
    counts = np.zeros(_FINEST**2 * (_DIRECTIONS + 1))
    for nearest, share in ((below, 1 - turn + below), (below + 1, turn - below)):
        direction = _cells(frame) * (_DIRECTIONS + 1) + nearest % _DIRECTIONS
        counts += np.bincount(direction, share * length, len(counts))
    counts += np.bincount(_cells(frame) * (_DIRECTIONS + 1) + _DIRECTIONS, minlength=len(counts)) * _FLAT
    return counts.reshape(_FINEST, _FINEST, -1)


def _cells(frame: np.ndarray) -> np.ndarray:
    """(H W,) int: the cell, at the finest level, of each pixel."""
    rows, columns = (np.arange(side) * _FINEST // side for side in frame.shape[:2])
    return (rows[:, None] * _FINEST + columns).ravel()
