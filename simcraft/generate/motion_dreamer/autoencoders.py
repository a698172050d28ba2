"""Autoencoders of R's pictures (N, 6, H, W): one that is fitted to them, and three pictures through one for colours.

Both have the interface of diffusers' `AutoencoderTiny`: `encode(x).latents` (N, C, h, w), of deviation about one, and
`decode(z).sample`; their size is `latent_channels`.
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers import AutoencoderKLTemporalDecoder
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTinyOutput
from diffusers.models.autoencoders.vae import DecoderOutput
from torch import nn

from simcraft.generate.motion_dreamer.pictures import DEPTH, FLOW, SEGMENTATION
from simcraft.generate.patch_autoencoder import PatchAutoencoder

LATENT_CHANNELS = 32
"""A third of what patches of 4 x 4 pixels have. In 65 held-out clips of all families, at 64 x 64 pixels, flow is then
wrong by 0.06 pixels (0.07 with 24, 0.08 with 16), most of it along silhouettes, 98.7 % of all labels are right (97.6,
97.2), and depth is wrong by 0.2 % (0.4, 0.9; median)."""
WEIGHTS = (6.0, 6.0, 1.0, 1.0, 1.0, 3.0)
"""What errors of flow, colours and depth count. Colours fill the whole range and flow little of it: as they are, errors
of flow would be forgotten before those of silhouettes."""
_PICTURES = 3


def fitted_autoencoder(pictures: torch.Tensor, patch: int, latent_channels: int = LATENT_CHANNELS) -> PatchAutoencoder:
    """Principal components of R's pictures (N, 6, H, W), of which decoding is linear, too.

    Their colours should be drawn at random, see `palette`: which is which is nothing to be learnt.
    """
    return PatchAutoencoder(latent_channels, patch, blocks=0, channel_weights=WEIGHTS).fit(pictures)


class ThreePictures(nn.Module):
    """Flow (x, y, 0), segmentation and depth (d, d, d) as three pictures, each through the autoencoder of the frames.

    That is how Motion Dreamer encodes R with the autoencoder of Stable Video Diffusion, whose latents have 4 channels:
    these have 12.
    """

    def __init__(self, vae: Any) -> None:
        """`vae`: diffusers' `AutoencoderKLTemporalDecoder`, or any other of pictures of 3 channels."""
        super().__init__()
        self.vae = vae

    @property
    def latent_channels(self) -> int:
        return _PICTURES * int(self.vae.config.latent_channels)

    def encode(self, x: torch.Tensor) -> AutoencoderTinyOutput:
        """Latents of R's pictures: the mean, nothing is drawn."""
        flow, depth = x[:, FLOW], x[:, DEPTH]
        three = [torch.cat([flow, torch.zeros_like(depth)], 1), x[:, SEGMENTATION], depth.expand(-1, 3, -1, -1)]
        encoded = self.vae.encode(torch.cat(three))
        latents = encoded.latents if hasattr(encoded, "latents") else encoded.latent_dist.mode()
        return AutoencoderTinyOutput(latents=torch.cat((latents * self.vae.config.scaling_factor).chunk(3), 1))

    def decode(self, x: torch.Tensor) -> DecoderOutput:
        """R's pictures; the three grey values of depth are averaged."""
        latents = torch.cat(x.chunk(_PICTURES, 1)) / self.vae.config.scaling_factor
        frames = {"num_frames": 1} if isinstance(self.vae, AutoencoderKLTemporalDecoder) else {}
        flow, segmentation, depth = self.vae.decode(latents, **frames).sample.chunk(_PICTURES)
        return DecoderOutput(sample=torch.cat([flow[:, :2], segmentation, depth.mean(1, keepdim=True)], 1))
