"""What a diffusion model can do so far: paint from captions or around known latents, and invert a frame and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from simcraft.generate.motioncraft.schedule import (
    Schedule,
    ddim_inversion_step,
    ddim_step,
    guided,
    placed_schedule,
    split,
)
from simcraft.train.diffusion import Denoising, Material, latents_of, tokens_of
from simcraft.train.latents import decode
from simcraft.train.layout import build_scheduler
from simcraft.train.pictures import psnr, to_tensor
from simcraft.train.prepared import PreparedClip

_STEPS = 20
_GUIDANCE = 3.0


def trailing_schedule(steps: int, prediction: str) -> Schedule:
    """From pure noise, in DDIM's own "trailing" steps."""
    scheduler = build_scheduler()
    scheduler.set_timesteps(steps)
    timesteps = tuple(int(t) for t in scheduler.timesteps)
    levels = tuple(float(scheduler.alphas_cumprod[t]) for t in timesteps)
    return Schedule(timesteps, (*levels, 1.0), prediction)


def sample_captions(material: Material, module: Denoising, captions: list[str]) -> torch.Tensor:
    """Pictures (n, 3, H, W) of texts alone, always from the same noise."""
    width, height = material.data.cells
    channels = module.unet.config.in_channels - material.layout.latent_channels
    device = next(module.parameters()).device
    condition = torch.zeros(len(captions), channels, height, width, device=device)
    return decode(material.autoencoder, paint(material, module, captions, condition, steps=_STEPS, w=_GUIDANCE))


def paint(
    material: Material, module: Denoising, captions: list[str], condition: torch.Tensor, *, steps: int, w: float = 1.0
) -> torch.Tensor:
    """Latents (B, C, h, w) from pure noise by DDIM, under `condition` (B, D, h, w) and guidance `w` (1: none)."""
    device = next(module.parameters()).device
    count, (width, height) = len(captions), material.data.cells
    generator = torch.Generator().manual_seed(1)
    z = torch.randn(count, material.layout.latent_channels, height, width, generator=generator).to(device)
    text = _texts(material, module, captions)
    nothing = _texts(material, module, [""] * count)
    schedule = trailing_schedule(steps, module.prediction)
    for k, t in enumerate(schedule.timesteps):
        output = _predict(module, z, condition, t, text)
        if w != 1:
            output = guided(_predict(module, z, condition, t, nothing), output, w)
        z_0, e = split(output, z, schedule.levels[k], schedule.prediction)
        z = ddim_step(z_0, e, schedule.levels[k], schedule.levels[k + 1])
    return z


def inversion_errors(
    material: Material, module: Denoising, clips: Sequence[PreparedClip], taus: Sequence[int]
) -> tuple[dict[str, float], dict[str, torch.Tensor]]:
    """First frames of `clips`, DDIM-inverted to each tau and denoised again in 20 steps each way, with their captions.

    PSNR in dB against the autoencoder's own decoding, so that its errors do not count; and the pictures, by label.
    """
    device = next(module.parameters()).device
    starts = np.array([clip.start for clip in clips])
    z = latents_of(material, starts).to(device)
    text = _texts(material, module, [clip.captions[0] if clip.captions else "" for clip in clips])
    reference = decode(material.autoencoder, z)
    truth = to_tensor(material.data.frames[starts]).to(device)
    figures = {"autoencoder": psnr(reference, truth)}
    pictures = {"held-out frame": truth, "autoencoder": reference}
    for tau in taus:
        back = decode(material.autoencoder, _there_and_back(module, z, text, tau))
        figures[f"inverted to {tau}"] = psnr(back, reference)
        pictures[f"inverted to tau = {tau} and back"] = back
    return figures, pictures


def _there_and_back(module: Denoising, z: torch.Tensor, text: torch.Tensor, tau: int) -> torch.Tensor:
    schedule = placed_schedule(build_scheduler(), tau, _STEPS)
    nothing = z[:, :0]
    for k in reversed(range(schedule.steps)):
        # the prediction is taken at the noisier end, whose timestep the network is told
        level, noisier = schedule.levels[k + 1], schedule.levels[k]
        z_0, e = split(_predict(module, z, nothing, schedule.timesteps[k], text), z, level, schedule.prediction)
        z = ddim_inversion_step(z_0, e, noisier)
    for k, t in enumerate(schedule.timesteps):
        z_0, e = split(_predict(module, z, nothing, t, text), z, schedule.levels[k], schedule.prediction)
        z = ddim_step(z_0, e, schedule.levels[k], schedule.levels[k + 1])
    return z


def _predict(module: Denoising, z: torch.Tensor, condition: torch.Tensor, t: int, text: torch.Tensor) -> torch.Tensor:
    return module.predict(z, condition, torch.tensor(t, device=z.device), text)


def _texts(material: Material, module: Denoising, captions: list[str]) -> torch.Tensor:
    device = next(module.parameters()).device
    encoder: Any = module.text_encoder
    return encoder(tokens_of(material, captions).to(device)).last_hidden_state
