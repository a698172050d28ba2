"""Families of scenes: what a seed and a parameter change, and what they leave as it is."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simcraft.assets import asset
from simcraft.errors import UserError
from simcraft.recording.format import convert
from simcraft.sim import families as shipped
from simcraft.sim.simulate import record_in_child

SUMMARY = Path(__file__).with_name("scene_summary.py")
NAMES = [family.name for family in shipped.families()]
SAMPLE = ("dominoes", "pour", "driving")
"""A rigid family, a fluid one and one of agents: the default lane builds these, the slow one all."""


def read(requests: list[Any]) -> list[Any]:
    """What `scene_summary` says of each request, from one Blender."""
    done = subprocess.run([sys.executable, str(SUMMARY), json.dumps(requests)], capture_output=True, text=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith("SUMMARY ")]
    assert lines, done.stdout + done.stderr
    return json.loads(lines[0][8:])


def ask(name: str, seed: int = 7, **parameters: Any) -> dict[str, Any]:
    return {"name": name, "seed": seed, "parameters": parameters}


def blend(name: str) -> str:
    return str(asset(f"scenes/{name}.blend"))


def differing(first: dict[str, Any], second: dict[str, Any]) -> set[str]:
    """Names of the objects that are not the same in both scenes."""
    names = first["objects"].keys() | second["objects"].keys()
    return {name for name in names if first["objects"].get(name) != second["objects"].get(name)}


# ---- without Blender


def test_all_names_are_there() -> None:
    physion = {"dominoes", "support", "collide", "contain", "drop", "link", "roll", "drape", "tower"}
    motioncraft = {"satellite", "earth", "melting", "pour", "dragon", "birds"}
    mixed = {"smoke_dominoes", "flock_tower", "jelly_drum"}
    assert set(NAMES) == physion | motioncraft | mixed | {"driving", "orbit"}


@pytest.mark.parametrize("family", shipped.families(), ids=NAMES)
def test_parameters_are_complete_and_within_their_ranges(family: shipped.Family) -> None:
    assert len(family.parameters) >= 2
    for parameter in family.parameters:
        assert parameter.help.endswith(".") and parameter.help[0].isupper()
        assert parameter.choices or (parameter.minimum is not None and parameter.maximum is not None)
        assert convert(parameter, parameter.default) == parameter.default
        for value in family.usual.get(parameter.name, ()):
            assert parameter.minimum <= value <= parameter.maximum


def test_unknown_names_and_values_out_of_range_are_said() -> None:
    with pytest.raises(UserError, match="no shipped scene 'nonsense'") as caught:
        shipped.find_family("nonsense")
    assert "dominoes" in caught.value.fix
    with pytest.raises(UserError, match=r"'dominoes': gap should be a number \(0.02 to 0.8 m\), not '3'"):
        shipped.check_settings("dominoes", {"gap": "3"})
    with pytest.raises(UserError, match="drink should be text"):
        shipped.check_settings("pour", {"drink": "petrol"})


def test_settings_are_told_apart() -> None:
    own, rest = shipped.check_settings("smoke_dominoes", {"gap": "0.2", "smoke.cooling": "2", "count": 5})
    assert own == {"gap": 0.2, "count": 5} and rest == {"smoke.cooling": "2"}


def test_source_is_the_shipped_file_or_a_request(tmp_path: Path) -> None:
    assert shipped.scene_source("tower", None, {}, tmp_path) == {"blend": blend("tower")}
    assert shipped.scene_source("tower", 7, {"layers": 9}, tmp_path) == {"blend": blend("tower")}
    assert not list(tmp_path.iterdir())
    build = shipped.scene_source("tower", None, {"layers": 4}, tmp_path)["build"]
    assert Path(build["script"]).name == "build.py" and build["data"] == str(tmp_path)
    request = json.loads((tmp_path / "scene.json").read_text(encoding="utf-8"))
    assert request == {"name": "tower", "seed": 7, "parameters": {"layers": 4}}
    assert "build" in shipped.scene_source("tower", 8, {}, tmp_path)


def test_explanation_names_units_and_ranges() -> None:
    text = shipped.explain_settings("dominoes")
    assert "gap = 0.1" in text and "0.02 to 0.8" in text and "m/s" in text
    assert "dominoes" in shipped.explain_settings(None)


# ---- in Blender


@pytest.mark.bpy
def test_seeds_differ_and_repeat() -> None:
    pytest.importorskip("bpy")
    first, again, other = read([ask("tower", 3), ask("tower", 3), ask("tower", 4)])
    assert first == again
    assert {"camera", "sun", "ball"} <= differing(first, other)
    assert first["caption"] != other["caption"]


@pytest.mark.bpy
def test_captions_are_sentences() -> None:
    pytest.importorskip("bpy")
    for scene in read([ask("roll", seed) for seed in range(6)]):
        assert scene["caption"][0] == "A" and scene["caption"].endswith(".")
        assert not re.search(r"\b[Aa] [aeiou]|\b[Aa]n [^aeiou]", scene["caption"])


@pytest.mark.bpy
def test_a_counterfactual_changes_one_thing() -> None:
    pytest.importorskip("bpy")
    scenes = read(
        [
            ask("dominoes", 5),
            ask("dominoes", 5, push=1.0),
            ask("dominoes", 5, gap=0.3),
            ask("pour", 5),
            ask("pour", 5, viscosity="0.004"),
            ask("contain", 5, count=12),
            ask("contain", 5, count=13),
        ]
    )
    assert differing(scenes[0], scenes[1]) == {"ball"}
    moved = differing(scenes[0], scenes[2])
    assert moved and all(name == "ball" or name.startswith("domino_") for name in moved)
    assert differing(scenes[3], scenes[4]) == {"drink"}
    assert scenes[4]["objects"]["drink"]["effect"]["liquid.viscosity"] == pytest.approx(0.004)
    assert len(differing(scenes[5], scenes[6])) == 1


@pytest.mark.bpy
def test_wrong_parameters_are_said_by_the_builder_too(tmp_path: Path) -> None:
    pytest.importorskip("bpy")
    (tmp_path / "scene.json").write_text(json.dumps(ask("dominoes", 1, gap=9.0)))
    script = str(asset("scenes/builders/build.py"))
    with pytest.raises(UserError, match=r"gap should be a number \(0.02 to 0.8 m\)"):
        record_in_child({"build": {"script": script, "function": "build", "data": str(tmp_path)}}, {})


@pytest.mark.bpy
@pytest.mark.parametrize("names", [SAMPLE, pytest.param(NAMES, marks=pytest.mark.slow)], ids=["sample", "all"])
def test_shipped_files_are_what_their_builders_make(names: tuple[str, ...]) -> None:
    pytest.importorskip("bpy")
    scenes = read([request for name in names for request in (blend(name), ask(name))])
    for name, filed, built in zip(names, scenes[::2], scenes[1::2], strict=True):
        assert differing(filed, built) == set(), name
        assert filed["caption"] == built["caption"] == shipped.find_family(name).prompt


@pytest.mark.bpy
@pytest.mark.slow
def test_index_says_what_the_code_says() -> None:
    pytest.importorskip("bpy")
    index = json.loads(asset("scenes/index.json").read_text(encoding="utf-8"))
    assert read(["index"]) == [index]


def record(name: str, seed: int, folder: Path, frames: tuple[int, int]) -> Any:
    folder.mkdir()
    source = shipped.scene_source(name, seed, {}, folder)
    return record_in_child(source, {"frames": frames, "preview": True, "seed": seed})


def farthest(recording: Any) -> float:
    """Metres that the fastest rigid body, vertex or particle comes from the first frame to the last."""
    far = [0.0]
    for body in recording.bodies:
        if body.kind in ("rigid", "instances"):
            far.append(np.linalg.norm(body.transforms[-1, ..., :3, 3] - body.transforms[0, ..., :3, 3], axis=-1).max())
        elif body.kind == "deforming":
            far.append(np.linalg.norm(body.vertices[-1] - body.vertices[0], axis=-1).max())
    return float(max(far))


@pytest.mark.bpy
def test_another_seed_is_recorded(tmp_path: Path) -> None:
    pytest.importorskip("bpy")
    recording = record("collide", 11, tmp_path / "scene", (1, 20))
    assert 0.3 < farthest(recording) < 10.0
    assert recording.seed == 11 and "cue ball" in recording.caption


@pytest.mark.bpy
@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_family_is_simulated(tmp_path: Path, name: str) -> None:
    """With another seed than the shipped one; a few frames, which are enough for all solvers to start."""
    pytest.importorskip("bpy")
    recording = record(name, 3, tmp_path / "scene", (1, 6))
    assert all(effect.solved for effect in recording.effects)
    moving = {body.kind for body in recording.bodies} & {"changing", "volume"}
    camera = recording.camera.camera_to_world
    # the melting statue only moves in the picture's plane; the earth turns where it stands
    if name not in ("melting", "earth"):
        assert moving or farthest(recording) > 0.01 or not np.array_equal(camera[0], camera[-1])
    assert farthest(recording) < 20.0
