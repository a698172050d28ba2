"""Errors where the motion reveals what the first frame does not show, and errors elsewhere, apart from each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simcraft.errors import UserError
from simcraft.metrics.sharpness import sharpness

FEWEST = 256
"""Pixels, over all frames, below which a part is too small to be told in decibels."""


@dataclass(frozen=True)
class Part:
    """A part of the pixels of all frames but the first, which is given."""

    pixels: int
    """Over all frames."""
    psnr: float | None
    """Decibels, of the mean squared error over these pixels; None where they are too few, or all equal."""
    sharpness: float | None
    """Their mean gradient over the truth's: below 1 they are blurred. None where they are too few."""


@dataclass(frozen=True)
class Parts:
    """What is new, and all else."""

    new: Part
    elsewhere: Part


def parts(frames: np.ndarray, truth: np.ndarray, new: np.ndarray) -> Parts:
    """Measure `frames` against `truth`, both (T, H, W, 3) uint8, where `new` (T, H, W) bool and where not.

    The mean colour of all that might have been revealed has a good PSNR and no detail, so that the two belong together.

    Raises `UserError` where shapes differ.
    """
    if not frames.shape == truth.shape == (*new.shape, 3):
        raise UserError(
            f"Frames are {frames.shape}, the truth {truth.shape}, the mask {new.shape}; expected one shape."
        )
    return Parts(_part(frames[1:], truth[1:], new[1:]), _part(frames[1:], truth[1:], ~new[1:]))


def _part(frames: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> Part:
    pixels = int(mask.sum())
    if pixels < FEWEST:
        return Part(pixels, None, None)
    error = float(np.square(frames[mask].astype(np.float64) - truth[mask]).mean())
    psnr = None if error == 0 else float(10 * np.log10(255**2 / error))
    return Part(pixels, psnr, sharpness(frames, truth, mask))
