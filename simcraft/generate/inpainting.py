"""Inventing what no frame has seen, surface by surface (OpenCV's inpainting; Telea 2004)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_MARGIN = 16
"""Pixels around a hole that the inpainting may look at."""


@dataclass(frozen=True)
class Layer:
    """One instance as if nothing stood before it, in a box of the first frame."""

    corner: tuple[int, int]
    """(x, y) of the box."""
    colours: np.ndarray
    """(h, w, 3) uint8."""


def inpaint_surfaces(
    image: np.ndarray, labels: np.ndarray, missing: np.ndarray, radius: int, usable: np.ndarray | None = None
) -> np.ndarray:
    """Fill the `missing` pixels of a frame, each from known pixels of its own instance.

    Parameters
    ----------
    image: (H, W, 3) uint8.
    labels: (H, W), instances.
    missing: (H, W) bool.
    radius: neighbourhood of the inpainting, in pixels.
    usable: (H, W) bool, pixels that may be looked at; by default all that are not missing.

    An instance of which nothing is known is filled from whatever is around it. Returns a new image.
    """
    result = image.copy()
    known = ~missing if usable is None else usable & ~missing
    orphans = np.zeros_like(missing)
    for label in np.unique(labels[missing]):
        hole = missing & (labels == label)
        box = _box_around(hole, _MARGIN)
        source = known[box] & (labels[box] == label)
        if not source.any():
            box = (slice(None), slice(None))
            source = known & (labels == label)
        if source.any():
            result[box][hole[box]] = _inpaint(image[box], ~source, radius)[hole[box]]
        else:
            orphans |= hole
    if orphans.any() and known.any():
        result[orphans] = _inpaint(result, orphans | ~(known | missing), radius)[orphans]
    return result


def hidden_layer(
    image: np.ndarray, labels: np.ndarray, usable: np.ndarray, label: int, box: np.ndarray, radius: int
) -> Layer | None:
    """What instance `label` may look like within `box` of the first frame, behind everything that hides it there.

    Parameters
    ----------
    image, labels, usable: the first frame (H, W, 3), its instances (H, W), and where its colours are not mixed (H, W).
    box: (x0, y0, x1, y1) in pixels, the part that later frames reveal.

    Returns None where too little of the instance is seen to tell.
    """
    height, width = labels.shape
    x0, y0 = np.maximum(np.floor(box[:2]).astype(int) - _MARGIN, 0)
    x1, y1 = np.minimum(np.ceil(box[2:]).astype(int) + _MARGIN, (width, height))
    crop = (slice(y0, y1), slice(x0, x1))
    source = (labels[crop] == label) & usable[crop]
    if source.sum() < _MARGIN:
        return None
    return Layer((int(x0), int(y0)), _inpaint(image[crop], ~source, radius))


def _inpaint(image: np.ndarray, unknown: np.ndarray, radius: int) -> np.ndarray:
    import cv2

    return cv2.inpaint(np.ascontiguousarray(image), unknown.astype(np.uint8), radius, cv2.INPAINT_TELEA)


def _box_around(mask: np.ndarray, margin: int) -> tuple[slice, slice]:
    rows, columns = np.nonzero(mask.any(1))[0], np.nonzero(mask.any(0))[0]
    return (
        slice(max(rows[0] - margin, 0), rows[-1] + 1 + margin),
        slice(max(columns[0] - margin, 0), columns[-1] + 1 + margin),
    )
