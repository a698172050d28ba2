"""R as pictures of six channels, about -1 to 1, and back: what autoencoders encode.

- flow, 2 channels: asinh(f / (KNEE W)) / asinh(UNIT / KNEE), f in pixels and W the picture's width. Motion below one
  hundredth of the width is nearly linear, and a quarter of the width becomes 1: half of all pixels that move do so by
  less than 0.4 % of the width a frame, one in ten thousand by more than a quarter. The scale is the same for all clips.
- segmentation, 3 channels: a colour of the palette an instance. All 0 where it is unknown.
- depth, 1 channel: nearness n = u / (u + z), z in metres and u the median of the first frame, as n (1 - HORIZON) +
  HORIZON; -1 in the background, so that what is far and what is not there stay apart. All 0 where depth is unknown.
"""

from __future__ import annotations

import numpy as np

from simcraft.errors import UserError
from simcraft.generate.motion_dreamer.palette import nearest_labels, palette
from simcraft.generate.motion_dreamer.representation import Representation

CHANNELS = 6
FLOW, SEGMENTATION, DEPTH = slice(0, 2), slice(2, 5), slice(5, 6)
"""Which channels are which."""
KNEE = 0.01
"""Share of the picture's width."""
UNIT = 0.25
"""Share of the picture's width."""
HORIZON = -0.75
"""What is infinitely far, but there."""
_NOTHING = (HORIZON - 1) / 2
"""Below this there is nothing but background."""


def to_pictures(representation: Representation, colours: np.ndarray | None = None) -> np.ndarray:
    """(T, 6, H, W) float32; see the module's head.

    `colours` (labels + 1, 3) come from `palette`, `palette(labels)` where they are None.
    """
    flow = encode_flow(representation.flow, representation.size[0])
    segmentation, depth = np.zeros((*flow.shape[:3], 3)), np.zeros((*flow.shape[:3], 1))
    if representation.segmentation is not None:
        segmentation = _colours(representation, colours)[representation.segmentation]
    if representation.depth is not None:
        depth = encode_depth(representation.depth, representation.usual_depth)[..., None]
    pictures = np.concatenate([flow, segmentation, depth], -1, dtype=np.float32)
    return np.ascontiguousarray(pictures.transpose(0, 3, 1, 2))


def from_pictures(
    pictures: np.ndarray,
    first: Representation,
    colours: np.ndarray | None = None,
    expected: np.ndarray | None = None,
) -> Representation:
    """R of T pictures (T, 6, H, W), the inverse of `to_pictures`: its frame 0 is `first`, which is known.

    All flow becomes valid. A label is one of those that the first frame shows, by the nearest colour; where `expected`
    (T, H, W) says which one is likely, it helps, see `nearest_labels`. Labels and depth are unknown where the first
    frame's are.

    Raises `UserError` where the pictures have another size than `first`.
    """
    shape = (len(pictures), CHANNELS, *first.flow.shape[1:3])
    if pictures.shape != shape:
        raise UserError(f"The representation's pictures are {pictures.shape}; expected {shape} as the first frame.")
    values = np.moveaxis(pictures, 1, -1)[1:]
    flow = np.concatenate([first.flow, decode_flow(values[..., FLOW], first.size[0])])
    segmentation, depth = first.segmentation, first.depth
    if segmentation is not None:
        present = np.unique(segmentation).tolist()
        likely = None if expected is None else expected[1:]
        later = nearest_labels(values[..., SEGMENTATION], _colours(first, colours), present, likely)
        segmentation = np.concatenate([segmentation, later])
    if depth is not None:
        depth = np.concatenate([depth, decode_depth(values[..., DEPTH.start], first.usual_depth)])
    return Representation(flow, np.ones(flow.shape[:3], bool), segmentation, depth, first.ids)


def encode_flow(flow: np.ndarray, width: int) -> np.ndarray:
    """Flow in pixels of a picture of that width, either axis, as values about -1 to 1."""
    return np.asarray(np.arcsinh(flow / (KNEE * width)) / np.arcsinh(UNIT / KNEE), np.float32)


def decode_flow(values: np.ndarray, width: int) -> np.ndarray:
    """The inverse of `encode_flow`."""
    return np.asarray(KNEE * width * np.sinh(values * np.arcsinh(UNIT / KNEE)), np.float32)


def encode_depth(depth: np.ndarray, usual: float) -> np.ndarray:
    """Depth in metres as values from HORIZON to 1, and -1 where it is infinite."""
    there = np.isfinite(depth)
    nearness = usual / (usual + np.where(there, depth, 0))
    return np.asarray(np.where(there, HORIZON + (1 - HORIZON) * nearness, -1), np.float32)


def decode_depth(values: np.ndarray, usual: float) -> np.ndarray:
    """The inverse of `encode_depth`; what no depth gives becomes the nearest or farthest that is told apart."""
    nearness = (np.asarray(values, np.float64) - HORIZON) / (1 - HORIZON)
    nearness = nearness.clip(_FARTHEST, 1)
    return np.asarray(np.where(values < _NOTHING, np.inf, usual * (1 / nearness - 1)), np.float32)


_FARTHEST = 1e-3
"""Nearness; a thousand times the usual depth."""


def _colours(representation: Representation, colours: np.ndarray | None) -> np.ndarray:
    return palette(len(representation.ids)) if colours is None else colours
