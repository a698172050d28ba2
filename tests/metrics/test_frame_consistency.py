"""CLIP frame consistency, on a tiny model with random weights in the layout of the published ones."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

import simcraft as sc
from simcraft.errors import UserError
from simcraft.metrics.likeness import frame_consistency
from simcraft.video import Video
from tests.analytic import sliding_square

VISION = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": 32,
    "patch_size": 8,
    "projection_dim": 16,
}


@pytest.fixture(scope="module")
def clip_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole CLIP, text and vision, as the hub has them."""
    folder = tmp_path_factory.mktemp("clip_model")
    torch.manual_seed(0)
    text = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 1, "vocab_size": 99}
    config = transformers.CLIPConfig(text_config=text, vision_config=VISION, projection_dim=16)
    transformers.CLIPModel(config).save_pretrained(folder)
    size = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}
    transformers.CLIPImageProcessorPil(**size).save_pretrained(folder)
    return folder


@pytest.fixture
def copied(clip_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(clip_model, tmp_path / "copy"))


def test_cosine_of_consecutive_embeddings(clip_model: Path) -> None:
    """The definition, written out with the whole model and torch's own resizing left out: frames have its size."""
    frames = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3)).astype(np.uint8)
    model = transformers.CLIPModel.from_pretrained(clip_model).eval()
    mean, deviation = torch.tensor([0.4814547, 0.4578275, 0.4082107]), torch.tensor([0.2686295, 0.2613026, 0.2757771])
    pixels = (torch.from_numpy(frames) / 255 - mean) / deviation
    with torch.no_grad():
        hidden = model.vision_model(pixels.permute(0, 3, 1, 2)).pooler_output
        embedded = model.visual_projection(hidden)
    expected = torch.cosine_similarity(embedded[1:], embedded[:-1]).mean()
    assert frame_consistency(frames, clip_model) == pytest.approx(float(expected), abs=1e-5)
    assert float(expected) < 0.999


def test_reports_carry_it(clip_model: Path, tmp_path: Path) -> None:
    clip = sliding_square()
    report = sc.evaluate(Video(clip.frames), clip, clip_model=clip_model)
    shuffled = sc.evaluate(Video(clip.frames[[0, 7, 1, 6, 2, 5, 3, 4]]), clip, clip_model=clip_model)
    frozen = sc.evaluate(Video(np.repeat(clip.image[None], 8, 0)), clip, clip_model=clip_model)
    assert shuffled.frame_consistency < report.frame_consistency < frozen.frame_consistency == pytest.approx(1)
    assert not any("CLIP" in note for note in report.notes)
    saved = json.loads(report.save(tmp_path / "report.json").read_text())
    assert saved["frame_consistency"] == report.frame_consistency


def test_a_single_frame_has_none(clip_model: Path) -> None:
    assert frame_consistency(sliding_square(count=1).frames, clip_model) is None


def test_pickled_weights_are_not_read(copied: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple:
            return (Path.touch, (copied / "executed",))

    (copied / "model.safetensors").unlink()
    torch.save({"trap": Trap()}, copied / "pytorch_model.bin")
    with pytest.raises(UserError, match="copy has no safetensors weights; pickled ones"):
        frame_consistency(sliding_square().frames, copied)
    assert not (copied / "executed").exists()


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no config\.json"):
        frame_consistency(sliding_square().frames, tmp_path)


@pytest.mark.parametrize("part", ["model.safetensors", "config.json", "preprocessor_config.json"])
def test_damaged_parts(copied: Path, part: str) -> None:
    (copied / part).write_bytes((copied / part).read_bytes()[:100])
    with pytest.raises(UserError, match="copy is not a CLIP model"):
        frame_consistency(sliding_square().frames, copied)


def test_weights_that_lack_the_vision_half(copied: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(copied / "model.safetensors")
    text = {name: value for name, value in weights.items() if name.startswith("text")}
    save_file(text, copied / "model.safetensors", {"format": "pt"})
    with pytest.raises(UserError, match="copy is not a complete CLIP model: its weights lack"):
        frame_consistency(sliding_square().frames, copied)


def test_a_model_of_another_kind(copied: Path) -> None:
    config = transformers.BertConfig(hidden_size=32, num_hidden_layers=1, num_attention_heads=1, vocab_size=9)
    transformers.BertModel(config).save_pretrained(copied)
    with pytest.raises(UserError, match="copy is not a"):
        frame_consistency(sliding_square().frames, copied)
