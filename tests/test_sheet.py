"""Sheets show what the clip has, and only that."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest

from simcraft.clip.types import MotionClip
from simcraft.errors import UserError
from simcraft.sheet import draw_moving_sheet, make_panels, save_sheet
from simcraft.video import Video, load_video
from tests.analytic import sliding_square


@pytest.fixture(scope="module")
def clip() -> MotionClip:
    return sliding_square(count=6)


@pytest.fixture(scope="module")
def video(clip: MotionClip) -> Video:
    return Video(clip.frames, clip.fps, {"generator": "truth"})


def test_panels_follow_the_clip(clip: MotionClip, video: Video) -> None:
    def labels(clip: MotionClip, video: Video | None) -> list[str]:
        return [panel.label.split(",")[0] for panel in make_panels(clip, video)]

    assert labels(clip, video) == ["first frame", "flow", "depth", "instances", "tracks", "result (truth)"]
    bare = dataclasses.replace(clip, depth=None, instances=None, tracks=None, track_visible=None)
    assert labels(bare, None) == ["first frame", "flow"]


def test_smoke_has_a_panel_where_there_is_any(clip: MotionClip) -> None:
    alpha = np.zeros((clip.frame_count, *clip.image.shape[:2]), np.float32)
    empty = dataclasses.replace(clip, coverage=alpha.copy())
    alpha[1, :10] = 0.6
    panels = [
        {panel.label: panel for panel in make_panels(c, None)}
        for c in (empty, dataclasses.replace(empty, coverage=alpha))
    ]
    assert "smoke" not in panels[0]
    drawn = panels[1]["smoke"].draw(1, clip.size)
    assert (drawn[:10] == 153).all() and (drawn[10:] == 0).all()


def test_panels_show_the_data(clip: MotionClip, video: Video) -> None:
    panels = {panel.label.split(",")[0]: panel.draw(3, clip.size) for panel in make_panels(clip, video)}
    square = clip.instances[3] == 1
    assert (panels["first frame"] == clip.image).all()
    assert (panels["result (truth)"] == clip.frames[3]).all()
    assert (panels["flow"][~square] == 255).all()  # still is white
    assert (panels["flow"][square] < 200).any(-1).all()
    for name in ("depth", "instances"):
        inside, outside = panels[name][square], panels[name][~square]
        assert (inside == inside[0]).all()
        assert (outside == outside[0]).all()
        assert (inside[0] != outside[0]).any()
    assert panels["tracks"].max() > 200  # dots in full colour on a dimmed frame


def test_picture(clip: MotionClip, video: Video, tmp_path: Path) -> None:
    sheet = cv2.imread(str(save_sheet(clip, video, tmp_path / "sheet.png")))
    assert sheet.shape[1] > sheet.shape[0] > 400
    assert [p.name for p in tmp_path.iterdir()] == ["sheet.png"]


def test_animation_moves_in_all_panels_but_the_first(clip: MotionClip, video: Video, tmp_path: Path) -> None:
    back = load_video(save_sheet(clip, video, tmp_path / "sheet.mp4"))
    assert back.frame_count == clip.frame_count
    change = np.abs(back.frames[1].astype(int) - back.frames[4]).max(-1)
    half, third = change.shape[0] // 2, change.shape[1] // 3
    moved = [
        [(change[r * half : (r + 1) * half, c * third : (c + 1) * third] > 60).sum() for c in range(3)]
        for r in range(2)
    ]
    assert moved[0][0] == 0
    assert min(moved[0][1:] + moved[1]) > 100


@pytest.mark.parametrize(("height", "width"), [(96, 128), (200, 60)])
def test_moving_sheets_carry_the_colour_wheel(height: int, width: int) -> None:
    """Above the flow panel, at its right end: all hues at the rim, white in the middle, as in the panel itself."""
    clip = sliding_square(height, width, count=3)
    panels = make_panels(clip, None)
    sheet = draw_moving_sheet(clip, None, panels, 1)
    bare = draw_moving_sheet(clip, None, [dataclasses.replace(panel, speed=None) for panel in panels], 1)
    rows, columns = np.nonzero((sheet != bare).any(-1))
    vivid = np.ptp(sheet[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1].astype(int), -1) > 60
    wheel = np.nonzero(vivid)[1]
    assert wheel.max() - wheel.min() in (18, 19)
    assert wheel.max() == columns.max() - columns.min()
    disc = sheet[rows.min() : rows.min() + 20, columns.max() - 19 : columns.max() + 1]
    assert (disc[9:11, 9:11] > 220).all()
    colours = [disc[10, 18], disc[18, 10], disc[10, 1], disc[1, 10]]  # right, down, left, up
    assert min(np.abs(a.astype(int) - b).max() for k, a in enumerate(colours) for b in colours[:k]) > 80


def test_mistakes(clip: MotionClip, video: Video, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"\.png"):
        save_sheet(clip, video, tmp_path / "sheet.jpg")
    with pytest.raises(UserError, match="frames"):
        save_sheet(clip, Video(video.frames[:3]), tmp_path / "sheet.png")
