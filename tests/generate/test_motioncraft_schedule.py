"""Noise levels and steps: against diffusers' schedulers, and against data whose trajectories are known."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from diffusers import DDIMInverseScheduler, FlowMatchEulerDiscreteScheduler

from simcraft.errors import UserError
from simcraft.generate.motioncraft import fast, reference
from simcraft.generate.motioncraft.attention import Frames
from simcraft.generate.motioncraft.schedule import (
    Schedule,
    ddim_inversion_step,
    ddim_step,
    extrapolated,
    guided,
    noise_ratio,
    ode_step,
    placed_schedule,
    published_schedule,
    sigma,
    split,
)
from tests.generate.tiny import scheduler

DOUBLE = torch.float64


def test_the_published_steps_are_the_last_eighty_of_two_hundred() -> None:
    schedule = published_schedule(scheduler())
    assert schedule.timesteps == tuple(range(396, 0, -5)) and schedule.steps == 80
    table = scheduler().alphas_cumprod
    assert schedule.levels == tuple(float(table[t]) for t in [*schedule.timesteps, 0])
    assert published_schedule(scheduler(set_alpha_to_one=True)).levels[-1] == 1


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
@pytest.mark.parametrize("spacing", ["leading", "trailing"])
@pytest.mark.parametrize("eta", [0.0, 0.7])
def test_steps_are_those_of_diffusers(prediction: str, spacing: str, eta: float) -> None:
    theirs = scheduler(prediction_type=prediction, timestep_spacing=spacing)
    schedule = published_schedule(theirs, tau=1000, steps=10)
    theirs.set_timesteps(10)
    z, output, noise = torch.randn(3, 2, 4, 5, 5, generator=torch.Generator().manual_seed(0))
    for k, timestep in enumerate(theirs.timesteps):
        expected = theirs.step(output, int(timestep), z, eta=eta, variance_noise=noise if eta else None).prev_sample
        z_0, e = split(output, z, schedule.levels[k], schedule.prediction)
        mine = ddim_step(z_0, e, schedule.levels[k], schedule.levels[k + 1], eta, noise if eta else None)
        torch.testing.assert_close(mine, expected, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_inversion_steps_are_those_of_diffusers(prediction: str) -> None:
    forward = scheduler(prediction_type=prediction)
    theirs = DDIMInverseScheduler.from_config(forward.config)
    schedule = published_schedule(forward, tau=400, steps=50)
    theirs.set_timesteps(50)
    z, output = torch.randn(2, 1, 4, 5, 5, generator=torch.Generator().manual_seed(0))
    for k, timestep in zip(range(schedule.steps - 1, -1, -1), theirs.timesteps[:20], strict=True):
        expected = theirs.step(output, int(timestep), z).prev_sample
        mine = ddim_inversion_step(*split(output, z, schedule.levels[k + 1], prediction), schedule.levels[k])
        torch.testing.assert_close(mine, expected, rtol=1e-5, atol=1e-5)


def test_spatial_eta_gives_each_pixel_its_own_noise() -> None:
    z_0, e, noise = torch.randn(3, 1, 4, 6, 6, generator=torch.Generator().manual_seed(0), dtype=DOUBLE)
    eta = torch.rand(1, 1, 6, 6, dtype=DOUBLE)
    together = ddim_step(z_0, e, 0.5, 0.7, eta, noise)
    for row, column in ((0, 0), (3, 5)):
        alone = ddim_step(z_0, e, 0.5, 0.7, float(eta[0, 0, row, column]), noise)
        torch.testing.assert_close(together[..., row, column], alone[..., row, column])
    # eta = 1 is the posterior of DDPM: its variance, eq. 7 of Ho et al. 2020
    assert sigma(0.5, 0.7, 1.0) == pytest.approx(math.sqrt((1 - 0.7) / (1 - 0.5) * (1 - 0.5 / 0.7)))
    assert sigma(0.5, 0.7, 0.0) == 0


def test_marginals_are_kept_whatever_eta_is() -> None:
    """DDIM, theorem 1: z_0 and e that are exact lead to sqrt(a) z_0 + sqrt(1 - a) e of unit noise, for every eta."""
    generator = torch.Generator().manual_seed(0)
    e, noise = torch.randn(2, 1, 1, 300, 300, generator=generator)
    for eta in (0.0, 0.5, 1.0):
        z = ddim_step(torch.full_like(e, 2.0), e, 0.3, 0.6, eta, noise)
        assert z.mean().item() == pytest.approx(2 * math.sqrt(0.6), abs=0.01)
        assert z.std().item() == pytest.approx(math.sqrt(0.4), abs=0.01)


def test_a_step_and_its_inversion_undo_each_other() -> None:
    z_0, e = torch.randn(2, 1, 4, 6, 6, dtype=DOUBLE)
    z = ddim_step(z_0, e, 0.5, 0.9)
    torch.testing.assert_close(z, ode_step(ddim_inversion_step(z_0, e, 0.5), e, 0.5, 0.9))
    torch.testing.assert_close(ode_step(ode_step(z, e, 0.9, 0.2), e, 0.2, 0.9), z)


def test_zero_terminal_snr() -> None:
    """The noisiest level is pure noise: v tells z_0 there, epsilon does not."""
    flat = scheduler(rescale_betas_zero_snr=True, timestep_spacing="trailing", prediction_type="v_prediction")
    schedule = published_schedule(flat, tau=1000, steps=10)
    assert schedule.levels[0] == pytest.approx(0, abs=1e-9)
    v, z = torch.randn(2, 1, 4, 6, 6, dtype=DOUBLE)
    z_0, e = split(v, z, 0.0, "v_prediction")
    torch.testing.assert_close(z_0, -v)
    assert torch.isfinite(ddim_step(z_0, e, 0.0, 0.4, 1.0, z)).all()
    torch.testing.assert_close(extrapolated(e, z, (0.0, 0.1, 0.2)), e)
    with pytest.raises(UserError, match=r"epsilon.* says nothing at level 0"):
        split(v, z, 0.0, "epsilon")
    assert placed_schedule(flat, 1000, 8).timesteps[0] == 999


def test_guidance() -> None:
    negative, positive = torch.randn(2, 1, 4, 2, 2)
    assert torch.equal(guided(negative, positive, 1.0), negative + (positive - negative))
    torch.testing.assert_close(guided(negative, positive, 7.5), 7.5 * positive - 6.5 * negative)


@pytest.mark.parametrize("steps", [1, 5, 20, 60, 400])
def test_placed_steps_are_distinct_and_end_at_tau(steps: int) -> None:
    schedule = placed_schedule(scheduler(), 400, steps)
    assert schedule.timesteps[0] == 399 and len(set(schedule.timesteps)) == steps
    assert list(schedule.timesteps) == sorted(schedule.timesteps, reverse=True)
    assert list(schedule.levels[:-1]) == sorted(schedule.levels[:-1]) and len(schedule.levels) == steps + 1


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: published_schedule(scheduler(), tau=0), "tau is 0"),
        (lambda: published_schedule(scheduler(), tau=1, steps=10), "leave 0 below tau"),
        (lambda: placed_schedule(scheduler(), tau=10, steps=11), "do not fit below tau = 10"),
        (lambda: placed_schedule(FlowMatchEulerDiscreteScheduler(), 400, 10), "FlowMatchEuler.*no DDPM noise"),
    ],
)
def test_wrong_schedules(make: Any, text: str) -> None:
    with pytest.raises(UserError, match=text):
        make()


class GaussianDenoiser:
    """The optimal network for components that are normal with known variances; trajectories have a closed form."""

    takes_hint = False

    def __init__(self, variances: torch.Tensor) -> None:
        self.variances, self.table = variances, scheduler().alphas_cumprod.double()

    def __call__(self, z: torch.Tensor, timestep: int, _: Any, frames: Frames | None = None, hint: Any = None) -> Any:
        level = float(self.table[timestep])
        return math.sqrt(1 - level) * z / (level * self.variances + 1 - level)

    def guided(self, z: torch.Tensor, t: int, _: Any, conditions: Any, w: float, frames: Any, hint: Any = None) -> Any:
        return self(z, t, conditions)

    def moved(self, z: torch.Tensor, level: float, other: float) -> torch.Tensor:
        """Along the exact trajectory: each component keeps its place in units of its standard deviation."""
        spread = [a * self.variances + 1 - a for a in (level, other)]
        return z * (spread[1] / spread[0]).sqrt()


def gaussian(least: float = -3) -> tuple[Any, torch.Tensor]:
    """Variances over decades from 10^least, like a picture's spectrum, and a sample."""
    variances = torch.logspace(least, 1, 1024, dtype=DOUBLE).view(1, 4, 16, 16)
    sample = torch.randn(variances.shape, generator=torch.Generator().manual_seed(0), dtype=DOUBLE)
    return GaussianDenoiser(variances), sample * variances.sqrt()


def apart(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a - b).norm() / b.norm())


def fast_errors(steps: int, least: float = -3) -> tuple[float, float]:
    """Of inversion against the closed form, and of inversion and generation one after the other."""
    denoiser, z_0 = gaussian(least)
    schedule = placed_schedule(scheduler(), 400, steps)
    z_tau = fast.invert(denoiser, z_0, schedule, None, [{} for _ in range(steps)])  # type: ignore[arg-type]
    exact = denoiser.moved(z_0, schedule.levels[-1], schedule.levels[0])
    memories: list[Any] = [()] * steps
    back = fast.generate(denoiser, z_tau, schedule, 1.0, None, None, memories)  # type: ignore[arg-type]
    return apart(z_tau, exact), apart(back, z_0)


def published_errors() -> tuple[float, float]:
    denoiser, z_0 = gaussian()
    schedule = published_schedule(scheduler())
    z_tau = reference.invert(denoiser, z_0, schedule, None)  # type: ignore[arg-type]
    exact = denoiser.moved(z_0, schedule.levels[-1], schedule.levels[0])
    return apart(z_tau, exact), apart(_generated(denoiser, z_tau, schedule), z_0)


def _generated(denoiser: Any, z: torch.Tensor, schedule: Schedule) -> torch.Tensor:
    for k, timestep in enumerate(schedule.timesteps):
        predicted = split(denoiser(z, timestep, None), z, schedule.levels[k], "epsilon")
        z = ddim_step(*predicted, schedule.levels[k], schedule.levels[k + 1])
    return z


def test_ddim_follows_the_known_trajectories() -> None:
    inversion, round_trip = published_errors()
    assert inversion < 0.06 and round_trip < 0.01


def test_twenty_steps_are_more_accurate_than_the_published_eighty() -> None:
    theirs, mine = published_errors(), fast_errors(20)
    assert mine[0] < theirs[0] / 5 and mine[1] < theirs[1] / 2


def test_the_error_falls_with_the_square_of_the_steps() -> None:
    # variances well above the least noise: whole timesteps cannot be placed finely enough for smaller ones
    coarse, fine = fast_errors(4, least=-1), fast_errors(16, least=-1)
    assert fine[0] < coarse[0] / 12 and fine[1] < coarse[1] / 10


def test_multistep_integrates_a_straight_line_exactly() -> None:
    """dx/ds = s: two-step Adams-Bashforth has no error, however uneven the steps."""
    levels = (0.2, 0.35, 0.8)
    s = [torch.tensor(noise_ratio(level), dtype=DOUBLE) for level in levels]
    slope = extrapolated(s[1], s[0], levels)
    x = s[1] ** 2 / 2 + (s[2] - s[1]) * slope
    torch.testing.assert_close(x, s[2] ** 2 / 2)
