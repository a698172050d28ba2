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
            draw_arrow(picture, np.array([[x, y], [x + arrow[0], y + arrow[1]]]), thickness)
    return picture


def draw_arrow(
    picture: np.ndarray,
    line: np.ndarray,
    thickness: int,
    ink: tuple[int, ...] = _INK,
    edge: tuple[int, ...] = _EDGE,
    tip: float | None = None,
) -> None:
    """Into `picture`, (H, W, 3 or 4) uint8, an arrow along `line`, (P, 2) pixels, P >= 2, with an edge.

    `tip` is the length of its head in pixels; by default 0.3 of the last part of the line.
    """
    import cv2

    *corners, last, end = (_fixed(x, y) for x, y in line)
    length = max(float(np.hypot(*(line[-1] - line[-2]))), 1e-6)
    head = 0.3 if tip is None else min(tip / length, 1.0)
    for colour, wide in ((edge, thickness + 2), (ink, thickness)):
        if corners:
            cv2.polylines(picture, [np.array([*corners, last])], False, colour, wide, cv2.LINE_AA, _SHIFT)
        cv2.arrowedLine(picture, last, end, colour, wide, cv2.LINE_AA, _SHIFT, tipLength=head)


def _fixed(x: float, y: float) -> tuple[int, int]:
    """A point in OpenCV's sixteenths, whose pixel centres lie on whole numbers."""
    return round((x - 0.5) * 2**_SHIFT), round((y - 0.5) * 2**_SHIFT)
