"""`simcraft train`: from a set to a model that stock diffusers loads, and refusals in a line."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from diffusers import StableDiffusionPipeline
from typer.testing import CliRunner

from simcraft.cli import app
from simcraft.cli_train_dreamer import DreamerStageName, options_of
from simcraft.train.dreamer_loss import Options

runner = CliRunner()


def simcraft(*arguments: object) -> object:
    return runner.invoke(app, ["train", *map(str, arguments)])


def test_from_a_set_to_a_model(clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    prepared = simcraft("prepare", clips, "-o", "data", "--pack", "data.zip", "-q", "--json")
    assert prepared.exit_code == 0, prepared.output
    assert json.loads(prepared.stdout)["packed"] == "6 of 6 clips"
    common = ("--data", "data", "-o", "model", "--layout", "tiny", "--batch", 2, "--threads", 1, "-q", "--json")
    for stage in ("autoencoder", "unet"):
        budget = ("--minutes", 0) if stage == "autoencoder" else ("--steps", 1)
        trained = simcraft("image", "--stage", stage, *common, *budget)
        assert trained.exit_code == 0, trained.output
        assert (tmp_path / f"out/train/model-{stage}/report.html").is_file()
    assert json.loads(trained.stdout)["steps"] == 1
    pipeline = StableDiffusionPipeline.from_pretrained("model", local_files_only=True)
    assert pipeline.unet.config.in_channels == 8
    runs = [f"out/train/model-{stage}" for stage in ("autoencoder", "unet")]
    assert simcraft("card", "model", "--run", runs[0], "--run", runs[1], "--hardware", "an abacus", "-q").exit_code == 0
    card = Path("model/README.md").read_text()
    assert "an abacus" in card and "1 steps, 2 examples" in card and "inverted to 400" in card
    assert "Fitted in closed form" in card
    for picture in re.findall(r"\]\((.*?)\)", card):
        assert (Path("model") / picture).stat().st_size > 500, picture
    again = simcraft("image", "--stage", "unet", *common, "--steps", 2, "--rate", 0.5)
    assert again.exit_code == 2
    assert "has learning_rate 0.0004, not 0.5" in again.stderr


def test_refusals_are_a_line_and_its_fix(clips: Path, tmp_path: Path) -> None:
    for arguments, message in (
        (("prepare", tmp_path, "-o", tmp_path / "x"), "is no data set"),
        (("image", "--stage", "autoencoder", "--data", tmp_path, "-o", tmp_path / "m"), "There is no prepared data in"),
    ):
        refused = simcraft(*arguments)
        assert refused.exit_code == 2
        assert message in refused.stderr
        assert refused.stderr.count("\n") == 2


def test_the_painter_wants_an_autoencoder(clips: Path, tmp_path: Path) -> None:
    assert simcraft("prepare", clips, "-o", tmp_path / "data", "-q").exit_code == 0
    refused = simcraft(
        "image", "--stage", "unet", "--data", tmp_path / "data", "-o", tmp_path / "m", "--layout", "tiny", "--steps", 1
    )
    assert refused.exit_code == 2
    assert "Train one first with --stage autoencoder" in refused.stderr
    shutil.rmtree(tmp_path / "data")


@pytest.mark.parametrize(
    ("stage", "option"), [("2", "--masked"), ("2", "--masking"), ("2", "--delta"), ("one", "--enhancement")]
)
def test_options_that_a_stage_does_not_look_at_are_refused(stage: str, option: str, tmp_path: Path) -> None:
    value = "both" if option == "--masking" else 0.5
    refused = simcraft("dreamer", "--stage", stage, "--data", tmp_path, "-o", tmp_path, "--steps", 1, option, value)
    assert refused.exit_code == 2
    assert f"Stage {stage} does not look at {option}" in refused.stderr


def test_options_of_a_stage_are_the_usual_ones_but_for_those_that_are_given() -> None:
    none = dict.fromkeys(("masked", "masking", "threshold", "enhancement", "delta"))
    usual = Options()
    assert options_of(DreamerStageName.painting, **none) == usual
    changed = options_of(DreamerStageName.reasoning, **{**none, "masked": 0.9, "enhancement": 1.0})
    assert changed == replace(usual, hiding=replace(usual.hiding, ratio=0.9), enhancement=1.0)
    # what --help says they are
    shown = re.sub(r"[\s│]+", " ", simcraft("dreamer", "--help").stdout)
    for value in (usual.hiding.ratio, usual.hiding.masking, usual.threshold, usual.enhancement, usual.delta):
        assert f"default: {value}." in shown


def test_help_teaches() -> None:
    shown = re.sub(r"\s+", " ", simcraft("image", "--help").stdout)
    for word in ("autoencoder", "unet", "inpaint", "accelerate launch"):
        assert word in shown
