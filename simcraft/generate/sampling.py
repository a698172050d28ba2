"""Reading an image between its pixels without mixing surfaces.

Positions are image coordinates (pixel centres at +0.5). A label is the instance that a pixel belongs to; colours are
only ever mixed among pixels of one label, so that a moving silhouette never drags its old surroundings along.
"""

from __future__ import annotations

import numpy as np

_FLAGS = {"nearest": 0, "bilinear": 1, "bicubic": 2}  # the numbers of cv2.INTER_NEAREST, _LINEAR and _CUBIC
_OFFSETS = np.array([(dx, dy) for dy in range(-1, 3) for dx in range(-1, 3)])
_NEAREST_FOUR = [5, 6, 9, 10]
"""The rows of `_OFFSETS` with the bilinear footprint."""
_FADE = 0.6
"""Standard deviation, in pixels, of the weights where a footprint is cut by a silhouette."""
_MIXED = 1e-6
"""Weight of pixels mixed by antialiasing, so that they count where there is nothing better, and only there."""


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
    image: np.ndarray,
    labels: np.ndarray,
    usable: np.ndarray,
    positions: np.ndarray,
    wanted: np.ndarray,
    interpolation: str,
) -> tuple[np.ndarray, np.ndarray]:
    """Colours at `positions`, each from pixels of its own surface only.

    Parameters
    ----------
    image: (H, W, 3) uint8.
    labels: (H, W), the instance of each pixel.
    usable: (H, W) bool, pixels whose colour is their surface's own, not mixed with another by antialiasing.
    positions: (N, 2), image coordinates.
    wanted: (N,), the label that each position is on.

    Returns (N, 3) uint8 and (N,) bool, false where no pixel nearby belongs to the surface.

    Where the footprint lies within one usable surface, the interpolation asked for; elsewhere the usable pixels of the
    surface, weighted by their distance; at parts thinner than the antialiasing, also the pixels that are mixed by it.
    """
    colours = sample_plain(image, positions, interpolation).copy()
    cells = np.floor(np.nan_to_num(positions, nan=-9) - 0.5).astype(np.int64)
    taps = cells[:, None] + _OFFSETS
    height, width = labels.shape
    inside = ((taps >= 0) & (taps < (width, height))).all(-1)
    taps = taps.clip(0, (width - 1, height - 1))  # beyond the image the edge is repeated, as everywhere
    same = labels[taps[..., 1], taps[..., 0]] == wanted[:, None]
    clean = same & usable[taps[..., 1], taps[..., 0]]
    found = (same & inside)[:, _NEAREST_FOUR].any(1)
    cut = np.nonzero(~clean.all(1) & found)[0]
    if len(cut):
        distance = np.square(taps[cut] + 0.5 - positions[cut, None]).sum(-1)
        weights = np.exp(distance / (-2 * _FADE**2)) * np.where(clean[cut], 1.0, same[cut] * _MIXED)
        colours[cut] = _mean_colours(image, taps[cut], weights)
    return colours, found


def _mean_colours(image: np.ndarray, taps: np.ndarray, weights: np.ndarray) -> np.ndarray:
    total = (image[taps[..., 1], taps[..., 0]] * weights[..., None]).sum(1) / weights.sum(1, keepdims=True)
    return (total + 0.5).astype(np.uint8)
