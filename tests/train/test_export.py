"""A part of a model is loaded whole, from safetensors, and of the class that it should be, or not at all."""

import json
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL
from safetensors.torch import load_file, save_file

from simcraft.errors import UserError
from simcraft.generate.patch_autoencoder import PatchAutoencoder
from simcraft.train.export import load_autoencoder, load_part, save_autoencoder
from simcraft.train.layout import LAYOUTS, build_autoencoder

MODELS = Path(__file__).resolve().parents[2] / "models"
WEIGHTS = "diffusion_pytorch_model.safetensors"


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    return save_autoencoder(build_autoencoder(LAYOUTS["tiny"]), tmp_path)


def test_a_part_is_what_was_saved(saved: Path) -> None:
    part = load_autoencoder(saved)
    stored = load_file(saved / WEIGHTS)
    assert all(torch.equal(weight, stored[name].float()) for name, weight in part.state_dict().items())
    assert not part.training and not any(parameter.requires_grad for parameter in part.parameters())


def test_a_model_does_not_tell_where_its_parts_came_from(saved: Path, tmp_path: Path) -> None:
    again = save_autoencoder(load_autoencoder(saved), tmp_path / "again")
    assert str(tmp_path) not in (again / "config.json").read_text()
    assert json.loads((again / "config.json").read_text()) == json.loads((saved / "config.json").read_text())


@pytest.mark.parametrize("config", sorted(MODELS.rglob("config.json")), ids=lambda path: str(path.relative_to(MODELS)))
def test_shipped_models_name_no_folder_of_the_machine_that_made_them(config: Path) -> None:
    assert '"/' not in config.read_text(encoding="utf-8")


def test_another_class_is_refused(tmp_path: Path) -> None:
    AutoencoderKL(block_out_channels=(32,), norm_num_groups=8).save_pretrained(tmp_path)
    with pytest.raises(UserError, match="holds a AutoencoderKL; expected a PatchAutoencoder"):
        load_autoencoder(tmp_path)


def test_weights_that_are_not_all_there_are_refused(saved: Path) -> None:
    weights = load_file(saved / WEIGHTS)
    del weights["encoder.bias"]
    save_file(weights, saved / WEIGHTS)
    with pytest.raises(UserError, match=r"could not be loaded \(encoder\.bias is missing\)"):
        load_part(saved, PatchAutoencoder)
    save_file({**weights, "encoder.bias": torch.zeros(1)}, saved / WEIGHTS)
    with pytest.raises(UserError, match=r"could not be loaded \(.*encoder\.bias"):
        load_part(saved, PatchAutoencoder)


def test_pickles_and_damaged_files_are_refused(saved: Path) -> None:
    torch.save(load_file(saved / WEIGHTS), saved / "diffusion_pytorch_model.bin")
    (saved / WEIGHTS).unlink()
    with pytest.raises(UserError, match=f"no file named {WEIGHTS}"):
        load_autoencoder(saved)
    (saved / WEIGHTS).write_bytes(b"nothing")
    with pytest.raises(UserError, match="could not be loaded"):
        load_autoencoder(saved)
    (saved / "config.json").write_text(json.dumps([]))
    with pytest.raises(UserError, match="damaged or not the configuration of a PatchAutoencoder"):
        load_autoencoder(saved)
    with pytest.raises(UserError, match="There is no autoencoder"):
        load_autoencoder(saved.parent)
