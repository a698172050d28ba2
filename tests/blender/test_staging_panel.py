"""What the operators of the Scene panel make, against what physics, geometry and the engine say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import simcraft as sc
from simcraft.sim.families import families, find_family
from tests.blender.conftest import BLENDERS, notes_of

CUP = 2.0**3 - 1.8**2 * 1.9
"""m³ of its walls and bottom."""
CONE = np.pi * 0.5**2 * 2.0 / 3
STONE = 2600.0


CASES = ("rigid", "falling", "custom", "check_list", "motion", "camera", "effects", "one_preset", "small_effects")


@pytest.fixture(scope="module", params=BLENDERS)
def panel(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    folder = tmp_path_factory.mktemp(f"panel-{request.param}")
    return notes_of("panel_scenes.py", request.param, folder, *CASES), folder


@pytest.fixture
def notes(panel: tuple[Any, Path]) -> Any:
    return panel[0]


def test_a_body_weighs_what_its_volume_of_the_material_weighs(notes: Any) -> None:
    masses = notes["rigid"]["masses"]
    assert masses["block"] == pytest.approx(STONE * 1 * 2 * 3, rel=1e-5)
    assert masses["cup"] == pytest.approx(STONE * CUP, rel=1e-4)
    # made of triangles, round things are a little smaller
    assert masses["ball"] == pytest.approx(STONE * 4 / 3 * np.pi, rel=0.01)
    assert masses["cone"] == pytest.approx(STONE * CONE, rel=0.002)
    assert notes["custom"]["body"] == [10.0, pytest.approx(0.5), pytest.approx(0.2), "MESH"]


def test_shapes_are_the_simplest_that_are_true(notes: Any) -> None:
    shapes = notes["rigid"]["shapes"]
    assert (shapes["block"], shapes["ball"], shapes["cone"]) == ("BOX", "SPHERE", "CONVEX_HULL")
    assert notes["rigid"]["floor"] == ["PASSIVE", "MESH"]
    assert notes["rigid"]["kinematic"] == ["keyed"]


def test_bodies_turn_about_their_centres_of_mass_and_stay_where_they_were(notes: Any) -> None:
    # that of a cone lies at a quarter of its height
    np.testing.assert_allclose(notes["rigid"]["cone's origin"], (6, 0, 5.5), atol=1e-5)
    assert notes["rigid"]["cone moved by"] < 1e-5


def test_the_cache_follows_the_scenes_frames(notes: Any) -> None:
    assert notes["rigid"]["cache"] == [1, 30]
    assert notes["rigid"]["longer cache"] == 90


def test_bodies_fall_freely(notes: Any) -> None:
    heights = np.array(notes["falling"]["heights"])
    seconds = np.arange(len(heights)) / notes["falling"]["fps"]
    np.testing.assert_allclose(heights, heights[0] - 9.81 / 2 * seconds**2, atol=0.01)
    assert heights[0] - heights[-1] > 1.2


def test_what_cannot_be_is_said_with_a_name(notes: Any) -> None:
    assert notes["rigid"]["nothing selected"] is False
    assert "'box' is the box of a simulation" in notes["custom"]["domain"]
    assert "no mesh that could move" in notes["check_list"]["no mesh"]
    assert "Nothing is selected" in notes["camera"]["nothing selected"]
    assert "'point' is no mesh" in notes["effects"]["no body"]


def test_each_problem_appears_and_its_button_takes_it_away(notes: Any) -> None:
    stages = notes["check_list"]
    left = ["RANGE", "CAMERA", "MOTION", "LIGHT", "UNITS", "SIZE", "SAVE"]
    assert stages["at first"] == left
    for problem in ("UNITS", "LIGHT", "SIZE", "RANGE", "MOTION", "CAMERA"):
        left = [other for other in left if other != problem]
        assert stages[problem] == left
    assert len(stages["spoilt"]) == 7
    for how, (appeared, is_left) in stages["spoilt"].items():
        assert appeared and not is_left, how
    assert stages["at last"] == []
    assert stages["kinds"] == [["ground", "PASSIVE"], *([f"thing {i}", "ACTIVE"] for i in range(3))]
    width, height, percentage = stages["size"]
    assert (width, height % 8, percentage) == (512, 0, 100)


def test_what_moves_is_found_without_stepping_a_frame(notes: Any) -> None:
    moving = ["bent", "child", "cloth", "driven", "follower", "instance", "keyed", "waves"]
    assert notes["motion"] == {"names": moving, "kinds": {"animated": 7, "cloth": 1}}


def test_the_camera_sees_all_that_moves_and_no_more(notes: Any) -> None:
    low, high, (nearest,) = notes["camera"]["all"]
    assert nearest > 0
    margins = np.array([low, 1 - np.array(high)])
    assert (margins > 0.04).all()
    # it fills the picture in one direction, and is in the middle in both
    assert margins.min() < 0.07
    np.testing.assert_allclose(margins[0], margins[1], atol=0.02)
    # down to the floor on which it will lie
    assert notes["camera"]["lowest"] == pytest.approx(0, abs=1e-3)
    assert notes["camera"]["lens"] == 35.0
    assert notes["camera"]["reused"] is True
    low, high, _ = notes["camera"]["one"]
    assert min(low) > 0
    assert max(high) < 1


KINDS = {"jelly": "material", "sand": "material"}
FED = ("smoke", "fire", "liquid", "jelly", "sand")


@pytest.mark.parametrize("name", [*FED, "flock", "crowd", "traffic"])
def test_a_domain_has_all_that_it_needs(notes: Any, name: str) -> None:
    added = notes["effects"][name]
    assert added["kind"] == KINDS.get(name, name)
    assert added["selected"]
    assert all(added["for"].values())
    assert set(added["missing"]) == {"CAMERA", "LIGHT", "SIZE", "SAVE"}
    roles = added["roles"]
    assert roles["block"] == ("emitter" if name in FED else "obstacle")
    others = sorted(role for thing, role in roles.items() if thing != "block")
    assert others == {"flock": ["goal"], "crowd": ["goal"] * 2, "traffic": ["lane"] * 2}.get(name, [])
    low, high = np.array(added["cursor"])
    assert (low[:2] < (5, 0)).all()
    assert (high > (5, 0, 0)).all()


def test_domains_hold_what_feeds_them(notes: Any) -> None:
    for name in FED:
        assert notes["effects"][name]["holds the block"]
    # where it was, there is liquid; a thing that smokes is seen
    assert notes["effects"]["liquid"]["block rendered"] is False
    assert notes["effects"]["smoke"]["block rendered"] is True


def test_what_is_poured_falls_to_the_ground_and_flows_away(notes: Any) -> None:
    poured = notes["effects"]["over the ground"]
    # the floor, at 0.5, is in the box
    assert 0.2 < poured["low"] < 0.5
    assert poured["closed"] is False


def test_agents_look_like_the_active_mesh(notes: Any) -> None:
    role, hidden, radius = notes["effects"]["body"]
    assert (role, hidden) == ("body", True)
    # distances are in proportion to a bird: 1.5 m where it spans 0.6 m
    assert radius == pytest.approx(1.5 * 0.2 / 0.6)


def test_a_thing_keeps_its_role(notes: Any) -> None:
    role, domain, refusal, added = notes["effects"]["taken"]
    assert (role, domain) == ("obstacle", "None")
    assert "'wall' has the role 'obstacle' already" in refusal
    assert added == "0"


def test_a_preset_is_built_as_it_was_ordered(notes: Any) -> None:
    assert notes["one_preset"]["stones"] == 4
    assert "4 colourful dominoes" in notes["one_preset"]["caption"]
    assert "the camera stands still" in notes["one_preset"]["details"]


@pytest.mark.bpy
def test_a_preset_is_what_the_command_line_simulates(tmp_path: Path) -> None:
    notes = notes_of("panel_scenes.py", "bpy", tmp_path, "one_preset")["one_preset"]
    added = sc.simulate(tmp_path / "preset.blend", preview=True)
    settings = {"count": 4, "gap": 0.1, "camera_motion": "still"}
    ordered = sc.simulate("dominoes", seed=3, settings=settings, preview=True)
    assert added.caption == ordered.caption == notes["caption"]
    # of the name that another scene's object has, Blender numbers the second
    names = {body.name: body for body in ordered.bodies}
    for body in added.bodies:
        same = names.pop(body.name.partition(".")[0])
        np.testing.assert_allclose(body.transforms, same.transforms, atol=1e-4)
    assert not names


@pytest.mark.parametrize(
    "name",
    ["flock", *(pytest.param(n, marks=pytest.mark.slow) for n in ("smoke", "fire", "liquid", "jelly", "sand"))]
    + [pytest.param(n, marks=pytest.mark.slow) for n in ("crowd", "traffic")],
)
@pytest.mark.bpy
def test_what_was_added_is_solved(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    folder = tmp_path_factory.getbasetemp() / "small effects"
    if not folder.exists():
        folder.mkdir()
        notes_of("panel_scenes.py", "bpy", folder, "small_effects")
    recording = sc.simulate(folder / f"{name}.blend", preview=True)
    (effect,) = recording.effects
    assert effect.solved
    assert recording.warnings == ()
    made = [body for body in recording.bodies if body.name.startswith(effect.name) and "source" not in body.name]
    assert made
    for body in made:
        assert _moves(body), body.name


def _moves(body: Any) -> bool:
    """Is it not the same in the last frame as in the first?"""
    if hasattr(body, "density"):
        return bool((body.density[0] != body.density[-1]).any())
    if hasattr(body, "vertex_offsets"):
        a, b, *_, y, z = body.vertex_offsets
        return b - a != z - y or bool((body.vertices[a:b] != body.vertices[y:z]).any())
    moving = body.vertices if body.kind == "deforming" else body.transforms
    return bool((moving[0] != moving[-1]).any())


@pytest.mark.slow
@pytest.mark.parametrize("kind", BLENDERS)
def test_every_preset_is_built_beside_what_is_open(tmp_path: Path, kind: str) -> None:
    presets = notes_of("panel_scenes.py", kind, tmp_path, "every_preset")["every_preset"]
    assert presets["kept"]
    assert list(presets["built"]) == [f.name for f in families() if f.image_plane is None]
    assert presets["scenes"] == 1 + len(presets["built"])
    for name, built in presets["built"].items():
        family = find_family(name)
        assert (built["caption"], built["frames"]) == (family.prompt, family.frames)
        assert built["camera"] and built["moves"], name
        assert built["wrong"] == built["unpacked"] == built["shared"] == [], name


def test_every_preset_has_a_thumbnail() -> None:
    folder = Path(__file__).parents[2] / "blender_addon/thumbnails"
    assert {p.stem for p in folder.glob("*.jpg")} == {f.name for f in families() if f.image_plane is None}
