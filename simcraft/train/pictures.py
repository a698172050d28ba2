"""Pictures as tensors and on sheets, and how far apart two of them are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from simcraft.picture import draw_text, save_png

_LABEL = 16


def to_tensor(frames: np.ndarray) -> torch.Tensor:
    """(B, H, W, 3) uint8 -> (B, 3, H, W) float32, -1 to 1."""
    return torch.from_numpy(np.array(frames)).permute(0, 3, 1, 2).float() / 127.5 - 1


def to_pictures(images: torch.Tensor) -> np.ndarray:
    """(B, 3, H, W), -1 to 1 -> (B, H, W, 3) uint8."""
    levels = (images.detach().float().clamp(-1, 1) + 1) * 127.5
    return levels.round().byte().permute(0, 2, 3, 1).cpu().numpy()


def psnr(a: torch.Tensor, b: torch.Tensor, mask: torch.Tensor | None = None) -> float:
    """Peak signal-to-noise ratio in dB of pictures (B, 3, H, W), -1 to 1, where a (B, 1, H, W) bool `mask` is true.

    The mean squared error is taken over all pixels together. NaN where the mask is empty, infinity for equal pictures.
    """
    error = (a.clamp(-1, 1) - b.clamp(-1, 1)).float().pow(2).mean(1, keepdim=True)
    if mask is not None:
        error = error[mask.expand_as(error)]
    if error.numel() == 0:
        return math.nan
    mean = float(error.mean())
    return math.inf if mean == 0 else 10 * math.log10(4 / mean)


def save_sheet(rows: Sequence[tuple[str, np.ndarray]], path: Path, scale: int = 2) -> Path:
    """Rows of (label, pictures (n, H, W, 3) uint8), below each other, as PNG; every pixel `scale` pixels wide."""
    width = max(scale * pictures.shape[0] * pictures.shape[2] for _, pictures in rows)
    bands = []
    for label, pictures in rows:
        band = np.concatenate(list(pictures.repeat(scale, 1).repeat(scale, 2)), 1)
        band = np.pad(band, ((0, 0), (0, width - band.shape[1]), (0, 0)))
        title = np.full((_LABEL, width, 3), 24, np.uint8)
        bands += [draw_text(title, label, (4, 1), 11, (236, 238, 242)), band]
    return save_png(np.concatenate(bands), path)


def spread(count: int, wanted: int) -> np.ndarray:
    """At most `wanted` of `count` places, evenly spread."""
    return np.unique(np.linspace(0, count - 1, min(wanted, count)).round().astype(int))
