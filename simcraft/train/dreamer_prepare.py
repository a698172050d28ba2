"""Clips become what Motion Dreamer learns from: see `dreamer_prepared`."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from simcraft.clip import MotionClip
from simcraft.clip.types import ARRAYS
from simcraft.errors import UserError
from simcraft.train.dreamer_prepared import PreparedDreamer
from simcraft.train.layout import FACTOR
from simcraft.train.prepare import Arrays, Preparation

FRAMES = 14
"""Of a clip, as Stable Video Diffusion has them."""


def dreamer_preparation(frames: int = FRAMES) -> Preparation[PreparedDreamer]:
    """For the first `frames` frames of each clip."""
    needs = ("visibility", "to_first", "instances", "depth", "frames")
    return Preparation(PreparedDreamer, partial(ready_dreamer_clip, frames=frames), needs)


def ready_dreamer_clip(clip: MotionClip, frames: int) -> Arrays | None:
    """The arrays of `PreparedDreamer` of the first `frames` frames.

    None for clips that the first stage cannot hold, which have too many instances, and for photos that flow.

    Raises `UserError` for shorter clips.
    """
    from simcraft.generate.motion_dreamer.arrows import clip_flow
    from simcraft.generate.motion_dreamer.conditions import conditions_of
    from simcraft.generate.motion_dreamer.representation import representation_of
    from simcraft.generate.motion_dreamer.scene import first_scene

    if clip.frames is None:
        return None
    clip = beginning(clip, frames)
    try:
        predictable = representation_of(clip, decodable=True)
    except UserError:
        return None
    given = conditions_of(clip, clip.size, FACTOR)
    whole = given.representation
    assert predictable.segmentation is not None and whole.segmentation is not None and whole.depth is not None
    arrows, scene = clip_flow(clip), first_scene(clip)
    return {
        "frames": np.asarray(clip.frames),
        "hint": given.hint,
        "new": (255 * given.new).round().astype(np.uint8),
        "geometry": given.geometry.astype(np.float16),
        "flow": whole.flow.astype(np.float16),
        "flow_valid": whole.flow_valid,
        "segmentation": predictable.segmentation,
        "all_segmentation": whole.segmentation,
        "depth": whole.depth.astype(np.float16),
        "camera": given.camera,
        "intrinsics": np.zeros((3, 3)) if scene.intrinsics is None else scene.intrinsics,
        "instance_flow": arrows.flow.astype(np.float16),
        "instance_known": arrows.known,
    }


def beginning(clip: MotionClip, frames: int) -> MotionClip:
    """The first `frames` frames of a clip. Raises `UserError` where it has fewer."""
    if clip.frame_count < frames:
        raise UserError(
            f"The clip {clip.name} has {clip.frame_count} frames; expected {frames} or more.",
            "Give fewer with --frames, or make longer clips.",
        )
    cut = {}
    for name, (shape, _) in ARRAYS.items():
        value = getattr(clip, name)
        for axis, length in enumerate(shape):
            if value is not None and length in ("T", "T-1"):
                cut[name] = value[(slice(None),) * axis + (slice(frames - (length == "T-1")),)]
    return replace(clip, **cut)
