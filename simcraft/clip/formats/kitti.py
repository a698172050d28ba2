"""KITTI flow: 16-bit RGB PNG, R = 64 u + 2^15, G = 64 v + 2^15, B = 1 where valid.

Format: Geiger et al., KITTI 2012 and 2015 flow development kit. Flow is rounded to 1/64 pixel and lies in
[-512, 512) pixels.
"""

from __future__ import annotations

import numpy as np

from simcraft.clip.files import PathLike, read_png, write_png
from simcraft.clip.from_flow import clear_unknown
from simcraft.errors import UserError

STEP = 1 / 64
"""Pixels between two values that the format can express."""


def read_kitti(path: PathLike) -> tuple[np.ndarray, np.ndarray]:
    """Returns flow (H, W, 2) float32 in pixels, 0 where not valid, and valid (H, W) bool.

    Raises `UserError` where the file is not a whole 16-bit RGB PNG.
    """
    pixels = read_png(path)
    if pixels.dtype != np.uint16 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise UserError(f"{path} is {pixels.dtype} {pixels.shape}; KITTI flow is a 16-bit RGB PNG.")
    flow = (pixels[..., :2].astype(np.float32) - 2**15) * np.float32(STEP)
    return clear_unknown(flow, pixels[..., 2] > 0)


def write_kitti(path: PathLike, flow: np.ndarray, valid: np.ndarray | None = None) -> None:
    """Write (H, W, 2) flow in pixels and its (H, W) valid mask.

    Raises `UserError` where valid flow is beyond the 512 pixels that the format can express.
    """
    if flow.ndim != 3 or flow.shape[2] != 2:
        raise UserError(f"Flow is {flow.shape}; expected (H, W, 2).")
    flow, known = clear_unknown(np.asarray(flow, np.float32), valid)
    encoded = np.rint(flow / STEP) + 2**15
    if encoded.min(initial=0) < 0 or encoded.max(initial=0) > 2**16 - 1:
        raise UserError(
            f"Flow of {np.abs(flow).max():.0f} pixels does not fit a KITTI PNG, which ends at 512.", "Use .flo or EXR."
        )
    encoded[~known] = 0
    write_png(path, np.dstack([encoded, known]).astype(np.uint16))
