"""Latents are principal components: closed forms hold to rounding before anything is trained."""

from pathlib import Path

import pytest
import torch

from simcraft.assets import asset
from simcraft.generate.patch_autoencoder import PatchAutoencoder

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def pictures() -> torch.Tensor:
    """(6, 3, 32, 24) smooth noise, -1 to 1, of which colours and neighbours are correlated."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(6, 3, 32, 24, generator=generator)
    noise = noise + 2 * noise.mean(1, keepdim=True) + 0.3
    smooth = torch.nn.functional.avg_pool2d(noise, 3, 1, 1) + 0.2 * noise
    return smooth / smooth.abs().max()


@pytest.fixture(scope="module")
def autoencoder(pictures: torch.Tensor) -> PatchAutoencoder:
    torch.manual_seed(1)
    return PatchAutoencoder(latent_channels=10, patch=4, width=16, blocks=1).fit(pictures)


@torch.no_grad()
def test_channels_are_uncorrelated_in_the_order_of_their_variance(
    autoencoder: PatchAutoencoder, pictures: torch.Tensor
) -> None:
    z = autoencoder.encode(pictures).latents
    assert z.shape == (6, 10, 8, 6)
    flat = z.transpose(0, 1).flatten(1).double()
    covariance = torch.cov(flat)
    variances = covariance.diag()
    assert flat.mean(1).abs().max() < 1e-4
    assert (covariance - torch.diag(variances)).abs().max() < 1e-3
    assert (variances.diff() <= 1e-4).all()
    assert float(variances.mean()) == pytest.approx(1, abs=1e-3)


@torch.no_grad()
def test_the_error_is_the_variance_that_was_left_out(autoencoder: PatchAutoencoder, pictures: torch.Tensor) -> None:
    patches = torch.nn.functional.unfold(pictures.double(), 4, stride=4).transpose(1, 2).flatten(0, 1)
    variances = torch.linalg.eigvalsh(torch.cov(patches.T))
    error = (autoencoder(pictures).sample - pictures).double().square().mean()
    count = len(patches)
    assert float(error) == pytest.approx(float(variances[:-10].sum() * (count - 1) / count / 48), rel=1e-4)


@torch.no_grad()
def test_weighted_errors_of_latents_are_those_of_pixels(autoencoder: PatchAutoencoder, pictures: torch.Tensor) -> None:
    z = autoencoder.encode(pictures).latents
    ratios = []
    for channel in (0, 4, 9):
        moved = z.clone()
        moved[:, channel] += 0.1 * torch.randn(z[:, channel].shape, generator=torch.Generator().manual_seed(channel))
        pixels = (autoencoder.inverse(moved) - autoencoder.inverse(z)).square().mean()
        weighted = ((moved - z).square() * autoencoder.pixel_weights()[:, None, None]).mean()
        ratios.append(float(pixels / weighted))
    assert ratios == pytest.approx([ratios[0]] * 3, rel=1e-4)


@torch.no_grad()
def test_moving_by_whole_cells_is_exact(autoencoder: PatchAutoencoder, pictures: torch.Tensor) -> None:
    z, moved = autoencoder.encode(pictures).latents, autoencoder.encode(pictures.roll((8, -4), (2, 3))).latents
    assert torch.allclose(moved, z.roll((2, -1), (2, 3)), atol=1e-5)


@torch.no_grad()
def test_fitting_again_gives_the_same_and_so_does_saving(
    autoencoder: PatchAutoencoder, pictures: torch.Tensor, tmp_path: Path
) -> None:
    torch.manual_seed(1)
    again = PatchAutoencoder(latent_channels=10, patch=4, width=16, blocks=1).fit(pictures.flip(0))
    assert torch.allclose(again.encoder.weight, autoencoder.encoder.weight, atol=1e-4)
    autoencoder.save_pretrained(tmp_path)
    loaded = PatchAutoencoder.from_pretrained(tmp_path)
    assert torch.equal(loaded(pictures).sample, autoencoder(pictures).sample)
    # what stock pipelines tell the number of pixels a cell by
    assert 2 ** (len(loaded.config.block_out_channels) - 1) == 4


WEIGHTS = (1.0, 4.0, 0.5, 2.0, 1.0)


@pytest.fixture(scope="module")
def many_channels() -> torch.Tensor:
    """(6, 5, 32, 24) smooth noise; channels differ in variance, and neither they nor places have a mean of 0."""
    generator = torch.Generator().manual_seed(3)
    noise = torch.nn.functional.avg_pool2d(torch.randn(6, 5, 34, 26, generator=generator), 3, 1)
    places = torch.linspace(-1, 1, 24) % 0.3
    return noise * torch.tensor([1, 0.2, 1, 0.1, 0.5])[:, None, None] + places + torch.arange(5)[:, None, None] / 5


@torch.no_grad()
def test_without_blocks_all_is_linear_and_whole_patches_come_back(many_channels: torch.Tensor) -> None:
    whole = PatchAutoencoder(80, 4, blocks=0, channel_weights=WEIGHTS).fit(many_channels)
    assert torch.allclose(whole(many_channels).sample, many_channels, atol=2e-4)
    few = PatchAutoencoder(12, 4, blocks=0, channel_weights=WEIGHTS).fit(many_channels)
    a, b = few.encode(many_channels).latents.split(3)
    mixed = few.decode(0.3 * a + 0.7 * b).sample
    assert torch.allclose(mixed, 0.3 * few.decode(a).sample + 0.7 * few.decode(b).sample, atol=1e-5)
    assert float(a.mean()) == pytest.approx(-float(b.mean()), abs=1e-5)


@torch.no_grad()
def test_what_counts_more_is_kept_longer(many_channels: torch.Tensor) -> None:
    """The weighted error is the smallest of all linear ones: the weighted variance that was left out."""
    plain = PatchAutoencoder(12, 4, blocks=0, channel_weights=(1.0,) * 5).fit(many_channels)
    weighted = PatchAutoencoder(12, 4, blocks=0, channel_weights=WEIGHTS).fit(many_channels)
    counts = torch.tensor(WEIGHTS)[:, None, None]
    errors = [((model(many_channels).sample - many_channels) * counts).square() for model in (plain, weighted)]
    assert errors[1].mean() < 0.9 * errors[0].mean()
    patches = torch.nn.functional.unfold(many_channels * counts, 4, stride=4).transpose(1, 2).flatten(0, 1).double()
    left = torch.linalg.eigvalsh(torch.cov(patches.T))[:-12].sum() * (len(patches) - 1) / len(patches) / 80
    assert float(errors[1].mean()) == pytest.approx(float(left), rel=1e-3)
    z = weighted.encode(many_channels).latents
    moved = z + 0.1 * torch.randn(z.shape, generator=torch.Generator().manual_seed(0))
    pixels = ((weighted.decode(moved).sample - weighted.decode(z).sample) * counts).square().sum((1, 2, 3))
    latents = ((moved - z).square() * weighted.pixel_weights()[:, None, None]).sum((1, 2, 3))
    assert torch.allclose(pixels / latents, (pixels / latents).mean(), rtol=1e-4)


@torch.no_grad()
def test_more_channels_are_saved_with_their_weights(many_channels: torch.Tensor, tmp_path: Path) -> None:
    model = PatchAutoencoder(12, 4, blocks=0, channel_weights=WEIGHTS).fit(many_channels)
    model.save_pretrained(tmp_path)
    loaded = PatchAutoencoder.from_pretrained(tmp_path)
    assert torch.equal(loaded(many_channels).sample, model(many_channels).sample)
    assert torch.equal(loaded.pixel_weights(), model.pixel_weights())
    assert sum(parameter.numel() for parameter in loaded.parameters()) == 2 * 12 * 80 + 12 + 5 + 80


@torch.no_grad()
def test_the_shipped_one_loads_unchanged() -> None:
    """Every weight of the file, and nothing else; what it says of a picture is what its components say."""
    from safetensors.torch import load_file

    folder = asset("models/simcraft-image-inpaint/vae")
    loaded = PatchAutoencoder.from_pretrained(folder).float()
    weights = load_file(folder / "diffusion_pytorch_model.safetensors")
    assert {name: tuple(value.shape) for name, value in loaded.state_dict().items()} == {
        name: tuple(value.shape) for name, value in weights.items()
    }
    assert all(torch.equal(value.to(weights[name].dtype), weights[name]) for name, value in loaded.state_dict().items())
    picture = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
    components = weights["encoder.weight"].float().flatten(1)
    expected = components @ picture[0, :, 4:, :4].flatten() + weights["encoder.bias"].float()
    assert torch.allclose(loaded.encode(picture).latents[0, :, 1, 0], expected, atol=1e-4)


def test_networks_that_are_offloaded_come_back_to_encode_and_to_decode() -> None:
    from accelerate.hooks import ModelHook, add_hook_to_module

    class Counting(ModelHook):
        count = 0

        def pre_forward(self, module: torch.nn.Module, *args: object, **kwargs: object) -> tuple[object, object]:
            self.count += 1
            return args, kwargs

    autoencoder, hook = PatchAutoencoder(4, 4, width=8, blocks=0), Counting()
    add_hook_to_module(autoencoder, hook)
    latents = autoencoder.encode(torch.zeros(1, 3, 8, 8)).latents
    assert hook.count == 1
    autoencoder.decode(latents)
    assert hook.count == 2
