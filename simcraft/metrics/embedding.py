"""Frame consistency without weights: the histograms of colours and edges of consecutive frames.

It stands in for CLIP's where there is no CLIP, under a name of its own. A frame is described by histograms in a pyramid
of cells (Lazebnik, Schmid, Ponce 2006), so that what moves within a cell changes little, and what flickers, drifts in
colour, blurs or is painted anew each time changes much. A video that stands still has 1, as with CLIP: read it beside
the value of the true frames.
"""

from __future__ import annotations

import numpy as np

from simcraft.metrics.sharpness import gradient

_GRID = (1, 2, 4)
"""Cells on each side, by level of the pyramid."""
_LEVELS = 4
"""Of each colour channel."""
_DIRECTIONS = 8
"""Of edges, over half a turn."""
_FLAT = 8.0
"""Grey values a pixel: the weight of having no edge, so that blur and noise change the histogram of edges too."""


def histogram_consistency(frames: np.ndarray) -> float | None:
    """Mean cosine of the `embedding` of consecutive frames (T, H, W, 3) uint8, 0 to 1; None for a single frame."""
    if len(frames) < 2:
        return None
    embedded = np.stack([embedding(frame) for frame in frames])
    return float((embedded[1:] * embedded[:-1]).sum(-1).mean())


def embedding(frame: np.ndarray) -> np.ndarray:
    """(N,) float64 of length one: the roots of all histograms of an (H, W, 3) uint8 frame.

    The product of two embeddings so is the mean Bhattacharyya coefficient of their histograms.
    """
    votes = np.concatenate([_colour_votes(frame), _edge_votes(frame)], -1)
    colours = _LEVELS**3
    rows = []
    for cells in _GRID:
        for band in np.array_split(votes, cells, axis=0):
            for cell in np.array_split(band, cells, axis=1):
                total = cell.sum((0, 1))
                # each level of the pyramid weighs the same
                rows += [np.sqrt(part / part.sum()) / cells for part in (total[:colours], total[colours:])]
    joined = np.concatenate(rows)
    return joined / np.linalg.norm(joined)


def _colour_votes(frame: np.ndarray) -> np.ndarray:
    """(H, W, levels^3): each pixel's vote for the colours around its own, eight at most, linearly shared."""
    place = frame.astype(np.float64) / 255 * (_LEVELS - 1)
    # (H, W, 3, levels): hat functions
    shares = np.clip(1 - np.abs(place[..., None] - np.arange(_LEVELS)), 0, None)
    joint = np.einsum("hwi,hwj,hwk->hwijk", shares[:, :, 0], shares[:, :, 1], shares[:, :, 2])
    return joint.reshape(*frame.shape[:2], -1)


def _edge_votes(frame: np.ndarray) -> np.ndarray:
    """(H, W, directions + 1): the gradient's length in the two nearest directions, and the vote for no edge."""
    down, right = np.gradient(frame.astype(np.float64).mean(-1))
    turn = (np.arctan2(down, right) % np.pi) / np.pi * _DIRECTIONS
    apart = np.abs(turn[..., None] - np.arange(_DIRECTIONS))
    apart = np.minimum(apart, _DIRECTIONS - apart)
    directed = np.clip(1 - apart, 0, None) * gradient(frame)[..., None]
    flat = np.full((*frame.shape[:2], 1), _FLAT)
    return np.concatenate([directed, flat], -1)
