"""Which frames are recorded, how fast they follow each other, and how large the picture is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .errors import SceneError

LARGEST_SIDE = 16384


@dataclass(frozen=True)
class Timeline:
    """The frames to record, as the scene numbers them."""

    frames: tuple[int, ...]
    fps: float
    """Recorded frames a second: the scene's rate divided by the step between recorded frames."""
    explicit: bool
    """Asked for by number, not taken from the scene."""

    def __contains__(self, frame: int) -> bool:
        return frame in self.frames

    @property
    def first(self) -> int:
        return self.frames[0]

    @property
    def last(self) -> int:
        return self.frames[-1]


def plan_timeline(scene: Any, frames: tuple[int, int] | None, every: int = 1) -> Timeline:
    """The frames from first to last, both included, in the scene's own frame step times `every`.

    Raises `SceneError` where the range is reversed or `every` is below 1.
    """
    if every < 1:
        raise SceneError(f"Every {every} frames cannot be recorded.", "Give 1 for all frames, 2 for every other one.")
    first, last = frames if frames is not None else (scene.frame_start, scene.frame_end)
    if last < first:
        raise SceneError(
            f"The frame range {first}:{last} is reversed: the last frame comes before the first.",
            f"Ask for {last}:{first}.",
        )
    scene_fps = scene.render.fps / scene.render.fps_base
    step = every * max(1, scene.frame_step)
    return Timeline(tuple(range(first, last + 1, step)), scene_fps / step, frames is not None)


def picture_size(scene: Any, size: tuple[int, int] | None) -> tuple[int, int]:
    """(width, height) in pixels: what was asked for, else the scene's resolution and percentage.

    Raises `SceneError` where a side is not between 1 and 16384 pixels.
    """
    render = scene.render
    width, height = size or (
        render.resolution_x * render.resolution_percentage // 100,
        render.resolution_y * render.resolution_percentage // 100,
    )
    if not (1 <= width <= LARGEST_SIDE and 1 <= height <= LARGEST_SIDE):
        raise SceneError(
            f"A picture of {width} x {height} pixels cannot be made: each side must be between 1 and {LARGEST_SIDE}.",
            "Ask for another size, such as 512x512.",
        )
    return int(width), int(height)
