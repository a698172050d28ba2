"""The shipped scenes: what every .blend holds, and that each moves as its caption says."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
SCENES = ROOT / "scenes"
INDEX = json.loads((SCENES / "index.json").read_text(encoding="utf-8"))["scenes"]
NAMES = [row["name"] for row in INDEX]
RIGID = ("dominoes", "support", "collide", "contain", "drop", "link", "roll", "tower", "orbit")
RIGID_TOO = ("smoke_dominoes", "flock_tower", "jelly_drum")
"""Scenes whose rigid bodies are only a part of what moves."""
FACTS = Path(__file__).with_name("scene_facts.py")

Facts = dict[str, dict]


def read_facts(command: list[str], paths: list[Path]) -> Facts:
    """What `scene_facts` says of each .blend, by its stem."""
    done = subprocess.run([*command, "--", *map(str, paths)], capture_output=True, text=True, timeout=300)
    lines = [line for line in done.stdout.splitlines() if line.startswith("FACTS ")]
    assert lines, done.stdout + done.stderr
    return {Path(path).stem: found for path, found in json.loads(lines[0][6:]).items()}


@pytest.fixture(scope="module")
def facts() -> Facts:
    pytest.importorskip("bpy")
    return read_facts([sys.executable, str(FACTS)], [SCENES / f"{name}.blend" for name in NAMES])


def tracks(facts: Facts, scene: str, prefix: str = "") -> np.ndarray:
    """(N, T, 4): x, y, z and the height of its z axis, of each active body whose name starts with `prefix`."""
    chosen = [track for name, track in facts[scene]["tracks"].items() if name.startswith(prefix)]
    assert chosen, f"no active body of {scene} is called {prefix}..."
    return np.array(chosen)


def test_index_lists_the_shipped_files() -> None:
    assert sorted(NAMES) == sorted(path.stem for path in SCENES.glob("*.blend"))
    assert len(set(NAMES)) == len(NAMES)
    for row in INDEX:
        assert row["title"] and row["prompt"].endswith(".") and row["parameters"]


@pytest.mark.parametrize("name", NAMES)
def test_files_are_small(name: str) -> None:
    assert (SCENES / f"{name}.blend").stat().st_size < 1.5e6


@pytest.mark.bpy
@pytest.mark.parametrize("row", INDEX, ids=NAMES)
def test_settings(facts: Facts, row: dict) -> None:
    found = facts[row["name"]]
    assert found["saved_by"][:2] == [3, 4]
    assert found["frames"] == found["cache"] == [1, row["frames"]]
    assert not found["baked"]
    assert found["fps"] == row["fps"] and found["seed"] == row["seed"]
    assert found["size"] == [512, 512] and not found["denoising"]
    assert found["camera"] and found["suns"] == 1
    assert found["texts"] == found["drivers"] == 0
    assert found["unpacked"] == found["without_uv"] == found["scaled"] == []


@pytest.mark.bpy
@pytest.mark.parametrize("name", (*RIGID, *RIGID_TOO))
def test_motion_is_sane(facts: Facts, name: str) -> None:
    places = tracks(facts, name)[..., :3]
    assert np.isfinite(places).all()
    assert places[..., 2].min() > 0.0, "something fell through the floor"
    speed = np.linalg.norm(np.diff(places, axis=1), axis=2) * 24
    assert speed.max() < 8.0, "something exploded"
    moved = np.linalg.norm(places - places[:, :1], axis=2).max(axis=1)
    assert (moved > 0.1).sum() >= 2


@pytest.mark.bpy
def test_every_domino_falls(facts: Facts) -> None:
    upright = tracks(facts, "dominoes", "domino_")[..., 3]
    assert len(upright) == 20
    assert upright[:, 0] == pytest.approx(1.0, abs=1e-3)
    assert upright[:, -1].max() < 0.7
    # one after the other
    fell = np.argmax(upright < 0.7, axis=1)
    assert (np.diff(fell) >= 0).all() and fell[-1] > fell[0] + 15


@pytest.mark.bpy
def test_tower_collapses(facts: Facts) -> None:
    height = tracks(facts, "tower", "brick_")[..., 2]
    assert height[:, 0].max() > 1.2 and height[:, -1].max() < 0.6
    assert np.abs(height[:, :3] - height[:, :1]).max() < 5e-3, "it stands until it is hit"


@pytest.mark.bpy
def test_chain_holds_and_swings(facts: Facts) -> None:
    beads = tracks(facts, "link", "bead_")[..., :3]
    gaps = np.linalg.norm(np.diff(beads, axis=0), axis=2)
    assert gaps == pytest.approx(0.15, abs=0.02)
    ball = tracks(facts, "link", "ball")[0]
    assert ball[0, 0] < -1.0 and ball[:, 0].max() > -0.1
    cans = tracks(facts, "link", "can_")
    assert (cans[:, -1, 3] < 0.5).sum() >= 4


@pytest.mark.bpy
def test_ball_rolls_down_and_bowls(facts: Facts) -> None:
    ball = tracks(facts, "roll", "ball")[0]
    assert ball[0, 2] - ball[-1, 2] > 0.8 and ball[-1, 0] - ball[0, 0] > 2.5
    assert (tracks(facts, "roll", "pin_")[:, -1, 3] < 0.9).all()


@pytest.mark.bpy
def test_crate_contains_everything(facts: Facts) -> None:
    last = tracks(facts, "contain")[:, -1]
    assert len(last) == 20
    assert np.abs(last[:, :2]).max() < 0.65 and last[:, 2].max() < 0.7


@pytest.mark.bpy
def test_break_shot_moves_every_ball_on_the_cloth(facts: Facts) -> None:
    balls = tracks(facts, "collide")[..., :3]
    moved = np.linalg.norm(balls[:, -1] - balls[:, 0], axis=1)
    assert moved.min() > 0.05 and np.median(moved) > 0.4
    assert np.ptp(balls[..., 2]) < 0.15


@pytest.mark.bpy
def test_shelf_comes_down(facts: Facts) -> None:
    shelf = tracks(facts, "support", "shelf")[0]
    assert shelf[0, 2] > 0.8 and shelf[-1, 2] < 0.4
    for name in ("cube_", "drum"):
        assert tracks(facts, "support", name)[:, -1, 2].max() < 0.5


@pytest.mark.bpy
def test_falling_things_bounce_and_settle(facts: Facts) -> None:
    ball = tracks(facts, "drop", "ball")[0, :, 2]
    landed = int(np.argmax(np.diff(ball) > 0))
    assert 5 < landed < 24 and ball[landed:].max() > ball[landed] + 0.2
    assert tracks(facts, "drop")[:, -1, 2].max() < 0.5


@pytest.fixture
def blender() -> str:
    found = os.environ.get("SIMCRAFT_BLENDER") or shutil.which("blender")
    if found is None:
        pytest.skip("no Blender executable")
    return found


def build(blender: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [blender, "-b", "-P", str(ROOT / "scripts" / "build_scenes.py"), "--", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


@pytest.mark.blender
def test_scenes_are_what_their_builders_make(blender: str, tmp_path: Path) -> None:
    version = subprocess.run([blender, "--version"], capture_output=True, text=True).stdout.split()[1]
    built = build(blender, "roll", "--out", str(tmp_path))
    if not version.startswith("3."):
        assert built.returncode == 2 and "build with 3.4" in built.stderr
        return
    assert built.returncode == 0, built.stderr
    assert json.loads((tmp_path / "index.json").read_text(encoding="utf-8"))["scenes"] == INDEX
    command = [blender, "-b", "--factory-startup", "-P", str(FACTS)]
    new = read_facts(command, [tmp_path / "roll.blend"])
    shipped = read_facts(command, [SCENES / "roll.blend"])
    np.testing.assert_allclose(tracks(new, "roll"), tracks(shipped, "roll"), atol=1e-4)


@pytest.mark.blender
def test_unknown_scene_is_a_users_mistake(blender: str, tmp_path: Path) -> None:
    done = build(blender, "nonsense", "--out", str(tmp_path))
    assert done.returncode == 2 and "no scene is called nonsense" in done.stderr
    assert not list(tmp_path.iterdir())
