"""What the network's input and output mean at a noise level (Karras et al. 2022, table 1, as Stable Video Diffusion).

Noisy latents are clean + sigma noise, and clean ones have about unit variance. The network sees them scaled to unit
variance, and predicts, at every noise level, something of about unit variance:

- "v", Stable Video Diffusion's and stage II's (Motion Dreamer, eq. 13): (noise - sigma clean) / sqrt(sigma^2 + 1);
- "x0", stage I's (eq. 5): the clean latents themselves.

What is clean may also be what latents differ by from a hint, so that the network need not learn to copy the hint.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

PREDICTIONS = ("v", "x0")
"""What a network's output can mean."""


@dataclass(frozen=True)
class Given:
    """All that the network is told beside the noisy latents."""

    channels: torch.Tensor
    """(B, T, C, h, w) what is known in cells, after the noisy latents."""
    embedding: torch.Tensor
    """(B, L, D) of the first frame."""
    time_ids: torch.Tensor
    """(B, 3) frames a second minus one, motion bucket, noise added to the first frame."""
    first: torch.Tensor | None = None
    """(B, C, H, W) pictures of the first frame."""
    instance_flow: torch.Tensor | None = None
    """(B, 2, H, W) pixels a frame."""
    camera: torch.Tensor | None = None
    """(B, T, C) camera motion."""


def predict(unet: Any, noisy: torch.Tensor, sigma: torch.Tensor, given: Given) -> torch.Tensor:
    """The output of a `MotionDreamerUNet` for latents (B, T, C, h, w) with noise of `sigma`, (B,) or one for all."""
    scaled = noisy / (_of_each(sigma, noisy).square() + 1).sqrt()
    return unet(
        # latents stay in full precision, whatever the network runs in
        torch.cat([scaled, given.channels.to(scaled.dtype)], 2).to(unet.dtype),
        noise_level(sigma),
        given.embedding.to(unet.dtype),
        given.time_ids,
        first=given.first,
        instance_flow=given.instance_flow,
        camera=given.camera,
        return_dict=False,
    )[0]


def denoiser(unet: Any, given: Given) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """For samplers: a function of noisy latents and sigma that gives the clean ones."""

    def denoise(noisy: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        output = predict(unet, noisy, sigma, given)
        return clean_of(output.to(noisy.dtype), noisy, sigma, unet.config["prediction"])

    return denoise


def noise_level(sigma: torch.Tensor) -> torch.Tensor:
    """c_noise, what the network is told of sigma."""
    return sigma.log() / 4


def clean_of(output: torch.Tensor, noisy: torch.Tensor, sigma: torch.Tensor, prediction: str) -> torch.Tensor:
    """The clean latents that the network's `output` stands for."""
    if prediction == "x0":
        return output
    sigma = _of_each(sigma, noisy)
    return noisy / (sigma.square() + 1) - output * sigma / (sigma.square() + 1).sqrt()


def target_of(clean: torch.Tensor, noise: torch.Tensor, sigma: torch.Tensor, prediction: str) -> torch.Tensor:
    """What the network ought to give for clean + sigma noise; training minimises the squared difference to it."""
    if prediction == "x0":
        return clean
    sigma = _of_each(sigma, clean)
    return (noise - sigma * clean) / (sigma.square() + 1).sqrt()


def residual_of(latents: torch.Tensor, hint: torch.Tensor, scale: float) -> torch.Tensor:
    """What is diffused: (latents - hint) / scale; the latents where `scale` is 0. `latents_of` undoes it."""
    return (latents - hint) / scale if scale else latents


def latents_of(residual: torch.Tensor, hint: torch.Tensor, scale: float) -> torch.Tensor:
    """Latents of what was diffused: hint + scale residual; `residual` where `scale` is 0."""
    return hint + scale * residual if scale else residual


def _of_each(sigma: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """(B, 1, 1, ...) or (1, 1, ...) to multiply `like` by."""
    return sigma.to(like).reshape(-1, *[1] * (like.ndim - 1))
