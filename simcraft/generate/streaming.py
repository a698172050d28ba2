"""Frames as they are made: to whom they are given, where they are kept, and how work goes on that was stopped."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from simcraft.clip.types import MotionClip
from simcraft.errors import UserError
from simcraft.generate.registry import Generator
from simcraft.progress import Progress

if TYPE_CHECKING:
    from simcraft.video import Video

FrameDone = Callable[[int, np.ndarray], None]
"""Called with the index of a finished frame, 1 and up, and the frame, (H, W, 3) uint8."""


class OtherWork(UserError):
    """A folder of kept frames has those of another clip, model or other options."""


def kept_frame(folder: Path, index: int) -> Path:
    """Where the folder `keep` has the frame `index`."""
    return folder / f"frame_{index:04d}.png"


def kept_index(folder: Path) -> Path:
    """The file in the folder `keep` that says what is being made; its lock is held meanwhile."""
    return folder / "work.json"


def fingerprint(clip: MotionClip) -> str:
    """Of what frames depend on: picture and motion."""
    digest = hashlib.sha256()
    for array in (clip.image, clip.flow_backward, clip.flow_valid_backward):
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def streaming_arguments(
    generator: Generator, keep: str | os.PathLike[str] | None, frame_done: FrameDone | None
) -> dict[str, Any]:
    """`keep` and `frame_done` for the function of `generator`; `UserError` where it has no use for what is given."""
    if generator.streams:
        return {"keep": None if keep is None else Path(keep), "frame_done": frame_done}
    if keep is not None or frame_done is not None:
        raise UserError(
            f"Generator '{generator.name}' makes all frames at once: none can be kept before it is done.",
            "Leave out keep and frame_done (--keep).",
            ("keep",),
        )
    return {}


def opened(generator: Generator, options: Mapping[str, Any], progress: Progress) -> Callable[..., Video]:
    """`generator.open(options)`, with a stage of its own where there is a model to load."""
    if not generator.loads:
        return generator.open(options)
    progress("load model", 0, 1)
    painter = generator.open(options)
    progress("load model", 1, 1)
    return painter
