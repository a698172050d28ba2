"""Samplers and preconditioning against closed forms, and against Stable Video Diffusion's published scheduler."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from simcraft.errors import UserError
from simcraft.generate.motion_dreamer.layouts import LAYOUTS, build_unet
from simcraft.generate.motion_dreamer.preconditioning import (
    PREDICTIONS,
    Given,
    clean_of,
    denoiser,
    latents_of,
    noise_level,
    predict,
    residual_of,
    target_of,
)
from simcraft.generate.motion_dreamer.sampling import SAMPLERS, Denoise, Sampler, euler, heun, karras_sigmas
from tests.generate import tiny_svd

pytestmark = pytest.mark.usefixtures("one_thread")


def gaussian(mean: float, deviation: float) -> Denoise:
    """The best denoiser of data from a normal distribution."""

    def denoise(x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        return mean + deviation**2 / (deviation**2 + sigma**2) * (x - mean)

    return denoise


def flowed(x: torch.Tensor, sigma: float, mean: float, deviation: float) -> torch.Tensor:
    """Where the probability flow takes x from `sigma` to 0, in closed form."""
    return mean + (x - mean) * deviation / (deviation**2 + sigma**2) ** 0.5


def error(sampler: Sampler, steps: int) -> float:
    """Root mean square distance to the closed form, of many samples."""
    mean, deviation = 0.3, 0.7
    start = 20 * torch.randn(1000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    sigmas = karras_sigmas(steps, 0.01, 20).double()
    found = sampler(gaussian(mean, deviation), start, sigmas)
    return float((found - flowed(start, 20, mean, deviation)).square().mean().sqrt())


def test_samplers_reach_the_closed_form_at_their_order() -> None:
    for sampler, order in ((euler, 1), (heun, 2)):
        coarse, fine = error(sampler, 40), error(sampler, 80)
        assert fine < {1: 0.02, 2: 0.001}[order]
        assert coarse / fine == pytest.approx(2**order, rel=0.25), sampler.__name__


@pytest.mark.parametrize("name", SAMPLERS)
def test_samples_have_the_distribution_of_the_data(name: str) -> None:
    start = 80 * torch.randn(100_000, generator=torch.Generator().manual_seed(1))
    found = SAMPLERS[name](gaussian(-1.0, 0.5), start, karras_sigmas(100, 0.002, 80))
    assert float(found.mean()) == pytest.approx(-1, abs=0.01)
    assert float(found.std()) == pytest.approx(0.5, rel=0.03)


@pytest.mark.parametrize("name", SAMPLERS)
def test_one_step_gives_what_the_denoiser_says(name: str) -> None:
    x = torch.randn(5)
    found = SAMPLERS[name](gaussian(0.2, 1), x, torch.tensor([3.0, 0.0]))
    torch.testing.assert_close(found, gaussian(0.2, 1)(x, torch.tensor(3.0)))


@pytest.mark.parametrize("name", SAMPLERS)
def test_sampling_may_stop_before_zero(name: str) -> None:
    """The rest of the way is another call: that is how windows and previews sample."""
    sigmas = karras_sigmas(10, 0.01, 20)
    x = 20 * torch.randn(7, generator=torch.Generator().manual_seed(2))
    denoise = gaussian(0.1, 0.6)
    half = SAMPLERS[name](denoise, x, sigmas[:6])
    torch.testing.assert_close(SAMPLERS[name](denoise, half, sigmas[5:]), SAMPLERS[name](denoise, x, sigmas))


def test_karras_levels() -> None:
    sigmas = karras_sigmas(5, 0.002, 80)
    assert sigmas.shape == (6,) and sigmas[-1] == 0
    assert float(sigmas[0]) == pytest.approx(80) and float(sigmas[-2]) == pytest.approx(0.002)
    assert (sigmas.diff() < 0).all()
    seventh_roots = sigmas[:-1] ** (1 / 7)
    torch.testing.assert_close(seventh_roots.diff(), seventh_roots.diff()[:1].expand(4), rtol=1e-3, atol=0)
    for arguments in ((0, 0.1, 1), (5, 1, 0.1), (5, 0, 1)):
        with pytest.raises(UserError, match="steps from sigma"):
            karras_sigmas(*arguments)


def test_levels_are_those_of_stable_video_diffusion() -> None:
    scheduler = tiny_svd.scheduler()
    scheduler.set_timesteps(25)
    torch.testing.assert_close(karras_sigmas(25, 0.002, 700), scheduler.sigmas, rtol=1e-4, atol=0)
    torch.testing.assert_close(noise_level(scheduler.sigmas[:-1]), scheduler.timesteps.float(), rtol=1e-4, atol=1e-5)


def test_a_video_is_sampled_as_stable_video_diffusion_does() -> None:
    """The published scheduler and the network itself, against `denoiser` and `euler`."""
    unet, steps, generator = tiny_svd.unet(), 4, torch.Generator().manual_seed(3)
    scheduler = tiny_svd.scheduler()
    scheduler.set_timesteps(steps)
    x = torch.randn(1, 3, 4, 8, 8, generator=generator) * scheduler.sigmas[0]
    first = torch.randn(1, 3, 4, 8, 8, generator=generator)
    embedding, ids = torch.randn(1, 1, tiny_svd.WIDTH, generator=generator), torch.tensor([[6.0, 127.0, 0.02]])
    wanted = x
    with torch.no_grad():
        for level in scheduler.timesteps:
            sample = torch.cat([scheduler.scale_model_input(wanted, level), first], 2)
            wanted = scheduler.step(unet(sample, level, embedding, ids).sample, level, wanted).prev_sample
        ours = _with_stock_network(unet)
        found = euler(denoiser(ours, Given(first, embedding, ids)), x, karras_sigmas(steps, 0.002, 700))
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-3)


def _with_stock_network(unet: Any) -> Any:
    from simcraft.generate.motion_dreamer.network import MotionDreamerUNet

    config = {name: value for name, value in unet.config.items() if not name.startswith("_")}
    ours = MotionDreamerUNet(**config).eval()
    ours.load_state_dict(unet.state_dict())
    return ours


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_the_target_stands_for_the_clean_latents(prediction: str) -> None:
    clean, noise = torch.randn(2, 4, 3, 2, 5, 5, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    sigma = torch.tensor([1e-3, 0.3, 2.0, 300.0], dtype=torch.float64)
    noisy = clean + sigma[:, None, None, None, None] * noise
    target = target_of(clean, noise, sigma, prediction)
    torch.testing.assert_close(clean_of(target, noisy, sigma, prediction), clean)


def test_targets_and_inputs_have_unit_variance() -> None:
    clean, noise = torch.randn(2, 5, 20_000, generator=torch.Generator().manual_seed(5))
    sigma = torch.tensor([1e-3, 0.1, 1.0, 10.0, 700.0])
    for prediction in PREDICTIONS:
        deviations = target_of(clean, noise, sigma, prediction).std(1)
        torch.testing.assert_close(deviations, torch.ones(5), rtol=0.03, atol=0)
    noise_end = target_of(clean, noise, sigma, "v")
    torch.testing.assert_close(noise_end[0], noise[0], rtol=0, atol=0.01)  # almost clean: v is the noise
    torch.testing.assert_close(noise_end[4], -clean[4], rtol=0, atol=0.01)  # almost noise: v is minus the picture


@torch.no_grad()
@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_each_of_a_batch_has_its_own_level(prediction: str) -> None:
    unet, given, noisy = _tiny(prediction)
    sigma = torch.tensor([0.2, 5.0])
    together = predict(unet, noisy, sigma, given)
    for k in (0, 1):
        alone = Given(given.channels[k : k + 1], given.embedding[k : k + 1], given.time_ids[k : k + 1])
        torch.testing.assert_close(predict(unet, noisy[k : k + 1], sigma[k], alone)[0], together[k])


@torch.no_grad()
def test_an_untrained_network_hands_on_the_hint() -> None:
    hint = torch.randn(2, 4, 4, 8, 8)
    unet, given, noise = _tiny("x0", output=False)
    residual = heun(denoiser(unet, given), 50 * noise, karras_sigmas(4, 0.02, 50))
    assert torch.equal(latents_of(residual, hint, 0.4), hint)
    # for v it is the mean of what the noisy latents can be when they have unit variance, and nothing else is known
    unet, given, noise = _tiny("v", output=False)
    for sigma in torch.tensor([0.1, 1.0, 50.0]):
        torch.testing.assert_close(denoiser(unet, given)(noise, sigma), gaussian(0, 1)(noise, sigma))


def test_residuals_come_back_and_can_be_off() -> None:
    latents, hint = torch.randn(2, 1, 3, 4, 2, 2, generator=torch.Generator().manual_seed(6))
    residual = residual_of(latents, hint, 0.25)
    torch.testing.assert_close(residual, 4 * (latents - hint))
    torch.testing.assert_close(latents_of(residual, hint, 0.25), latents)
    assert torch.equal(residual_of(latents, hint, 0), latents)
    assert torch.equal(latents_of(latents, hint, 0), latents)


def _tiny(prediction: str, output: bool = True) -> tuple[Any, Given, torch.Tensor]:
    """A network, what it is given, and (2, 4, 4, 8, 8) noise; with `output`, one that does not begin at zero."""
    torch.manual_seed(0)
    layout = LAYOUTS["tiny"]
    unet = build_unet(layout, 7, 4, prediction=prediction, residual_scale=0.4).eval()
    if output:
        last: Any = unet.conv_out
        torch.nn.init.normal_(last.weight, std=0.1)
    given = Given(torch.randn(2, 4, 3, 8, 8), torch.randn(2, 4, layout.width), torch.zeros(2, 3))
    return unet, given, torch.randn(2, 4, 4, 8, 8)
