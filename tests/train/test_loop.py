"""Runs stop, go on exactly, and refuse what does not fit."""

import errno
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from simcraft.errors import Cancelled, DiskFull, UserError
from simcraft.generate.embedded import model_bytes
from simcraft.train.autoencoder import AutoencoderStage
from simcraft.train.checkpoint import checkpoints
from simcraft.train.command import train_model
from simcraft.train.diffusion import Material
from simcraft.train.frames import FramesStage
from simcraft.train.inpaint import InpaintStage
from simcraft.train.layout import layout_of
from simcraft.train.loop import Budget, train
from simcraft.train.prepared import PreparedSet
from simcraft.train.report import curves
from simcraft.train.stage import Settings, Stage

SETTINGS = Settings(batch=2, learning_rate=1e-3, warmup=2, horizon=3)


def fresh(name: str, material: Material) -> Stage:
    """A stage as a new process has it; that of pairs of frames without its evaluation, which is tested by itself."""
    if name == "autoencoder":
        return AutoencoderStage(material.data, layout_of("tiny", material.data.size))
    stage = FramesStage(material) if name == "unet" else InpaintStage(material)
    stage.evaluate = lambda sheet: {}  # type: ignore[method-assign]
    return stage


def state(run: Path) -> dict[str, bytes]:
    """The files of the last checkpoint."""
    return {path.name: path.read_bytes() for path in checkpoints(run)[-1].iterdir()}


@pytest.mark.parametrize("name", ["autoencoder", "unet", "inpaint"])
def test_a_run_goes_on_exactly(name: str, material: Material, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train(fresh(name, material), whole, SETTINGS, Budget(steps=4))
    train(fresh(name, material), parts, SETTINGS, Budget(steps=1))
    result = train(fresh(name, material), parts, SETTINGS, Budget(steps=4))
    assert result["steps"] == 4
    assert state(parts) == state(whole)
    assert {"weights.safetensors", "average.safetensors", "optimizer.safetensors", "state.json"} == set(state(whole))


def test_sigterm_saves_and_the_run_goes_on(material: Material, tmp_path: Path) -> None:
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    train(fresh("autoencoder", material), whole, SETTINGS, Budget(steps=4))
    stage = fresh("autoencoder", material)
    draw = stage.batch
    drawn = []

    def batch(*arguments: object) -> object:
        drawn.append(arguments)
        if len(drawn) == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return draw(*arguments)  # type: ignore[arg-type]

    stage.batch = batch  # type: ignore[method-assign, assignment]
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Cancelled, match="after step 2"):
        train(stage, stopped, SETTINGS, Budget(steps=4))
    assert signal.getsignal(signal.SIGTERM) is before
    assert [path.name for path in checkpoints(stopped)] == ["00000002"]
    train(fresh("autoencoder", material), stopped, SETTINGS, Budget(steps=4))
    assert state(stopped) == state(whole)


def test_a_model_too_large_to_be_shipped_is_told(material: Material, tmp_path: Path) -> None:
    run, out = tmp_path / "run", tmp_path / "model"

    def trained(limit: int) -> dict[str, Any]:
        return train_model(
            fresh("autoencoder", material), run, SETTINGS, Budget(steps=1), out, weights=out, limit=limit
        )

    within = trained(10**9)
    assert (within["model"], within["page"], within["steps"]) == (str(out), str(run / "report.html"), 1)
    assert within["warnings"] == []
    size = model_bytes(out, "*.safetensors")
    assert trained(size - 1)["warnings"] == [
        f"{out} has {size / 1e6:.1f} MB; shipped it may have {(size - 1) / 1e6:.0f}."
    ]


def test_time_ends_a_run_and_the_model_is_written(material: Material, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    result = train(
        fresh("autoencoder", material),
        tmp_path / "run",
        SETTINGS,
        Budget(minutes=0.003, checkpoint_minutes=1e-5),
        out=tmp_path / "model",
        progress=lambda stage, step, steps, detail="": told.append((step, steps)),
    )
    assert result["steps"] >= 1
    assert (tmp_path / "model" / "vae" / "config.json").is_file()
    assert told and all(step <= steps for step, steps in told)
    assert 1 <= len(checkpoints(tmp_path / "run")) <= 2
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert "psnr" in lines[-1]["figures"]
    page = (tmp_path / "run" / "report.html").read_text()
    assert "<svg" in page and "psnr" in page and f"sheets/{result['steps']:08d}.png" in page


def test_another_run_is_not_mixed_with_this_one(prepared: PreparedSet, tmp_path: Path) -> None:
    train(AutoencoderStage(prepared, layout_of("tiny", prepared.size)), tmp_path / "run", SETTINGS, Budget(steps=1))
    with pytest.raises(UserError, match="has layout"):
        train(AutoencoderStage(prepared, layout_of("small", (48, 32))), tmp_path / "run", SETTINGS, Budget(steps=2))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").touch()
    with pytest.raises(UserError, match="holds something else"):
        train(AutoencoderStage(prepared, layout_of("tiny", prepared.size)), tmp_path / "other", SETTINGS, Budget(1))
    with pytest.raises(UserError, match="Neither --steps nor --minutes"):
        train(AutoencoderStage(prepared, layout_of("tiny", prepared.size)), tmp_path / "new", SETTINGS, Budget())


def test_a_full_disk_is_told_and_the_checkpoint_before_is_kept(
    prepared: PreparedSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = AutoencoderStage(prepared, layout_of("tiny", prepared.size))
    train(stage, tmp_path / "run", SETTINGS, Budget(steps=1))
    kept = state(tmp_path / "run")

    def full(path: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(DiskFull):
        train(stage, tmp_path / "run", SETTINGS, Budget(steps=2, evaluate_minutes=60))
    assert state(tmp_path / "run") == kept
    assert [path.name for path in (tmp_path / "run" / "checkpoints").iterdir()] == ["00000001"]


def test_curves_are_drawn_to_scale() -> None:
    drawn = curves({"loss": [(0, 1.0), (50, 0.1), (100, 0.01)]}, logarithmic=True)
    places = drawn.split('points="')[1].split('"')[0].split()
    x, y = zip(*(map(float, place.split(",")) for place in places), strict=True)
    assert x[1] - x[0] == pytest.approx(x[2] - x[1])
    assert y[1] - y[0] == pytest.approx(y[2] - y[1])
    assert y[2] > y[0]
    assert curves({}) == "<p>Nothing yet.</p>"
