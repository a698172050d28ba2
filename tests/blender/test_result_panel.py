"""Motion and videos in Blender: at the right frames, in the right place, and no part of the next recording."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simcraft.picture import save_png
from simcraft.video import Video, save_video
from tests.blender.conftest import BLENDERS, notes_of

WIDTH, HEIGHT = 64, 48
START, FRAMES = 11, 6
SEEN = 2
"""Which frame of the video plays in the scene's frame that is looked at."""


def pictures() -> np.ndarray:
    """(T, H, W, 3): three upright bands of other colours in each frame."""
    frames = np.empty((FRAMES, HEIGHT, WIDTH, 3), np.uint8)
    for t in range(FRAMES):
        frames[t, :, :21] = (40 * t, 60, 200)
        frames[t, :, 21:42] = (200, 40 * t, 60)
        frames[t, :, 42:] = (60, 200, 40 * t)
    return frames


def make_inputs(folder: Path) -> None:
    video = Video(pictures(), 24.0, {"generator": "warp"})
    for name in ("video.mp4", "later.mp4", "frames"):
        save_video(video, folder / name)
    save_png(pictures()[0], folder / "report.png")
    for layer in ("flow", "depth"):
        for t, frame in enumerate(pictures(), start=1):
            save_png(frame, folder / "overlays" / layer / f"{t:04d}.png")


@pytest.fixture(scope="module", params=BLENDERS)
def notes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp(f"results-{request.param}")
    make_inputs(folder)
    return notes_of("results_shown.py", request.param, folder)


BANDS = [80, 60, 200, 200, 80, 60, 60, 200, 80]
"""The mean colours of the three bands in the frame that is looked at; those of its neighbours differ by 40."""


def test_only_changes_of_the_scene_itself_need_a_new_simulation(notes: Any) -> None:
    assert notes["disturbed"] == ["the cube"]


@pytest.mark.parametrize("layer", ["flow", "depth"])
def test_a_layer_lies_over_the_cameras_view_from_the_motions_first_frame_on(notes: Any, layer: str) -> None:
    shown = notes["motion"][layer]
    assert (shown["folder"], shown["source"]) == (layer, "SEQUENCE")
    assert shown["user"] == [START, FRAMES, 0]
    assert (shown["alpha"], shown["front"], shown["method"]) == (0.5, "FRONT", "STRETCH")


def test_the_slider_is_that_of_what_is_shown(notes: Any) -> None:
    assert notes["motion"]["opacity"] == [0.25, 0.25, 0.0]


def test_one_layer_replaces_the_other_and_hiding_leaves_nothing(notes: Any) -> None:
    assert notes["motion"]["left"] == [0, []]
    assert notes["motion"]["other camera"] == 0
    assert notes["motion"]["hide again"] is False
    assert notes["motion"]["editor"] == ["SEQUENCE"]


def test_a_layer_that_is_not_there_is_named(notes: Any) -> None:
    assert "no pictures of 'tracks'" in notes["motion"]["tracks"]


def test_pictures_lie_where_they_were_seen_in_frames_of_other_shapes(notes: Any) -> None:
    """In a frame twice as wide the lens sees as wide as before, so the picture is twice as large as what fits in."""
    assert notes["fitted"] == {"square": ["FIT", 1.0], "wide": ["FIT", 2.0], "vertical": ["FIT", 1.0]}


def test_strips_lie_above_each_other_at_the_frames_of_the_scene(notes: Any) -> None:
    movie, images = notes["sequencer"]["strips"]
    assert movie == ["MOVIE", 1, START, START + FRAMES, ["video.mp4"]]
    assert images[:4] == ["IMAGE", 2, START, START + FRAMES]
    assert images[4] == [f"frame_{t:04d}.png" for t in range(FRAMES)]


@pytest.mark.parametrize("where", ["sequencer", "planes"])
@pytest.mark.parametrize("video", ["movie", "pictures"])
def test_the_right_picture_is_rendered_in_the_right_place(notes: Any, where: str, video: str) -> None:
    assert notes[where][video] == pytest.approx(BANDS, abs=6)


def test_the_plane_follows_the_camera(notes: Any) -> None:
    assert notes["planes"]["moved"] == pytest.approx(notes["planes"]["movie"], abs=1)


def test_a_plane_stands_at_the_cursor_and_shines(notes: Any) -> None:
    place, size = notes["planes"]["cursor"]
    assert place == pytest.approx([1.0, 2.0, 3.0])
    assert size == pytest.approx([3.0 * WIDTH / HEIGHT, 0.0, 3.0])
    assert notes["planes"]["nodes"] == ["EMISSION", "OUTPUT_MATERIAL", "TEX_IMAGE"]
    assert notes["planes"]["materials"] == 1


def test_videos_are_no_part_of_the_next_recording(notes: Any) -> None:
    assert notes["recorded"]["bodies"] == ["Cube"]
    # the world is grey
    assert np.ptp(notes["recorded"]["colour"]) < 0.5


def test_a_background_is_kept_with_the_file(notes: Any) -> None:
    background = notes["background"]
    assert background["images"] == background["reloaded"] == ["MOVIE", "SEQUENCE"]
    assert background["user"] == [START, FRAMES, 0]
    assert background["path"] == "//video.mp4"


def test_copies_are_whole_and_have_the_videos_extension(notes: Any) -> None:
    copied = notes["copied"]
    assert copied["same"]
    assert copied["files"] == ["copy.mp4"]
    assert copied["pictures"] == FRAMES
    assert "is a folder that is there already" in copied["folder"]
    assert "is the video itself" in copied["itself"]
    assert "No name" in copied["no name"]


def test_the_chosen_video_counts_until_a_newer_one_comes(notes: Any) -> None:
    chosen = notes["chosen"]
    assert (chosen["newest"], chosen["earlier"], chosen["another came"]) == ("video.mp4", "frames", "later.mp4")
    assert {"later.mp4", "report.png"} <= set(chosen["loaded"])


def test_videos_that_are_gone_or_foreign_are_named(notes: Any) -> None:
    assert "/nowhere.mp4 is no video of scene" in notes["chosen"]["foreign"]
    assert "later.mp4 is gone" in notes["chosen"]["gone"]


def test_without_a_video_nothing_can_be_pressed(notes: Any) -> None:
    pressable = {name for name, can in notes["without"].items() if can}
    # the one that is shown can still be taken away
    assert pressable == {"clear_background"}


def test_texts_are_broken_between_words(notes: Any) -> None:
    assert notes["wrapped"] == [["one two", "three", "four"], ["extraordinary", "a b"], []]
