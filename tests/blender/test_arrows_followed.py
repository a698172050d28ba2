"""From arrows in Blender to a video: what the panel asks of the engine, and what comes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simcraft.video import load_video
from tests.blender.conftest import notes_of
from tests.blender.test_generate_panel import LANES

FOCAL = 64 * 50 / 36
"""Pixels: a lens of 50 mm, and 64 pixels on a sensor of 36 mm."""
RIGHT = 3.0 * FOCAL / 8.0
"""Pixels: an arrow of 3 m, 8 m away."""


def followed(kind: str, folder: Path, model: str, *chapters: str) -> Any:
    """The notes that arrows_followed.py takes of these chapters in the Blender of a lane."""
    data = {"BLENDER_USER_DATAFILES": str(folder / "data")}
    return notes_of("arrows_followed.py", kind, folder, model, *chapters, **data)


@pytest.mark.bpy
def test_arrows_are_written_and_asked_for(tmp_path: Path) -> None:
    check_orders("bpy", tmp_path)


@pytest.mark.parametrize("kind", LANES[1:])
def test_every_blender_sees_and_asks_the_same(kind: str, tmp_path: Path) -> None:
    check_orders(kind, tmp_path)


def check_orders(kind: str, tmp_path: Path) -> None:
    # nothing is painted: the engine would look for the model then
    notes = followed(kind, tmp_path, "models/mine", "ordered", "mistakes", "button")
    check_ordered(notes["ordered"])
    check_mistakes(notes["mistakes"])
    check_button(notes["button"], tmp_path)


def check_ordered(seen: Any) -> None:
    assert "There are no motion arrows yet" in seen["grey"]
    assert "Scene 'Scene' has no motion arrows. Add one in 'Motion Arrows'" in seen["none"]
    assert [request["request"] for request in seen["requests"]] == ["check", "observe", "generate", "generate"]
    asked = [request for request in seen["requests"] if "options" in request]
    assert [request["options"]["seed"] for request in asked] == [5, 5, 6]
    assert len({request["options"]["arrows"] for request in asked}) == 2
    # it is another motion than the simulated one that such a video is to have
    assert not any("report" in request for request in asked)
    assert not seen["another motion"] and seen["frame"] == 3
    assert seen["left"] == [False, False, False]
    assert seen["simulated"] == seen["no arrows taken"] == {"arrows": False, "report": True}
    for written in seen["files"]:
        assert (written["version"], written["size"]) == (1, [64, 64])
        (arrow,) = written["arrows"]
        assert (arrow["object"], arrow["kind"], arrow["frames"]) == ("Cube", "instance", [1, 4])
        np.testing.assert_allclose(np.subtract(*arrow["points"][::-1]), (RIGHT, 0), atol=1e-3)


def check_mistakes(seen: Any) -> None:
    assert "'Arrow Cube' has the frames 4 to 8, the scene has 1 to 4" in seen["too late"]
    assert "'Arrow Cube' moves 'Ball', which is not in the scene" in seen["gone"]
    assert "'Arrow Cube' starts on nothing" in seen["on nothing"]
    assert seen["on the cube"] == "nothing" and seen["jobs"] == 1
    assert "no length" in seen["no length"]


def check_button(seen: Any, folder: Path) -> None:
    assert seen["grey"] is False
    assert seen["nothing moves"] == [True, False]
    assert seen["saved"] == ["FINISHED"] and not seen["another motion"]
    saved = json.loads((folder / "mine.json").read_text())
    assert saved["size"] == [128, 96] and [arrow["object"] for arrow in saved["arrows"]] == ["Cube"]
    assert "arrows.json cannot be written" in seen["nowhere"]
    assert "No name was given" in seen["no name"]


@pytest.fixture
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A whole model of Motion Dreamer, with random weights that heed arrows so much that it can be seen."""
    import torch

    from tests.generate.tiny_dreamer import pipeline, small_clip

    made = pipeline(small_clip(4))
    with torch.no_grad():
        for layer in made.stage_one.first_encoder.added:
            layer.weight *= 1000
    folder = tmp_path_factory.mktemp("tiny-dreamer") / "model"
    made.save_pretrained(folder)
    return str(folder)


@pytest.mark.slow
@pytest.mark.bpy
def test_a_video_follows_the_arrows(tiny_model: str, tmp_path: Path) -> None:
    seen = followed("bpy", tmp_path, tiny_model, "videos")["videos"]
    made = {}
    for name in ("right", "up", "stroke"):
        assert seen[name]["said"] == ["FINISHED"]
        assert seen[name]["kept"] == ["motion_dreamer", "", None, None]
        made[name] = load_video(Path(seen[name]["video"]))
        assert made[name].frames.shape == (4, 64, 64, 3)
        assert "predicted_with" in made[name].made_by
    # nothing else was asked for: the first frame is the same, the others are not
    frames = {name: video.frames.astype(int) for name, video in made.items()}
    for other in ("up", "stroke"):
        assert np.abs(frames["right"][0] - frames[other][0]).mean() < 3
        assert np.abs(frames["right"][1] - frames[other][1]).mean() > 0.1
    assert arrow_of(made["up"]) == pytest.approx([0, -RIGHT], abs=1e-3)
    # 0.7 m to the right and 1.2 m up, 7 m away
    assert arrow_of(made["stroke"]) == pytest.approx([0.7 * FOCAL / 7, -1.2 * FOCAL / 7], abs=1e-3)
    # arrows are no part of what is simulated
    assert {tuple(seen[name]["motion"]) for name in made} == {(seen["right"]["motion"][0], True)}


def arrow_of(video: Any) -> list[float]:
    """(dx, dy) of the only arrow in the file that a video was made with."""
    (arrow,) = json.loads(Path(video.made_by["options"]["arrows"]).read_text())["arrows"]
    return list(np.subtract(arrow["points"][-1], arrow["points"][0]))
