"""Between pictures and latents: what both stages see pictures through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from simcraft.generate.motion_dreamer.embedding import PooledImageEncoder
from simcraft.generate.motioncraft.pictures import decode_latents, encode_image, latent_factor, resized

_AT_ONCE = 8
"""Pictures that are encoded together."""


@dataclass(frozen=True)
class Encoders:
    """The parts of a model that are no stage; latents are float32 whatever precision these have."""

    vae: Any
    """Of frames: a `PatchAutoencoder`, or diffusers' `AutoencoderKLTemporalDecoder`."""
    representation: Any
    """Of R's pictures, see `autoencoders`."""
    image_encoder: Any
    """A `PooledImageEncoder`, or CLIP's with"""
    feature_extractor: Any
    """its image processor."""
    device: torch.device

    @property
    def factor(self) -> int:
        """Pixels a latent cell, on each side."""
        return latent_factor(self.vae)

    def frames(self, frames: np.ndarray) -> torch.Tensor:
        """(T, C, h, w) latents of frames (T, H, W, 3) uint8."""
        return torch.cat([encode_image(self.vae, frame, self.device, torch.float32) for frame in frames])

    def frame(self, latents: torch.Tensor) -> np.ndarray:
        """(H, W, 3) uint8, the frame of latents (C, h, w)."""
        return decode_latents(self.vae, latents[None])

    def encode(self, pictures: np.ndarray) -> torch.Tensor:
        """(T, R, h, w) latents of R's pictures (T, 6, H, W)."""
        parts = torch.from_numpy(np.ascontiguousarray(pictures)).to(self.device, self._representation_dtype)
        return torch.cat([self.representation.encode(part).latents.float() for part in parts.split(_AT_ONCE)])

    def decode(self, latents: torch.Tensor) -> np.ndarray:
        """(T, 6, H, W) float32, the inverse of `encode`."""
        parts = latents.to(self._representation_dtype).split(_AT_ONCE)
        return torch.cat([self.representation.decode(part).sample.float() for part in parts]).cpu().numpy()

    def embedding(self, image: np.ndarray, latents: torch.Tensor) -> torch.Tensor:
        """(1, L, D) of the first frame (H, W, 3) uint8, and of its latents (1, C, h, w)."""
        if isinstance(self.image_encoder, PooledImageEncoder):
            return self.image_encoder(latents.to(self.image_encoder.dtype)).float()
        side = self.image_encoder.config.image_size
        square = resized(image, (side, side))  # as Stable Video Diffusion does, whatever the picture's aspect
        pixels = self.feature_extractor(images=square, do_resize=False, do_center_crop=False, return_tensors="pt")
        embedded = self.image_encoder(pixels.pixel_values.to(self.device, self.image_encoder.dtype)).image_embeds
        return embedded[:, None].float()

    @property
    def _representation_dtype(self) -> torch.dtype:
        return next(self.representation.parameters()).dtype
