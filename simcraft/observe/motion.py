"""Does anything move in a clip."""

from __future__ import annotations

import numpy as np

from simcraft.clip.types import MotionClip

LEAST_MOTION = 1e-3
"""Pixels a frame, the promised exactness of flow; less is taken for standing still."""


def moves(clip: MotionClip) -> bool:
    """Whether any valid flow of `clip`, forward or backward, is longer than a thousandth of a pixel."""
    pairs = ((clip.flow_forward, clip.flow_valid_forward), (clip.flow_backward, clip.flow_valid_backward))
    return any(
        bool((np.abs(frame).max(axis=-1, initial=0) * valid > LEAST_MOTION).any())
        for flow, valids in pairs
        for frame, valid in zip(flow, valids, strict=True)
    )
