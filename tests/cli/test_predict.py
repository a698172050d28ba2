"""`simcraft predict` as a process, and its clip painted by `simcraft generate`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

import simcraft as sc
from simcraft.clip.store import load_clip, save_clip
from simcraft.generate.prediction import asked
from tests.cli.conftest import Run
from tests.generate import tiny_dreamer


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """clip.npz, photo.png with its mask.png, arrows.json, and a tiny untrained model."""
    folder = tmp_path_factory.mktemp("material")
    clip = tiny_dreamer.small_clip(3)
    save_clip(clip, folder / "clip.npz")
    tiny_dreamer.save_model(folder / "model", clip)
    assert clip.instances is not None
    mask = np.zeros((48, 64, 3), np.uint8)
    mask[clip.instances[0] == 1] = 0, 0, 255  # red, as OpenCV orders colours
    cv2.imwrite(str(folder / "mask.png"), mask)
    cv2.imwrite(str(folder / "photo.png"), clip.image[..., ::-1])
    row = {"name": "", "object": "square 1", "kind": "instance", "frames": [1, 3], "points": [[22, 22], [34, 25]]}
    (folder / "arrows.json").write_text(json.dumps({"version": 1, "size": [64, 48], "arrows": [row]}))
    return folder


def test_a_clip_is_predicted_and_what_was_understood_shown(simcraft: Run, material: Path, tmp_path: Path) -> None:
    made = simcraft(
        "predict", material / "clip.npz", "--arrow", "square 1=12,3", "-o", "a.npz", "--show", "seen.png", "--json",
        "--model", material / "model", "--device", "cpu", "--seed", 3,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout) == {"understood": "seen.png", "clip": "a.npz", "frames": 3}
    assert "predict: 2 of 2" in made.stderr
    clip = load_clip(tmp_path / "a.npz")
    expected = sc.predict(material / "clip.npz", ["square 1=12,3"], model=str(material / "model"), device="cpu", seed=3)
    np.testing.assert_allclose(clip.flow_forward, expected.flow_forward, atol=1e-4)
    picture = cv2.imread(str(tmp_path / "seen.png"))
    assert picture is not None and picture.shape[1] >= 640


@pytest.mark.slow
def test_arrows_are_painted_in_one_go_or_two(simcraft: Run, material: Path, tmp_path: Path) -> None:
    model = ("--model", material / "model", "--device", "cpu", "--seed", 3)
    first, given = material / "clip.npz", ("--arrows", material / "arrows.json")
    for arguments in (
        ("predict", first, *given, "-o", "a.npz"),
        ("generate", "a.npz", "-g", "motion_dreamer", "--out", "frames"),
        ("generate", first, "-g", "motion_dreamer", *given, "--out", "both"),
    ):
        done = simcraft(*arguments, *model)
        assert done.returncode == 0, done.stderr
    last = [cv2.imread(str(sorted((tmp_path / name).glob("*.png"))[-1])) for name in ("frames", "both")]
    assert np.array_equal(*last)


def test_what_was_understood_needs_no_model(simcraft: Run, material: Path, tmp_path: Path) -> None:
    photo = ("predict", material / "photo.png", "--masks", material / "mask.png", "--show", "seen.png")
    shown = simcraft(*photo, "--arrow", "red=12,3", "--frames", 8)
    assert shown.returncode == 0, shown.stderr
    assert (tmp_path / "seen.png").is_file() and not list(tmp_path.glob("*.npz"))
    again = simcraft(*photo, "--arrow", "22,22=12,3")
    assert again.returncode == 2 and "seen.png" in again.stderr and "--force" in again.stderr


def test_what_was_understood_is_scaled_as_the_model_will(simcraft: Run, material: Path, tmp_path: Path) -> None:
    shutil.copytree(material / "model", tmp_path / "model")
    index = tmp_path / "model" / "model_index.json"
    content = json.loads(index.read_text())
    content["suits"]["stage_one"]["delta"] = 2.0
    index.write_text(json.dumps(content))
    arrow = "square 1=8,3"
    shown = simcraft("predict", material / "clip.npz", "--arrow", arrow, "--show", "a.png", "--model", "model")
    assert shown.returncode == 0, shown.stderr
    drawn, plain = (asked(material / "clip.npz", [arrow], delta=delta).picture() for delta in (2.0, None))
    seen = cv2.imread(str(tmp_path / "a.png"))
    assert seen is not None and np.array_equal(seen[..., ::-1], drawn) and not np.array_equal(drawn, plain)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("clip.npz", "--arrow", "ball=1,2"), "There is no instance 'ball'"),
        (("clip.npz", "--arrow", "square 1=1,2", "--arrows", "arrows.json"), "--arrow and --arrows are both given"),
        (("photo.png", "--arrow", "red=1,2"), "arrows need masks"),
        (("photo.png", "--masks", "mask.png", "--point", "here"), "Point 'here' is not X,Y"),
        (("clip.npz", "--arrow", "square 1=1,2", "--strength", "2"), "has no option 'strength'"),
    ],
)
def test_mistakes_are_told_in_one_line(simcraft: Run, material: Path, arguments: tuple[str, ...], text: str) -> None:
    there = [str(material / word) if (material / word).exists() else word for word in arguments]
    failed = simcraft("predict", *there, "--show", "seen.png")
    assert failed.returncode == 2 and text in failed.stderr and "Traceback" not in failed.stderr


def test_without_a_model_it_is_said_before_the_work(simcraft: Run, material: Path) -> None:
    failed = simcraft("predict", material / "clip.npz", "--arrow", "square 1=1,2", "--model", "nowhere")
    assert failed.returncode == 2 and "There is no model 'nowhere'" in failed.stderr


def test_its_help_teaches(simcraft: Run) -> None:
    shown = simcraft("predict", "--help", COLUMNS="200")
    assert shown.returncode == 0
    for word in ("--arrow Ball=40,0", "--show understood.png", "--masks painted.png", "-g motion_dreamer"):
        assert word in shown.stdout
