"""Clips longer than the network's: windows of its length, and how they agree.

Painting (stage two) denoises all windows side by side and takes, at each step, the weighted mean of what they predict
for the frames that they share: MultiDiffusion (Bar-Tal et al. 2023, arXiv 2302.08113) along time, as in Gen-L-Video
(Wang et al. 2023, arXiv 2305.18264). New here is that every window begins with the clip's first frame, since that is
what the network has learnt of the frame that it sees first.

Reasoning (stage one) has to go from one window to the next, as motion follows from motion. The frames that a window
shares with the one before are known: at each step they are replaced by what is known with the noise of that step, as in
RePaint (Lugmayr et al. 2022, arXiv 2201.09865) and, for videos, by Ho et al. 2022 (arXiv 2204.03458, section 3.1).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from simcraft.errors import UserError
from simcraft.generate.motion_dreamer.sampling import SAMPLERS, Denoise, karras_sigmas
from simcraft.generate.motion_dreamer.settings import Settings

StepDone = Callable[[int, float, torch.Tensor], None]
"""Called after each step with its number, its sigma, and the latents."""


def painting_windows(frames: int, length: int, overlap: int) -> list[np.ndarray]:
    """The frames that each window shows, `length` or fewer: frame 0, then a stretch of the others.

    Neighbouring stretches share at least `overlap` frames, and all have the same length. Raises `UserError` where
    `overlap` leaves nothing of a window.
    """
    if frames <= length:
        return [np.arange(frames)]
    return [np.concatenate([[0], 1 + stretch]) for stretch in _stretches(frames - 1, length - 1, overlap)]


def reasoning_windows(frames: int, length: int, overlap: int) -> list[np.ndarray]:
    """The frames of one window after the other, `length` or fewer; each shares at least `overlap` with the one before.

    Raises `UserError` where `overlap` leaves nothing of a window.
    """
    return [np.arange(frames)] if frames <= length else _stretches(frames, length, overlap)


def _stretches(frames: int, length: int, overlap: int) -> list[np.ndarray]:
    if overlap >= length:
        raise UserError(f"The overlap is {overlap} frames; a window has only {length} to go on.", "Take a smaller one.")
    count = -(-(frames - overlap) // (length - overlap))
    starts = np.linspace(0, frames - length, count).round().astype(int)
    return [np.arange(start, start + length) for start in starts]


def blended(denoise_window: Callable[[int], Denoise], windows: Sequence[np.ndarray]) -> Denoise:
    """One denoiser of all frames, latents (1, T, C, h, w), of one for each window; they work one after the other.

    The middle of a window counts most.
    """

    def denoise(x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        if len(windows) == 1:
            return denoise_window(0)(x, sigma)
        total, weights = torch.zeros_like(x), x.new_zeros(x.shape[1])
        for number, window in enumerate(windows):
            frames = torch.from_numpy(window).to(x.device)
            each = torch.arange(1, len(frames) + 1, device=x.device, dtype=x.dtype)
            weight = torch.minimum(each, each.flip(0))
            clean = denoise_window(number)(x[:, frames], sigma)
            total.index_add_(1, frames, clean * weight[:, None, None, None])
            weights.index_add_(0, frames, weight)
        return total / weights[:, None, None, None]

    return denoise


def pinned(denoise: Denoise, known: torch.Tensor) -> Denoise:
    """A denoiser that knows the first K frames, `known` (1, K, C, h, w), of latents (1, T, C, h, w).

    Noise that leads to what is known has to be there from the start: `sample` sees to that. From then on every step of
    a sampler takes them to what is known with the noise of that step: nothing else has to be replaced.
    """

    def denoise_others(x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        return torch.cat([known.to(x), denoise(x, sigma)[:, known.shape[1] :]], 1)

    return denoise_others


def sample(
    denoise: Denoise,
    noise: torch.Tensor,
    known: torch.Tensor,
    settings: Settings,
    step_done: StepDone | None = None,
) -> torch.Tensor:
    """Latents (1, T, C, h, w) from `noise` of that shape, whose first frames are `known` (1, K, C, h, w)."""
    sigmas = karras_sigmas(settings.steps, settings.smallest, settings.largest).to(noise.device)
    sampler, denoise = SAMPLERS[settings.sampler], pinned(denoise, known)
    x = sigmas[0] * noise
    x[:, : known.shape[1]] += known.to(x)
    for step in range(settings.steps):
        # one step a call: samplers look at no more than the latents they are given
        x = sampler(denoise, x, sigmas[step : step + 2])
        if step_done is not None:
            step_done(step, float(sigmas[step]), x)
    return x
