"""Flow as arrows on nothing, to be laid over a picture."""

from __future__ import annotations

import numpy as np

MOST_ACROSS = 32
"""So many arrows lie side by side along the longer side, at most."""
LEAST_SPACING = 12
"""Pixels between two arrows, at least."""
_INK, _EDGE = (255, 255, 255, 255), (20, 20, 20, 200)
_SHIFT = 4
"""OpenCV draws to a sixteenth of a pixel."""


def flow_arrows(flow: np.ndarray, valid: np.ndarray, speed: float, size: tuple[int, int]) -> np.ndarray:
    """Arrows on a grid, that start where the pixel is and point to where it goes.

    Parameters
    ----------
    flow: (H, W, 2) float, pixels, y down.
    valid: (H, W) bool; no arrow starts elsewhere, nor where nothing moves.
    speed: pixels that an arrow of the full length stands for, which is 1.5 times what lies between two; none is longer
        than twice that.
    size: (width, height) of the picture in pixels.

    Returns (height, width, 4) uint8, red, green, blue and alpha.
    """
    import cv2

    width, height = size
    picture = np.zeros((height, width, 4), np.uint8)
    spacing = max(LEAST_SPACING, max(size) / MOST_ACROSS)
    length = 1.5 * spacing / max(speed, 1e-6)
    thickness = max(1, round(spacing / 14))
    for y in np.arange(spacing / 2, height, spacing):
        for x in np.arange(spacing / 2, width, spacing):
            row, column = int(y * flow.shape[0] / height), int(x * flow.shape[1] / width)
            arrow = flow[row, column] * length
            reach = float(np.hypot(*arrow))
            # shorter ones are dots that say nothing
            if not valid[row, column] or not reach >= 0.15 * spacing:
                continue
            arrow = arrow * min(1.0, 3 * spacing / reach)
            start, end = _fixed(x, y), _fixed(x + arrow[0], y + arrow[1])
            for colour, wide in ((_EDGE, thickness + 2), (_INK, thickness)):
                cv2.arrowedLine(picture, start, end, colour, wide, cv2.LINE_AA, _SHIFT, tipLength=0.3)
    return picture


def _fixed(x: float, y: float) -> tuple[int, int]:
    """A point in OpenCV's sixteenths, whose pixel centres lie on whole numbers."""
    return round((x - 0.5) * 2**_SHIFT), round((y - 0.5) * 2**_SHIFT)
