"""The first frame, moved along the exact motion: the baseline that every generator has to beat.

Each pixel of each frame is looked up where its surface point was seen. Only positions are carried along the motion,
never colours, so textures stay as sharp as the interpolation and nothing drifts. In this order:

1. what the first frame shows: through `clip.to_first`, exact (composed flow where the clip has none, as of smoke);
2. what stood hidden behind another instance there, or too close to its silhouette: from a layer, invented once;
3. what is revealed later: from the last frame of those in a row that show it, where most of it is seen at once;
4. what no such frame has: invented there, from its own instance.

So what is invented stays on its surface and does not flicker. Light does not move: highlights, shades and shadows stay
where the first frame shows them on the surfaces.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from simcraft.clip.types import MotionClip
from simcraft.generate.correspondence import (
    Anchors,
    FirstFrame,
    carried_anchors,
    first_frame,
    frame_labels,
    pixel_centres,
)
from simcraft.generate.inpainting import Layer, hidden_layer, inpaint_surfaces
from simcraft.generate.sampling import Surfaces, sample_plain, sample_surface, silhouette_pixels, surfaces
from simcraft.progress import Progress, silent, track
from simcraft.video import Video

_SOFTENING = 0.6
"""Standard deviation, in pixels, of the antialiasing; it brings silhouettes closest to Cycles without blurring them."""
_STILL = 0.02
"""Pixels of motion since the first frame below which a pixel counts as unmoved."""


def warp(
    clip: MotionClip,
    *,
    progress: Progress = silent,
    interpolation: str = "bicubic",
    inpaint_radius: int = 4,
    first: FirstFrame | None = None,
) -> Video:
    """Move `clip.image` along the clip's motion.

    Parameters
    ----------
    clip: with `to_first` and `to_first_visible` the result is exact; with flow alone the flows are composed.
    interpolation: "bicubic", "bilinear" or "nearest".
    inpaint_radius: neighbourhood of the inpainting, in pixels.
    first: what `first_frame(clip)` gives, where that is known already.

    Frame 0 of the result equals `clip.image`. `made_by["pixels"]` tells the shares of the four sources,
    `made_by["correspondence"]` is "exact" or "composed".
    """
    first = first or first_frame(clip, progress)
    source = surfaces(clip.image, frame_labels(clip, 0), antialiased=True)
    layers = _hidden_layers(clip, first, source, inpaint_radius)
    painted = {0: source}  # before antialiasing: what other frames read
    frames = np.empty((clip.frame_count, *clip.image.shape), np.uint8)
    frames[0] = clip.image
    anchors: Anchors | None = None
    counts = np.zeros(4, np.int64)
    # from the last frame to the first: more and more is revealed, so later frames can invent larger parts at once
    for t in track(range(clip.frame_count - 1, 0, -1), "warp", clip.frame_count - 1, progress):
        labels = frame_labels(clip, t)
        sources = _sources(clip, t, first, layers, anchors)
        anchors = sources.anchors
        image, missing = _read(labels, sources, painted, layers, interpolation)
        if missing.any():
            image = inpaint_surfaces(image, labels, missing, inpaint_radius, source)
        painted[t] = surfaces(image, labels, antialiased=False)
        frames[t] = _antialiased(image, labels)
        still = _still(labels, sources, source)
        frames[t][still] = clip.image[still]
        counts += np.bincount(np.where(missing, 3, sources.kind).ravel(), minlength=4)
    return Video(frames, clip.fps, _made_by(clip, first, counts, interpolation, inpaint_radius))


# ---------------------------------------------------------------------------------------------- where colours come from


@dataclass(frozen=True)
class _Sources:
    anchors: Anchors
    kind: np.ndarray
    """(H, W) int: 0 first frame, 1 hidden layer, 2 later frame, 3 nothing yet."""


def _sources(
    clip: MotionClip, t: int, first: FirstFrame, layers: dict[int, Layer], following: Anchors | None
) -> _Sources:
    """Decide for each pixel of frame t where its colour is read; `following` are the anchors of frame t + 1."""
    height, width = clip.image.shape[:2]
    labels, seen = frame_labels(clip, t), first.seen[t]
    hidden = _behind_others(clip, first, t) & np.isin(labels, list(layers))
    kind = np.select([seen, hidden], [0, 1], 3)
    frame = np.where(kind == 3, t, 0).astype(np.int32)
    position = np.where((kind == 3)[..., None], pixel_centres(height, width), first.position[t])
    for label in np.intersect1d(_present(labels), list(layers)):
        doubtful = np.nonzero((seen & (labels == label)).ravel())[0]
        doubtful = doubtful[layers[int(label)].invents(position.reshape(-1, 2)[doubtful])]
        kind.reshape(-1)[doubtful] = 1
    if following is not None:
        pixels = np.nonzero(kind.ravel() == 3)[0]
        carried, there = carried_anchors(clip, t, t + 1, following, pixels)
        known = carried >= 0
        frame.reshape(-1)[pixels[known]] = carried[known]
        position.reshape(-1, 2)[pixels[known]] = there[known]
        kind.reshape(-1)[pixels[known]] = np.where(carried[known] == 0, 0, 2)
    return _Sources(Anchors(frame, position), kind)


def _read(
    labels: np.ndarray, sources: _Sources, painted: dict[int, Surfaces], layers: dict[int, Layer], interpolation: str
) -> tuple[np.ndarray, np.ndarray]:
    """Read the colours of a frame with instances `labels`; returns it and the mask of pixels that have none."""
    result = np.zeros((*labels.shape, 3), np.uint8)
    missing = sources.kind == 3
    position = sources.anchors.position
    for label in _present(labels[sources.kind == 1]):
        mask, layer = (sources.kind == 1) & (labels == label), layers[int(label)]
        result[mask] = sample_plain(layer.colours, position[mask] - layer.corner, interpolation)
    source_of = np.where((sources.kind == 0) | (sources.kind == 2), sources.anchors.frame, -1)
    for source in _present(source_of[source_of >= 0]):
        mask = source_of == source
        result[mask], found = sample_surface(painted[source], position[mask], labels[mask], interpolation)
        missing[mask] = ~found
    return result, missing


def _present(numbers: np.ndarray) -> np.ndarray:
    """The sorted different ones of small whole numbers; `np.unique` sorts them all, which is far slower."""
    return np.nonzero(np.bincount(numbers.ravel()))[0]


def _behind_others(clip: MotionClip, first: FirstFrame, t: int) -> np.ndarray:
    """(H, W) bool: the surface point lay within the first frame, hidden behind another instance."""
    labels = frame_labels(clip, 0)
    height, width = labels.shape
    x, y = np.floor(np.nan_to_num(first.position[t], nan=-1)).astype(np.int64).transpose(2, 0, 1)
    inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
    other = labels[y.clip(0, height - 1), x.clip(0, width - 1)] != frame_labels(clip, t)
    return inside & other & ~first.seen[t]


def _hidden_layers(clip: MotionClip, first: FirstFrame, source: Surfaces, radius: int) -> dict[int, Layer]:
    """A layer for every instance of which the first frame hides something that a later frame reveals."""
    boxes: dict[int, np.ndarray] = {}
    for t in range(1, clip.frame_count):
        hidden = _behind_others(clip, first, t)
        labels, positions = frame_labels(clip, t)[hidden], first.position[t][hidden]
        for label in _present(labels):
            mine = positions[labels == label]
            box = np.concatenate([mine.min(0), mine.max(0)])
            old = boxes.get(int(label), box)
            boxes[int(label)] = np.concatenate([np.minimum(old[:2], box[:2]), np.maximum(old[2:], box[2:])])
    depth = None if clip.depth is None else np.asarray(clip.depth[0])
    layers = {label: hidden_layer(source, depth, label, box, radius) for label, box in boxes.items()}
    return {label: layer for label, layer in layers.items() if layer is not None}


# ------------------------------------------------------------------------------------------------------------ finishing


def _antialiased(image: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Soften the pixels along silhouettes, and only them, as a renderer's pixel filter does."""
    import cv2

    edge = silhouette_pixels(labels)
    result = image.copy()
    result[edge] = cv2.GaussianBlur(image, (3, 3), _SOFTENING)[edge]
    return result


def _still(labels: np.ndarray, sources: _Sources, source: Surfaces) -> np.ndarray:
    """(H, W) bool: neither the pixel nor its neighbours, two pixels around, have moved since the first frame."""
    import cv2

    height, width = labels.shape
    moved = np.abs(sources.anchors.position - pixel_centres(height, width)).max(-1)
    still = (sources.kind <= 1) & (sources.anchors.frame == 0) & (labels == source.labels) & (moved < _STILL)
    return cv2.erode(still.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0


def _made_by(
    clip: MotionClip, first: FirstFrame, counts: np.ndarray, interpolation: str, inpaint_radius: int
) -> dict[str, Any]:
    from simcraft import __version__

    names = ("first_frame", "hidden_layer", "later_frame", "invented")
    return {
        "generator": "warp",
        "options": {"interpolation": interpolation, "inpaint_radius": inpaint_radius},
        "correspondence": "exact" if first.exact else "composed",
        "pixels": {name: round(float(c / max(counts.sum(), 1)), 6) for name, c in zip(names, counts, strict=True)},
        "clip": clip.name,
        "seed": clip.seed,
        "simcraft": __version__,
    }
