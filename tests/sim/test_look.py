"""The look of scenes: what it changes, what it must not change, and that captions tell the truth about it."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simcraft.errors import UserError
from simcraft.observe.preview import preview_frames
from simcraft.recording.format import convert
from simcraft.sim import families as shipped
from simcraft.sim.blender import BlenderSession, blender_session
from simcraft.sim.simulate import record_in_child
from tests.sim.test_families import ask, differing, read

NAMES = [family.name for family in shipped.families()]
RIGID = ("dominoes", "support", "collide", "contain", "drop", "link", "roll", "tower", "orbit")
PREFIX = "background_"


def random_look(seed: int) -> dict[str, Any]:
    """A value for every parameter of the look, as a data set would draw it."""
    generator = np.random.default_rng(seed)
    look: dict[str, Any] = {}
    for parameter in shipped.look_parameters():
        low, high = shipped.look_usual().get(parameter.name, (0, 0))
        if parameter.choices:
            look[parameter.name] = str(generator.choice(parameter.choices[1:]))
        elif isinstance(parameter.default, int):
            look[parameter.name] = int(generator.integers(1, high + 1))
        else:
            look[parameter.name] = round(float(generator.uniform(low, high)), 3)
    return look


def record(
    name: str, look: dict[str, Any], folder: Path, frames: tuple[int, int], session: BlenderSession | None = None
) -> Any:
    source = shipped.scene_source(name, 3, look, folder)
    options = {"frames": frames, "preview": True, "seed": 3, "size": (96, 96)}
    return record_in_child(source, options, session=session)


# ---- without Blender


def test_parameters_are_complete_and_nobody_elses() -> None:
    own = {parameter.name for family in shipped.families() for parameter in family.parameters}
    for parameter in shipped.look_parameters():
        assert parameter.name not in own
        assert parameter.help.endswith(".") and convert(parameter, parameter.default) == parameter.default
        if parameter.choices:
            assert parameter.choices[0] == parameter.default == "own"
        else:
            low, high = shipped.look_usual()[parameter.name]
            assert parameter.minimum <= low < high <= parameter.maximum
    names = {parameter.name for parameter in shipped.look_parameters()}
    assert all(names.issuperset(family.lacks) for family in shipped.families())


def test_every_family_takes_a_look(tmp_path: Path) -> None:
    own, rest = shipped.check_settings("earth", {"floor": "sand", "sun_height": "-10", "speed": 20})
    assert own == {"floor": "sand", "sun_height": -10.0, "speed": 20.0} and rest == {}
    with pytest.raises(UserError, match="sun_height should be a number"):
        shipped.check_settings("earth", {"sun_height": 100})
    with pytest.raises(UserError, match=r"floor should be text \(own, oak"):
        shipped.check_settings("tower", {"floor": "lava"})
    neutral = {parameter.name: parameter.default for parameter in shipped.look_parameters()}
    assert "blend" in shipped.scene_source("tower", None, neutral, tmp_path)
    assert "build" in shipped.scene_source("tower", None, {"floor": "sand"}, tmp_path)


def test_explanation_has_the_look_without_what_the_family_lacks() -> None:
    assert "floor = own" in shipped.explain_settings("tower")
    text = shipped.explain_settings("earth")
    assert "floor =" not in text and "sun_height = 0" in text


# ---- in Blender


@pytest.mark.bpy
def test_a_look_changes_only_what_is_seen() -> None:
    pytest.importorskip("bpy")
    neutral = {parameter.name: parameter.default for parameter in shipped.look_parameters()}
    plain, same, looking = read(
        [ask("dominoes", 5), ask("dominoes", 5, **neutral), ask("dominoes", 5, **random_look(1))]
    )
    assert plain == same
    changed = {name for name in differing(plain, looking) if not name.startswith(PREFIX)}
    assert changed == {"camera", "sun"}
    assert set(plain["objects"]) <= set(looking["objects"])


@pytest.mark.bpy
def test_captions_tell_the_look() -> None:
    pytest.importorskip("bpy")
    look = {"paint": "wood", "floor": "terrazzo", "sky": "overcast", "camera_motion": "circle", "distractors": 5}
    dominoes, table, drop = read(
        [ask("dominoes", 3, **look, camera_speed=0.5), ask("collide", 3, **look), ask("drop", 4, paint="metal")]
    )
    count = sum(name.startswith("domino_") for name in dominoes["objects"])
    assert dominoes["caption"] == (
        f"A wooden ball rolls into a curved row of {count} wooden dominoes on a terrazzo floor and topples them."
    )
    assert "under an overcast sky" in dominoes["details"]
    assert "the camera slowly circles the scene" in dominoes["details"]
    assert not any("sun" in detail for detail in dominoes["details"])
    assert "on a terrazzo floor" in table["details"] and "a wooden cue ball" in table["caption"].lower()
    assert drop["caption"].startswith("A metal ball, cube, drum, cone and slab fall")
    kinds = Counter(name.split("_")[1] for name in dominoes["objects"] if name.startswith(PREFIX))
    told = next(detail for detail in dominoes["details"] if detail.endswith("in the background"))
    numbers = {"a": 1, "two": 2, "three": 3, "four": 4, "five": 5}
    found = re.findall(r"\b(a|two|three|four|five) (box|ball|cylinder|cone|ring)", told)
    assert {kind: numbers[word] for word, kind in found} == kinds


@pytest.mark.bpy
def test_the_sun_comes_from_where_it_is_said_to() -> None:
    pytest.importorskip("bpy")
    scenes = read([ask("tower", 3, sky="clear", sun_turn=turn) for turn in (-130, -40, 50, 140)])
    said = set()
    for scene in scenes:
        (words,) = [detail for detail in scene["details"] if "sun from" in detail]
        pose = np.array(scene["camera"])
        across, _, back = (float(np.dot(scene["sun"], pose[:3, axis])) for axis in range(3))
        side = words.split("sun from ")[1]
        said.add(side)
        if side in ("the left", "the right"):
            assert (across > 0) == (side == "the right")
        else:
            assert (back > 0) == (side == "behind the viewer")
    assert len(said) == 4


def check_recording_with_a_look(name: str, folder: Path) -> None:
    """It records, nothing in the background moves or is met, and the camera looks at the scene."""
    look = random_look(sum(map(ord, name)))
    recording = record(name, look, folder, (1, 30))
    assert recording.caption.endswith(".")
    assert all(detail == detail.strip(" .") and detail[0].islower() for detail in recording.details)
    background = [body for body in recording.bodies if body.name.startswith(PREFIX)]
    moving = [
        body
        for body in recording.bodies
        if body.kind == "rigid" and not body.name.startswith(PREFIX) and np.ptp(body.transforms, axis=0).any()
    ]
    assert bool(background) == any(detail.endswith("in the background") for detail in recording.details)
    for body in background:
        assert (body.transforms == body.transforms[0]).all()
        corners = body.vertices @ body.transforms[0, :3, :3].T + body.transforms[0, :3, 3]
        for other in moving if name in RIGID else ():
            turn, place = other.transforms[:, :3, :3], other.transforms[:, None, :3, 3]
            points = np.einsum("tij,vj->tvi", turn, other.vertices) + place
            inside = (points > corners.min(0)) & (points < corners.max(0))
            assert not inside.all(-1).any(), f"{other.name} meets {body.name}"
    picture = preview_frames(recording, (48, 48), [0, 29]).astype(float)
    assert 12.0 < picture.mean() < 235.0 and picture.std() > 8.0
    if name in RIGID:
        assert _share_in_the_picture(recording, moving) > 0.6


def _share_in_the_picture(recording: Any, moving: list[Any]) -> float:
    """Of all places of the middles of what moves, how many the camera sees."""
    places = np.array([body.transforms[:, :3, 3] for body in moving])
    pose, lens = recording.camera.camera_to_world, recording.camera.intrinsics
    local = np.einsum("tji,btj->bti", pose[:, :3, :3], places - pose[:, :3, 3])
    pixel = np.einsum("tij,btj->bti", lens, local)
    pixel = pixel[..., :2] / pixel[..., 2:]
    return float(((pixel > 0) & (pixel < recording.size)).all(-1).mean())


@pytest.mark.bpy
def test_a_look_is_recorded(tmp_path: Path) -> None:
    pytest.importorskip("bpy")
    check_recording_with_a_look("tower", tmp_path)


@pytest.mark.bpy
@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_family_is_recorded_with_a_look(tmp_path: Path, name: str) -> None:
    pytest.importorskip("bpy")
    check_recording_with_a_look(name, tmp_path)


@pytest.mark.bpy
@pytest.mark.parametrize("names", [("drop",), pytest.param(RIGID, marks=pytest.mark.slow)], ids=["sample", "all"])
def test_nothing_moves_otherwise_with_a_look(names: tuple[str, ...], tmp_path: Path) -> None:
    """Bullet's motion is the same to the last bit."""
    pytest.importorskip("bpy")
    with blender_session() as session:
        for name in names:
            plain, looking = (
                {body.name: body for body in record(name, look, tmp_path, (1, 24), session).bodies}
                for look in ({}, random_look(5))
            )
            assert set(looking) >= set(plain)
            for key, body in plain.items():
                np.testing.assert_array_equal(body.transforms, looking[key].transforms)
