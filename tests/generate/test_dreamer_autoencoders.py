"""Latents of R: fitted ones, and three pictures through an autoencoder of frames."""

from pathlib import Path

import numpy as np
import pytest
import torch

from simcraft.clip.types import MotionClip
from simcraft.generate.motion_dreamer.autoencoders import LATENT_CHANNELS, WEIGHTS, ThreePictures, fitted_autoencoder
from simcraft.generate.motion_dreamer.palette import palette
from simcraft.generate.motion_dreamer.pictures import CHANNELS, from_pictures, to_pictures
from simcraft.generate.motion_dreamer.representation import Representation, representation_of
from simcraft.generate.patch_autoencoder import PatchAutoencoder
from tests.analytic import Layer, make_clip, waves
from tests.generate.tiny_svd import stable_video_diffusion

pytestmark = pytest.mark.usefixtures("one_thread")


def squares(seed: int) -> MotionClip:
    """Three squares of random size, way and depth before a wall that slides; 64 x 64 pixels, 4 frames."""
    rng = np.random.default_rng(seed)
    time = np.arange(4)[:, None]
    texture = waves((110, 120, 130), 20, seed)
    layers = [Layer((-999, -999, 999, 999), time * rng.uniform(-1, 1, 2), np.ones(4), texture, 10.0)]
    for depth in rng.uniform(2, 8, 3):
        x, y, side = rng.uniform(4, 40), rng.uniform(4, 40), rng.uniform(10, 24)
        box = (x, y, x + side, y + side)
        layers.append(Layer(box, time * rng.uniform(-3, 3, 2), np.ones(4), texture, float(depth)))
    return make_clip(layers, 64, 64)


@pytest.fixture(scope="module")
def seen() -> list[Representation]:
    return [representation_of(squares(seed), decodable=True) for seed in range(16)]


@pytest.fixture(scope="module")
def fitted(seen: list[Representation]) -> PatchAutoencoder:
    rng = np.random.default_rng(0)
    pictures = np.concatenate([to_pictures(r, palette(len(r.ids), rng)) for r in seen for _ in range(2)])
    return fitted_autoencoder(torch.from_numpy(pictures), 4)


def through(model: torch.nn.Module, r: Representation, seed: int = 0) -> Representation:
    """R after encoding and decoding, in drawn colours."""
    colours = palette(len(r.ids), np.random.default_rng(seed))
    with torch.no_grad():
        z = model.encode(torch.from_numpy(to_pictures(r, colours))).latents
        return from_pictures(model.decode(z).sample.numpy(), r.first, colours)


def errors(found: Representation, r: Representation) -> tuple[float, float, float]:
    """Mean end-point error in pixels, share of wrong labels, and mean relative error of depth, after frame 0."""
    assert r.segmentation is not None and r.depth is not None and found.depth is not None
    flow = np.linalg.norm(found.flow - r.flow, axis=-1)[1:]
    depth = np.abs(found.depth / r.depth - 1)[1:]
    return float(flow.mean()), float((found.segmentation != r.segmentation)[1:].mean()), float(depth.mean())


def test_a_third_of_the_channels_tells_motion_labels_and_depth(fitted: PatchAutoencoder) -> None:
    """Of clips that were not fitted to; a mean motion of two pixels."""
    unseen = [representation_of(squares(seed), decodable=True) for seed in range(100, 108)]
    assert fitted.config.latent_channels == LATENT_CHANNELS
    flow, labels, depth = np.mean([errors(through(fitted, r), r) for r in unseen], 0)
    assert flow < 0.1
    assert labels < 0.02
    assert depth < 0.03


def test_all_channels_tell_everything(seen: list[Representation]) -> None:
    rng = np.random.default_rng(1)
    pictures = torch.from_numpy(np.concatenate([to_pictures(r, palette(len(r.ids), rng)) for r in seen]))
    whole = fitted_autoencoder(pictures, 4, latent_channels=16 * CHANNELS)
    flow, labels, depth = errors(through(whole, seen[0]), seen[0])
    assert flow < 2e-3 and labels == 0 and depth < 2e-3


@torch.no_grad()
def test_latents_have_the_shape_that_networks_take(fitted: PatchAutoencoder, seen: list[Representation]) -> None:
    z = fitted.encode(torch.from_numpy(to_pictures(seen[0]))).latents
    assert z.shape == (4, LATENT_CHANNELS, 16, 16)
    assert 0.3 < float(z.std()) < 3
    assert tuple(fitted.config.channel_weights) == WEIGHTS


def test_the_fitted_one_is_small_and_saved(
    fitted: PatchAutoencoder, seen: list[Representation], tmp_path: Path
) -> None:
    fitted.save_pretrained(tmp_path)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 40_000
    found, again = through(fitted, seen[0]), through(PatchAutoencoder.from_pretrained(tmp_path), seen[0])
    np.testing.assert_array_equal(found.flow, again.flow)


def test_three_pictures_go_through_one_for_frames(seen: list[Representation]) -> None:
    """One that loses nothing gives back R."""
    generator = torch.Generator().manual_seed(0)
    vae = PatchAutoencoder(48, 4, blocks=0, scaling_factor=0.5).fit(torch.rand(40, 3, 32, 32, generator=generator))
    three = ThreePictures(vae)
    assert three.latent_channels == 144
    flow, labels, depth = errors(through(three, seen[0]), seen[0])
    assert flow < 1e-3 and labels == 0 and depth < 1e-3


@torch.no_grad()
def test_three_pictures_through_stable_video_diffusions_autoencoder(seen: list[Representation]) -> None:
    vae = stable_video_diffusion().vae
    three = ThreePictures(vae)
    pictures = torch.from_numpy(to_pictures(seen[0]))
    z = three.encode(pictures).latents
    assert three.latent_channels == 12 and z.shape == (4, 12, 8, 8)
    scale = vae.config.scaling_factor
    colours = vae.encode(pictures[:, 2:5]).latent_dist.mode() * scale
    depth = vae.encode(pictures[:, 5:].expand(-1, 3, -1, -1)).latent_dist.mode() * scale
    assert torch.allclose(z[:, 4:8], colours, atol=1e-5) and torch.allclose(z[:, 8:], depth, atol=1e-5)
    decoded = three.decode(z).sample
    assert decoded.shape == pictures.shape
    # each frame by itself
    assert torch.allclose(three.decode(z[2:3]).sample, decoded[2:3], atol=1e-4)
    grey = vae.decode(z[1:2, 8:] / scale, num_frames=1).sample
    assert torch.allclose(decoded[1, 5], grey[0].mean(0), atol=1e-4)
