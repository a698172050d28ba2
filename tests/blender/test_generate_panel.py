"""Videos ordered inside a real Blender: what is made, what is kept, and what the file may go through meanwhile."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.blender.conftest import notes_of

CHAPTERS = ("first_video", "what_is_a_change", "files", "meanwhile", "stopped", "problems", "variations", "automatic")
LANES = [
    pytest.param("bpy", marks=[pytest.mark.bpy, pytest.mark.slow]),
    pytest.param("blender", marks=[pytest.mark.blender, pytest.mark.slow]),
    pytest.param("blender-5.2", marks=[pytest.mark.blender, pytest.mark.slow]),
]


def generate_in_blender(kind: str, folder: Path, *chapters: str, **environment: str) -> Any:
    """The notes that generating.py takes of these chapters in the Blender of a lane."""
    data = {"BLENDER_USER_DATAFILES": str(folder / "data")}
    return notes_of("generating.py", kind, folder, *chapters, **{**data, **environment})


@pytest.fixture(scope="module", params=LANES)
def notes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return generate_in_blender(request.param, tmp_path_factory.mktemp(f"generating-{request.param}"), *CHAPTERS)


@pytest.mark.bpy
def test_one_press_makes_a_video_and_keeps_the_motion(tmp_path: Path) -> None:
    seen = generate_in_blender("bpy", tmp_path, "first_video")["first_video"]
    check_first_video(seen, tmp_path)


def test_one_press_makes_a_video_in_every_blender(notes: Any) -> None:
    check_first_video(notes["first_video"], Path(notes["first_video"]["video"]).parent)


def check_first_video(seen: Any, folder: Path) -> None:
    assert seen["before"] is None
    assert seen["said"] == ["FINISHED"]
    assert seen["video"] == str(folder / "fall.mp4")
    assert Path(seen["video"]).stat().st_size > 500
    assert "median error" in seen["summary"]
    assert seen["report"] and seen["picture"]
    assert (seen["frames"], seen["size"]) == ([1, 4], [64, 64])
    assert {"flow", "depth", "instances", "tracks"} <= set(seen["overlays"])
    assert seen["recording"] and seen["clip"]
    assert seen["copy"] == []  # the scene's copy has served
    # warp has no seeds: one video, beside the first one, from the same motion
    assert seen["again"] == [str(folder / "fall_2.mp4"), str(folder / "fall.mp4")]
    assert seen["same motion"]
    assert seen["own"]
    assert seen["jobs"] == 0


def test_a_motion_is_outdated_by_what_moves_or_shows_something_only(notes: Any) -> None:
    seen = dict(notes["what_is_a_change"])
    assert seen.pop("made")
    assert not seen.pop("now")
    same = {name for name, unchanged in seen.items() if unchanged}
    assert same == {"frames", "selection", "prompt", "where renders go", "still"}


def test_a_motion_goes_with_its_file(notes: Any) -> None:
    assert notes["files"] == {
        "reopened": True,
        "edited": False,
        "a copy was saved": False,
        "reverted": True,
        "renamed": True,
        "another session": True,
        "the old name": None,
        "two that were never saved": 2,
    }


def test_the_file_may_be_changed_saved_and_closed_while_a_job_runs(notes: Any) -> None:
    assert notes["meanwhile"] == {"state": "done", "video": True, "fresh": None}


def test_jobs_are_stopped_resumed_and_removed(notes: Any) -> None:
    seen = notes["stopped"]
    assert seen["idle"] == [False, False]
    assert seen["stopped"] == "stopped"
    assert seen["resumed"]
    assert seen["removed"] == [True]
    assert seen["which"] == [True, False]
    assert seen["second"]


def test_problems_are_said_and_mended(notes: Any) -> None:
    seen = notes["problems"]
    assert "video.txt" in seen["ending"] and ".mp4" in seen["ending"]
    assert "file" in seen["in a file"]
    assert "first is a file" in seen["problem"]
    assert "retry" in seen["actions"]
    assert seen["retry"] == ["FINISHED"]
    assert seen["made"]
    assert "smaller size" in seen["offload"]
    assert "64 x 64" in seen["smaller"]
    assert seen["fewer"] == ["FINISHED"]
    assert seen["frames"] == [2, [1, 2]]
    assert "no camera" in seen["no camera"]
    assert "one frame" in seen["one frame"]
    assert "not in the list" in seen["no job"]
    assert "never been saved" in seen["no folder"]


def test_variations_share_one_motion(notes: Any) -> None:
    seen = notes["variations"]
    assert seen["jobs"] == [["check", "record", "observe"], ["generate"], ["generate"], ["generate"]]
    assert seen["seeds"] == [7, 8, 9]
    assert seen["videos"] == [f"variations_seed{seed}.mp4" for seed in (7, 8, 9)]
    assert seen["clips"] == 1
    assert seen["another"] == ["generate"]
    assert seen["its name"] == "variations_seed7_2.mp4"
    assert (seen["for all"], seen["for one"]) == ([7, 7, 8, 9], [8])
    assert seen["copy"]
    assert seen["left"] == [0, False]


@pytest.mark.bpy
def test_each_job_is_told_of_by_one_panel(tmp_path: Path) -> None:
    seen = generate_in_blender("bpy", tmp_path, "told_once")["told_once"]
    assert seen["by motion"] == {"alone": [True, False], "video": [False, False], "shared": [False, False]}
    assert seen["makers"]
    assert seen["left"] == 0


def test_the_engine_says_what_it_has_and_what_a_video_costs(notes: Any) -> None:
    seen = notes["automatic"]
    assert seen["asked"] == ["FINISHED"]
    assert {"warp", "motioncraft"} <= set(seen["generators"])
    assert seen["best"] in seen["generators"]
    assert seen["seconds"] > 0
    assert seen["basis"]


@pytest.mark.slow
@pytest.mark.bpy
def test_two_blenders_have_the_same_file_open(tmp_path: Path) -> None:
    generate_in_blender("bpy", tmp_path, "first_video")
    with ThreadPoolExecutor(2) as both:
        notes = [tmp_path / f"{number}.json" for number in range(2)]
        runs = [both.submit(generate_in_blender, "bpy", tmp_path, "same_file", NOTES_FILE=str(path)) for path in notes]
        seen = [run.result()["same_file"] for run in runs]
    # each has its own name; both look at the newest of the scene, which may be the other's
    made = {tmp_path / "fall_3.mp4", tmp_path / "fall_4.mp4"}
    assert all(video.stat().st_size > 500 for video in made) and {Path(run["video"]) for run in seen} <= made
    assert len({run["motion"] for run in seen}) == 2 and all(run["fresh"] for run in seen)


@pytest.mark.slow
@pytest.mark.blender
def test_smoke_is_solved_and_stands_in_the_first_frame(tmp_path: Path) -> None:
    assert generate_in_blender("blender", tmp_path, "smoke")["smoke"] == {"image": True, "video": True}


@pytest.mark.bpy
def test_without_an_engine_the_button_says_so(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="There is no engine"):
        generate_in_blender("bpy", tmp_path, "first_video", SIMCRAFT_PYTHON="/nowhere/python")
