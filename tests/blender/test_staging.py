"""What a scene says of simulations, from Blender's properties to the effects of a recording."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blender_addon.obstacles import in_the_way
from simcraft.assets import asset
from simcraft.errors import UserError
from simcraft.progress import silent
from simcraft.recording import Effect, Mesh, Recording, RigidBody, Role, load_recording
from simcraft.sim.blender import find_blender, run_child
from simcraft.sim.primitives import box
from tests.blender.conftest import BLENDERS, HERE, blender_executable


@dataclass(frozen=True)
class Staged:
    """The staging scene, recorded as it was built, and again from the file that was saved of it."""

    built: Recording
    opened: Recording
    refusals: list[str]


def record(kind: str, source: dict[str, Any], folder: Path, name: str, **request: Any) -> Recording:
    """What the child records of `source`, with its effects as the scene asks for them."""
    request = {"addon": str(asset("blender_addon").resolve()), "out": str(folder / name), **source, **request}
    request.setdefault("options", {"preview": True})
    blender = find_blender(blender_executable(kind))
    return load_recording(run_child(blender, request, folder / f"{name}.log", silent))


def building(function: str, folder: Path) -> dict[str, Any]:
    data = str(folder / "notes.json")
    return {"build": {"script": str(HERE / "staging.py"), "function": function, "data": data}}


@pytest.fixture(scope="module", params=BLENDERS)
def staged(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Staged:
    folder = tmp_path_factory.mktemp(f"staging-{request.param}")
    built = record(request.param, building("staging", folder), folder, "built")
    opened = record(request.param, {"blend": str(folder / "staging.blend")}, folder, "opened")
    return Staged(built, opened, json.loads((folder / "notes.json").read_text()))


def effect(recording: Recording, name: str) -> Effect:
    return next(e for e in recording.effects if e.name == name)


def roles(effect: Effect) -> list[tuple[str, str]]:
    return sorted((r.role, r.name) for r in effect.roles)


def role(effect: Effect, name: str) -> Role:
    return next(r for r in effect.roles if r.name == name)


def test_what_was_set_is_what_the_effect_says(staged: Staged) -> None:
    smoke = effect(staged.built, "Smoke")
    assert smoke.kind == "smoke"
    assert not smoke.solved
    # exactly 0.1, although Blender keeps single precision
    assert smoke.settings == {"buoyancy": 0.1, "solver": "phiflow", "resolution": 16}
    # a temperature of 1 is the default
    assert role(smoke, "Torch").settings == {"density": 2.0}
    assert staged.built.materials[smoke.material].name == "Fog"
    assert effect(staged.built, "Flock").material == -1


def test_the_box_is_the_objects_own(staged: Staged) -> None:
    cos, sin = np.cos(0.5), np.sin(0.5)
    middle = effect(staged.built, "Smoke").box_to_world @ [0.5, 0.5, 0.5, 1]
    np.testing.assert_allclose(middle, [0, 0, 1, 1], atol=1e-6)
    np.testing.assert_allclose(
        effect(staged.built, "Smoke").box_to_world[:3, :3], 2 * np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]]),
        atol=1e-6,
    )  # fmt: skip


def test_a_saved_file_asks_for_the_same(staged: Staged) -> None:
    assert len(staged.built.effects) == 3
    for built, opened in zip(staged.built.effects, staged.opened.effects, strict=True):
        assert (built.kind, built.name, built.settings) == (opened.kind, opened.name, opened.settings)
        assert [(r.role, r.name, r.settings) for r in built.roles] == [
            (r.role, r.name, r.settings) for r in opened.roles
        ]
        np.testing.assert_array_equal(built.box_to_world, opened.box_to_world)


def test_who_takes_part(staged: Staged) -> None:
    # far away, all around, told to be ignored, and an agent's body: none of these is in the smoke's way
    assert roles(effect(staged.built, "Smoke")) == [("emitter", "Torch"), ("obstacle", "Pole"), ("obstacle", "Rock")]
    # only what is marked collides with the flock
    assert roles(effect(staged.built, "Flock")) == [("body", "Bird"), ("goal", "Goal"), ("obstacle", "Rock")]
    assert {r.name for r in effect(staged.built, "Town").roles if r.role == "lane"} == {"Lane", "Ring"}
    assert ("body", "Bird") in roles(effect(staged.built, "Town"))
    assert any("'Idle' has a role for 'Pole'" in w for w in staged.built.warnings)
    assert any("'Banner.001' is a part of a simulation, but" in w for w in staged.built.warnings)


def test_domains_are_no_bodies_and_hidden_emitters_are(staged: Staged) -> None:
    bodies = {b.name: b for b in staged.built.bodies}
    assert bodies.keys().isdisjoint({"Smoke", "Flock", "Town"})
    torch = bodies["Torch"]
    assert isinstance(torch, RigidBody)
    assert torch.present is not None
    assert not torch.present.any()
    assert len(torch.mesh.faces) == 12
    heights = torch.transforms[:, 2, 3]
    assert (np.diff(heights) > 0).all()
    assert not bodies["Bird"].present.any()
    assert bodies["Rock"].present is None


def test_empties_and_curves_are_points(staged: Staged) -> None:
    goal = role(effect(staged.built, "Flock"), "Goal").points
    assert goal.shape == (4, 1, 3)
    np.testing.assert_allclose(goal[0, 0], (1, 2, 3), atol=1e-6)
    assert (np.diff(goal[:, 0, 0]) > 0).all()
    lane = role(effect(staged.built, "Town"), "Lane").points
    np.testing.assert_allclose(lane[3], [(0, 0, 31), (1, 1, 31), (2, 0, 31)], atol=1e-5)
    ring = role(effect(staged.built, "Town"), "Ring").points
    np.testing.assert_allclose(ring[0], [(0, 0, 30), (1, 1, 30), (2, 0, 30), (0, 0, 30)], atol=1e-5)


def test_mistakes_are_named(staged: Staged) -> None:
    expected = ("'smok'", "'buoyanc'", "-20 to 20 m/s²", "'SOME'", "flock of 'Flock'", "no domain", "wings", "density")
    for text, words in zip(staged.refusals, expected, strict=True):
        assert words in text


@pytest.mark.parametrize("kind", BLENDERS)
def test_a_scene_of_effects_alone_is_a_scene(tmp_path: Path, kind: str) -> None:
    recording = record(kind, building("only_effects", tmp_path), tmp_path, "alone")
    assert recording.bodies == ()
    # an empty's box is as large as it is drawn
    np.testing.assert_allclose(recording.effects[0].box_to_world @ [0, 0, 0, 1], (-3, -3, -1, 1))
    assert not any("Nothing moves" in w for w in recording.warnings)


@pytest.mark.bpy
@pytest.mark.parametrize(("scene", "words"), [("flat", "'Flat' is flat"), ("thick_lane", "'Lane' has faces")])
def test_what_makes_no_sense_is_refused(tmp_path: Path, scene: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        record("bpy", building(scene, tmp_path), tmp_path, scene)


@pytest.mark.bpy
def test_the_example_of_the_guide_is_an_effect(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "blender.md").read_text(encoding="utf-8")
    example = next(part.split("```")[0] for part in page.split("```python\n") if "make_domain" in part.split("```")[0])
    (tmp_path / "notes.json").write_text(example, encoding="utf-8")
    (smoke,) = record("bpy", building("guide", tmp_path), tmp_path, "guide").effects
    assert (smoke.name, smoke.settings) == ("Box", {"resolution": 64, "buoyancy": 1.0})
    assert [(r.role, r.name, r.settings) for r in smoke.roles] == [("emitter", "Torch", {"density": 2.0})]


def block(size: tuple[float, float, float], *places: tuple[float, float, float]) -> RigidBody:
    vertices, faces, _ = box(size)
    transforms = np.tile(np.eye(4), (len(places), 1, 1))
    transforms[:, :3, 3] = places
    return RigidBody("Block", Mesh(faces), vertices.astype(np.float32), transforms)


@pytest.mark.parametrize(
    ("body", "meets"),
    [
        (block((1, 1, 1), (0.5, 0.5, 0.5)), True),
        (block((1, 1, 1), (3, 0, 0)), False),
        (block((9, 9, 9), (0, 0, 0)), False),  # all around
        (block((9, 9, 9), (0, 0, 4.6)), True),  # its lower face is inside
        (block((1, 1, 1), (-3, 0, 0), (3, 0, 0)), True),  # passes through
        (block((1, 1, 1), (-3, 9, 0), (3, 9, 0)), False),
    ],
)
def test_only_what_comes_into_the_box_is_in_its_way(body: RigidBody, meets: bool) -> None:
    placed = np.diag([2.0, 2.0, 2.0, 1.0])
    placed[:3, 3] = -1
    assert in_the_way(body, placed) is meets
