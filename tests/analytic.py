"""Small clips whose every field follows from a formula: textured planes that slide or zoom, and what is before what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from simcraft.clip.types import InstanceInfo, MotionClip

Texture = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Layer:
    """A rectangle of texture: the point at p in frame 0 is at centre + scale[t] (p - centre) + shift[t] in frame t."""

    box: tuple[float, float, float, float]
    """(x0, y0, x1, y1) in frame 0, pixels."""
    shift: np.ndarray
    """(T, 2) pixels."""
    scale: np.ndarray
    """(T,)."""
    texture: Texture
    depth: float

    @property
    def centre(self) -> np.ndarray:
        return np.array([(self.box[0] + self.box[2]) / 2, (self.box[1] + self.box[3]) / 2])

    def to_first(self, points: np.ndarray, t: int) -> np.ndarray:
        return (points - self.centre - self.shift[t]) / self.scale[t] + self.centre

    def from_first(self, points: np.ndarray, t: int) -> np.ndarray:
        return (points - self.centre) * self.scale[t] + self.centre + self.shift[t]

    def covers(self, points: np.ndarray, t: int) -> np.ndarray:
        x, y = np.moveaxis(self.to_first(points, t), -1, 0)
        return (x >= self.box[0]) & (x < self.box[2]) & (y >= self.box[1]) & (y < self.box[3])


def waves(colour: tuple[float, float, float], period: float, seed: int) -> Texture:
    """A smooth texture without flat parts, whose colours stay near `colour`."""
    directions = np.random.default_rng(seed).normal(size=(6, 2))
    directions *= (2 * np.pi / period) / np.linalg.norm(directions, axis=1, keepdims=True)

    def paint(points: np.ndarray) -> np.ndarray:
        wave = np.sin(points @ directions.T + np.arange(6)).sum(-1, keepdims=True) / 6
        return np.clip(np.array(colour) + 110 * wave * np.array([1, 0.8, 0.9]), 0, 255)

    return paint


def grid(height: int, width: int) -> np.ndarray:
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    return np.stack([x, y], -1)


def topmost(layers: list[Layer], points: np.ndarray, t: int) -> np.ndarray:
    """Index of the nearest layer at `points`; the last of equal ones; layer 0 is expected to cover everything."""
    seen = np.zeros(points.shape[:-1], int)
    for k, layer in enumerate(layers):
        seen = np.where(layer.covers(points, t) & (layer.depth <= np.array([m.depth for m in layers])[seen]), k, seen)
    return seen


def render(layers: list[Layer], height: int, width: int, t: int) -> np.ndarray:
    points = grid(height, width)
    seen = topmost(layers, points, t)
    colours = np.stack([layer.texture(layer.to_first(points, t)) for layer in layers])
    return np.take_along_axis(colours, seen[None, ..., None], 0)[0].round().astype(np.uint8)


def make_clip(layers: list[Layer], height: int, width: int, *, first_known: bool = True) -> MotionClip:
    """The exact clip of `layers`; `instances` are the layers' indices, so layer 0 is the background."""
    count = len(layers[0].scale)
    points = grid(height, width)
    inside = lambda p: (p[..., 0] >= 0) & (p[..., 0] < width) & (p[..., 1] >= 0) & (p[..., 1] < height)  # noqa: E731

    def to_other(t: int, other: int) -> tuple[np.ndarray, np.ndarray]:
        seen = topmost(layers, points, t)
        moved = np.stack([layer.from_first(layer.to_first(points, t), other) for layer in layers])
        there = np.take_along_axis(moved, seen[None, ..., None], 0)[0]
        return there, inside(there) & (topmost(layers, there, other) == seen)

    pairs = [to_other(t, t + 1) for t in range(count - 1)], [to_other(t + 1, t) for t in range(count - 1)]
    forward, backward = (
        np.array([p - points for p, _ in pair], np.float32).reshape(-1, height, width, 2) for pair in pairs
    )
    visible = [np.array([v for _, v in pair], bool).reshape(-1, height, width) for pair in pairs]
    first = [to_other(t, 0) for t in range(count)]
    instances = np.stack([topmost(layers, points, t) for t in range(count)]).astype(np.uint16)
    frames = np.stack([render(layers, height, width, t) for t in range(count)])
    start = grid(height, width)[4::12, 4::12].reshape(-1, 2)
    owner = topmost(layers, start, 0)
    tracks = np.stack([[layers[k].from_first(p, t) for t in range(count)] for k, p in zip(owner, start, strict=True)])
    track_visible = np.stack(
        [inside(tracks[:, t]) & (topmost(layers, tracks[:, t], t) == owner) for t in range(count)], 1
    )
    return MotionClip(
        image=frames[0],
        flow_forward=forward,
        flow_backward=backward,
        flow_valid_forward=np.ones(forward.shape[:3], bool),
        flow_valid_backward=np.ones(forward.shape[:3], bool),
        visible_forward=visible[0],
        visible_backward=visible[1],
        depth=np.array([layer.depth for layer in layers], np.float32)[instances],
        instances=instances,
        tracks=tracks.astype(np.float32),
        track_visible=track_visible,
        to_first=np.stack([p for p, _ in first]).astype(np.float32) if first_known else None,
        to_first_visible=np.stack([v for _, v in first]) if first_known else None,
        frames=frames,
        frames_source="render",
        instance_table=tuple(InstanceInfo(k, f"square {k}") for k in range(1, len(layers))),
        name="analytic",
    )


def still(count: int) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros((count, 2)), np.ones(count)


def sliding_square(
    height: int = 96, width: int = 128, count: int = 8, step: tuple[float, float] = (3.3, 0.6), **more: bool
) -> MotionClip:
    """A reddish square slides over a still bluish background."""
    background = Layer((-999, -999, 999, 999), *still(count), waves((70, 110, 160), 24, 1), 10.0)
    shift = np.arange(count)[:, None] * np.array(step)
    square = Layer((24, 30, 60, 66), shift, np.ones(count), waves((190, 80, 60), 16, 2), 5.0)
    return make_clip([background, square], height, width, **more)


def zooming_plane(
    height: int = 96, width: int = 128, count: int = 8, rate: float = 1.03, period: float = 20
) -> MotionClip:
    """One textured plane comes nearer."""
    scale = rate ** np.arange(count)
    plane = Layer(
        (-999, -999, 999 + width, 999 + height), np.zeros((count, 2)), scale, waves((110, 120, 130), period, 3), 5.0
    )
    return make_clip([plane], height, width)
