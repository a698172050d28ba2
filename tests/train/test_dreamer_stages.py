"""Motion Dreamer's stages learn, begin where they should, go on exactly, and are measured and saved as they are."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from simcraft.errors import UserError
from simcraft.generate.embedded import model_bytes
from simcraft.generate.motion_dreamer.cameras import camera_poses
from simcraft.generate.motion_dreamer.encoders import Encoders
from simcraft.generate.motion_dreamer.inputs import known_channels
from simcraft.generate.motion_dreamer.layouts import layout_of
from simcraft.generate.motion_dreamer.network import MotionDreamerUNet
from simcraft.generate.motion_dreamer.palette import palette
from simcraft.generate.motion_dreamer.preconditioning import residual_of, target_of
from simcraft.generate.motion_dreamer.settings import Settings as SamplingSettings
from simcraft.generate.motion_dreamer.stage_one import Beginning, predict_window
from simcraft.train.checkpoint import checkpoints
from simcraft.train.dreamer import STAGES, DreamerStage
from simcraft.train.dreamer_evaluate import errors_of, held_still, predicted
from simcraft.train.dreamer_loss import Options, draw_sigmas
from simcraft.train.dreamer_parts import Parts, load_parts
from simcraft.train.dreamer_prepared import PreparedDreamer
from simcraft.train.dreamer_samples import read_sample
from simcraft.train.loop import Budget, train
from simcraft.train.stage import Settings, step_generator
from tests.train.conftest import DREAMER_FRAMES

SETTINGS = Settings(batch=2, learning_rate=1e-3, warmup=2, horizon=3, precision="fp32")


@pytest.fixture(params=list(STAGES))
def stage(request: pytest.FixtureRequest, dreamer: PreparedDreamer, parts: Parts) -> DreamerStage:
    return fresh(request.param, dreamer, parts)


def fresh(kind: str, data: PreparedDreamer, parts: Parts, **more: object) -> DreamerStage:
    return STAGES[kind](data, layout_of("tiny"), parts, **more)  # type: ignore[arg-type]


def test_the_loss_of_one_batch_goes_down(stage: DreamerStage) -> None:
    batch = stage.batch(np.arange(2), step_generator(0, 0, 0))
    optimizer = torch.optim.Adam(stage.module.parameters(), 1e-2)
    losses = []
    for _ in range(6):
        loss = stage.module(batch)["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.8 * losses[0]
    missing = [name for name, p in stage.module.named_parameters() if p.grad is None]
    assert missing == []


def test_batches_are_repeatable_and_differ_by_step(stage: DreamerStage) -> None:
    first, again, other = (stage.batch(np.arange(3), step_generator(0, step, 0)) for step in (5, 5, 6))
    assert first.keys() == again.keys()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["noise"], other["noise"])
    assert first["noise"].shape == (3, DREAMER_FRAMES, stage.channels, 8, 12)


def test_noise_levels_are_log_normal_and_spread_over_a_batch() -> None:
    generator = step_generator(0, 0, 0)
    drawn = torch.stack([draw_sigmas(4, 1.2, 1.6, generator) for _ in range(2000)]).log()
    assert float(drawn.mean()) == pytest.approx(1.2, abs=0.03)
    assert float(drawn.std()) == pytest.approx(1.6, abs=0.03)
    # one of each quarter
    quartiles = 1.2 + 1.6 * torch.special.ndtri(torch.tensor([0.25, 0.5, 0.75]))
    places = torch.bucketize(drawn, quartiles).sort(1).values
    assert torch.equal(places, torch.arange(4).expand(2000, 4))


def test_a_network_that_knows_has_no_loss_and_one_that_says_nothing_hands_on_the_hint(stage: DreamerStage) -> None:
    batch = stage.batch(np.arange(3), step_generator(1, 0, 0))
    encoded, unet = stage.encoded(batch), stage.module.unet
    clean = residual_of(encoded.target, encoded.hint, unet.config["residual_scale"])
    wanted = target_of(clean, batch["noise"], batch["sigma"], unet.config["prediction"])
    weights = stage.module.weights[:, None, None]
    emphasis = torch.ones(()) if encoded.emphasis is None else encoded.emphasis
    with torch.no_grad():
        losses = stage.module(batch)
        assert float(losses["loss"]) == pytest.approx(float(((wanted.square() * weights).mean(2) * emphasis).mean()))
        known = known_channels(stage.kind, *stage.parts.channels)
        sizes = []

        def knows(sample: torch.Tensor, *rest: object, **given: object) -> tuple[torch.Tensor]:
            sizes.append(sample.shape[2])
            return (wanted,)

        unet.forward, own = knows, unet.forward
        assert float(stage.module(batch)["loss"]) < 1e-10
        unet.forward = own
    assert sizes == [stage.channels + known]


def test_what_moves_weighs_more_in_stage_one(dreamer: PreparedDreamer, parts: Parts) -> None:
    """Eq. 11 and 12: lambda where the flow of all of a cell is longer than tau, 1 where that of none of it is."""
    plain = fresh("1", dreamer, parts, options=replace(Options(), enhancement=1.0))
    enhanced = fresh("1", dreamer, parts, options=replace(Options(), enhancement=5.0, threshold=0.01))
    batch = enhanced.batch(np.arange(4), step_generator(0, 0, 0))
    with torch.no_grad():
        losses = enhanced.module(batch)
        assert losses["loss"] > losses["without emphasis"] > 0
        plain_losses = plain.module(plain.batch(np.arange(4), step_generator(0, 0, 0)))
        assert torch.equal(plain_losses["loss"], plain_losses["without emphasis"])
        emphasis = enhanced.encoded(batch).emphasis
    assert emphasis is not None and emphasis.max() == 5 and emphasis.min() == 1
    assert not batch["moving"][:, 0].any()
    # squares that slide by up to 2.5 px a frame: tau is 0.48 px
    clip = next(clip for clip in dreamer.clips if clip.split == "train")
    sample = read_sample(dreamer, clip, decodable=True)
    length = np.hypot(*np.moveaxis(sample.representation.flow, -1, 0))
    assert ((length > 0.01) & (length < 0.48)).any()
    moving = enhanced.tensors(sample, palette(len(sample.representation.ids)))["moving"].numpy()
    assert np.array_equal(moving, length > 0.48) and moving.any()


@pytest.mark.parametrize("kind", list(STAGES))
def test_a_run_goes_on_exactly(kind: str, dreamer: PreparedDreamer, parts: Parts, tmp_path: Path) -> None:
    def run(name: str, steps: int) -> None:
        stage = fresh(kind, dreamer, parts)
        stage.evaluate = lambda sheet: {}  # type: ignore[method-assign]  # tested by itself
        train(stage, tmp_path / name, SETTINGS, Budget(steps=steps))

    run("whole", 2)
    run("parts", 1)
    run("parts", 2)
    files = [
        {p.name: p.read_bytes() for p in checkpoints(tmp_path / name)[-1].iterdir()} for name in ("whole", "parts")
    ]
    assert files[0] == files[1]


def test_evaluations_are_repeatable_and_draw_a_sheet(stage: DreamerStage, tmp_path: Path) -> None:
    stage.steps = 2  # type: ignore[misc]
    stage.module.eval()
    with torch.no_grad():
        figures = stage.evaluate(tmp_path / "a.png")
        assert stage.evaluate(tmp_path / "b.png") == figures
    assert all(np.isfinite(value) for value in figures.values())
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    if stage.kind == "2":
        assert figures["composited, elsewhere"] == pytest.approx(figures["warp, elsewhere"], abs=0.05)


def test_untrained_reasoning_is_the_first_frame_moved(dreamer: PreparedDreamer, parts: Parts) -> None:
    """But for what latents lose of it."""
    stage = fresh("1", dreamer, parts)
    samples = [stage.read(clip) for clip in dreamer.clips[:2]]
    truth = [sample.representation for sample in samples]
    with torch.no_grad():
        found = errors_of(predicted(stage, samples), truth, 0.25)
    moved = errors_of([sample.moved().representation for sample in samples], truth, 0.25)
    assert found["flow"] == pytest.approx(moved["flow"], rel=0.1, abs=0.05)
    assert found["labels"] == pytest.approx(moved["labels"], abs=0.1)


def test_evaluations_sample_as_the_model_is_used(dreamer: PreparedDreamer, parts: Parts) -> None:
    stage = fresh("1", dreamer, parts)
    stage.steps = 3  # type: ignore[misc]
    unet = stage.module.eval().unet
    torch.manual_seed(0)
    torch.nn.init.normal_(unet.conv_out.weight, std=0.05)
    sample = stage.read(dreamer.clips[0])
    first = sample.representation.first
    encoders = Encoders(parts.vae, parts.representation, parts.image_encoder, None, torch.device("cpu"))
    begin = Beginning(sample.frames[0], first, sample.arrows, sample.intrinsics)
    poses = camera_poses(sample.camera, first.usual_depth)
    noise = stage.fresh_noise(1, torch.Generator().manual_seed(1))
    suited = SamplingSettings(**stage.suits())
    with torch.no_grad():
        (found,) = predicted(stage, [sample])
        used = predict_window(unet, encoders, begin, poses, noise, suited)
    np.testing.assert_allclose(found.flow, used.flow, atol=1e-4)
    assert found.segmentation is not None and (found.segmentation == used.segmentation).mean() > 0.999


def test_figures_of_motion_are_right(dreamer: PreparedDreamer) -> None:
    """Squares that slide evenly: their arrows say nearly all, and the truth has no error."""
    samples = [read_sample(dreamer, clip, decodable=True) for clip in dreamer.clips]
    truth = [sample.representation for sample in samples]
    exact = errors_of(truth, truth, 0.25)
    assert (exact["flow"], exact["flow of what moves"], exact["labels"], exact["depth"]) == (0, 0, 1, 0)
    still = errors_of([held_still(each) for each in truth], truth, 0.25)
    moved = errors_of([sample.moved().representation for sample in samples], truth, 0.25)
    assert moved["flow of what moves"] < 0.5 * still["flow of what moves"]
    # edges between pixels are rounded: squares of about ten pixels lose some
    assert moved["labels"] > 0.7 and moved["labels"] > still["labels"] + 0.1
    assert moved["depth"] < still["depth"]


def test_stages_are_saved_side_by_side_and_run_on(dreamer: PreparedDreamer, fitted_vae: Path, tmp_path: Path) -> None:
    out, layout = tmp_path / "model", layout_of("tiny")
    for kind in ("2", "1"):
        before = STAGES[kind](dreamer, layout, load_parts(dreamer, layout, out, fitted_vae))
        before.save(out)
        # what is stored in half precision is what was trained with
        after = STAGES[kind](dreamer, layout, load_parts(dreamer, layout, out, None))
        assert after.identity() == before.identity()
    index = json.loads((out / "model_index.json").read_text())
    assert index["_class_name"] == "MotionDreamerPipeline"
    assert index["stage_one"] == ["simcraft.generate.motion_dreamer.network", "MotionDreamerUNet"]
    assert index["suits"]["stage_two"]["steps"] == 1 and index["suits"]["stage_one"]["delta"] == 1.0
    assert model_bytes(out, "*.safetensors") > 1000
    loaded = MotionDreamerUNet.from_pretrained(out / "stage_one", local_files_only=True)
    assert loaded.config["num_frames"] == DREAMER_FRAMES
    own = before.module.unet.state_dict()
    assert all(torch.equal(weight, own[name].half().float()) for name, weight in loaded.float().state_dict().items())
    begun = STAGES["1"](dreamer, layout, before.parts, start=out / "stage_one")
    assert begun.identity()["start"] is not None
    with pytest.raises(UserError, match="is no network of this layout"):
        STAGES["2"](dreamer, layout, before.parts, start=out / "stage_one")


def test_activations_that_are_computed_again_are_the_same(dreamer: PreparedDreamer, parts: Parts) -> None:
    gradients = []
    for checkpointing in (False, True):
        stage = fresh("1", dreamer, parts, checkpointing=checkpointing)
        torch.manual_seed(0)
        for parameter in stage.module.parameters():
            parameter.data.add_(0.02 * torch.randn_like(parameter))
        stage.module.train()
        stage.module(stage.batch(np.arange(2), step_generator(0, 0, 0)))["loss"].backward()
        gradients.append([parameter.grad for parameter in stage.module.parameters()])
    assert all(torch.allclose(a, b, rtol=1e-4, atol=1e-6) for a, b in zip(*gradients, strict=True))


def test_sizes_that_do_not_fit_are_refused(dreamer: PreparedDreamer, parts: Parts) -> None:
    with pytest.raises(UserError, match="takes multiples of 16"):
        fresh_with(dreamer, parts, channels=(32, 32, 32), attention=(False, False, True), size=(40, 32))


def fresh_with(data: PreparedDreamer, parts: Parts, size: tuple[int, int], **sizes: object) -> DreamerStage:
    return STAGES["2"](replace(data, size=size), replace(layout_of("tiny"), **sizes), parts)  # type: ignore[arg-type]


@pytest.mark.slow
def test_from_a_set_to_a_model_in_processes(clips: Path, fitted_vae: Path, tmp_path: Path) -> None:
    def simcraft(*arguments: object, code: int = 0) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "simcraft", "train", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
        assert done.returncode == code, done.stderr
        return done

    made = simcraft("prepare", clips, "-o", "data", "--for", "dreamer", "--frames", 4, "--pack", "pack.zip", "--json")
    assert json.loads(made.stdout)["packed"] == "6 of 6 clips"
    simcraft("prepare", "pack.zip", "-o", "unpacked", "-q")
    common = ("--data", "unpacked", "-o", "model", "--layout", "tiny", "--batch", 2, "--threads", 1, "-q", "--json")
    for stage, folder, steps in (("1", "stage_one", 1), ("1", "stage_one", 2), ("2", "stage_two", 1)):
        arguments = ("dreamer", "--stage", stage, *common, "--autoencoder", fitted_vae, "--steps", steps)
        assert json.loads(simcraft(*arguments).stdout)["steps"] == steps
        assert (tmp_path / "model" / folder / "config.json").is_file()
        assert "<svg" in (tmp_path / f"out/train/model-{stage}/report.html").read_text()
    refused = simcraft("dreamer", "--stage", "1", *common, "--steps", 3, "--masked", 0.9, code=2)
    assert "has options" in refused.stderr
    simcraft("card", "model", "--run", "out/train/model-1", "--run", "out/train/model-2", "-q")
    card = (tmp_path / "model" / "README.md").read_text()
    assert "flow of what moves, no arrows" in card and "composited, new" in card and "Motion Dreamer" in card
    missing = simcraft("dreamer", "--stage", "1", "--data", "nothing", "-o", "m", "--steps", 1, code=2)
    assert "There is no prepared data in nothing" in missing.stderr and missing.stderr.count("\n") == 2
