"""What a stage's network sees in each cell beside noisy latents: one order of channels for training and for use.

- stage one (Motion Dreamer, eq. 5): the first frame, and its R, moved as far as it is known to move;
- stage two (eq. 13): the first frame, the hint, what is new in it, R, and geometry;
- "one", the paper's one-stage model: as stage one, but what it denoises are the frames.

As in Stable Video Diffusion the first frame stands in every frame, right behind the noisy latents.
"""

from __future__ import annotations

import torch

from simcraft.generate.motioncraft.geometry import CHANNELS as GEOMETRY

RATE, BUCKET, NOISE = 6.0, 127.0, 0.0
"""Frames a second minus one, amount of motion and noise on the first frame, in Stable Video Diffusion's own numbers:
nobody has to choose them, what moves how is given by other means."""


def known_channels(stage: str, latents: int, representation: int) -> int:
    """Channels beside the noisy ones, where frames have so many `latents`, and R so many."""
    if stage == "2":
        return 2 * latents + 1 + representation + GEOMETRY
    return latents + representation


def denoised_channels(stage: str, latents: int, representation: int) -> int:
    """Channels of what the stage's network denoises."""
    return representation if stage == "1" else latents


def reasoning_channels(first: torch.Tensor, moved: torch.Tensor) -> torch.Tensor:
    """(B, T, C + R, h, w) for "1" and "one", of latents of the first frame (B, C, h, w), and of its R, moved (B, T, R).

    What is moved is `moved.moved`, (B, T, R, h, w).
    """
    return torch.cat([first[:, None].expand(-1, moved.shape[1], -1, -1, -1), moved], 2)


def painting_channels(
    first: torch.Tensor, hint: torch.Tensor, new: torch.Tensor, representation: torch.Tensor, geometry: torch.Tensor
) -> torch.Tensor:
    """For stage "2".

    Parameters
    ----------
    first: (B, C, h, w), latents of the first frame.
    hint: (B, T, C, h, w), of what `warp` paints.
    new: (B, T, h, w), how much of each cell it made up.
    representation: (B, T, R, h, w), latents of R.
    geometry: (B, T, 8, h, w).

    Returns (B, T, 2 C + 1 + R + 8, h, w).
    """
    every = first[:, None].expand(-1, hint.shape[1], -1, -1, -1)
    return torch.cat([every, hint, new[:, :, None], representation, geometry], 2)


def time_ids(count: int, device: torch.device | str = "cpu") -> torch.Tensor:
    """(count, 3) float32, what the network is told of rate, motion and noise."""
    return torch.tensor([[RATE, BUCKET, NOISE]], device=device).repeat(count, 1)
