"""Noise levels and steps between them: DDIM, its inversion, spatial eta, multistep; one function each, no state.

Notation of Song, Meng, Ermon 2021 (DDIM): z_t = sqrt(a_t) z_0 + sqrt(1 - a_t) e, where a_t is the cumulative product of
the alphas (`level` in the code: 1 is clean, 0 is pure noise) and e the noise. In the variables x = z / sqrt(a) and
s = sqrt((1 - a) / a) the deterministic process is dx/ds = e(x, s) (their eq. 14), which multistep methods integrate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch

from simcraft.errors import UserError

PREDICTIONS = ("epsilon", "v_prediction", "sample")

Eta = float | torch.Tensor
"""Share of DDPM's noise that a step adds: 0 is DDIM, 1 DDPM; a (1, 1, h, w) tensor gives each latent pixel its own."""


@dataclass(frozen=True)
class Schedule:
    """Noise levels from the noisiest down to clean; step k leads from `levels[k]` to `levels[k + 1]`."""

    timesteps: tuple[int, ...]
    """n training timesteps, descending: what the network is told at step k."""
    levels: tuple[float, ...]
    """n + 1 cumulative alphas, ascending: those of the timesteps, then the clean one."""
    prediction: str
    """What the network returns: one of `PREDICTIONS`."""

    @property
    def steps(self) -> int:
        """n."""
        return len(self.timesteps)


def published_schedule(scheduler: Any, tau: int = 400, steps: int = 200) -> Schedule:
    """The timesteps of diffusers' DDIM with `steps` over the whole range, those of the last `tau` only.

    Parameters
    ----------
    scheduler: a diffusers scheduler; spacing, offset, final alpha and terminal SNR follow its config.
    tau: noise that the motion acts at, in training timesteps.
    steps: of the whole range; round(steps tau / training timesteps) are used.

    Raises `UserError` where the model is not trained with a DDPM noise schedule, or no step is left.
    """
    ddim = ddim_scheduler(scheduler)
    trained = ddim.config.num_train_timesteps
    _check_range(tau, trained)
    count = round(tau * steps / trained)
    if not 1 <= count <= steps <= trained:
        raise UserError(f"{steps} steps leave {count} below tau = {tau}.", f"Use up to {trained} steps, and 1 or more.")
    ddim.set_timesteps(steps)
    timesteps = tuple(int(t) for t in ddim.timesteps[-count:])
    following = [t - trained // steps for t in timesteps]
    if following[-1] >= 0 or list(timesteps[1:]) != following[:-1]:
        # spacings other than "leading" are uneven: diffusers' step then jumps to levels that it does not name
        following = [*timesteps[1:], -1]
    return Schedule(timesteps, (_level(ddim, timesteps[0]), *(_level(ddim, t) for t in following)), _prediction(ddim))


def placed_schedule(scheduler: Any, tau: int, steps: int, rho: float = 3.0) -> Schedule:
    """`steps` timesteps below `tau`, even in s^(1 / rho) (Karras et al. 2022, eq. 5): closer near the clean end.

    Parameters as for `published_schedule`, but `steps` counts those that are used.
    """
    ddim = ddim_scheduler(scheduler)
    trained = ddim.config.num_train_timesteps
    _check_range(tau, trained)
    if not 1 <= steps <= tau:
        raise UserError(f"{steps} steps do not fit below tau = {tau}.", f"Use 1 to {tau} steps.")
    spread = [noise_ratio(_level(ddim, t)) for t in range(tau)]
    top = spread[-1] if math.isfinite(spread[-1]) else spread[-2]  # zero terminal SNR: s is infinite there
    first = spread[0] ** (1 / rho)
    wanted = [(first + (top ** (1 / rho) - first) * (k + 1) / steps) ** rho for k in range(steps)]
    timesteps, lowest = [], 0
    for k, ratio in enumerate(wanted):
        nearest = min(range(tau), key=lambda t: abs(spread[t] - ratio))
        # distinct timesteps, also where so many are asked for that several want the same one
        lowest = min(max(nearest, lowest), tau - (steps - k))
        timesteps.append(lowest)
        lowest += 1
    timesteps[-1] = tau - 1
    timesteps.reverse()
    return Schedule(tuple(timesteps), tuple(_level(ddim, t) for t in [*timesteps, -1]), _prediction(ddim))


def ddim_scheduler(scheduler: Any) -> Any:
    """The `DDIMScheduler` with a scheduler's noise schedule; `UserError` where it has none (flow matching)."""
    from diffusers import DDIMScheduler

    config = dict(scheduler.config)
    if "beta_schedule" not in config and not config.get("trained_betas"):
        name = type(scheduler).__name__
        raise UserError(
            f"{name} has no DDPM noise schedule, so there is no DDIM inversion.",
            "Use a Stable Diffusion 1.x, 2.x or SDXL checkpoint.",
        )
    return DDIMScheduler.from_config(scheduler.config)


def noise_ratio(level: float) -> float:
    """s = sqrt((1 - a) / a), infinite for pure noise."""
    return math.sqrt((1 - level) / level) if level > 0 else math.inf


def split(output: torch.Tensor, z: torch.Tensor, level: float, prediction: str) -> tuple[torch.Tensor, torch.Tensor]:
    """(z_0, e) from what the network returned for `z`, taken to be at `level`.

    `prediction`: "epsilon", "sample" or "v_prediction", v = sqrt(a) e - sqrt(1 - a) z_0 (Salimans and Ho 2022).
    Pure noise tells no z_0 from "epsilon", a clean picture no e from "sample": these raise `UserError`.
    """
    signal, noise = math.sqrt(level), math.sqrt(1 - level)
    if prediction == "epsilon" and signal > 0:
        return (z - noise * output) / signal, output
    if prediction == "sample" and noise > 0:
        return output, (z - signal * output) / noise
    if prediction == "v_prediction":
        return signal * z - noise * output, signal * output + noise * z
    raise UserError(
        f"Prediction '{prediction}' says nothing at level {level:g}.", f"Known: {', '.join(PREDICTIONS)}; lower tau."
    )


def guided(negative: torch.Tensor, positive: torch.Tensor, w: float) -> torch.Tensor:
    """Classifier-free guidance (Ho and Salimans 2021, in Stable Diffusion's scale: 1 is none)."""
    return negative + w * (positive - negative)


def sigma(level: float, following: float, eta: Eta) -> Eta:
    """Standard deviation of the noise that a step adds, eta times DDPM's (DDIM, eq. 16)."""
    return eta * math.sqrt((1 - following) / (1 - level) * (1 - level / following))


def ddim_step(
    z_0: torch.Tensor,
    e: torch.Tensor,
    level: float,
    following: float,
    eta: Eta = 0.0,
    noise: torch.Tensor | None = None,
) -> torch.Tensor:
    """From `level` to the less noisy `following` (DDIM, eq. 12).

    Parameters
    ----------
    z_0, e: (B, C, h, w), the prediction at `level`; see `split`.
    eta: 0 to 1, or a tensor that broadcasts to (B, C, h, w): spatial eta.
    noise: (B, C, h, w) standard normal; required unless eta is 0.
    """
    added = sigma(level, following, eta)
    if isinstance(added, float):
        direction: float | torch.Tensor = math.sqrt(max(1 - following - added**2, 0))
    else:
        direction = (1 - following - added**2).clamp(min=0).sqrt()
    z = math.sqrt(following) * z_0 + direction * e
    return z if noise is None else z + added * noise


def ddim_inversion_step(z_0: torch.Tensor, e: torch.Tensor, noisier: float) -> torch.Tensor:
    """From the level of the prediction (z_0, e) to a `noisier` one: DDIM's step, run backwards."""
    return math.sqrt(noisier) * z_0 + math.sqrt(1 - noisier) * e


def ode_step(z: torch.Tensor, e: torch.Tensor, level: float, other: float) -> torch.Tensor:
    """Along dx/ds = e from `level` to the `other`, in either direction; the same as DDIM's step with z_0 from e."""
    if level <= 0:
        raise UserError("The process cannot be followed from pure noise by its noise alone.", "Lower tau.")
    x = z / math.sqrt(level) + (noise_ratio(other) - noise_ratio(level)) * e
    return math.sqrt(other) * x


def extrapolated(e: torch.Tensor, before: torch.Tensor, levels: tuple[float, float, float]) -> torch.Tensor:
    """Two-step Adams-Bashforth on uneven steps: the e with which one step from the second to the third is of order 2.

    (Zhang and Chen 2023, DEIS, rho-AB.) `before` is e at the first of the three levels, `e` at the second.
    """
    s = [noise_ratio(level) for level in levels]
    if not math.isfinite(s[0]):
        return e
    r = (s[2] - s[1]) / (s[1] - s[0])
    return e + (r / 2) * (e - before)


def _check_range(tau: int, trained: int) -> None:
    if not 1 <= tau <= trained:
        raise UserError(f"tau is {tau}.", f"Choose 1 to {trained} training timesteps (a strength of up to 1).")


def _level(ddim: Any, timestep: int) -> float:
    return float(ddim.alphas_cumprod[timestep] if timestep >= 0 else ddim.final_alpha_cumprod)


def _prediction(ddim: Any) -> str:
    if ddim.config.prediction_type not in PREDICTIONS:
        raise UserError(
            f"The model predicts '{ddim.config.prediction_type}'.",
            f"Models that predict {', '.join(PREDICTIONS)} work.",
        )
    return str(ddim.config.prediction_type)
