"""The embedded model's image encoder: latents of the first frame, pooled; Stable Video Diffusion has CLIP there."""

from __future__ import annotations

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import nn


class PooledImageEncoder(ModelMixin, ConfigMixin):
    """Latents of the first frame (B, C, h, w) to a token for each of a few squares of it (B, cells^2, width)."""

    @register_to_config
    def __init__(self, latent_channels: int = 16, width: int = 64, cells: int = 4) -> None:
        """Random weights.

        Parameters
        ----------
        latent_channels: C.
        width: of the tokens, the network's `cross_attention_dim`.
        cells: squares a side.
        """
        super().__init__()
        self.colours = nn.Linear(latent_channels, width)
        self.places = nn.Parameter(torch.randn(cells**2, width))

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        """Tokens (B, cells^2, width), row by row."""
        pooled = nn.functional.adaptive_avg_pool2d(latents, self.config["cells"])
        return self.colours(pooled.flatten(2).transpose(1, 2)) + self.places
