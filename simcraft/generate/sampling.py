"""Reading an image between its pixels without mixing surfaces.

Positions are image coordinates (pixel centres at +0.5). A label is the instance that a pixel belongs to; colours are
only ever mixed among pixels of one label, so that a moving silhouette never drags its old surroundings along.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_FLAGS = {"nearest": 0, "bilinear": 1, "bicubic": 2}  # the numbers of cv2.INTER_NEAREST, _LINEAR and _CUBIC
_OFFSETS = np.array([(dx, dy) for dy in range(-1, 3) for dx in range(-1, 3)])
_NEAREST_FOUR = [5, 6, 9, 10]
"""The rows of `_OFFSETS` with the bilinear footprint."""
_FADE = 0.6
"""Standard deviation, in pixels, of the weights where a footprint is cut by a silhouette."""
_MIXED = 1e-6
"""Weight of pixels mixed by antialiasing, so that they count where there is nothing better, and only there."""


@dataclass(frozen=True)
class Surfaces:
    """A frame that colours are read from."""

    image: np.ndarray
    """(H, W, 3) uint8."""
    labels: np.ndarray
    """(H, W), the instance of each pixel."""
    mixed: np.ndarray
    """(H, W) bool: pixels whose colour may be mixed with another instance's by antialiasing."""
    near_silhouette: np.ndarray
    """(H, W) bool: a footprint that starts here may touch another instance."""


def surfaces(image: np.ndarray, labels: np.ndarray, antialiased: bool) -> Surfaces:
    """A frame prepared for `sample_surface`; `antialiased` tells whether silhouettes are mixed in it."""
    import cv2

    edge = silhouette_pixels(labels)
    near = cv2.dilate(edge.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    return Surfaces(image, labels, edge if antialiased else np.zeros_like(edge), near)


def silhouette_pixels(labels: np.ndarray) -> np.ndarray:
    """(H, W) bool: pixels with another label among their eight neighbours; antialiasing mixes their colours."""
    import cv2

    kernel = np.ones((3, 3), np.uint8)
    return cv2.dilate(labels, kernel) != cv2.erode(labels, kernel)


def sample_plain(image: np.ndarray, positions: np.ndarray, interpolation: str) -> np.ndarray:
    """(N, C) colours of `image` (H, W, C) uint8 at `positions` (N, 2); outside, the edge is repeated."""
    import cv2

    # remap counts from the first pixel's centre, and takes at most 32767 rows: a square-ish grid fits always
    rows = -(-len(positions) // 1024)
    grid = np.zeros((rows * 1024, 2), np.float32)
    grid[: len(positions)] = np.nan_to_num(positions, nan=0, posinf=-9, neginf=-9).clip(-9, 32000) - 0.5
    grid = grid.reshape(rows, 1024, 2)
    found = cv2.remap(image, grid, None, _FLAGS[interpolation], borderMode=cv2.BORDER_REPLICATE)
    return found.reshape(rows * 1024, -1)[: len(positions)]


def sample_surface(
    source: Surfaces, positions: np.ndarray, wanted: np.ndarray, interpolation: str
) -> tuple[np.ndarray, np.ndarray]:
    """Colours at `positions` (N, 2), each from pixels of its own surface only: those whose label is `wanted` (N,).

    Returns (N, 3) uint8 and (N,) bool, false where no pixel nearby belongs to the surface.

    Where the footprint lies within one surface, the interpolation asked for; elsewhere the pixels of the surface,
    weighted by their distance; at parts thinner than the antialiasing, also the pixels that are mixed by it.
    """
    colours = sample_plain(source.image, positions, interpolation).copy()
    height, width = source.labels.shape
    cells = np.floor(np.nan_to_num(positions, nan=-9) - 0.5).astype(np.int64)
    column, row = cells[:, 0].clip(0, width - 1), cells[:, 1].clip(0, height - 1)
    alone = ~source.near_silhouette[row, column] & (source.labels[row, column] == wanted)
    found = np.ones(len(positions), bool)
    checked = np.nonzero(~alone)[0]
    taps = cells[checked, None] + _OFFSETS
    column, row = taps[..., 0], taps[..., 1]
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    # beyond the image the edge is repeated, as everywhere
    taps = np.stack([column.clip(0, width - 1), row.clip(0, height - 1)], -1)
    pixel = taps[..., 1] * width + taps[..., 0]
    same = source.labels.reshape(-1)[pixel] == wanted[checked, None]
    clean = same & ~source.mixed.reshape(-1)[pixel]
    found[checked] = (same & inside)[:, _NEAREST_FOUR].any(1)
    cut = ~clean.all(1) & found[checked]
    distance = np.square(taps[cut] + 0.5 - positions[checked[cut], None]).sum(-1)
    weights = np.exp(distance / (-2 * _FADE**2)) * np.where(clean[cut], 1.0, same[cut] * _MIXED)
    colours[checked[cut]] = _mean_colours(source.image, taps[cut], weights)
    return colours, found


def _mean_colours(image: np.ndarray, taps: np.ndarray, weights: np.ndarray) -> np.ndarray:
    total = (image[taps[..., 1], taps[..., 0]] * weights[..., None]).sum(1) / weights.sum(1, keepdims=True)
    return (total + 0.5).astype(np.uint8)
