"""What Motion Dreamer's stages share stays as the first of them was trained with, whatever is trained beside it."""

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from simcraft.errors import UserError
from simcraft.generate.motion_dreamer.layouts import build_image_encoder, layout_of
from simcraft.train.dreamer_export import save_stage
from simcraft.train.dreamer_parts import Parts, load_parts
from simcraft.train.dreamer_prepared import PreparedDreamer
from simcraft.train.dreamer_run import train_dreamer
from simcraft.train.export import load_autoencoder
from simcraft.train.loop import Budget

LAYOUT = layout_of("tiny")


@pytest.fixture
def model(parts: Parts, tmp_path: Path) -> Path:
    """The folder of a model whose image encoder is not the one that a fresh model gets."""
    torch.manual_seed(5)
    other = build_image_encoder(LAYOUT, parts.channels[0]).half().float()
    # any network will do
    save_stage(tmp_path / "model", "2", parts.vae, replace(parts, image_encoder=other), suits={})
    return tmp_path / "model"


def changed_autoencoder(folder: Path, source: Path, by: float) -> Path:
    """One whose encoder is a little different, in single precision."""
    autoencoder = load_autoencoder(source)
    autoencoder.encoder.weight.data.mul_(1 + by)
    autoencoder.save_pretrained(folder)
    return folder


def test_another_stage_is_trained_with_what_is_there(
    model: Path, dreamer: PreparedDreamer, parts: Parts, fitted_vae: Path, tmp_path: Path
) -> None:
    rounded = changed_autoencoder(tmp_path / "rounded", fitted_vae, 1e-6)
    found = [load_parts(dreamer, LAYOUT, model, given).identity() for given in (None, fitted_vae, rounded)]
    assert found[0] == found[1] == found[2]
    assert found[0]["encoder"] == parts.identity()["encoder"]
    assert found[0]["image_encoder"] != parts.identity()["image_encoder"]
    # and saving it changes nothing for the stage that was there
    before = (model / "image_encoder" / "diffusion_pytorch_model.safetensors").read_bytes()
    save_stage(model, "1", parts.vae, load_parts(dreamer, LAYOUT, model, None), suits={})
    assert (model / "image_encoder" / "diffusion_pytorch_model.safetensors").read_bytes() == before


def test_parts_that_the_model_does_not_have_are_refused(
    model: Path, dreamer: PreparedDreamer, fitted_vae: Path, tmp_path: Path
) -> None:
    other = changed_autoencoder(tmp_path / "other", fitted_vae, 0.1)
    with pytest.raises(UserError, match=r"other is another autoencoder than .*model/vae.*another folder with -o"):
        load_parts(dreamer, LAYOUT, model, other)
    with pytest.raises(UserError, match=r"image_encoder has .* \(8, 32, 2\); the layout has \(8, 64, 2\)"):
        load_parts(dreamer, replace(LAYOUT, width=64), model, None)


def test_a_folder_of_another_kind_of_model_is_refused_before_the_work(dreamer: PreparedDreamer, tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": "StableDiffusionPipeline"}))
    with pytest.raises(UserError, match="holds a StableDiffusionPipeline; expected a MotionDreamerPipeline"):
        train_dreamer("2", dreamer.folder, tmp_path, tmp_path / "run", Budget(steps=1))
    (tmp_path / "model_index.json").write_text("3")
    with pytest.raises(UserError, match="damaged or not the index of a model"):
        train_dreamer("2", dreamer.folder, tmp_path, tmp_path / "run", Budget(steps=1))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("split", "missing"), [("train", "held out to measure on"), ("test", "of the split 'train'")])
def test_data_without_one_of_the_splits_is_refused_before_the_work(
    dreamer: PreparedDreamer, tmp_path: Path, split: str, missing: str
) -> None:
    shutil.copytree(dreamer.folder, tmp_path / "data")
    clips = [asdict(replace(clip, split=split)) for clip in dreamer.clips]
    (tmp_path / "data" / "clips.jsonl").write_text("\n".join(map(json.dumps, clips)))
    with pytest.raises(UserError, match=f"data has no clips {missing}"):
        train_dreamer("2", tmp_path / "data", tmp_path / "model", tmp_path / "run", Budget(steps=1))
    assert not (tmp_path / "run").exists()
