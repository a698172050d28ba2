"""Between pictures and latents: sizes that fit the networks, encoding, decoding."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch


def latent_factor(vae: Any) -> int:
    """Pixels to a latent cell, per axis."""
    return int(2 ** (len(vae.config.block_out_channels) - 1))


def working_size(size: tuple[int, int], resolution: int | None, factor: int, unet: Any) -> tuple[int, int]:
    """(width, height) inside the model for a clip of `size`: both sides fit the autoencoder and the UNet.

    Parameters
    ----------
    resolution: of the shorter side, in pixels; None takes the one that the model was trained with.
    factor: pixels to a latent cell.
    """
    trained = unet.config.sample_size
    if resolution is None and trained is not None:
        resolution = factor * (trained if isinstance(trained, int) else min(trained))
    scale = 1.0 if resolution is None else resolution / min(size)
    step = factor * 2 ** (len(unet.config.block_out_channels) - 1)
    width, height = (max(step, round(side * scale / step) * step) for side in size)
    return width, height


def resized(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """An (H, W, 3) uint8 picture in another (width, height)."""
    import cv2

    if image.shape[1::-1] == size:
        return image
    smaller = size[0] * size[1] < image.shape[0] * image.shape[1]
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC))


def encode_image(
    vae: Any, image: np.ndarray, device: torch.device, dtype: torch.dtype, generator: torch.Generator | None = None
) -> torch.Tensor:
    """Scaled latents (1, C, h, w) of an (H, W, 3) uint8 picture: the encoder's mean, or a sample with `generator`."""
    _upcast(vae)
    pixels = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None]
    pixels = (pixels.to(torch.float64) / 127.5 - 1).to(device, vae.dtype)
    encoded = vae.encode(pixels)
    if hasattr(encoded, "latents"):
        latents = encoded.latents
    elif generator is not None:
        latents = encoded.latent_dist.sample(generator)
    else:
        latents = encoded.latent_dist.mode()
    shift, scale = _normalisation(vae)
    return ((latents - shift) * scale).to(dtype)


def decode_latents(vae: Any, z: torch.Tensor) -> np.ndarray:
    """The (H, W, 3) uint8 picture of scaled latents (1, C, h, w)."""
    _upcast(vae)
    shift, scale = _normalisation(vae)
    # a decoder of videos has to be told that this is one of a single frame
    frames = {"num_frames": 1} if hasattr(getattr(vae, "decoder", None), "time_conv_out") else {}
    pixels = vae.decode((z / scale + shift).to(vae.dtype), return_dict=False, **frames)[0][0]
    pixels = ((pixels.float() + 1) * 127.5).round().clamp(0, 255)
    return pixels.permute(1, 2, 0).to("cpu", torch.uint8).numpy()


def _normalisation(vae: Any) -> tuple[float, float]:
    """Shift and factor between the autoencoder's latents and those that the UNet was trained on."""
    return getattr(vae.config, "shift_factor", None) or 0.0, getattr(vae.config, "scaling_factor", None) or 1.0


def _upcast(vae: Any) -> None:
    """SDXL's autoencoder overflows in float16."""
    if vae.dtype == torch.float16 and getattr(vae.config, "force_upcast", False):
        vae.to(dtype=torch.float32)
