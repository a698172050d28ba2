"""Motion arrows lie where the recording's camera sees them, to a thousandth of a pixel."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simcraft.recording import Recording, load_recording
from tests.blender.conftest import BLENDERS, notes_of

CAMERAS = ("plain", "shifted", "vertical", "orthographic")
FRAMES = (1, 1, 5)
"""In which frame each arrow is seen: the curve's motion starts later."""


@dataclass(frozen=True)
class Seen:
    """What one Blender told."""

    notes: Any
    folder: Path


@pytest.fixture(scope="module", params=BLENDERS)
def seen(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    folder = tmp_path_factory.mktemp(f"arrows-{request.param}")
    return Seen(notes_of("arrows_seen.py", request.param, folder), folder)


def recorded_pixels(recording: Recording, frame: int, points: list[list[float]]) -> np.ndarray:
    """(P, 2): where the recording's camera sees points of the world in a frame."""
    t = list(recording.frame_numbers).index(frame)
    pose, intrinsics = recording.camera.camera_to_world[t], recording.camera.intrinsics[t]
    local = (np.array(points) - pose[:3, 3]) @ pose[:3, :3]
    flat = local[:, :2] / local[:, 2:] if recording.camera.projection == "perspective" else local[:, :2]
    return flat * np.diag(intrinsics)[:2] + intrinsics[:2, 2]


@pytest.mark.parametrize("camera", CAMERAS)
def test_arrows_lie_where_the_recording_and_blender_see_them(seen: Seen, camera: str) -> None:
    note, recording = seen.notes["cameras"][camera], load_recording(seen.folder / camera)
    assert note["arrows"] == [
        ["Arrow", "Triangle", "instance", [1, 9]],
        ["Goal", "Triangle", "instance", [1, 9]],
        ["Arrow.001", None, "drag", [5, 9]],
    ]
    for line, blender, world, frame in zip(note["lines"], note["blender"], note["world"], FRAMES, strict=True):
        np.testing.assert_allclose(line, recorded_pixels(recording, frame, world), atol=1e-3)
        # whose own projection is in single precision
        np.testing.assert_allclose(line, blender, atol=1e-3)


@pytest.mark.parametrize("camera", CAMERAS)
def test_a_displacement_goes_from_start_to_end(seen: Seen, camera: str) -> None:
    note = seen.notes["cameras"][camera]
    for line, displacement in zip(note["lines"], note["displacements"], strict=True):
        np.testing.assert_allclose(np.subtract(line[-1], line[0]), displacement, atol=1e-9)


def test_the_scene_is_left_in_its_frame(seen: Seen) -> None:
    assert {note["frame"] for note in seen.notes["cameras"].values()} == {3}


@pytest.mark.parametrize("camera", CAMERAS)
def test_the_file_holds_the_same_in_another_size(seen: Seen, camera: str) -> None:
    note, written = seen.notes["cameras"][camera], json.loads((seen.folder / f"{camera}.json").read_text())
    assert (written["version"], written["size"]) == (1, [192, 128])
    for arrow, line, facts in zip(written["arrows"], note["lines"], note["arrows"], strict=True):
        np.testing.assert_allclose(arrow["points"], np.multiply(line, 2), atol=1e-3)
        assert [arrow[name] for name in ("name", "object", "kind", "frames")] == facts
    assert not list(seen.folder.glob("*.partial"))


@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        ("no target", "No object is known that 'Lost' should move"),
        ("no source", "'Triangle' is no empty and no curve"),
        ("twice", "'Bad' is a motion arrow already"),
        ("behind", "'Bad' is not in front of the camera in frame 1"),
        ("no length", "no length of motion arrow 'Bad'"),
        ("no time", "'Bad' ends in frame 1, but starts in frame 1"),
        ("moves nothing", "'Bad' moves no object"),
        ("bevel", "take away its bevel"),
    ],
)
def test_what_means_nothing_is_named(seen: Seen, mistake: str, words: str) -> None:
    assert words in seen.notes["mistakes"][mistake]


def test_an_arrow_goes_with_its_empty(seen: Seen) -> None:
    assert seen.notes["mistakes"]["deleted"] == "0"


def test_buttons_add_arrows_to_what_is_selected_or_seen_below(seen: Seen) -> None:
    notes = seen.notes["operators"]
    assert notes["nothing selected"] is False
    assert notes["added"] == [
        ["Arrow Triangle", "instance", "Triangle"],
        ["Arrow", "drag", "Triangle"],
        ["Far", "drag", "Triangle"],
    ]
    assert "No object is known that 'Far' should move" in notes["over nothing"]


def test_a_new_arrow_points_to_the_right_in_the_picture(seen: Seen) -> None:
    name, ((right, down),) = seen.notes["operators"]["made"]
    assert name == "Arrow Triangle"
    assert right > 10
    assert abs(down) < 0.05 * right


def test_arrows_travel_with_the_file_and_are_no_part_of_recordings(seen: Seen) -> None:
    notes = seen.notes["operators"]
    assert notes["same after loading"]
    assert not [warning for warning in notes["warnings"] if "Arrow" in warning]


def test_what_was_made_for_an_arrow_goes_with_it(seen: Seen) -> None:
    notes = seen.notes["operators"]
    assert notes["selected"] == ["Arrow Triangle"]
    assert notes["left"] == ["Camera", "Far", "Triangle"]
    assert notes["nothing to remove"] is False


def test_strokes_become_arrows(seen: Seen) -> None:
    notes = seen.notes["strokes"]
    assert "no stroke" in notes["none"]
    assert notes["lines"]
    for line in notes["lines"]:
        np.testing.assert_allclose(line, notes["blender"], atol=1e-3)
    if "on the screen" in notes:
        assert len(notes["lines"]) == 2
        assert "Placement" in notes["on the screen"]
