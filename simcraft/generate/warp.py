"""The first frame, moved along the exact motion: the baseline that every generator has to beat.

Each pixel of each frame is looked up where its surface point was seen first. Nothing is carried from frame to frame but
positions, so textures stay as sharp as the interpolation and nothing drifts. In this order:

1. what the first frame shows: through `clip.to_first`, exact (a composed flow where the clip has none);
2. what stood hidden behind another instance there, or too close to its silhouette: from a layer, invented once;
3. what an earlier frame revealed: from there, along the backward flow;
4. what no frame has seen: inpainted in its own frame, from its own instance.

Light does not move: highlights, shades and shadows stay on the surfaces where the first frame shows them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from simcraft.clip.types import MotionClip
from simcraft.generate.anchors import Anchors, carried_anchors, frame_labels, own_anchors, pixel_centres
from simcraft.generate.inpainting import Layer, hidden_layer, inpaint_surfaces
from simcraft.generate.sampling import Surfaces, sample_plain, sample_surface, silhouette_pixels, surfaces
from simcraft.progress import Progress, silent, track
from simcraft.video import Video

_STILL = 0.02
"""Pixels of motion since the first frame below which a pixel counts as unmoved."""


def warp(
    clip: MotionClip, *, progress: Progress = silent, interpolation: str = "bicubic", inpaint_radius: int = 4
) -> Video:
    """Move `clip.image` along the clip's motion.

    Parameters
    ----------
    clip: with `to_first` and `to_first_visible` the result is exact; with flow alone the flows are composed.
    interpolation: "bicubic", "bilinear" or "nearest".
    inpaint_radius: neighbourhood of the inpainting, in pixels.

    Frame 0 of the result equals `clip.image`. `made_by["pixels"]` tells the shares of the four sources,
    `made_by["correspondence"]` is "exact" or "composed".
    """
    height, width = clip.image.shape[:2]
    first = surfaces(clip.image, frame_labels(clip, 0), antialiased=True)
    layers = _hidden_layers(clip, first, inpaint_radius)
    painted = [first]  # before antialiasing: what later frames read
    frames = np.empty((clip.frame_count, height, width, 3), np.uint8)
    frames[0] = clip.image
    anchors = own_anchors(0, height, width)
    counts = np.zeros(4, np.int64)
    for t in track(range(1, clip.frame_count), "Warping", clip.frame_count - 1, progress):
        labels = frame_labels(clip, t)
        sources = _sources(clip, t, anchors, layers)
        anchors = sources.anchors
        image, missing = _read(labels, sources, painted, layers, interpolation)
        if missing.any():
            image = inpaint_surfaces(image, labels, missing, inpaint_radius)
        painted.append(surfaces(image, labels, antialiased=False))
        frames[t] = _antialiased(image, labels)
        still = _still(labels, sources, first)
        frames[t][still] = clip.image[still]
        counts += np.bincount(np.where(missing, 3, sources.kind).ravel(), minlength=4)
    return Video(frames, clip.fps, _made_by(clip, counts, interpolation, inpaint_radius))


# ---------------------------------------------------------------------------------------------- where colours come from


@dataclass(frozen=True)
class _Sources:
    anchors: Anchors
    kind: np.ndarray
    """(H, W) int: 0 first frame, 1 hidden layer, 2 earlier frame, 3 nothing yet."""


def _sources(clip: MotionClip, t: int, previous: Anchors, layers: dict[int, Layer]) -> _Sources:
    """Decide for each pixel of frame t where its colour is read."""
    height, width = clip.image.shape[:2]
    position = pixel_centres(height, width)
    frame = np.full((height, width), t, np.int32)
    kind = np.full((height, width), 3)
    labels = frame_labels(clip, t)
    if clip.to_first is not None and clip.to_first_visible is not None:
        seen, hidden = clip.to_first_visible[t], _behind_others(clip, t)
        hidden &= np.isin(labels, list(layers))
        for mask, number in ((hidden, 1), (seen, 0)):
            kind[mask], frame[mask] = number, 0
            position[mask] = clip.to_first[t][mask]
        for label, layer in layers.items():
            doubtful = np.nonzero((seen & (labels == label)).ravel())[0]
            doubtful = doubtful[layer.invents(position.reshape(-1, 2)[doubtful])]
            kind.reshape(-1)[doubtful] = 1
    pixels = np.nonzero(kind.ravel() == 3)[0]
    carried, carried_to = carried_anchors(clip, t, previous, pixels)
    known = carried >= 0
    pixels = pixels[known]
    frame.reshape(-1)[pixels] = carried[known]
    position.reshape(-1, 2)[pixels] = carried_to[known]
    kind.reshape(-1)[pixels] = np.where(carried[known] == 0, 0, 2)
    return _Sources(Anchors(frame, position), kind)


def _read(
    labels: np.ndarray, sources: _Sources, painted: list[Surfaces], layers: dict[int, Layer], interpolation: str
) -> tuple[np.ndarray, np.ndarray]:
    """Read the colours of a frame with instances `labels`; returns it and the mask of pixels that have none."""
    result = np.zeros((*labels.shape, 3), np.uint8)
    missing = sources.kind == 3
    position = sources.anchors.position
    for label, layer in layers.items():
        mask = (sources.kind == 1) & (labels == label)
        if mask.any():
            result[mask] = sample_plain(layer.colours, position[mask] - layer.corner, interpolation)
    source_of = np.where((sources.kind == 0) | (sources.kind == 2), sources.anchors.frame, -1)
    for source in np.unique(source_of[source_of >= 0]):
        mask = source_of == source
        result[mask], found = sample_surface(painted[source], position[mask], labels[mask], interpolation)
        missing[mask] = ~found
    return result, missing


def _behind_others(clip: MotionClip, t: int) -> np.ndarray:
    """(H, W) bool: the surface point lay within the first frame, hidden behind another instance."""
    assert clip.to_first is not None and clip.to_first_visible is not None
    labels = frame_labels(clip, 0)
    height, width = labels.shape
    position = np.nan_to_num(clip.to_first[t], nan=-1)
    x, y = np.floor(position).astype(np.int64).transpose(2, 0, 1)
    inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
    other = labels[y.clip(0, height - 1), x.clip(0, width - 1)] != frame_labels(clip, t)
    return inside & other & ~clip.to_first_visible[t]


def _hidden_layers(clip: MotionClip, first: Surfaces, radius: int) -> dict[int, Layer]:
    """A layer for every instance of which the first frame hides something that a later frame reveals."""
    if clip.to_first is None or clip.to_first_visible is None or clip.instances is None:
        return {}
    boxes: dict[int, np.ndarray] = {}
    for t in range(1, clip.frame_count):
        hidden = _behind_others(clip, t)
        hidden_labels, positions = frame_labels(clip, t)[hidden], clip.to_first[t][hidden]
        for label in np.unique(hidden_labels):
            mine = positions[hidden_labels == label]
            box = np.concatenate([mine.min(0), mine.max(0)])
            old = boxes.get(int(label), box)
            boxes[int(label)] = np.concatenate([np.minimum(old[:2], box[:2]), np.maximum(old[2:], box[2:])])
    depth = None if clip.depth is None else np.asarray(clip.depth[0])
    layers = {label: hidden_layer(first, depth, label, box, radius) for label, box in boxes.items()}
    return {label: layer for label, layer in layers.items() if layer is not None}


# ------------------------------------------------------------------------------------------------------------ finishing


def _antialiased(image: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Soften the pixels along silhouettes, and only them, as a renderer's pixel filter does."""
    import cv2

    edge = silhouette_pixels(labels)
    result = image.copy()
    result[edge] = cv2.GaussianBlur(image, (3, 3), 0.5)[edge]
    return result


def _still(labels: np.ndarray, sources: _Sources, first: Surfaces) -> np.ndarray:
    """(H, W) bool: neither the pixel nor its neighbours, two pixels around, have moved since the first frame."""
    import cv2

    height, width = labels.shape
    moved = np.abs(sources.anchors.position - pixel_centres(height, width)).max(-1)
    still = (sources.kind <= 1) & (sources.anchors.frame == 0) & (labels == first.labels) & (moved < _STILL)
    return cv2.erode(still.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0


def _made_by(clip: MotionClip, counts: np.ndarray, interpolation: str, inpaint_radius: int) -> dict[str, Any]:
    from simcraft import __version__

    names = ("first_frame", "hidden_layer", "earlier_frame", "inpainted")
    return {
        "generator": "warp",
        "options": {"interpolation": interpolation, "inpaint_radius": inpaint_radius},
        "correspondence": "composed" if clip.to_first is None else "exact",
        "pixels": {name: round(float(c / max(counts.sum(), 1)), 6) for name, c in zip(names, counts, strict=True)},
        "clip": clip.name,
        "seed": clip.seed,
        "simcraft": __version__,
    }
