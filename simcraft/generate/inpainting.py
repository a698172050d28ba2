"""Inventing what no frame has seen, surface by surface: smoothly (OpenCV, Telea 2004), or continuing the texture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simcraft.generate.sampling import Surfaces
from simcraft.generate.texture import continue_texture, half_width

_MARGIN = 16
"""Pixels around a hole that the inpainting may look at."""
_DOUBTFUL = 2
"""Pixels along a silhouette that antialiasing and contact shadows have mixed with what stands before."""
_BROAD = 7
"""Half the width, in pixels, from which a hole of a single frame gets a texture; thinner ones are filled smoothly."""
_CONTEXT = 48
"""Pixels around a hidden part from which its texture may be taken."""


@dataclass(frozen=True)
class Layer:
    """One instance as if nothing stood before it, in a box of the first frame."""

    corner: tuple[int, int]
    """(x, y) of the box."""
    colours: np.ndarray
    """(h, w, 3) uint8."""
    invented: np.ndarray
    """(h, w) bool: not seen in the first frame, or too near to a silhouette to be trusted."""

    def invents(self, positions: np.ndarray) -> np.ndarray:
        """(N,) bool for (N, 2) positions in the first frame; false outside the box."""
        x, y = (np.floor(positions).astype(np.int64) - self.corner).T
        height, width = self.invented.shape
        inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
        return inside & self.invented[y.clip(0, height - 1), x.clip(0, width - 1)]


def inpaint_surfaces(
    image: np.ndarray, labels: np.ndarray, missing: np.ndarray, radius: int, first: Surfaces
) -> np.ndarray:
    """Fill the `missing` pixels of a frame, each from known pixels of its own instance.

    Parameters
    ----------
    image: (H, W, 3) uint8.
    labels: (H, W), instances.
    missing: (H, W) bool.
    radius: neighbourhood of the inpainting, in pixels.
    first: the first frame.

    An instance of which this frame knows nothing gets the colour that it has in the first one (smoke that keeps coming,
    a stream that has left the picture's first drop behind); one that is not seen there either is filled from whatever
    is around it. Returns a new image.
    """
    from scipy.ndimage import find_objects

    result = image.copy()
    orphans = np.zeros_like(missing)
    # boxes first: a crowd has a thousand instances, each a few pixels large
    for label, tight in enumerate(find_objects(np.where(missing, labels.astype(np.int32) + 1, 0))):
        if tight is None:
            continue
        box = _enlarged(tight, _MARGIN)
        broad = half_width(missing[box] & (labels[box] == label)) >= _BROAD
        box = _enlarged(tight, _CONTEXT) if broad else box
        if not (~missing[box] & (labels[box] == label)).any():
            box = (slice(None), slice(None))
        hole, source = missing[box] & (labels[box] == label), ~missing[box] & (labels[box] == label)
        if source.any():
            filled = _inpaint(image[box], ~source, radius)
            filled = continue_texture(filled, source, hole) if broad else filled
            result[box][hole] = filled[hole]
        elif (first.labels == label).any():
            result[box][hole] = _usual_colour(first, label)
        else:
            orphans[box] |= hole
    if orphans.any() and not missing.all():
        result[orphans] = _inpaint(result, orphans, radius)[orphans]
    return result


def _usual_colour(first: Surfaces, label: int) -> np.ndarray:
    """(3,) the median colour of an instance, away from its silhouette where there is anything else."""
    mine = first.labels == label
    pure = mine & ~first.mixed
    return np.median(first.image[pure if pure.any() else mine], axis=0)


def hidden_layer(first: Surfaces, depth: np.ndarray | None, label: int, box: np.ndarray, radius: int) -> Layer | None:
    """What instance `label` may look like within a box of the first frame, behind everything that hides it there.

    `box` is (x0, y0, x1, y1) in pixels, the part that later frames reveal. Returns None where too little of it
    is seen to tell.
    """
    height, width = first.labels.shape
    x0, y0 = np.maximum(np.floor(box[:2]).astype(int) - _CONTEXT, 0)
    x1, y1 = np.minimum(np.ceil(box[2:]).astype(int) + _CONTEXT, (width, height))
    crop = (slice(y0, y1), slice(x0, x1))
    mine = first.labels[crop] == label
    known = mine & ~_beside_something_nearer(mine, None if depth is None else depth[crop])
    if known.sum() < _MARGIN:
        return None
    smooth = _inpaint(first.image[crop], ~known, radius)
    revealed = np.zeros_like(known)
    reach = _DOUBTFUL + 1
    bx, by = (np.floor(box[:2]).astype(int) - reach - (x0, y0)).clip(0)
    revealed[by : int(box[3]) + 1 + reach - y0, bx : int(box[2]) + 1 + reach - x0] = True
    return Layer((int(x0), int(y0)), continue_texture(smooth, known, revealed & ~known), revealed & ~known)


def _beside_something_nearer(mine: np.ndarray, depth: np.ndarray | None) -> np.ndarray:
    """(h, w) bool: so close to something nearer that it may have mixed with it; nearest edges are left alone."""
    import cv2

    kernel = np.ones((2 * _DOUBTFUL + 1,) * 2, np.uint8)
    if depth is None:
        return cv2.dilate((~mine).astype(np.uint8), kernel) > 0
    return cv2.erode(np.where(mine, np.float32(np.inf), depth), kernel) < depth


def _inpaint(image: np.ndarray, unknown: np.ndarray, radius: int) -> np.ndarray:
    import cv2

    return cv2.inpaint(np.ascontiguousarray(image), unknown.astype(np.uint8), radius, cv2.INPAINT_TELEA)


def _enlarged(box: tuple[slice, slice], margin: int) -> tuple[slice, slice]:
    rows, columns = box
    return (
        slice(max(rows.start - margin, 0), rows.stop + margin),
        slice(max(columns.start - margin, 0), columns.stop + margin),
    )
