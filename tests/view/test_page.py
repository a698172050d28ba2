"""The page holds everything that it shows, and says what it left out."""

from __future__ import annotations

import base64
import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from simcraft.clip import MotionClip
from simcraft.clip.from_flow import clip_from_flow
from simcraft.errors import UserError
from simcraft.video import Video
from simcraft.view import view
from simcraft.view.layers import clip_layers
from simcraft.view.page import MOST_FRAMES


def data_of(page: str) -> dict[str, Any]:
    match = re.search(r"const DATA = (\{.*?\}); const PICTURES", page, re.DOTALL)
    assert match
    return json.loads(match[1])


def pictures_of(page: str, index: int) -> list[np.ndarray]:
    """The frames of a layer, (H, W, 3) RGB."""
    found = re.findall(rf'PICTURES\[{index}\]\.push\("data:image/[a-z]+;base64,([^"]+)"\)', page)
    decoded = [cv2.imdecode(np.frombuffer(base64.b64decode(text), np.uint8), cv2.IMREAD_COLOR) for text in found]
    return [image[..., ::-1] for image in decoded]


@pytest.fixture
def page(clip: MotionClip, tmp_path: Path) -> str:
    assert view(clip, page=tmp_path / "clip.html", size=(96, 96)) == []
    return (tmp_path / "clip.html").read_text(encoding="utf-8")


def test_every_frame_of_every_layer_is_inside(page: str, clip: MotionClip) -> None:
    data = data_of(page)
    assert [layer["id"] for layer in data["layers"]] == [
        "picture",
        "flow",
        "depth",
        "instances",
        "visibility",
        "tracks",
    ]
    for index, layer in enumerate(clip_layers(clip)):
        pictures = pictures_of(page, index)
        assert len(pictures) == layer.frame_count
        for t, picture in enumerate(pictures):
            difference = np.abs(picture.astype(int) - layer.draw(t))
            # maps are stored without loss, photographs look the same
            assert difference.max() == 0 if not layer.photographic else difference.mean() < 6


def test_nothing_is_fetched(page: str) -> None:
    assert not re.search(r"https?://", page)
    assert not re.search(r'(?:src|href)="(?!data:)', page)
    assert "@import" not in page and "url(" not in page


def test_what_is_known_is_said(page: str, clip: MotionClip) -> None:
    data = data_of(page)
    assert "<title>sliding</title>" in page
    assert data["facts"].replace("\u00a0", " ") == "clip · 96 × 72 px · 6 frames · 24 fps · 0.25 s"
    (about,) = data["inputs"]
    assert about["captions"] == ["a square </script> slides"]
    assert [row[1:3] for row in about["instances"]] == [[1, "square 1"]]
    assert page.count("</script>") == page.count("<script>")  # the caption ends no script


def test_a_name_cannot_become_a_tag(clip: MotionClip, tmp_path: Path) -> None:
    view(dataclasses.replace(clip, name="<b>{{data}}"), page=tmp_path / "named.html")
    page = (tmp_path / "named.html").read_text()
    assert "<title>&lt;b&gt;{{data}}</title>" in page and "<b>" not in page


def test_tracks_are_numbers_in_pixels_of_the_page(clip: MotionClip, tmp_path: Path) -> None:
    view(clip, page=tmp_path / "small.html", size=(48, 48))
    tracks = data_of((tmp_path / "small.html").read_text())["layers"][-1]
    assert (tracks["width"], tracks["height"]) == (48, 36)
    assert clip.tracks is not None and clip.track_visible is not None
    assert len(tracks["points"]) == len(clip.tracks)
    np.testing.assert_allclose(np.array(tracks["points"][3]).reshape(-1, 2) / 10, clip.tracks[3] / 2, atol=0.051)
    assert tracks["visible"][3] == "".join(str(int(seen)) for seen in clip.track_visible[3])


def test_what_is_shrunk_or_left_out_is_told(tmp_path: Path) -> None:
    count = 2 * MOST_FRAMES + 10
    frames = np.zeros((count, 24, 32, 3), np.uint8)
    frames[:, :, :, 0] = (np.arange(count) // 4)[:, None, None]
    notes = view(Video(frames, 30.0), page=tmp_path / "long.html", size=(16, 16))
    assert re.search("third frame of 490", notes[0])
    assert re.search("16 x 12", notes[1])
    page = (tmp_path / "long.html").read_text()
    data, pictures = data_of(page), pictures_of(page, 0)
    assert len(pictures) == data["frames"] == 164
    assert (data["step"], data["last"]) == (3, 489)
    assert data["inputs"][0]["notes"] == notes
    assert abs(int(pictures[100][6, 8, 0]) - 300 // 4) < 8


def test_several_inputs_keep_their_own_layers(clip: MotionClip, tmp_path: Path) -> None:
    video = Video(np.full((3, 20, 30, 3), 200, np.uint8), 24.0, {"generator": "warp"})
    view(clip, video, clip, page=tmp_path / "all.html")
    page = (tmp_path / "all.html").read_text()
    data = data_of(page)
    names = [layer["id"] for layer in data["layers"]]
    assert len(set(names)) == len(names)
    assert {"sliding:flow", "warp:picture", "sliding 2:tracks"} <= set(names)
    assert (pictures_of(page, names.index("warp:picture"))[2] > 190).all()
    assert len(pictures_of(page, names.index("sliding 2:flow"))) == 5
    for layer in data["layers"]:
        if layer["key"] == "tracks":
            assert data["layers"][layer["over"]]["id"] == layer["id"].replace("tracks", "picture")


def test_a_clip_of_which_little_is_known(tmp_path: Path) -> None:
    clip = clip_from_flow(np.zeros((16, 24, 3), np.uint8), np.ones((2, 16, 24, 2), np.float32))
    view(clip, page=tmp_path / "bare.html", sheet=tmp_path / "bare.png")
    data = data_of((tmp_path / "bare.html").read_text())
    assert [layer["id"] for layer in data["layers"]] == ["picture", "flow"]


def test_unknown_track_positions_are_left_out(clip: MotionClip, tmp_path: Path) -> None:
    assert clip.tracks is not None and clip.track_visible is not None
    tracks, visible = clip.tracks.copy(), clip.track_visible.copy()
    tracks[0, 2], visible[0, 2] = np.nan, False
    view(dataclasses.replace(clip, tracks=tracks, track_visible=visible), page=tmp_path / "gap.html")
    points = data_of((tmp_path / "gap.html").read_text())["layers"][-1]["points"][0]
    assert points[4:6] == [None, None]
    assert None not in points[:4] + points[6:]


def test_the_sheet_shows_every_layer_at_a_few_moments(clip: MotionClip, tmp_path: Path) -> None:
    video = Video(np.full((3, 20, 30, 3), 200, np.uint8), 24.0)
    view(clip, video, sheet=tmp_path / "all.png")
    sheet = cv2.imread(str(tmp_path / "all.png"))
    assert sheet.shape[1] > 6 * 200
    rows = (sheet[:, 10:200].std((1, 2)) > 25).sum()
    assert rows > 4 * 150  # four moments of the clip
    assert ((sheet > 195) & (sheet < 205)).all(-1).sum() > 3 * 200 * 200  # three of the video
    assert [path.name for path in tmp_path.iterdir()] == ["all.png"]


@pytest.mark.parametrize(("name", "ending"), [("rrd", ".rrd"), ("page", ".html"), ("sheet", ".png")])
def test_mistakes_are_told_before_any_work(name: str, ending: str, clip: MotionClip, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"End the name in {ending}"):
        view(clip, **{name: tmp_path / "file.txt"})  # type: ignore[arg-type]
    (tmp_path / f"there{ending}").write_text("mine")
    with pytest.raises(UserError, match="exists"):
        view(clip, **{name: tmp_path / f"there{ending}"})  # type: ignore[arg-type]
    assert (tmp_path / f"there{ending}").read_text() == "mine"
    with pytest.raises(UserError, match="nothing to view"):
        view(**{name: tmp_path / f"new{ending}"})  # type: ignore[arg-type]
