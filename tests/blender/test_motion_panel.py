"""A scene is simulated and observed by the button of the panel, and its motion can be looked at."""

from __future__ import annotations

from typing import Any

import pytest

from tests.blender.conftest import BLENDERS, notes_of


@pytest.fixture(scope="module", params=BLENDERS)
def notes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp(f"motion-{request.param}")
    return notes_of("motion_simulated.py", request.param, folder)


def test_there_is_nothing_to_look_at_before(notes: Any) -> None:
    assert notes["moving"]["before"] == [True, False]


def test_all_layers_have_a_picture_for_each_frame(notes: Any) -> None:
    assert notes["moving"]["layers"] == dict.fromkeys(("flow", "arrows", "depth", "instances", "tracks"), 4)
    assert (notes["moving"]["frames"], notes["moving"]["size"]) == ([3, 6], [96, 64])
    assert notes["moving"]["user"] == [3, 4]


def test_motion_is_right_until_the_scene_changes(notes: Any) -> None:
    assert (notes["moving"]["after"], notes["moving"]["shown"], notes["moving"]["changed"]) == (True, True, False)
    assert notes["moving"]["warnings"] == []


def test_a_scene_that_stands_still_is_told_so_with_what_to_do(notes: Any) -> None:
    (warning, *_) = notes["still"]
    assert "moves" in warning
    assert "keyframes" in warning or "Animate" in warning


def test_what_cannot_be_simulated_is_grey_and_says_why(notes: Any) -> None:
    assert "The scene has no camera" in notes["no camera"]
    assert "one frame only" in notes["one frame"]
