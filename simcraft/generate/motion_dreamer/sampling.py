"""Samplers: from noise to latents, along the probability flow (Karras et al. 2022, "Elucidating the design space ...").

Each is a function `(denoise, x, sigmas)`: `denoise(x, sigma)` gives the clean latents that x, with noise of standard
deviation `sigma`, is taken for; `sigmas` fall, and the last one is usually 0.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch

from simcraft.errors import UserError

Denoise = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""Of x, of any shape, and sigma, a scalar; gives clean x."""
Sampler = Callable[[Denoise, torch.Tensor, torch.Tensor], torch.Tensor]


def karras_sigmas(steps: int, smallest: float, largest: float, rho: float = 7.0) -> torch.Tensor:
    """(steps + 1) float32 noise levels from `largest` to `smallest`, and 0 (eq. 5).

    Raises `UserError` for levels out of order and less than one step.
    """
    if steps < 1 or not 0 < smallest < largest:
        raise UserError(
            f"{steps} steps from sigma {largest} to {smallest}; expected one or more, from a larger to a smaller one."
        )
    low, high = smallest ** (1 / rho), largest ** (1 / rho)
    levels = torch.linspace(high, low, steps, dtype=torch.float64) ** rho
    return torch.cat([levels, levels.new_zeros(1)]).float()


def euler(denoise: Denoise, x: torch.Tensor, sigmas: torch.Tensor) -> torch.Tensor:
    """Euler's method: one call of `denoise` a step; `x` is noise of `sigmas[0]` added to whatever is the start."""
    for sigma, following in pairwise(sigmas):
        x = x + (following - sigma) * _slope(denoise, x, sigma)
    return x


def heun(denoise: Denoise, x: torch.Tensor, sigmas: torch.Tensor) -> torch.Tensor:
    """Heun's method (algorithm 1 without noise): two calls of `denoise` a step, one in a last step to 0."""
    for sigma, following in pairwise(sigmas):
        slope = _slope(denoise, x, sigma)
        reached = x + (following - sigma) * slope
        if following > 0:
            mean = (slope + _slope(denoise, reached, following)) / 2
            reached = x + (following - sigma) * mean
        x = reached
    return x


SAMPLERS: dict[str, Sampler] = {"euler": euler, "heun": heun}
"""By name."""


def _slope(denoise: Denoise, x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    """dx / dsigma (eq. 3)."""
    return (x - denoise(x, sigma)) / sigma
