"""The embedded models' autoencoder: principal components of square patches, and a decoder that corrects them.

Encoding is linear and looks at one patch at a time, as JPEG's cosines do, with components fitted to the training
frames. So latents that are moved by whole cells are the latents of the moved picture, exactly, and they are fixed
before anything is trained: decoders can be trained again without touching the models that paint the latents.
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTinyOutput
from diffusers.models.autoencoders.vae import DecoderOutput
from torch import nn

_SHARPNESS = 0.25
"""A component's deviation is this power of its variance. 1/2 would leave details a hundredth of the mean colour, and 0
would make them as loud: diffusion would spend itself on them."""


class PatchAutoencoder(ModelMixin, ConfigMixin):
    """Pictures (B, 3, H, W), -1 to 1, to latents (B, C, H / patch, W / patch) and back.

    It has the interface of diffusers' `AutoencoderTiny`, so that stock pipelines run with it.
    """

    @register_to_config
    def __init__(
        self,
        latent_channels: int = 16,
        patch: int = 4,
        width: int = 128,
        blocks: int = 6,
        scaling_factor: float = 1.0,
        shift_factor: float = 0.0,
    ) -> None:
        """Random components; `fit` finds those of pictures.

        Parameters
        ----------
        latent_channels: components kept, of 3 patch^2.
        patch: pixels a side, a power of two.
        width: channels of the decoder.
        blocks: its residual blocks.
        """
        super().__init__()
        self.encoder = nn.Conv2d(3, latent_channels, patch, stride=patch)
        self.inverse = nn.ConvTranspose2d(latent_channels, 3, patch, stride=patch)
        self.correction = nn.Sequential(
            nn.Conv2d(latent_channels, width, 3, padding=1),
            *(_Residual(width) for _ in range(blocks)),
            nn.SiLU(),
            nn.Conv2d(width, 3 * patch**2, 3, padding=1),
            nn.PixelShuffle(patch),
        )
        last: Any = self.correction[-2]
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        # what stock pipelines tell the number of pixels a cell by
        self.register_to_config(block_out_channels=[width] * patch.bit_length())

    def encode(self, x: torch.Tensor, return_dict: bool = True) -> Any:
        """Latents of pictures."""
        latents = self.encoder(x)
        return AutoencoderTinyOutput(latents=latents) if return_dict else (latents,)

    def decode(self, x: torch.Tensor, generator: torch.Generator | None = None, return_dict: bool = True) -> Any:
        """Pictures of latents; `generator` is there for stock pipelines, nothing is random."""
        sample = self.inverse(x) + self.correction(x)
        return DecoderOutput(sample=sample) if return_dict else (sample,)

    def forward(self, sample: torch.Tensor, return_dict: bool = True) -> Any:
        """Encode and decode."""
        return self.decode(self.encode(sample).latents, return_dict=return_dict)

    @torch.no_grad()
    def pixel_weights(self) -> torch.Tensor:
        """(C) weights, 1 in the mean, with which squared errors of latents are as squared errors of pixels.

        Components are orthogonal: as long as the inverse is the fitted one, that holds exactly.
        """
        weights = self.inverse.weight.square().sum((1, 2, 3))
        return weights / weights.mean()

    @torch.no_grad()
    def fit(self, pictures: torch.Tensor) -> PatchAutoencoder:
        """Take the principal components of the patches of pictures (B, 3, H, W), and their inverse.

        Latents then have mean 0, uncorrelated channels in the order of their variance, and a mean variance of 1.
        """
        patch, count = self.config["patch"], self.config["latent_channels"]
        patches = nn.functional.unfold(pictures.double(), patch, stride=patch).transpose(1, 2).flatten(0, 1)
        mean = patches.mean(0)
        variances, components = torch.linalg.eigh(torch.cov((patches - mean).T))
        chosen = components.flip(1)[:, :count]
        # the sign of an eigenvector is arbitrary: the same pictures are to give the same latents everywhere
        lopsided = 1 / (1 + torch.arange(len(chosen), dtype=chosen.dtype))
        chosen = chosen * torch.where(lopsided @ chosen < 0, -1.0, 1.0)
        deviations = variances.flip(0)[:count].clamp(min=1e-12).sqrt()
        wanted = deviations ** (2 * _SHARPNESS)
        scale = wanted / wanted.square().mean().sqrt() / deviations
        shape = (count, 3, patch, patch)
        self.encoder.weight.copy_((chosen * scale).T.reshape(shape))
        assert self.encoder.bias is not None and self.inverse.bias is not None
        self.encoder.bias.copy_(-(mean @ chosen) * scale)
        self.inverse.weight.copy_((chosen / scale).T.reshape(shape))
        self.inverse.bias.zero_()
        last: Any = self.correction[-2]
        last.bias.copy_(mean)
        return self


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.SiLU(), nn.Conv2d(width, width, 3, padding=1), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.layers(x)
