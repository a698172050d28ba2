"""The published procedure, step by step, for comparison: 560 evaluations a frame at its settings.

Every frame is denoised together with the first and the previous one, which are denoised again for their attention
features; then the result is inverted, for the next frame to be warped from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from simcraft.generate.motioncraft.attention import PUBLISHED, Pattern
from simcraft.generate.motioncraft.attention import Frames as Attended
from simcraft.generate.motioncraft.denoiser import Condition, Denoiser
from simcraft.generate.motioncraft.schedule import Eta, Schedule, ddim_inversion_step, ddim_step, split
from simcraft.generate.motioncraft.warping import warp_latents

StepDone = Callable[[int, int, torch.Tensor], None]
"""Called after every denoising step with its index, its timestep and the latents."""


@dataclass(frozen=True)
class Reference:
    """Settings of the published procedure; the defaults are the authors'."""

    guidance: float = 7.5
    pattern: Pattern = PUBLISHED
    warp: str = "nearest"
    invert: bool = True
    """Else the next frame is warped from this one's warped latents."""


def invert(denoiser: Denoiser, z_0: torch.Tensor, schedule: Schedule, prompt: Condition) -> torch.Tensor:
    """DDIM inversion of latents (1, C, h, w) to z_tau, without guidance; `schedule.steps` evaluations.

    As in diffusers, the network is told the timestep that a step leads to and given the latents that it starts from.
    """
    z = z_0
    for k in reversed(range(schedule.steps)):
        output = denoiser(z, schedule.timesteps[k], [prompt])
        predicted = split(output, z, schedule.levels[k + 1], schedule.prediction)
        z = ddim_inversion_step(*predicted, schedule.levels[k])
    return z


def generate_together(
    denoiser: Denoiser,
    z: torch.Tensor,
    schedule: Schedule,
    settings: Reference,
    prompt: Condition,
    negative: Condition,
    eta: Eta,
    generator: torch.Generator | None,
    step_done: StepDone | None = None,
) -> torch.Tensor:
    """Denoise frames (F, C, h, w) = (first, previous, warped) from tau to clean, attending after the pattern.

    The negative prompt is the last frame's; the others have the prompt in its place. `eta` is the last frame's: 0., or
    a (1, 1, h, w) tensor, and then noise is drawn for all frames of every step, as the authors' code draws it.
    """
    count = len(z)
    negatives, positives = [prompt] * (count - 1) + [negative], [prompt] * count
    attended = Attended(settings.pattern)
    etas = _last_only(eta, z)
    for k, timestep in enumerate(schedule.timesteps):
        output = denoiser.guided(z, timestep, negatives, positives, settings.guidance, attended)
        noise = None if etas is None else standard_normal(z, generator)
        z_0, e = split(output, z, schedule.levels[k], schedule.prediction)
        z = ddim_step(z_0, e, schedule.levels[k], schedule.levels[k + 1], 0.0 if etas is None else etas, noise)
        if step_done is not None:
            step_done(k, timestep, z[-1:])
    return z


def next_frame(
    denoiser: Denoiser,
    z_tau_first: torch.Tensor,
    z_tau: torch.Tensor,
    grid: torch.Tensor,
    eta: Eta,
    schedule: Schedule,
    settings: Reference,
    prompt: Condition,
    negative: Condition,
    generator: torch.Generator | None = None,
    step_done: StepDone | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """One frame: its clean and its inverted latents, (1, C, h, w) each.

    Parameters
    ----------
    z_tau_first, z_tau: (1, C, h, w) inverted latents of the first and of the previous frame.
    grid: (h, w, 2) backward sampling positions; see `warping`.
    eta: 0., or (1, 1, h, w).
    generator: where spatial eta's noise comes from; None is torch's own.
    """
    warped = warp_latents(z_tau, grid, settings.warp)
    frames = torch.cat([z_tau_first, z_tau, warped])
    frames = generate_together(denoiser, frames, schedule, settings, prompt, negative, eta, generator, step_done)
    z_0 = frames[-1:]
    return z_0, invert(denoiser, z_0, schedule, prompt) if settings.invert else warped


def standard_normal(like: torch.Tensor, generator: torch.Generator | None) -> torch.Tensor:
    """Noise of the shape, type and device of `like`, drawn where the generator is: the same on every device."""
    where = like.device if generator is None else generator.device
    return torch.randn(like.shape, generator=generator, device=where, dtype=like.dtype).to(like.device)


def _last_only(eta: Eta, z: torch.Tensor) -> torch.Tensor | None:
    """(F, 1, h, w), zero but for the last frame; None where eta is no tensor and 0."""
    if not isinstance(eta, torch.Tensor):
        return None if eta == 0 else torch.tensor([0.0] * (len(z) - 1) + [eta]).to(z).view(-1, 1, 1, 1)
    etas = eta.to(z).repeat(len(z), 1, 1, 1)
    etas[:-1] = 0
    return etas
