"""The pipeline with its networks, checkpoints on disk, and the generator that users call."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline, StableDiffusionPipeline, StableDiffusionXLPipeline

from simcraft.clip.types import MotionClip
from simcraft.errors import UserError
from simcraft.generate.correspondence import first_frame
from simcraft.generate.motioncraft.composite import composited
from simcraft.generate.motioncraft.geometry import Geometry
from simcraft.generate.motioncraft.loading import load_pipeline
from simcraft.generate.motioncraft.pictures import decode_latents, encode_image, resized, working_size
from simcraft.generate.motioncraft.pipeline import MotionCraftPipeline
from simcraft.generate.motioncraft.settings import Settings
from simcraft.generate.motioncraft.text import encode_prompt
from simcraft.generate.motioncraft.warping import share_of_cells
from simcraft.generate.warp import warp
from tests.generate import tiny
from tests.generate.checkpoints import save_checkpoint
from tests.generate.published import published_frame, published_inversion, published_schedulers

pytestmark = pytest.mark.usefixtures("one_thread")
QUICK = {"steps": 2, "guidance": 2.0}


@pytest.fixture(scope="module")
def pipeline() -> MotionCraftPipeline:
    return MotionCraftPipeline(**tiny.stable_diffusion())


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Stable Diffusion checkpoint as others save it."""
    return save_checkpoint(tmp_path_factory.mktemp("checkpoint") / "tiny")


@pytest.mark.parametrize("mode", ["fast", "turbo", "reference"])
def test_frames_stream_in_the_clips_size(pipeline: MotionCraftPipeline, clip: MotionClip, mode: str) -> None:
    frames = pipeline.stream(clip, Settings("a ball", mode=mode, **QUICK))
    assert pipeline.evaluations_per_frame(2) >= 0
    images = [made.image for made in frames]
    assert len(images) == clip.frame_count - 1
    assert all(image.shape == clip.image.shape and image.dtype == np.uint8 for image in images)
    per_frame = {"fast": 3 * 2, "turbo": 3 * 2, "reference": 7 * 2}[mode]
    assert pipeline.evaluations_per_frame(clip.frame_count) == per_frame


@pytest.mark.parametrize(("mode", "expected"), [("fast", 60), ("turbo", 15), ("reference", 560)])
def test_evaluations_a_frame_of_each_mode(pipeline: MotionCraftPipeline, mode: str, expected: int) -> None:
    steps = pipeline.schedule(Settings(mode=mode)).steps
    assert steps * (7 if mode == "reference" else 3) == expected


def test_the_call_returns_all_frames(pipeline: MotionCraftPipeline, clip: MotionClip) -> None:
    seen: list[tuple[int, int, tuple[int, ...]]] = []

    def step_end(which: Any, step: int, timestep: int, values: dict[str, Any]) -> None:
        assert which is pipeline
        seen.append((step, timestep, tuple(values["latents"].shape)))

    output = pipeline(clip, "a ball", "bad", callback_on_step_end=step_end, **QUICK)
    assert output.frames.shape == (clip.frame_count, *clip.image.shape)
    assert np.array_equal(output.frames[0], clip.image)
    assert output.evaluations_per_frame == 6
    assert [step for step, _, _ in seen] == [0, 1] * 3 and seen[0][1] == 399


def test_generators_and_seeds_decide_the_noise(pipeline: MotionCraftPipeline, clip: MotionClip) -> None:
    def frame(seed: int = 0, generator: torch.Generator | None = None) -> np.ndarray:
        settings = Settings("a ball", seed=seed, resolution=32, **QUICK)
        return next(pipeline.stream(clip, settings, generator=generator)).image

    assert np.array_equal(frame(1), frame(1)) and not np.array_equal(frame(1), frame(2))
    given = [frame(generator=torch.Generator().manual_seed(seed)) for seed in (5, 5, 6)]
    assert np.array_equal(given[0], given[1]) and not np.array_equal(given[0], given[2])


def test_sources_and_warps_all_give_frames(pipeline: MotionCraftPipeline, clip: MotionClip) -> None:
    made = {}
    for changes in (
        {"source": "previous"},
        {"source": "first"},
        {"source": "picture"},
        {"source": "previous", "warp": "splat"},
    ):
        # frame 2: in frame 1 the frame before and the first one are the same
        made[str(changes)] = list(pipeline.stream(clip, Settings("a ball", **changes, **QUICK)))[1].z_0
    different = list(made.values())
    assert all(not torch.allclose(a, b) for k, a in enumerate(different) for b in different[k + 1 :])


def test_what_suits_a_checkpoint_is_kept_with_it(pipeline: MotionCraftPipeline, tmp_path: Path) -> None:
    parts = pipeline.components
    suited = MotionCraftPipeline(**parts, suits={"guidance": 2.0, "steps": 3, "attention": "first"})
    suited.save_pretrained(tmp_path)
    loaded = MotionCraftPipeline.from_pretrained(tmp_path)
    assert loaded.settings(prompt="x", attention=None) == Settings("x", guidance=2.0, steps=3, attention="first")
    assert loaded.settings(guidance=4.0, steps=None).guidance == 4
    assert loaded.settings(mode="turbo") == Settings(mode="turbo", guidance=2.0, attention="first")
    assert loaded.settings(mode="reference") == Settings(mode="reference")
    assert pipeline.settings() == Settings()


def test_an_inpainting_network_sees_the_warped_picture_and_what_is_made_up(
    pipeline: MotionCraftPipeline, clip: MotionClip
) -> None:
    """Seventeen channels: noisy latents, share of each cell made up, latents of what `warp` paints, geometry."""
    parts = {**pipeline.components, "unet": tiny.unet(in_channels=17)}
    painted = MotionCraftPipeline(**parts, painted_hint=True)
    hints = []
    painted.unet.conv_in.register_forward_pre_hook(lambda _, given: hints.append(given[0][-1, 4:]))
    settings = Settings("a ball", invert=False, attention="none", **QUICK)
    axes = {name: np.stack([np.eye(n)] * clip.frame_count) for name, n in (("intrinsics", 3), ("camera_to_world", 4))}
    clip = replace(clip, projection="orthographic", **axes)
    made = next(painted.stream(clip, settings))
    size = (made.z_0.shape[3], made.z_0.shape[2])
    assert painted.first_evaluations == 0 and len(hints) == painted.evaluations / 2 == 2
    hint = hints[-1]
    assert torch.equal(hint[0], torch.from_numpy(share_of_cells(~first_frame(clip).seen[1], size)))
    assert 0 < hint[0].max() <= 1
    pixels = resized(warp(clip).frames[1], (size[0] * painted.factor, size[1] * painted.factor))
    expected = encode_image(painted.vae, pixels, torch.device("cpu"), torch.float32)[0]
    assert torch.allclose(hint[1:5], expected, atol=1e-5)
    surfaces = Geometry(clip, first_frame(clip)).at(1, size)
    assert np.ptp(surfaces) > 0.5
    assert torch.equal(hint[5:], torch.from_numpy(surfaces))
    with pytest.raises(UserError, match="neither to look at other frames"):
        next(painted.stream(clip, Settings("a ball", attention="none", **QUICK)))


def test_a_network_that_adds_nothing_hands_on_the_warped_picture(
    pipeline: MotionCraftPipeline, clip: MotionClip
) -> None:
    """What an inpainting network says is added to the latents that it is given; composited, that is `warp` itself."""
    unet = tiny.unet(in_channels=17)
    for parameter in unet.conv_out.parameters():
        torch.nn.init.zeros_(parameter)
    parts = {
        **pipeline.components,
        "unet": unet,
        "scheduler": tiny.scheduler(prediction_type="sample", set_alpha_to_one=True),
    }
    painted = MotionCraftPipeline(**parts, painted_hint=True)
    # eta is noise where content is new; the mask of what `warp` makes up does not bring back detail there
    settings = Settings("a ball", invert=False, attention="none", eta=0.0, composite=True, **QUICK)
    frames = np.stack([made.image for made in painted.stream(clip, settings)])
    known = ~cv2.dilate((~first_frame(clip).seen[1:]).transpose(1, 2, 0).astype(np.uint8), np.ones((13, 13)))
    known = known.transpose(2, 0, 1) == 255
    assert known.mean() > 0.2
    off = np.abs(frames.astype(int) - warp(clip).frames[1:])
    assert off[known].max() <= 1


def test_composited_frames_are_the_warped_ones_where_diffusion_changes_nothing(clip: MotionClip) -> None:
    warped = warp(clip).frames[1]
    lossy = np.roll(warped, 1, 0)
    nothing = np.zeros(warped.shape[:2], bool)
    assert np.array_equal(composited(lossy, warped, lossy, nothing), warped)
    assert np.array_equal(composited(lossy, warped, warped, nothing), lossy)
    new = nothing.copy()
    new[:, : new.shape[1] // 2] = True
    half = composited(lossy, warped, lossy, new)
    # the edge between them is soft
    assert np.array_equal(half[:, : new.shape[1] // 2 - 5], lossy[:, : new.shape[1] // 2 - 5])
    assert np.array_equal(half[:, new.shape[1] // 2 + 5 :], warped[:, new.shape[1] // 2 + 5 :])


def test_compositing_brings_back_what_the_autoencoder_loses(pipeline: MotionCraftPipeline, clip: MotionClip) -> None:
    """An untrained autoencoder loses nearly everything."""

    def error(composite: bool) -> float:
        settings = Settings("a ball", strength=0.01, composite=composite, **QUICK)
        frames = [made.image for made in pipeline.stream(clip, settings)]
        return float(np.abs(np.stack(frames).astype(float) - warp(clip).frames[1:]).mean())

    assert error(True) < error(False) / 2


def test_prompts_matter(pipeline: MotionCraftPipeline, clip: MotionClip) -> None:
    a, b, c = (pipeline(clip, *texts, **QUICK).frames for texts in (("ball", ""), ("cube", ""), ("ball", "cube")))
    assert not np.array_equal(a, b) and not np.array_equal(a, c)


@torch.no_grad()
def test_published_flows_run_through_the_reference_mode(pipeline: MotionCraftPipeline) -> None:
    """First frame, positions and eta masks as plain arrays: the frames are the literal version's."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (16, 16, 3)).astype(np.uint8)
    grids = rng.uniform(-1, 1, (2, 8, 8, 2)).astype(np.float32)
    etas = (rng.uniform(size=(2, 8, 8)) > 0.5).astype(np.float32)
    settings = Settings("a ball", "bad", mode="reference", steps=4, resolution=16)
    made = list(pipeline.stream_positions(image, grids, etas, settings, generator=torch.Generator().manual_seed(2)))
    device = torch.device("cpu")
    prompt, negative = (encode_prompt(pipeline, text, (16, 16), device).text for text in ("a ball", "bad"))
    z_0 = encode_image(pipeline.vae, image, device, torch.float32, torch.Generator().manual_seed(184750))
    config, generator = pipeline.scheduler.config, torch.Generator().manual_seed(2)
    _, inversion = published_schedulers(config, 400, 10, False)
    network = tiny.unet()
    first = before = published_inversion(network, inversion, z_0, prompt)
    for t, frame in enumerate(made):
        grid, eta = torch.from_numpy(grids[t]), torch.from_numpy(etas[t])[None, None]
        literal, before = published_frame(
            network, config, first, before, grid, eta, prompt, negative, generator, steps=10
        )
        assert (frame.z_0 - literal).abs().max() < 1e-4
        expected = decode_latents(pipeline.vae, literal)
        assert np.abs(frame.image.astype(int) - expected).max() <= 1


def test_wrong_positions_are_named(pipeline: MotionCraftPipeline) -> None:
    image = np.zeros((16, 16, 3), np.uint8)
    with pytest.raises(UserError, match=r"grids are \(2, 4, 4, 2\); expected \(frames, 8, 8, 2\)"):
        list(pipeline.stream_positions(image, np.zeros((2, 4, 4, 2), np.float32)))
    with pytest.raises(UserError, match="etas are"):
        list(pipeline.stream_positions(image, np.zeros((2, 8, 8, 2), np.float32), np.zeros((1, 8, 8), np.float32)))


@pytest.mark.parametrize("mode", ["fast", "reference"])
def test_work_goes_on_where_it_stopped(pipeline: MotionCraftPipeline, clip: MotionClip, mode: str) -> None:
    settings = Settings("a ball", mode=mode, **QUICK)
    whole = list(pipeline.stream(clip, settings))
    rest = list(pipeline.stream(clip, settings, after=whole[0]))
    assert [made.index for made in rest] == [2, 3]
    assert all(np.array_equal(a.image, b.image) for a, b in zip(whole[1:], rest, strict=True))


def test_sizes_inside_the_model(pipeline: MotionCraftPipeline) -> None:
    network = pipeline.unet
    assert working_size((100, 50), None, 2, network) == (32, 16)  # trained with 8 cells of 2 pixels
    assert working_size((100, 50), 40, 2, network) == (80, 40)
    assert working_size((101, 51), 51, 2, network) == (100, 52)
    assert working_size((100, 51), None, 2, tiny.unet(sample_size=None)) == (100, 52)
    image = np.random.default_rng(0).integers(0, 255, (8, 8, 3)).astype(np.uint8)
    assert resized(image, (8, 8)) is image and resized(image, (16, 4)).shape == (4, 16, 3)


@torch.no_grad()
def test_the_autoencoder_sees_the_picture_as_it_was_trained_to(pipeline: MotionCraftPipeline) -> None:
    image = np.random.default_rng(0).integers(0, 255, (16, 16, 3)).astype(np.uint8)
    pixels = torch.from_numpy(image).permute(2, 0, 1)[None] / 127.5 - 1
    expected = pipeline.vae.encode(pixels).latent_dist.mode() * pipeline.vae.config.scaling_factor
    z = encode_image(pipeline.vae, image, torch.device("cpu"), torch.float32)
    torch.testing.assert_close(z, expected)
    decoded = pipeline.vae.decode(z / pipeline.vae.config.scaling_factor).sample[0].permute(1, 2, 0)
    picture = ((decoded + 1) / 2 * 255).clamp(0, 255).numpy()
    assert np.abs(decode_latents(pipeline.vae, z) - picture).max() <= 0.51


def test_it_is_exported() -> None:
    import simcraft.generate

    assert simcraft.generate.MotionCraftPipeline is MotionCraftPipeline
    with pytest.raises(AttributeError, match="no attribute 'MotionCraft'"):
        _ = simcraft.generate.MotionCraft


# ---------------------------------------------------------------------------------------------------------- checkpoints


def test_a_checkpoint_of_others_loads_saves_and_loads_again(checkpoint: Path, clip: MotionClip, tmp_path: Path) -> None:
    loaded = MotionCraftPipeline.from_pretrained(checkpoint)
    frames = loaded(clip, "a ball", **QUICK).frames
    loaded.save_pretrained(tmp_path / "saved")
    index = json.loads((tmp_path / "saved" / "model_index.json").read_text())
    assert index["_class_name"] == "MotionCraftPipeline"
    again = load_pipeline(str(tmp_path / "saved"), device="cpu")
    assert np.array_equal(again(clip, "a ball", **QUICK).frames, frames)
    # and the other way round: stock pipelines take the components
    stock = StableDiffusionPipeline.from_pipe(again, safety_checker=None, feature_extractor=None)
    assert isinstance(stock, DiffusionPipeline)


def test_the_pipeline_keeps_its_precision(clip: MotionClip) -> None:
    half = MotionCraftPipeline(**tiny.stable_diffusion()).to(dtype=torch.bfloat16)
    made = next(half.stream(clip, Settings("a ball", **QUICK)))
    assert half.dtype == torch.bfloat16 and made.z_0.dtype == torch.float32 and torch.isfinite(made.z_0).all()


def test_sdxl_and_its_second_text_encoder(clip: MotionClip, tmp_path: Path) -> None:
    parts = tiny.stable_diffusion_xl()
    StableDiffusionXLPipeline(**parts, add_watermarker=False).save_pretrained(tmp_path)
    large = load_pipeline(str(tmp_path), device="cpu")
    assert large(clip, "a ball", **QUICK).frames.shape[0] == clip.frame_count
    condition = encode_prompt(large, "a ball", (32, 16), torch.device("cpu"))
    stock = StableDiffusionXLPipeline(**parts, add_watermarker=False)
    text, _, pooled, _ = stock.encode_prompt("a ball", device="cpu", do_classifier_free_guidance=False)
    assert condition.pooled is not None and condition.time_ids is not None
    torch.testing.assert_close(condition.text, text)
    torch.testing.assert_close(condition.pooled, pooled)
    assert condition.time_ids.tolist() == [[16, 32, 0, 0, 16, 32]]


def test_prompts_are_encoded_as_by_stock_pipelines(pipeline: MotionCraftPipeline, checkpoint: Path) -> None:
    stock = StableDiffusionPipeline.from_pretrained(checkpoint, safety_checker=None)
    for text in ("a red ball", "a very long text that goes on and on beyond what the encoder takes"):
        expected = stock.encode_prompt(text, "cpu", 1, False)[0]
        torch.testing.assert_close(encode_prompt(pipeline, text, (16, 16), torch.device("cpu")).text, expected)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"mode": "quick"}, "mode is 'quick'"),
        ({"attention": "all"}, "attention is 'all'"),
        ({"source": "all"}, "source is 'all'"),
        ({"strength": 0.0}, "strength is 0.0"),
        ({"eta": 1.5}, "eta 1.5"),
        ({"steps": 0}, "steps is 0"),
        ({"mode": "reference", "warp": "splat"}, "does not splat"),
    ],
)
def test_wrong_settings(given: dict[str, Any], text: str) -> None:
    with pytest.raises(UserError, match=text):
        Settings(**given)


@pytest.mark.parametrize("mode", ["fast", "reference"])
def test_small_autoencoders_of_many_channels(clip: MotionClip, mode: str) -> None:
    """`AutoencoderTiny`, factor 4, 12 channels, and velocity with zero terminal SNR."""
    from diffusers import AutoencoderTiny

    torch.manual_seed(0)
    vae = AutoencoderTiny(
        latent_channels=12,
        encoder_block_out_channels=(16, 16, 16),
        decoder_block_out_channels=(16, 16, 16),
        num_encoder_blocks=(1, 1, 1),
        num_decoder_blocks=(1, 1, 1),
    ).eval()
    parts = tiny.stable_diffusion()
    parts["unet"] = tiny.unet(in_channels=12, out_channels=12)
    parts["scheduler"] = tiny.scheduler(
        prediction_type="v_prediction", rescale_betas_zero_snr=True, timestep_spacing="trailing"
    )
    small = MotionCraftPipeline(**{**parts, "vae": vae})
    assert small.factor == 4
    made = next(small.stream(clip, Settings("a ball", mode=mode, **QUICK)))
    assert made.z_0.shape[1] == 12 and made.z_0.shape[-2] == 8 and made.image.shape == clip.image.shape
