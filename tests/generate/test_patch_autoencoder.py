"""Latents are principal components: closed forms hold to rounding before anything is trained."""

from pathlib import Path

import pytest
import torch

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
