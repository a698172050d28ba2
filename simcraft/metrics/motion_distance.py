"""FVMD, the Frechet Video Motion Distance of Liu et al. 2024 (arXiv 2407.16124): do things move as they do in truth?

Points of a regular grid are tracked; their velocities and accelerations are pooled into histograms of directions; the
histograms of two sets of clips are compared by their Frechet distance. Looks play no part.

As in the authors' code (DSL-Lab/FVMD-frechet-video-motion-distance):

- displacements count in pixels of a picture of 256 x 256, of which the grid spans 240;
- each of the 8 directions, of which the first begins upwards, is the sum of the sizes of its vectors, as log2(1 + s)
  rounded up, of 8 at most, over 8;
- velocities of frame 1, and accelerations of frames 1 and 2, are 0, since nothing is known before;
- the histograms of all cells of space and time, velocity's and then acceleration's, are one vector.

Different here:

- Accelerations are differences of velocities, as the paper says. In the code (June 2024) the function for them is
  given positions, and so gives velocities once more.
- Sums are means times 100, the number of vectors in a published cell, so that clips of any length, with grids of any
  size, have values of the same order, and equal ones at the published sizes.
- `FEW_CLIPS` pools more: 64 features are told by a hundred clips, the 1024 published ones are not.
- It also takes what is slower than a quarter of a pixel (of 256) as still. Published, all that is not exactly 0 counts
  as a pixel of motion, so that exact tracks, which stand still where nothing moves, and tracks with the least noise
  would be a world apart.
- Tracks come from flow (`simcraft.metrics.tracks`), where the authors use PIPs++. Values are not theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simcraft.errors import UserError
from simcraft.metrics.frechet import frechet_distance

_DIRECTIONS = 8
_OCTAVES = 8
"""Sizes are told apart up to 2^8 pixels."""
_SPAN = 240
"""Pixels that the grid spans of a picture of 256."""
_CELL = 100
"""Vectors of a published cell: 4 frames of 5 x 5 points."""


@dataclass(frozen=True)
class Histograms:
    """How vectors are pooled, into 2 x 8 x segments x cells^2 features."""

    cells: int
    """Of the picture, a side."""
    segments: int
    """Of the clip, in time."""
    still: float
    """Pixels a frame, of 256, below which a vector is taken as 0."""


PUBLISHED = Histograms(cells=4, segments=4, still=0.0)
"""1024 features: the authors' for 16 frames and 20 x 20 points. They need thousands of clips."""
FEW_CLIPS = Histograms(cells=2, segments=1, still=0.25)
"""64 features, for a hundred clips."""


def motion_features(tracks: np.ndarray, histograms: Histograms = FEW_CLIPS) -> np.ndarray:
    """(D,) float64: how the points of `tracks` (T, N, 2), pixels (x, y), move; velocities first, then accelerations.

    T is 3 or more, and the N points of the first frame are a regular grid, in rows, as those of `flow_tracks` are.

    Raises `UserError` for anything else, and where there are fewer points a side than cells, or
    fewer frames than segments.
    """
    tracks = np.asarray(tracks, np.float64)
    if tracks.ndim != 3 or tracks.shape[-1] != 2 or len(tracks) < 3 or not np.isfinite(tracks).all():
        raise UserError(f"Motion needs finite tracks (T, N, 2) of 3 or more frames; these are {tracks.shape}.")
    rows, columns, spacing = _grid(tracks[0])
    if min(rows, columns) < histograms.cells or len(tracks) < histograms.segments:
        raise UserError(
            f"{len(tracks)} frames of {rows} x {columns} points are too few for {histograms.segments} x "
            f"{histograms.cells} x {histograms.cells} histograms.",
            "Track more points, or choose fewer cells.",
        )
    unit = _SPAN / (spacing * (columns - 1, rows - 1))
    velocity = np.diff(tracks, axis=0) * unit
    acceleration = np.diff(velocity, axis=0)
    fields = [np.pad(field, ((len(tracks) - len(field), 0), (0, 0), (0, 0))) for field in (velocity, acceleration)]
    shape = (len(tracks), rows, columns, 2)
    return np.concatenate([_pooled(field.reshape(shape), histograms) for field in fields])


def motion_distance(
    tracks: Sequence[np.ndarray], true_tracks: Sequence[np.ndarray], histograms: Histograms = FEW_CLIPS
) -> float:
    """FVMD: the Frechet distance of the `motion_features` of two sets of clips, 0 for equal ones; lower is better.

    Each set holds the tracks (T, N, 2) of two or more clips. Raises `UserError` as those two functions do.
    """
    first, second = (np.array([motion_features(clip, histograms) for clip in clips]) for clips in (tracks, true_tracks))
    return frechet_distance(first, second)


def _grid(start: np.ndarray) -> tuple[int, int, np.ndarray]:
    """Rows and columns of a regular grid of points (N, 2), and its spacing (dx, dy)."""
    columns = int((np.abs(start[:, 1] - start[0, 1]) < 1e-3).sum())
    rows = len(start) // max(columns, 1)
    if columns >= 2 and rows >= 2 and rows * columns == len(start):
        spacing = (start[-1] - start[0]) / (columns - 1, rows - 1)
        line, column = np.divmod(np.arange(len(start)), columns)
        even = start[0] + np.stack([column, line], -1) * spacing
        if (spacing > 0).all() and np.allclose(start, even, rtol=0, atol=1e-3):
            return rows, columns, spacing
    raise UserError(
        "Motion needs tracks that begin on a regular grid, row by row, of 2 x 2 points or more.",
        "flow_tracks and estimated_tracks make such.",
    )


def _pooled(field: np.ndarray, histograms: Histograms) -> np.ndarray:
    """(segments cells^2 8,): histograms of a field (T, rows, columns, 2) of vectors, cell by cell."""
    votes = _votes(field, histograms.still)
    means = [
        part.mean((0, 1, 2))
        for segment in np.array_split(votes, histograms.segments, 0)
        for line in np.array_split(segment, histograms.cells, 1)
        for part in np.array_split(line, histograms.cells, 2)
    ]
    return _CELL * np.concatenate(means)


def _votes(vectors: np.ndarray, still: float) -> np.ndarray:
    """(..., 8): the quantised size of each vector (..., 2), at its direction."""
    angle = np.arctan2(vectors[..., 0], vectors[..., 1]) + np.pi
    direction = np.clip(angle // (2 * np.pi / _DIRECTIONS), 0, _DIRECTIONS - 1)
    length = np.linalg.norm(vectors, axis=-1)
    size = np.ceil(np.log2(1 + np.where(length < still, 0, length))).clip(0, _OCTAVES) / _OCTAVES
    return size[..., None] * (direction[..., None] == np.arange(_DIRECTIONS))
