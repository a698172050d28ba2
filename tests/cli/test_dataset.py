"""`simcraft dataset` as users run it: from a recipe to a set, checked, shown, exported; mistakes get one clear line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import simcraft as sc
from tests.cli.conftest import Run
from tests.data.sets import make_small_set

RECIPE = """\
name: tiny
size: 32x32
frames: 4
every: 4
tracks: 16
annotations: [visibility, depth, instances, tracks, frames]
set: {floor: [oak, grass]}
families: {dominoes: {set: {count: 5..8}}, drop: 1}
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_small_set(tmp_path_factory.mktemp("cli"))


def test_a_recipe_is_explained(simcraft: Run) -> None:
    done = simcraft("dataset", "make", "--explain")
    assert done.returncode == 0 and not done.stderr
    assert "6..24" in done.stdout and "camera_motion" in done.stdout and "Family 'dominoes'" in done.stdout


def test_a_dry_run_makes_nothing(simcraft: Run, tmp_path: Path) -> None:
    done = simcraft("dataset", "make", "physion", "-n", "100", "--dry-run", "--json")
    assert json.loads(done.stdout) == {"clips": 100, "each": "16 frames of 128x128, preview"}
    assert not list(tmp_path.iterdir())


def test_a_recipe_is_made_in_another_size(simcraft: Run) -> None:
    done = simcraft("dataset", "make", "physion", "-n", "3", "--size", "256x192", "--dry-run", "--json")
    assert json.loads(done.stdout) == {"clips": 3, "each": "16 frames of 256x192, preview"}
    done = simcraft("dataset", "make", "physion", "--size", "large", "--dry-run")
    assert done.returncode == 2 and "Size 'large' is not WIDTHxHEIGHT" in done.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: x\nfamilies: {dominoes: 1}\nfrmes: 3", "no key 'frmes'"),
        ("name: x\nfamilies: {dominoes: {set: {count: 2..90}}}", "count should be a whole number (3 to 40), not '2'"),
        ("name: [x", "is not YAML"),
    ],
)
def test_a_wrong_recipe_is_told_with_its_place(simcraft: Run, tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "wrong.yaml").write_text(text)
    done = simcraft("dataset", "make", "wrong.yaml", "--dry-run", "-q")
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert words in done.stderr and "wrong.yaml" in done.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--ray", "auto", "--slurm", "debug"], "--ray and --slurm are both given."),
        (["--ray", "auto", "--workers", "2"], "--workers says nothing of a Ray cluster."),
    ],
)
def test_options_that_do_not_go_together(simcraft: Run, tmp_path: Path, options: list[str], words: str) -> None:
    done = simcraft("dataset", "make", "physion", *options)
    assert done.returncode == 2 and words in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_recipe_or_set_that_is_not_there(simcraft: Run) -> None:
    done = simcraft("dataset", "make", "nothing.yaml")
    assert done.returncode == 2 and "There is no recipe nothing.yaml." in done.stderr and "physion" in done.stderr
    for command in ("check", "gallery", "row"):
        done = simcraft("dataset", command, "nowhere", *(["1"] if command == "row" else []))
        assert done.returncode == 2 and "is no data set" in done.stderr, command


def test_a_set_is_checked(simcraft: Run, finished: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(finished, tmp_path / "set")
    done = simcraft("dataset", "check", "set", "-q", "--workers", "1")
    assert done.returncode == 0, done.stderr
    assert (copy / "check.html").is_file() and (copy / "check.json").is_file()
    damaged = copy / "clips/000002.npz"
    damaged.write_bytes(damaged.read_bytes()[:-30])
    done = simcraft("dataset", "check", "set", "-q", "--workers", "1", "--out", "report")
    assert done.returncode == 1 and "000002" in done.stderr and "Traceback" not in done.stderr
    assert (tmp_path / "report/check.html").is_file()


def test_a_set_is_exported_and_shown(simcraft: Run, finished: Path, tmp_path: Path) -> None:
    done = simcraft("dataset", "export", finished, "-f", "webdataset", "--split", "train", "-o", "shards", "--json")
    assert done.returncode == 0, done.stderr
    assert [p.name for p in sorted((tmp_path / "shards").glob("*.tar"))] == ["train-000000.tar"]
    done = simcraft("dataset", "export", finished, "-f", "tar")
    assert done.returncode == 2 and "webdataset" in done.stderr
    done = simcraft("dataset", "export", "--help")
    assert done.returncode == 0 and all(name in done.stdout for name in ("webdataset", "zarr", "kubric", "tapvid"))
    done = simcraft("dataset", "gallery", finished, "-o", "page", "--json")
    assert done.returncode == 0, done.stderr
    assert Path(tmp_path / json.loads(done.stdout)["page"]).is_file()


@pytest.mark.bpy
@pytest.mark.slow
def test_a_set_is_made_goes_on_and_can_be_made_again_row_by_row(simcraft: Run, tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(RECIPE)
    done = simcraft("dataset", "make", "tiny.yaml", "-n", "2", "--workers", "1", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["clips"] == "2 of 2"
    first = (tmp_path / "tiny/clips/000001.npz").read_bytes()
    done = simcraft("dataset", "make", "tiny.yaml", "-n", "3", "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["made now"] == 1
    assert (tmp_path / "tiny/clips/000001.npz").read_bytes() == first
    done = simcraft("dataset", "row", "tiny", "1", "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["compared"] == "identical", done.stderr
    assert (tmp_path / "000001.npz").read_bytes() == first
    clip = sc.load_clip(tmp_path / "tiny/clips/000000.npz")
    assert clip.frame_count == 4 and clip.frames is not None and len(clip.captions) > 1
    (tmp_path / "tiny.yaml").write_text(RECIPE.replace("16", "17"))
    done = simcraft("dataset", "make", "tiny.yaml", "-n", "3")
    assert done.returncode == 2 and "another recipe" in done.stderr
