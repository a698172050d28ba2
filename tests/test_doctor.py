"""What the doctor says of the embedded models."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from simcraft.doctor import models
from simcraft.errors import Failure
from simcraft.generate import embedded


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder of models."""

    def missing(relative: str) -> Path:
        raise Failure(f"{relative} is missing.")

    monkeypatch.setattr(embedded, "asset", missing)
    monkeypatch.setenv("SIMCRAFT_MODELS", str(tmp_path))
    return tmp_path


def test_without_models_the_ways_to_one_are_named(folder: Path) -> None:
    (check,) = models()
    assert check.state == "note" and "docs/training.md" in check.fix and "SIMCRAFT_MODELS" in check.fix


def test_models_are_listed_with_size_and_fingerprint(folder: Path) -> None:
    weights = folder / "small" / "unet" / "diffusion_pytorch_model.safetensors"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(bytes(2_500_000))
    (folder / "small" / "model_index.json").write_text("{}")
    (folder / "broken").mkdir()
    (folder / "broken" / "model_index.json").write_text("{}")
    (folder / "default.json").write_text(json.dumps({"generator": "warp", "why": "it is the fastest"}))
    broken, small, best = models()
    assert broken.name == "Model broken" and broken.state == "missing" and "unet" in broken.found
    assert small.state == "ok" and small.found.startswith("2.5 MB, UNet sha256 ")
    assert hashlib.sha256(bytes(2_500_000)).hexdigest()[:12] in small.found
    assert best.found == "warp: it is the fastest"


def test_a_variable_that_names_no_folder_is_a_finding(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMCRAFT_MODELS", str(folder / "nowhere"))
    (check,) = models()
    assert check.state == "missing" and "nowhere" in check.found
