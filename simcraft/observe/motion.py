"""Does anything move in a clip."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from simcraft.clip.types import MotionClip

LEAST_MOTION = 1e-3
"""Pixels a frame, the promised exactness of flow; less is taken for standing still."""


def moves(clip: MotionClip) -> bool:
    """Whether any valid flow of `clip`, forward or backward, is longer than a thousandth of a pixel."""
    names = [f"flow_{kind}{direction}" for direction in ("forward", "backward") for kind in ("", "valid_")]
    return any(pair_moves({name: getattr(clip, name)[t] for name in names}) for t in range(clip.frame_count - 1))


def pair_moves(entries: Mapping[str, np.ndarray]) -> bool:
    """The same for one pair of frames: `flow_forward` (H, W, 2), `flow_valid_forward` (H, W), and backward."""
    return any(
        bool(
            (np.abs(entries[f"flow_{way}"]).max(axis=-1, initial=0) * entries[f"flow_valid_{way}"] > LEAST_MOTION).any()
        )
        for way in ("forward", "backward")
        if f"flow_{way}" in entries
    )
