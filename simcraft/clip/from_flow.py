"""A MotionClip from anybody's optical flow."""

from __future__ import annotations

from typing import Any

import numpy as np

from simcraft.clip.types import MotionClip
from simcraft.errors import UserError

UNKNOWN = 1e9
"""Flow components beyond this mean "unknown" (Middlebury's rule)."""


def clip_from_flow(
    image: np.ndarray,
    forward_flows: np.ndarray,
    backward_flows: np.ndarray | None = None,
    valid: np.ndarray | None = None,
    backward_valid: np.ndarray | None = None,
    **fields: Any,
) -> MotionClip:
    """Build a clip from a first frame and flow fields in this project's convention (pixels; x right, y down).

    Parameters
    ----------
    image: (H, W, 3) uint8 sRGB, the first frame.
    forward_flows: (T-1, H, W, 2), from frame t to t+1.
    backward_flows: (T-1, H, W, 2), from frame t+1 to t; where it is None, no backward flow is valid.
    valid, backward_valid: (T-1, H, W) bool; None means valid wherever finite and below 1e9 pixels.
    fields: any other field of MotionClip, such as fps, depth or name.

    Raises `UserError` where shapes disagree.
    """
    image, forward = np.asarray(image), np.asarray(forward_flows, np.float32)
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise UserError(f"The first frame is {image.dtype} {image.shape}; expected uint8 (H, W, 3).")
    expected = (len(forward), *image.shape[:2], 2)
    if forward.shape != expected or len(forward) == 0:
        raise UserError(
            f"forward_flows is {forward.shape}; expected (T-1, {image.shape[0]}, {image.shape[1]}, 2) as the image.",
            "Resize one to the other; flow values scale with the image.",
        )
    if backward_flows is None:
        backward, backward_valid = np.zeros_like(forward), np.zeros(forward.shape[:3], bool)
    else:
        backward = np.asarray(backward_flows, np.float32)
        if backward.shape != expected:
            raise UserError(f"backward_flows is {backward.shape}; expected {expected} as forward_flows.")
    forward, valid = clear_unknown(forward, valid)
    backward, backward_valid = clear_unknown(backward, backward_valid)
    return MotionClip(
        image=image,
        flow_forward=forward,
        flow_backward=backward,
        flow_valid_forward=valid,
        flow_valid_backward=backward_valid,
        **fields,
    )


def clear_unknown(flow: np.ndarray, valid: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Set unknown flow to 0 and say where it is known.

    `flow` is (..., H, W, 2) float32 and `valid` (..., H, W) bool or None. Returns both, valid also false where a
    component is not finite or beyond 1e9 pixels.
    """
    with np.errstate(invalid="ignore"):
        known = (np.abs(flow) <= UNKNOWN).all(-1)
    if valid is not None:
        if np.shape(valid) != known.shape:
            raise UserError(f"A valid mask is {np.shape(valid)}; expected {known.shape} as the flow.")
        known &= np.asarray(valid, bool)
    return np.where(known[..., None], flow, np.float32(0)), known
