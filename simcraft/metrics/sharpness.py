"""Is a video as sharp as the truth, and are its edges where the truth has them? Both without weights.

PSNR rewards blur: where a generator does not know what belongs somewhere, the mean of all possibilities is its best
bet. These two tell.
"""

from __future__ import annotations

import numpy as np

_LUMA = np.array([0.299, 0.587, 0.114])
_C = 170.0
"""Xue et al. 2014, for grey values of 0 to 255: keeps the similarity of two flat places at 1."""


def sharpness(frames: np.ndarray, truth: np.ndarray, mask: np.ndarray | None = None) -> float | None:
    """Mean gradient of `frames` over that of `truth`, both (T, H, W, 3) uint8: 1 is as sharp, less is blurred.

    `mask` (T, H, W) bool chooses pixels. None where the truth is flat, or nothing is chosen. Noise counts as detail:
    far above 1 is no praise.
    """
    ours = np.stack([gradient(frame) for frame in frames])
    theirs = np.stack([gradient(frame) for frame in truth])
    if mask is not None:
        ours, theirs = ours[mask], theirs[mask]
    total = float(theirs.sum())
    return float(ours.sum()) / total if total > 0 else None


def gradient(frame: np.ndarray) -> np.ndarray:
    """(H, W) length of the grey values' gradient, per pixel, of an (H, W, 3) frame; central differences."""
    down, right = np.gradient(grey(frame))
    return np.hypot(down, right)


def grey(frame: np.ndarray) -> np.ndarray:
    """(H, W) float64, the luma of an (H, W, 3) frame (ITU-R BT.601), 0 to 255."""
    return np.asarray(frame @ _LUMA)


def edge_deviation(frames: np.ndarray, truth: np.ndarray) -> float:
    """GMSD (Xue, Zhang, Mou, Bovik 2014): how unevenly edges differ from the truth's; 0 is equal, .35 is terrible.

    The standard deviation over pixels of the similarity of gradients, at half size, averaged over all frames but the
    first, which is given. `frames` and `truth` are (T, H, W, 3) uint8 with two frames or more.
    """
    return float(np.mean([_frame_deviation(a, b) for a, b in zip(frames[1:], truth[1:], strict=True)]))


def _frame_deviation(frame: np.ndarray, truth: np.ndarray) -> float:
    ours, theirs = _prewitt(frame), _prewitt(truth)
    similarity = (2 * ours * theirs + _C) / (ours**2 + theirs**2 + _C)
    return float(similarity.std())


def _prewitt(frame: np.ndarray) -> np.ndarray:
    """(H / 2, W / 2) length of the Prewitt gradient of the grey values, averaged 2 by 2 and halved as published."""
    from scipy.ndimage import prewitt, uniform_filter

    half = uniform_filter(grey(frame), 2)[::2, ::2]
    return np.hypot(prewitt(half, 0) / 3, prewitt(half, 1) / 3)
