"""The loss of Motion Dreamer's networks (arXiv 2412.00547, eq. 5 and 9 to 13), and what the paper leaves open in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from simcraft.generate.motion_dreamer.preconditioning import Given, predict, residual_of, target_of
from simcraft.generate.motion_dreamer.representation import MOTION
from simcraft.train.diffusion import stratified
from simcraft.train.dreamer_samples import Hiding
from simcraft.train.stage import Batch


@dataclass(frozen=True)
class Options:
    """What the paper leaves open, and what is hidden in training."""

    hiding: Hiding = field(default_factory=Hiding)
    threshold: float = MOTION
    """tau of eq. 11: motion a frame that counts as motion, a share of the picture's width."""
    enhancement: float = 4.0
    """lambda of eq. 12: weight of what moves in the loss of stage one; 1: as all else."""
    delta: float = 1.0
    """Scale of a user's arrows (eq. 4); the model's folder says it, training has the clips' own."""


@dataclass(frozen=True)
class Encoded:
    """A batch as latents."""

    target: torch.Tensor
    """(B, T, C, h, w)."""
    hint: torch.Tensor
    """Likewise."""
    given: Given
    emphasis: torch.Tensor | None = None
    """(B, T, h, w), weights in the loss; None: 1."""


class DreamerLoss(nn.Module):
    """A network and its loss; what is not trained stays outside."""

    weights: torch.Tensor
    """(C) of the channels' errors, 1 in the mean."""

    def __init__(self, unet: Any, encode: Callable[[Batch], Encoded], weights: torch.Tensor) -> None:
        super().__init__()
        self.unet, self.encode = unet, encode
        self.register_buffer("weights", weights, persistent=False)

    def forward(self, batch: Batch) -> Batch:
        """Weighted squared error of what the network should give for `sigma` (B) and `noise` (B, T, C, h, w)."""
        config, noise, sigma = self.unet.config, batch["noise"], batch["sigma"]
        with torch.no_grad(), torch.autocast(noise.device.type, enabled=False):
            encoded = self.encode(batch)
            clean = residual_of(encoded.target, encoded.hint, config["residual_scale"])
            noisy = clean + sigma[:, None, None, None, None] * noise
            wanted = target_of(clean, noise, sigma, config["prediction"])
        output = predict(self.unet, noisy, sigma, encoded.given)
        error = ((output.float() - wanted).square() * self.weights[:, None, None]).mean(2)
        if encoded.emphasis is None:
            return {"loss": error.mean()}
        # eq. 12
        return {"loss": (error * encoded.emphasis).mean(), "without emphasis": error.mean()}


def draw_sigmas(count: int, mean: float, deviation: float, generator: torch.Generator) -> torch.Tensor:
    """(count) noise levels whose logarithms are normal (Karras et al. 2022, table 1), spread over those of a batch."""
    shares = stratified(count, generator).clamp(1e-4, 1 - 1e-4)
    return (mean + deviation * torch.special.ndtri(shares)).exp()
