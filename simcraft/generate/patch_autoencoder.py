"""The embedded models' autoencoder: principal components of square patches, and a decoder that corrects them.

Encoding is linear and looks at one patch at a time, as JPEG's cosines do, with components fitted to the training
frames. So latents that are moved by whole cells are the latents of the moved picture, exactly, and they are fixed
before anything is trained: decoders can be trained again without touching the models that paint the latents.

Pictures have three channels, or any number: flow, depth and segmentation are pictures, too. Without blocks there is no
correction, and decoding is linear as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTinyOutput
from diffusers.models.autoencoders.vae import DecoderOutput
from diffusers.utils.accelerate_utils import apply_forward_hook
from torch import nn

_SHARPNESS = 0.25
"""A component's deviation is this power of its variance. 1/2 would leave details a hundredth of the mean colour, and 0
would make them as loud: diffusion would spend itself on them."""


class PatchAutoencoder(ModelMixin, ConfigMixin):
    """Pictures (B, channels, H, W), -1 to 1, to latents (B, C, H / patch, W / patch) and back.

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
        channel_weights: Sequence[float] = (1.0, 1.0, 1.0),
    ) -> None:
        """Random components; `fit` finds those of pictures.

        Parameters
        ----------
        latent_channels: components kept, of channels patch^2.
        patch: pixels a side, a power of two.
        width: channels of the decoder's correction.
        blocks: its residual blocks; without any, nothing is corrected.
        channel_weights: how much an error of each of the pictures' channels counts: as many as they have.
        """
        super().__init__()
        channels = len(channel_weights)
        self.encoder = nn.Conv2d(channels, latent_channels, patch, stride=patch)
        self.inverse = nn.ConvTranspose2d(latent_channels, channels, patch, stride=patch)
        self.correction = _correction(latent_channels, width, blocks, channels * patch**2, patch)
        # what stock pipelines tell the number of pixels a cell by
        self.register_to_config(block_out_channels=[width] * patch.bit_length())

    @apply_forward_hook
    def encode(self, x: torch.Tensor, return_dict: bool = True) -> Any:
        """Latents of pictures."""
        latents = self.encoder(x)
        return AutoencoderTinyOutput(latents=latents) if return_dict else (latents,)

    @apply_forward_hook
    def decode(self, x: torch.Tensor, generator: torch.Generator | None = None, return_dict: bool = True) -> Any:
        """Pictures of latents; `generator` is there for stock pipelines, nothing is random."""
        sample = self.inverse(x) + self.correction(x)
        return DecoderOutput(sample=sample) if return_dict else (sample,)

    def forward(self, sample: torch.Tensor, return_dict: bool = True) -> Any:
        """Encode and decode."""
        return self.decode(self.encode(sample).latents, return_dict=return_dict)

    @torch.no_grad()
    def pixel_weights(self) -> torch.Tensor:
        """(C) weights, 1 in the mean, with which squared errors of latents are as squared errors of weighted pixels.

        Components are orthogonal: as long as the inverse is the fitted one, that holds exactly.
        """
        weights = (self.inverse.weight * self._counts).square().sum((1, 2, 3))
        return weights / weights.mean()

    @property
    def _counts(self) -> torch.Tensor:
        """(channels, 1, 1), the weights of the pictures' channels."""
        return self.inverse.weight.new_tensor(self.config["channel_weights"])[:, None, None]

    @torch.no_grad()
    def fit(self, pictures: torch.Tensor) -> PatchAutoencoder:
        """Take the principal components of the patches of pictures (B, channels, H, W), and their inverse.

        Latents then have mean 0, uncorrelated channels in the order of their variance, and a mean variance of 1.
        """
        patch, count = self.config["patch"], self.config["latent_channels"]
        weighted = pictures.double() * self._counts.double()
        patches = nn.functional.unfold(weighted, patch, stride=patch).transpose(1, 2).flatten(0, 1)
        mean = patches.mean(0)
        variances, components = torch.linalg.eigh(torch.cov((patches - mean).T))
        chosen = components.flip(1)[:, :count]
        # the sign of an eigenvector is arbitrary: the same pictures are to give the same latents everywhere
        lopsided = 1 / (1 + torch.arange(len(chosen), dtype=chosen.dtype))
        chosen = chosen * torch.where(lopsided @ chosen < 0, -1.0, 1.0)
        deviations = variances.flip(0)[:count].clamp(min=1e-12).sqrt()
        wanted = deviations ** (2 * _SHARPNESS)
        scale = wanted / wanted.square().mean().sqrt() / deviations
        shape = (count, len(self._counts), patch, patch)
        self.encoder.weight.copy_((chosen * scale).T.reshape(shape) * self._counts)
        assert self.encoder.bias is not None and self.inverse.bias is not None
        self.encoder.bias.copy_(-(mean @ chosen) * scale)
        self.inverse.weight.copy_((chosen / scale).T.reshape(shape) / self._counts)
        self.inverse.bias.zero_()
        last: Any = self.correction[-2]
        last.bias.copy_((mean.reshape(shape[1:]) / self._counts).flatten())
        return self


def _correction(latent_channels: int, width: int, blocks: int, values: int, patch: int) -> nn.Sequential:
    """What is added to the inverse, at first nothing but a bias: the mean patch, of so many `values`."""
    if not blocks:
        return nn.Sequential(_Constant(values), nn.PixelShuffle(patch))
    layers = nn.Sequential(
        nn.Conv2d(latent_channels, width, 3, padding=1),
        *(_Residual(width) for _ in range(blocks)),
        nn.SiLU(),
        nn.Conv2d(width, values, 3, padding=1),
        nn.PixelShuffle(patch),
    )
    last: Any = layers[-2]
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return layers


class _Constant(nn.Module):
    """The same values (C) in every cell."""

    def __init__(self, values: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(values))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.bias[None, :, None, None].expand(len(x), -1, *x.shape[2:])


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.SiLU(), nn.Conv2d(width, width, 3, padding=1), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.layers(x)
