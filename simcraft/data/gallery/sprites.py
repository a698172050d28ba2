"""A clip as small pictures: of each layer all frames side by side in one image, the tracks as numbers.

One image holds all frames of a layer in rows of `Layout.columns`, so that a browser loads, scrubs and switches between
layers without ever being between two frames.
"""

from __future__ import annotations

import base64
import dataclasses
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from simcraft.clip.types import MotionClip
from simcraft.view.inputs import fitted
from simcraft.view.layers import Layer, chosen_tracks, clip_layers, shrunk

LAYERS = ("picture", "preview", "flow", "depth", "instances", "visibility", "tracks", "smoke", "normals")
"""Keys of what is shown of a clip, in the order of the page; videos made from it come behind."""
LARGEST = 256
"""Pixels: the longer side of a picture at most."""
MOST_FRAMES = 64
"""Of longer clips every second, third, ... frame is shown."""
MOST_PIXELS = 2**21
"""Of one image with all frames: a browser holds a few dozen of them at a time, at four bytes a pixel."""
MOST_TRACKS = 128
_GRADED = ("flow", "normals")
"""Layers whose colours change a little from pixel to pixel: they are rounded, to half the size."""
_GRADE = 5
"""Divides 255, so that black, white and full colours stay themselves."""
_TRACK_STEPS = 8
"""Steps a pixel in which positions of tracks are stored."""
_NOWHERE = -(2**15)


@dataclass(frozen=True)
class Layout:
    """How frames lie in the images; the same for all clips of a set, as is their size."""

    size: tuple[int, int]
    """(width, height) of one frame in pixels."""
    frames: int
    """How many there are, at most (of the flow, one fewer)."""
    step: int
    """Every so manieth frame of the clip is there."""
    columns: int

    def shown(self, count: int) -> range:
        """Which frames are there of a layer that has `count`."""
        return range(0, count, self.step)


def layout_of(size: tuple[int, int], frames: int) -> Layout:
    """The layout for clips of `frames` frames of `size` (width, height) pixels."""
    step = -(-frames // MOST_FRAMES)
    shown = len(range(0, frames, step))
    width, height = fitted(size, (LARGEST, LARGEST))
    shrink = min(1.0, math.sqrt(MOST_PIXELS / (width * height * shown)))
    width, height = max(2, int(width * shrink)), max(2, int(height * shrink))
    # about as high as wide; WebP takes no more than 16383 pixels either way
    columns = min(shown, max(1, round(math.sqrt(shown * height / width))))
    return Layout((width, height), shown, step, columns)


def layers_to_show(clip: MotionClip, speed: float, wanted: Sequence[str]) -> list[Layer]:
    """The layers of `clip` whose keys are `wanted`, but tracks; `speed`: pixels a frame at the rim of the wheel."""
    layers = [layer for layer in clip_layers(clip) if layer.key in wanted]
    return [_at_common_speed(clip, layer, speed) if layer.key == "flow" else layer for layer in layers]


def _at_common_speed(clip: MotionClip, layer: Layer, speed: float) -> Layer:
    from simcraft.observe.colour import flow_to_wheel

    def draw(t: int) -> np.ndarray:
        return flow_to_wheel(clip.flow_forward[t], speed, clip.flow_valid_forward[t])

    return dataclasses.replace(layer, draw=draw, speed=speed)


def sprite(layer: Layer, layout: Layout) -> bytes:
    """All frames of a layer in one WebP image.

    Photos are stored with a little loss. Maps keep their colours and edges: depth, instances and visibility exactly,
    flow and normals to within 2 of 255.
    """
    width, height = layout.size
    frames = layout.shown(layer.frame_count)
    sheet = np.zeros((-(-len(frames) // layout.columns) * height, layout.columns * width, 3), np.uint8)
    for k, t in enumerate(frames):
        place = sheet[k // layout.columns * height :, k % layout.columns * width :]
        place[:height, :width] = shrunk(layer.draw(t), layout.size, layer.photographic)
    if layer.key in _GRADED:
        sheet = _GRADES[sheet]
    return encode_webp(sheet, layer.photographic)


_GRADES = (np.rint(np.arange(256) / _GRADE) * _GRADE).astype(np.uint8)


def encode_webp(image: np.ndarray, photographic: bool) -> bytes:
    """(H, W, 3) uint8 as WebP, with loss or without; how hard the encoder tries is chosen for speed."""
    from PIL import Image

    how = {"quality": 84, "method": 2} if photographic else {"lossless": True, "quality": 20, "method": 1}
    file = io.BytesIO()
    Image.fromarray(image).save(file, "WEBP", **how)
    return file.getvalue()


def tracks_entry(clip: MotionClip, layout: Layout) -> dict[str, Any] | None:
    """Some of the clip's tracks as JSON values, None where there are none.

    `points` is int16, little-endian, (count, frames, x and y) in eighths of a pixel of the shown frames, -32768 where a
    point does not exist; `seen` is one bit a point, in that order, the first one highest. Both are base64.
    """
    chosen = chosen_tracks(clip, MOST_TRACKS)
    if not len(chosen):
        return None
    frames = list(layout.shown(clip.frame_count))
    points = np.asarray(clip.tracks)[chosen][:, frames] * (np.array(layout.size) / np.array(clip.size)) * _TRACK_STEPS
    inside = np.clip(np.nan_to_num(points, nan=0.0).round(), 1 + _NOWHERE, -1 - _NOWHERE)
    stored = np.where(np.isfinite(points).all(-1, keepdims=True), inside, _NOWHERE).astype("<i2")
    seen = np.packbits(np.asarray(clip.track_visible)[chosen][:, frames])
    return {
        "count": len(chosen),
        "of": len(clip.tracks),  # type: ignore[arg-type]
        "points": _base64(stored.tobytes()),
        "seen": _base64(seen.tobytes()),
    }


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
