"""What the stages learn from is what the clips say, and they do learn."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from simcraft.errors import UserError
from simcraft.generate.motioncraft.attention import Frames
from simcraft.generate.motioncraft.geometry import CHANNELS
from simcraft.train.autoencoder import AutoencoderStage, came_from_inside, smooth_flow
from simcraft.train.diffusion import Material, load_material, numbers_of, snr_weight
from simcraft.train.evaluate import inversion_errors, paint
from simcraft.train.frames import FramesStage, carry_noise
from simcraft.train.inpaint import InpaintStage
from simcraft.train.latents import digest_of
from simcraft.train.layout import build_scheduler, layout_of
from simcraft.train.prepared import PreparedSet
from simcraft.train.stage import Stage, step_generator
from simcraft.train.tokenizer import train_tokenizer


@pytest.fixture(params=["autoencoder", "unet", "inpaint"])
def stage(request: pytest.FixtureRequest, prepared: PreparedSet, material: Material) -> Stage:
    if request.param == "autoencoder":
        return AutoencoderStage(prepared, layout_of("tiny", prepared.size))
    return FramesStage(material) if request.param == "unet" else InpaintStage(material)


def test_the_loss_of_one_batch_goes_down(stage: Stage) -> None:
    batch = stage.batch(np.arange(4), step_generator(0, 0, 0))
    if stage.name == "inpaint":
        # `warp` paints these simple clips nearly as they are: without its picture there is something to learn
        batch["condition"][:, :, 1:-CHANNELS] = 0
    optimizer = torch.optim.Adam(stage.module.parameters(), 2e-3)
    losses = []
    for _ in range(12):
        loss = stage.module(batch)["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.8 * losses[0]
    missing = [name for name, p in stage.module.named_parameters() if p.requires_grad and p.grad is None]
    assert missing == []


def test_batches_are_repeatable_and_differ_by_step(stage: Stage) -> None:
    first, again, other = (stage.batch(np.arange(3), step_generator(0, step, 0)) for step in (5, 5, 6))
    assert first.keys() == again.keys()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["noise"], other["noise"])


def test_half_of_the_autoencoders_examples_move(prepared: PreparedSet) -> None:
    stage = AutoencoderStage(prepared, layout_of("tiny", prepared.size))
    flow = stage.batch(np.arange(6), step_generator(1, 0, 0))["flow"]
    assert [bool((each == 0).all()) for each in flow] == [True] * 3 + [False] * 3
    assert smooth_flow(50, 8, step_generator(2, 0, 0)).abs().amax() < 6 + 0.1 * 8


def test_the_decoder_is_trained_and_the_latents_stay(prepared: PreparedSet) -> None:
    stage = AutoencoderStage(prepared, layout_of("tiny", prepared.size))
    before = digest_of(stage.module.autoencoder.encoder), digest_of(stage.module.autoencoder)
    optimizer = torch.optim.Adam([p for p in stage.module.parameters() if p.requires_grad], 1e-3)
    stage.module(stage.batch(np.arange(4), step_generator(0, 0, 0)))["loss"].backward()
    optimizer.step()
    assert digest_of(stage.module.autoencoder.encoder) == before[0]
    assert digest_of(stage.module.autoencoder) != before[1]


def test_what_moves_in_from_outside_does_not_count() -> None:
    flow = torch.zeros(2, 2, 16, 16)
    flow[1, 0] = 3.0
    inside = came_from_inside(flow)
    assert inside[0].all()
    # x + 3 <= 15 - 4, and a cell away from the other edges
    assert torch.equal(inside[1, 0, 8].nonzero()[:, 0], torch.arange(1, 9))
    assert torch.equal(inside[1, 0, :, 4].nonzero()[:, 0], torch.arange(4, 12))


def test_weights_of_noise_levels() -> None:
    level = torch.tensor([0.0, 0.5, 0.9])
    assert torch.equal(snr_weight(level, None), torch.ones(3))
    assert snr_weight(level, 5).tolist() == pytest.approx([0, 1 / 2, 5 / 10])


def test_the_loss_is_that_of_v(material: Material) -> None:
    """A network that knows v has none: v = sqrt(a) e - sqrt(1 - a) z_0."""
    stage = FramesStage(material)
    batch = stage.batch(np.arange(2), step_generator(0, 0, 0))
    level = build_scheduler().alphas_cumprod[batch["t"]].view(2, 1, 1, 1, 1)
    v = level.sqrt() * batch["noise"] - (1 - level).sqrt() * batch["z"]

    def knows(noisy: torch.Tensor, t: torch.Tensor, **rest: object) -> tuple[torch.Tensor]:
        assert torch.allclose(noisy, (level.sqrt() * batch["z"] + (1 - level).sqrt() * batch["noise"]).flatten(0, 1))
        assert t.tolist() == batch["t"].repeat_interleave(3).tolist()
        assert rest["cross_attention_kwargs"] == {"frames": Frames(((0, 0), (1, 1), (0, 1)))}
        return (v.flatten(0, 1),)

    unet, stage.module.unet.forward = stage.module.unet, knows
    assert float(stage.module(batch)["loss"]) < 1e-10
    del unet.forward


def test_noise_is_carried_from_where_it_was() -> None:
    noise, fresh = torch.randn(2, 1, 3, 4, 5, generator=step_generator(0, 0, 0))
    y, x = torch.meshgrid(torch.arange(4) + 0.5, torch.arange(5) + 0.5, indexing="ij")
    places = torch.stack([x - 2, y], -1)[None]
    seen = (x[None] >= 2) & (y[None] < 3)
    moved = carry_noise(noise, fresh, places, seen)
    assert torch.equal(moved[..., :3, 2:], noise[..., :3, :3])
    assert torch.equal(moved[..., :2], fresh[..., :2])
    assert torch.equal(moved[..., 3, :], fresh[..., 3, :])


def test_an_inpainting_example_is_given_the_warped_picture_and_what_is_new(material: Material) -> None:
    """With latents that tell their frame."""
    numbers = np.arange(len(material.latents), dtype=np.float16)
    told = np.broadcast_to(numbers[:, None, None, None], material.latents.shape)
    surfaces = np.random.default_rng(0).random(material.data.geometry.shape).astype(np.float16)
    data = replace(material.data, geometry=surfaces)
    stage = InpaintStage(replace(material, data=data, latents=told, warped=told + 100))
    batch = stage.batch(np.arange(stage.examples), step_generator(4, 0, 0))
    targets = numbers_of(stage.material, stage.pairs)
    assert np.array_equal(batch["z"][:, 0, 0, 0, 0].numpy(), targets)
    mask, known, geometry = batch["condition"][:, 0].split([1, material.layout.latent_channels, CHANNELS], 1)
    assert torch.equal(known[:, 0, 0, 0], torch.from_numpy(targets) + 100.0)
    assert torch.equal(mask[:, 0], torch.from_numpy(material.data.new[targets].astype(np.float32) / 255))
    assert torch.equal(geometry, torch.from_numpy(surfaces[targets].astype(np.float32)))


def test_an_inpainting_network_begins_by_handing_on_what_it_is_given(material: Material) -> None:
    """Its loss is the difference of the warped latents from the true ones, at any noise level."""
    stage = InpaintStage(material)
    batch = stage.batch(np.arange(6), step_generator(4, 0, 0))
    with torch.no_grad():
        loss = stage.module(batch)["loss"]
    weights = material.autoencoder.pixel_weights()[:, None, None]
    expected = ((batch["condition"][:, :, 1:-CHANNELS] - batch["z"]).square() * weights).mean()
    assert float(expected) > 0
    assert torch.allclose(loss, expected)


def test_inpainting_starts_with_the_weights_of_a_plain_model(material: Material, tmp_path: Path) -> None:
    """Further inputs begin with weights of 0, and so does what is said at the end."""
    plain = FramesStage(material)
    plain.save(tmp_path / "plain")
    stage = InpaintStage(material, start=tmp_path / "plain")
    assert stage.identity()["start"] is not None
    trained, fresh = stage.module.unet.state_dict(), plain.module.unet.state_dict()
    channels = material.layout.latent_channels
    for name, weight in trained.items():
        if name.startswith("conv_out"):
            assert not weight.any()
        elif name == "conv_in.weight":
            assert torch.equal(weight[:, :channels], fresh[name].half().float())
            assert not weight[:, channels:].any()
        else:
            assert torch.equal(weight, fresh[name].half().float()), name
    with pytest.raises(UserError, match="is no model of this layout"):
        InpaintStage(material, start=tmp_path)


def test_a_plain_model_starts_with_the_weights_and_the_words_of_an_inpainting_one(
    material: Material, vae: Path, tmp_path: Path
) -> None:
    """Inputs that it does not have are cut off, and entries of the vocabulary keep their numbers."""
    inpaint = InpaintStage(replace(material, tokenizer=train_tokenizer(["jelly drums quake"], 520)))
    inpaint.save(tmp_path / "inpaint")
    loaded = load_material(material.data, material.layout, vae, tmp_path / "inpaint")
    assert loaded.tokenizer.get_vocab() == inpaint.material.tokenizer.get_vocab() != material.tokenizer.get_vocab()
    trained = FramesStage(loaded, start=tmp_path / "inpaint").module
    given = inpaint.module.unet.conv_in.weight[:, : material.layout.latent_channels]
    assert torch.equal(trained.unet.conv_in.weight, given.half().float())


def test_the_first_frames_of_an_example_come_before_its_target(material: Material) -> None:
    """Latents that tell their frame: (any earlier, previous, target) of one clip."""
    numbers = np.arange(len(material.latents), dtype=np.float16)
    told = np.broadcast_to(numbers[:, None, None, None], material.latents.shape)
    stage = FramesStage(replace(material, latents=told))
    z = stage.batch(np.arange(stage.examples), step_generator(4, 0, 0))["z"][:, :, 0, 0, 0]
    first, previous, target = z.unbind(1)
    starts = torch.tensor([material.data.clips[pair.clip].start for pair in stage.pairs])
    assert torch.equal(previous, target - 1)
    assert bool((first < target).all()) and bool((first >= starts).all())
    assert len(set((target - first).tolist())) > 2


def test_evaluations_are_repeatable_and_draw_a_sheet(stage: Stage, tmp_path: Path) -> None:
    stage.module.eval()
    with torch.no_grad():
        figures = stage.evaluate(tmp_path / "a.png")
        assert stage.evaluate(tmp_path / "b.png") == figures
    assert all(np.isfinite(value) for value in figures.values())
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_little_noise_is_inverted_and_removed_exactly(material: Material) -> None:
    """DDIM there and back differs the less, the lower tau; from tau = 200 an untrained network hardly changes it."""
    stage = FramesStage(material)
    with torch.no_grad():
        figures, _ = inversion_errors(material, stage.module.eval(), material.data.clips[:2], (200, 600))
    assert figures["inverted to 200"] > max(40, figures["inverted to 600"])


def test_painting_is_deterministic(material: Material) -> None:
    stage = FramesStage(material)
    condition = torch.zeros(1, 0, 8, 12)
    with torch.no_grad():
        one, two = (paint(material, stage.module.eval(), ["two squares"], condition, steps=2, w=3.0) for _ in range(2))
    assert one.shape == (1, 8, 8, 12)
    assert torch.equal(one, two)
