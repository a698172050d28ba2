"""Motion Dreamer's network: the base's before it is trained, and features that move along the arrows."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import UNetSpatioTemporalConditionModel
from PIL import Image
from safetensors.torch import load_file, save_file

from simcraft.errors import UserError
from simcraft.generate.motion_dreamer.embedding import PooledImageEncoder
from simcraft.generate.motion_dreamer.first_frame import motion_of_cells, moved
from simcraft.generate.motion_dreamer.layouts import (
    CAMERA_CHANNELS,
    FIRST_CHANNELS,
    LAYOUTS,
    build_image_encoder,
    build_unet,
    layout_of,
)
from simcraft.generate.motion_dreamer.network import MotionDreamerUNet
from simcraft.generate.motion_dreamer.svd import from_svd
from simcraft.generate.motioncraft.pictures import working_size
from tests.generate import tiny_svd

pytestmark = pytest.mark.usefixtures("one_thread")
FRAMES = 3


@pytest.fixture(scope="module")
def svd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_svd.save_svd(tmp_path_factory.mktemp("svd"))


@pytest.fixture(scope="module")
def base() -> UNetSpatioTemporalConditionModel:
    return tiny_svd.unet()


def inputs(channels: int, cells: tuple[int, int] = (8, 8), width: int = tiny_svd.WIDTH, batch: int = 2) -> list[Any]:
    """Random (sample, timestep, encoder_hidden_states, added_time_ids)."""
    generator = torch.Generator().manual_seed(7)
    return [
        torch.randn(batch, FRAMES, channels, *cells, generator=generator),
        torch.linspace(-0.5, 1.5, batch),
        torch.randn(batch, 1, width, generator=generator),
        torch.tensor([[6.0, 127.0, 0.02]]).repeat(batch, 1),
    ]


def extras(cells: tuple[int, int] = (8, 8), factor: int = 8, batch: int = 2) -> dict[str, torch.Tensor]:
    """Pictures of the first frame, arrows of a few pixels a frame, and camera motion."""
    generator = torch.Generator().manual_seed(8)
    size = (factor * cells[0], factor * cells[1])
    return {
        "first": torch.randn(batch, FIRST_CHANNELS, *size, generator=generator),
        "instance_flow": 5 * torch.randn(batch, 2, *size, generator=generator),
        "camera": torch.randn(batch, FRAMES, CAMERA_CHANNELS, generator=generator),
    }


def tiny(**changes: Any) -> MotionDreamerUNet:
    """A network of the layout "tiny" whose every layer does something, as after training."""
    torch.manual_seed(3)
    arguments = {"prediction": "x0", "residual_scale": 0.5, "first": True, **changes}
    unet = build_unet(LAYOUTS["tiny"], 6, 4, **arguments).eval()
    with torch.no_grad():
        for parameter in unet.parameters():
            if not parameter.any():
                parameter.normal_(std=0.05)
    return unet


def tiny_inputs() -> tuple[list[Any], dict[str, torch.Tensor]]:
    return inputs(6, width=LAYOUTS["tiny"].width), extras(factor=LAYOUTS["tiny"].factor)


@pytest.mark.parametrize("size", [(64, 64), (96, 64), (64, 96)])
def test_a_network_works_at_the_size_that_it_was_trained_with(size: tuple[int, int]) -> None:
    unet = build_unet(replace(LAYOUTS["tiny"], size=size), 6, 4, prediction="v", residual_scale=0.5)
    assert working_size(size, None, LAYOUTS["tiny"].factor, unet) == size


@torch.no_grad()
@pytest.mark.parametrize("cells", [(8, 8), (9, 14)])
def test_it_is_the_base_network_without_its_own_inputs(
    base: UNetSpatioTemporalConditionModel, cells: tuple[int, int]
) -> None:
    unet = MotionDreamerUNet(**{k: v for k, v in base.config.items() if not k.startswith("_")}).eval()
    unet.load_state_dict(base.state_dict())
    given = inputs(8, cells)
    assert torch.equal(unet(*given).sample, base(*given).sample)
    assert torch.equal(unet(*given, return_dict=False)[0], base(*given).sample)


def test_it_learns_as_the_base_network_does(svd: Path) -> None:
    gradients = []
    for unet in (tiny_svd.unet(), from_svd(svd, 8, 4)):
        unet.double()(*(value.double() for value in inputs(8))).sample.square().mean().backward()
        gradients.append({name: parameter.grad for name, parameter in unet.named_parameters()})
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, rtol=1e-6, atol=1e-12)


@torch.no_grad()
@pytest.mark.parametrize("places", [None, (0, 1, 2, 3, 12, 13, 14, 15)])
def test_training_starts_from_stable_video_diffusion(
    base: UNetSpatioTemporalConditionModel, svd: Path, places: tuple[int, ...] | None
) -> None:
    more = {"first_channels": FIRST_CHANNELS, "camera_channels": CAMERA_CHANNELS, "prediction": "x0"}
    unet = from_svd(svd, 28, 12, places=places, **more).eval()
    wide = inputs(28)
    narrow = [wide[0][:, :, list(places or range(8))], *wide[1:]]
    wanted = base(*narrow).sample
    found = unet(*wide, **extras()).sample
    assert found.shape == (2, FRAMES, 12, 8, 8)
    # nothing but the order of a sum differs
    torch.testing.assert_close(found[:, :, :4], wanted, rtol=1e-5, atol=1e-5)
    assert not found[:, :, 4:].any()
    assert unet.config["prediction"] == "x0" and unet.config["first_channels"] == FIRST_CHANNELS


def test_what_starts_at_nothing_learns(svd: Path) -> None:
    unet = from_svd(svd, 12, 4, first_channels=FIRST_CHANNELS, camera_channels=CAMERA_CHANNELS)
    unet(*inputs(12), **extras()).sample.square().mean().backward()
    conv_in: Any = unet.conv_in
    assert conv_in.weight.grad[:, 8:].abs().amax((0, 2, 3)).min() > 0
    assert unet.first_encoder is not None and unet.camera_encoder is not None
    for layer in (*unet.first_encoder.added, unet.camera_encoder[-1]):
        assert layer.weight.grad is not None and layer.weight.grad.any()


@torch.no_grad()
def test_stock_pipeline_runs_it(svd: Path) -> None:
    """The published pipeline gives the same video with it in the place of its own network."""
    pipeline = tiny_svd.stable_video_diffusion()
    pipeline.set_progress_bar_config(disable=True)
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))

    def latents() -> torch.Tensor:
        noise = torch.Generator().manual_seed(1)
        return pipeline(image, 64, 64, 3, 2, decode_chunk_size=3, generator=noise, output_type="latent").frames

    wanted = latents()
    pipeline.unet = from_svd(svd, 8, 4).eval()
    assert torch.equal(latents(), wanted)


def test_moved_features_are_where_the_arrow_takes_them() -> None:
    """A square that moves (8, -4) pixels a frame, at the scales of 4, 8 and 16 pixels a cell."""
    flow = torch.zeros(1, 2, 64, 64)
    flow[:, :, 32:48, 16:32] = torch.tensor([8.0, -4.0])[:, None, None]
    for cell in (4, 8, 16):
        features = torch.zeros(1, 2, 64 // cell, 64 // cell)
        object_cells = (slice(32 // cell, 48 // cell), slice(16 // cell, 32 // cell))
        features[(0, 0, *object_cells)] = 1
        features[:, 1] = 1 - features[:, 0]
        found = moved(features, flow, 4)
        assert torch.equal(found[:, 0], features)
        for t in range(1, 4):
            mass = found[0, t, 0] / found[0, t, 0].sum()
            places = torch.arange(64 // cell) + 0.5
            centre = torch.stack([(mass.sum(0) * places).sum(), (mass.sum(1) * places).sum()]) * cell
            # to cells that it covers in part it comes whole
            assert (centre - torch.tensor([24.0 + 8 * t, 40.0 - 4 * t])).abs().max() < 0.5 * cell
        # a whole number of cells: exactly the features, the ground beneath gone, and a hole where the object was
        t = {4: 1, 8: 2, 16: 4}[cell]
        later = moved(features, flow, t + 1)[0, t]
        rows, columns = (torch.arange(64 // cell)[part] for part in object_cells)
        there = later[:, rows[0] - 4 * t // cell : rows[-1] + 1 - 4 * t // cell]
        there = there[:, :, columns[0] + 8 * t // cell : columns[-1] + 1 + 8 * t // cell]
        torch.testing.assert_close(there[0], torch.ones_like(there[0]), rtol=0, atol=1e-3)
        assert there[1].max() < 1e-3
        assert not later[:, rows[-1], columns[0]].any()


def test_cells_move_as_their_fastest_part() -> None:
    flow = torch.zeros(1, 2, 16, 32)
    flow[0, 0, 5:8, 9:12] = 6.0
    motion, importance = motion_of_cells(flow, (4, 8))
    assert motion.shape == (1, 2, 4, 8) and importance.shape == (1, 1, 4, 8)
    torch.testing.assert_close(motion[0, 0, 1, 2], torch.tensor(6 / 4), rtol=1e-3, atol=0)
    assert motion.abs().sum() == motion[0, 0, 1, 2].abs()
    assert importance[0, 0, 1, 2] > 9.9 and importance.sum() == importance[0, 0, 1, 2]


def test_nothing_known_stays_where_it_is() -> None:
    features = torch.randn(2, 5, 4, 6)
    found = moved(features, torch.zeros(2, 2, 16, 24), 3)
    assert torch.equal(found, features[:, None].expand(-1, 3, -1, -1, -1))


def test_features_move_the_same_under_autocast() -> None:
    features, flow = torch.randn(1, 4, 32, 32), 3 * torch.randn(1, 2, 128, 128)
    with torch.autocast("cpu", torch.bfloat16):
        found = moved(features, flow, 14)
    torch.testing.assert_close(found, moved(features, flow, 14), rtol=0, atol=0)


@torch.no_grad()
def test_the_first_frame_the_arrows_and_the_camera_matter() -> None:
    unet = tiny()
    given, more = tiny_inputs()
    wanted = unet(*given, **more).sample
    for name in more:
        other = unet(*given, **{**more, name: more[name].flip(-1)}).sample
        assert (other - wanted).abs().mean() > 1e-4, name
    still = {**more, "instance_flow": torch.zeros_like(more["instance_flow"])}
    assert torch.equal(unet(*given, **{**more, "instance_flow": None}).sample, unet(*given, **still).sample)


@torch.no_grad()
def test_it_runs_in_half_precision() -> None:
    given, more = tiny_inputs()
    wanted = tiny()(*given, **more).sample
    halves = [value.bfloat16() for value in given[:3]]
    found = tiny().to(torch.bfloat16)(*halves, given[3], **more).sample
    assert found.dtype == torch.bfloat16
    assert (found - wanted).square().mean() < 0.02**2 * wanted.square().mean()


@torch.no_grad()
def test_camera_adds_nothing_at_first() -> None:
    unet = build_unet(LAYOUTS["tiny"], 6, 4, prediction="v", residual_scale=0.5)
    conv_out: Any = unet.conv_out
    conv_out.weight.normal_()
    given, more = tiny_inputs()
    assert torch.equal(unet(*given, camera=more["camera"]).sample, unet(*given).sample)


@torch.no_grad()
def test_embedded_networks_begin_at_zero() -> None:
    unet = build_unet(LAYOUTS["tiny"], 6, 4, prediction="x0", residual_scale=0.5, first=True)
    given, more = tiny_inputs()
    assert not unet(*given, **more).sample.any()


@torch.no_grad()
def test_saved_networks_come_back(tmp_path: Path) -> None:
    unet = tiny()
    given, more = tiny_inputs()
    unet.save_pretrained(tmp_path)
    assert [file.suffix for file in sorted(tmp_path.iterdir())] == [".json", ".safetensors"]
    again = MotionDreamerUNet.from_pretrained(tmp_path, local_files_only=True).eval()
    assert torch.equal(again(*given, **more).sample, unet(*given, **more).sample)
    assert again.config["residual_scale"] == 0.5 and again.config["prediction"] == "x0"


def test_gradient_checkpointing_changes_no_gradient() -> None:
    given, more = tiny_inputs()
    gradients = []
    for checkpointing in (False, True):
        unet = tiny().train()
        if checkpointing:
            unet.enable_gradient_checkpointing()
        unet(*given, **more).sample.square().mean().backward()
        gradients.append({name: parameter.grad for name, parameter in unet.named_parameters()})
    plain, checkpointed = gradients
    for name, gradient in plain.items():
        assert gradient is not None, name
        torch.testing.assert_close(checkpointed[name], gradient, rtol=1e-5, atol=1e-7)


def test_small_layout_fits_its_budget() -> None:
    """Stage I and stage II of the embedded model, in float16."""
    layout = layout_of("small")
    with torch.device("meta"):
        first = build_unet(layout, 24 + 16 + 24, 24, prediction="x0", residual_scale=1, first=True)
        second = build_unet(layout, 16 + 16 + 16 + 1 + 24 + 8, 16, prediction="v", residual_scale=1)
        encoder = build_image_encoder(layout, 16)
    for unet in (first, second):
        assert 2 * (unet.num_parameters() + encoder.num_parameters()) < 20_000_000


@torch.no_grad()
def test_image_encoder_tells_squares_apart(tmp_path: Path) -> None:
    torch.manual_seed(0)
    encoder = PooledImageEncoder(latent_channels=3, width=8, cells=2)
    latents = torch.randn(1, 3, 6, 8)
    tokens = encoder(latents)
    assert tokens.shape == (1, 4, 8)
    latents[:, :, 3:, :4] += 1
    changed = (encoder(latents) - tokens).abs().amax(-1)[0]
    assert changed.nonzero().flatten().tolist() == [2]
    encoder.save_pretrained(tmp_path)
    again = PooledImageEncoder.from_pretrained(tmp_path, local_files_only=True)
    assert torch.equal(again(latents), encoder(latents))


def test_halved_weights_in_several_files_are_read(svd: Path, tmp_path: Path) -> None:
    folder = _copied(svd, tmp_path)
    file = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights = {name: value.half() for name, value in load_file(file).items()}
    names = sorted(weights)
    for part, chosen in enumerate((names[::2], names[1::2]), 1):
        save_file({n: weights[n] for n in chosen}, file.with_name(f"{file.stem}-0000{part}-of-00002.fp16.safetensors"))
    file.unlink()
    unet = from_svd(folder, 8, 4)
    for name, value in unet.state_dict().items():
        assert torch.equal(value, weights[name].float()), name


def _copied(svd: Path, folder: Path) -> Path:
    """The checkpoint's unet/ and index."""
    shutil.copytree(svd / "unet", folder / "unet")
    shutil.copy(svd / "model_index.json", folder)
    return folder


def test_mistakes_are_told_in_a_line(svd: Path, tmp_path: Path) -> None:
    unet, (given, more) = tiny(), tiny_inputs()
    with pytest.raises(UserError, match="expected"):
        unet(*given, **{**more, "first": more["first"][..., :-4]})
    with pytest.raises(UserError, match="no camera"):
        MotionDreamerUNet.from_pretrained(svd / "unet")(*inputs(8), camera=more["camera"])
    with pytest.raises(UserError, match="no pictures of the first frame"):
        MotionDreamerUNet.from_pretrained(svd / "unet")(*inputs(8), first=more["first"])
    with pytest.raises(UserError, match="prediction is 'epsilon'"):
        build_unet(LAYOUTS["tiny"], 6, 4, prediction="epsilon", residual_scale=0)
    with pytest.raises(UserError, match="small, tiny"):
        layout_of("huge")
    with pytest.raises(UserError, match="nothing is downloaded unasked"):
        from_svd("stabilityai/stable-video-diffusion-img2vid", 8, 4)
    with pytest.raises(UserError, match="takes 8 channels and gives 4"):
        from_svd(svd, 4, 4)
    with pytest.raises(UserError, match="8 different numbers below 12"):
        from_svd(svd, 12, 4, places=[0, 1, 2, 3, 4, 5, 6, 12])


def test_checkpoints_of_another_layout_are_told(svd: Path, tmp_path: Path) -> None:
    folder = _copied(svd, tmp_path)
    config_file, weights_file = folder / "unet" / "config.json", folder / "unet" / "diffusion_pytorch_model.safetensors"
    config, weights = json.loads(config_file.read_text()), load_file(weights_file)
    save_file({name: value for name, value in weights.items() if name != "conv_norm_out.bias"}, weights_file)
    with pytest.raises(UserError, match=r"no weights 'conv_norm_out\.bias'"):
        from_svd(folder, 8, 4)
    save_file({**weights, "conv_norm_out.bias": torch.zeros(5)}, weights_file)
    with pytest.raises(UserError, match=r"'conv_norm_out\.bias' .* have no place"):
        from_svd(folder, 8, 4)
    weights_file.write_bytes(b"PK no safetensors")
    with pytest.raises(UserError, match="not a readable safetensors"):
        from_svd(folder, 8, 4)
    weights_file.rename(weights_file.with_suffix(".bin"))
    with pytest.raises(UserError, match="pickle"):
        from_svd(folder, 8, 4)
    config_file.write_text(json.dumps({**config, "_class_name": "UNet2DConditionModel"}))
    weights_file.touch()
    with pytest.raises(UserError, match="holds a UNet2DConditionModel"):
        from_svd(folder, 8, 4)
