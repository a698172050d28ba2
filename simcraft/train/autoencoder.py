"""Stage "autoencoder": latents are fitted, not trained; what is trained is the decoder.

MotionCraft stands on decode(warp(encode x)) = warp(x). Patches give it for whole cells; for parts of a cell the decoder
has to learn it. Half of the examples of every batch are therefore moved, their latents and their targets alike.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from simcraft.observe.warp import backward_warp
from simcraft.train.export import save_autoencoder
from simcraft.train.layout import FACTOR, Layout, build_autoencoder
from simcraft.train.pictures import psnr, save_sheet, spread, to_pictures, to_tensor
from simcraft.train.prepared import PreparedSet
from simcraft.train.stage import Batch

CROP = 64
"""Pixels a side of what an example shows, or less where the frames are smaller."""
SHIFTS = (1, 2, 3, 4, 6)
"""Pixels; evaluated."""
_LARGEST = 6.0
"""Pixels that an example is moved by, on each axis."""
_STRAIN = 0.1
"""Turn, scale and shear of a moved example, in each entry of its matrix."""
_NOISE = 0.05
"""Largest deviation of what is added to latents: what a diffusion model gives is never exact."""
_GRADIENT = 0.5
"""Weight of neighbouring pixels' differences beside the absolute difference."""
_FITTED = 256
"""Frames, spread over all, that the latents are fitted to."""


class AutoencoderLoss(nn.Module):
    """An autoencoder and its losses."""

    def __init__(self, autoencoder: Any) -> None:
        super().__init__()
        self.autoencoder = autoencoder

    def forward(self, batch: Batch) -> Batch:
        """Losses of `picture` (B, 3, H, W), moved by `flow` (B, 2, H, W) pixels, with `noise` (B, C, h, w) on latents.

        "still" and "moved" are the absolute differences of the halves, for people to watch.
        """
        picture, flow = batch["picture"], batch["flow"]
        z = self.autoencoder.encode(picture).latents.float()
        moved = backward_warp(z, nn.functional.avg_pool2d(flow, FACTOR) / FACTOR)
        decoded = self.autoencoder.decode(moved + batch["noise"]).sample.float()
        target = backward_warp(picture, flow)
        inside = came_from_inside(flow)
        difference = (decoded - target).abs() * inside
        each = difference.mean((1, 2, 3))
        edges = sum(((decoded - target).diff(dim=axis).abs() * _both(inside, axis)).mean() for axis in (2, 3))
        still = (flow == 0).flatten(1).all(1)
        return {
            "loss": each.mean() + _GRADIENT * edges,
            "still": each[still].mean() if still.any() else each.mean() * torch.nan,
            "moved": each[~still].mean() if (~still).any() else each.mean() * torch.nan,
        }


@dataclass
class AutoencoderStage:
    """Random crops of all frames of the training clips."""

    data: PreparedSet
    layout: Layout
    seed: int = 0
    name: str = "autoencoder"
    threads: ClassVar[int] = 8

    def __post_init__(self) -> None:
        torch.manual_seed(self.seed)
        self.numbers = frame_numbers(self.data, training=True)
        self.examples = len(self.numbers)
        self.crop = min(CROP, *self.data.size)
        autoencoder: Any = build_autoencoder(self.layout)
        autoencoder.fit(to_tensor(self.data.frames[self.numbers[spread(self.examples, _FITTED)]]))
        autoencoder.encoder.requires_grad_(False)
        # this order of axes halves the time on a CPU, and serves GPUs
        self.module = AutoencoderLoss(autoencoder.to(memory_format=torch.channels_last))

    def identity(self) -> dict[str, Any]:
        return {"layout": asdict(self.layout), "data": self.data.digest}

    def batch(self, indices: np.ndarray, generator: torch.Generator) -> Batch:
        """Crops, flipped at random, that are moved (the second half) or not."""
        width, height = self.data.size
        places = [
            (self._random(width - self.crop + 1, generator), self._random(height - self.crop + 1, generator))
            for _ in indices
        ]
        crops = [
            self.data.frames[number, y : y + self.crop, x : x + self.crop]
            for number, (x, y) in zip(self.numbers[indices], places, strict=True)
        ]
        picture = to_tensor(np.stack(crops))
        flipped = torch.rand(len(picture), generator=generator) < 0.5
        picture = torch.where(flipped[:, None, None, None], picture.flip(3), picture)
        flow = smooth_flow(len(picture), self.crop, generator)
        flow[: len(picture) // 2] = 0
        cells = self.crop // FACTOR
        noise = torch.randn(len(picture), self.layout.latent_channels, cells, cells, generator=generator)
        noise *= _NOISE * torch.rand(len(picture), 1, 1, 1, generator=generator)
        return {"picture": picture, "flow": flow, "noise": noise}

    def evaluate(self, sheet: Path) -> dict[str, float]:
        """PSNR of held-out frames, and of frames that are moved before or behind the autoencoder, in dB.

        "moved 3 px" compares decode(warp(encode x)) with warp(x), for warps by 3 pixels to the right and 1.5 down.
        """
        autoencoder: Any = self.module.autoencoder
        device = next(self.module.parameters()).device
        numbers = frame_numbers(self.data, training=False)
        picture = to_tensor(self.data.frames[numbers[spread(len(numbers), 32)]]).to(device)
        z = autoencoder.encode(picture).latents
        decoded = autoencoder.decode(z).sample
        figures = {"psnr": psnr(decoded, picture)}
        for shift in SHIFTS:
            moved, target, inside = _shifted(autoencoder, picture, z, shift)
            figures[f"moved {shift} px"] = psnr(moved, target, inside)
        figures["latent deviation"] = float(z.std())
        moved, target, _ = _shifted(autoencoder, picture, z, 3)
        error = (decoded - picture).abs().mean(1, keepdim=True).expand_as(picture) * 4 - 1
        rows = {"held-out frame": picture, "decoded": decoded, "error, four times": error}
        rows |= {"moved by 3 px": target, "decoded from moved latents": moved}
        chosen = spread(len(picture), 8)
        save_sheet([(label, to_pictures(images[chosen])) for label, images in rows.items()], sheet)
        return figures

    def save(self, out: Path) -> None:
        """Write OUT/vae."""
        save_autoencoder(self.module.autoencoder, out)

    @staticmethod
    def _random(limit: int, generator: torch.Generator) -> int:
        return int(torch.randint(limit, (), generator=generator))


def frame_numbers(data: PreparedSet, *, training: bool) -> np.ndarray:
    """Places in `data.frames` of all frames of the training clips, or of the held-out ones."""
    return np.concatenate([np.arange(clip.start, clip.start + clip.frames) for clip in data.of_training(training)])


def smooth_flow(count: int, side: int, generator: torch.Generator) -> torch.Tensor:
    """(count, 2, side, side) random affine backward flow in pixels: up to 6 px anywhere, a little turned and scaled."""
    shift = (2 * torch.rand(count, 2, 1, 1, generator=generator) - 1) * _LARGEST
    matrix = (2 * torch.rand(count, 2, 2, generator=generator) - 1) * _STRAIN
    axis = torch.arange(side) - (side - 1) / 2
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    strain = torch.einsum("bij,jhw->bihw", matrix, torch.stack([x, y]))
    return shift + strain


def came_from_inside(flow: torch.Tensor) -> torch.Tensor:
    """(B, 1, H, W) 0 or 1: does backward flow (B, 2, H, W) point into the picture, a cell away from its edge?"""
    height, width = flow.shape[2:]
    x = flow[:, 0] + torch.arange(width, device=flow.device)
    y = flow[:, 1] + torch.arange(height, device=flow.device)[:, None]
    still = (flow == 0).all(1)
    edge = torch.where(still, 0.0, float(FACTOR))
    inside = (x >= edge) & (x <= width - 1 - edge) & (y >= edge) & (y <= height - 1 - edge)
    return inside[:, None].float()


def _shifted(
    autoencoder: Any, picture: torch.Tensor, z: torch.Tensor, shift: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """decode(warp(z)), warp(picture) and where both are known, for (shift, shift / 2) pixels."""
    flow = picture.new_tensor([-shift, -shift / 2])[None, :, None, None].expand(len(picture), 2, *picture.shape[2:])
    cells = flow[..., ::FACTOR, ::FACTOR] / FACTOR
    moved = autoencoder.decode(backward_warp(z, cells)).sample
    return moved, backward_warp(picture, flow), came_from_inside(flow) > 0


def _both(inside: torch.Tensor, axis: int) -> torch.Tensor:
    """Where a pixel and its successor are inside."""
    length = inside.shape[axis]
    return inside.narrow(axis, 1, length - 1) * inside.narrow(axis, 0, length - 1)
