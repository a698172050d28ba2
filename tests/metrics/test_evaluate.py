"""Reports tell true motion from false, with the estimator's own floor beside it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

import simcraft as sc
from simcraft.clip.types import MotionClip
from simcraft.errors import UserError
from simcraft.metrics.flow_error import estimated_flow
from simcraft.metrics.likeness import motion_consistency, ssim_map
from simcraft.video import Video
from tests.analytic import sliding_square, zooming_plane


@pytest.fixture(scope="module")
def clip() -> MotionClip:
    return sliding_square()


def test_the_truth_reaches_its_own_floor(clip: MotionClip) -> None:
    report = sc.evaluate(Video(clip.frames), clip)
    assert report.end_point_error == report.floor
    assert report.end_point_error.moving_median < 0.2
    assert report.likeness.psnr is None and report.likeness.ssim == pytest.approx(1)
    assert report.floor_source == "render"
    error = report.end_point_error.moving_median
    assert report.summary == (
        f"Moved as simulated: {error:.2f} px median error where things move, "
        f"estimator floor {error:.2f} px on the render. A video that stands still would err by 3.35 px."
    )


def test_warp_is_close_to_the_floor(clip: MotionClip) -> None:
    report = sc.evaluate(sc.generate(clip), clip)
    assert report.end_point_error.moving_median < report.floor.moving_median + 0.1
    assert report.likeness.psnr > 30 and report.likeness.ssim > 0.95
    assert report.motion_consistency > 0.98
    assert report.generator == "warp"
    assert report.summary.startswith("Moved as simulated: 0.")


def test_a_frozen_video_is_wrong_by_the_motion_itself(clip: MotionClip) -> None:
    report = sc.evaluate(Video(np.repeat(clip.image[None], clip.frame_count, 0)), clip)
    assert report.end_point_error.moving_median == pytest.approx(np.hypot(3.3, 0.6), abs=0.01)
    assert {i.name: round(i.median, 2) for i in report.end_point_error.per_instance} == {
        "background": 0.0,
        "square 1": 3.35,
    }
    assert report.end_point_error.per_frame == pytest.approx([3.354] * 7, abs=0.01)
    assert report.standstill_error == pytest.approx(report.end_point_error.moving_median, abs=0.01)
    assert report.summary.startswith("Did not move as simulated: 3.35 px")


def frozen(clip: MotionClip) -> Video:
    return Video(np.repeat(clip.image[None], clip.frame_count, 0))


@pytest.mark.parametrize("step", [(0.4, 0.0), (0.2, -0.1), (0.8, 0.3)])
def test_slow_clips_tell_motion_from_standstill(step: tuple[float, float]) -> None:
    """An error of half a pixel is all the motion there is."""
    slow, speed = sliding_square(step=step), float(np.hypot(*step))
    still = sc.evaluate(frozen(slow), slow)
    assert still.summary.startswith(f"Did not move as simulated: {speed:.2f} px")
    assert still.end_point_error.moving_median == pytest.approx(speed, abs=0.01)
    moved = sc.evaluate(sc.generate(slow), slow)
    assert moved.summary.startswith("Moved as simulated: 0.0")
    assert moved.standstill_error == pytest.approx(speed, abs=1e-4)
    assert f"A video that stands still would err by {speed:.2f} px." in moved.summary


def test_a_clip_in_which_nothing_moves() -> None:
    clip = sliding_square(step=(0, 0))
    report = sc.evaluate(Video(clip.frames), clip)
    assert report.standstill_error is None and report.end_point_error.moving_median is None
    assert report.summary.startswith("Stood still as simulated: 0.00 px median error, ")
    assert report.summary.endswith("Nothing moves in the clip.")
    moving = sc.evaluate(Video(zooming_plane(96, 128, clip.frame_count).frames), clip)
    assert moving.summary.startswith("Did not stand still as simulated: ")


def test_a_clip_without_texture_cannot_tell(clip: MotionClip) -> None:
    """Flow cannot be estimated on a blank wall, so even the true frames seem to stand still."""
    blank = np.full_like(clip.frames, 128)
    bare = dataclasses.replace(clip, image=blank[0], frames=blank)
    assert sc.evaluate(Video(blank), bare).summary.startswith(
        "Could not be told from a video that stands still: 3.35 px"
    )


def test_nothing_to_compare_is_no_verdict(clip: MotionClip, tmp_path: Path) -> None:
    invalid = dataclasses.replace(clip, flow_valid_forward=np.zeros_like(clip.flow_valid_forward))
    report = sc.evaluate(frozen(clip), invalid)
    assert report.end_point_error.median is None and report.end_point_error.typical is None
    assert report.summary == (
        "Could not be measured: the clip has no pixel that corresponds to one in the next frame and is visible in both."
    )
    single = sliding_square(count=1)
    alone = sc.evaluate(Video(single.frames), single)
    assert alone.summary == "Could not be measured: the clip has a single frame."
    for k, bare in enumerate((report, alone)):
        assert json.loads(bare.save(tmp_path / f"{k}.json").read_text())["end_point_error"]["median"] is None
        assert cv2.imread(str(bare.save_picture(tmp_path / f"{k}.png"))) is not None


def test_covered_and_invalid_pixels_do_not_count(clip: MotionClip) -> None:
    report = sc.evaluate(Video(clip.frames), clip)
    assert report.end_point_error.pixels == clip.visible_forward.sum()
    valid = clip.flow_valid_forward.copy()
    valid[:, :40] = False
    part = sc.evaluate(Video(clip.frames), dataclasses.replace(clip, flow_valid_forward=valid))
    assert part.end_point_error.pixels == (valid & clip.visible_forward).sum()
    nothing = sc.evaluate(Video(clip.frames), dataclasses.replace(clip, flow_valid_forward=np.zeros_like(valid)))
    assert nothing.end_point_error.pixels == 0 and nothing.motion_consistency is None


def test_what_is_not_known_is_said(clip: MotionClip) -> None:
    bare = dataclasses.replace(clip, frames=None, frames_source=None, instances=None, visible_forward=None)
    report = sc.evaluate(Video(clip.frames), bare)
    assert report.floor is None and report.likeness is None and report.frame_consistency is None
    assert report.summary.startswith("Moved as simulated: 0.")
    assert "estimator floor unknown (no true frames)." in report.summary
    assert sc.evaluate(frozen(clip), bare).summary.startswith("Could not be judged without true frames")
    notes = " ".join(report.notes)
    for said in ("no true frames", "no instances", "what is visible", "no CLIP weights"):
        assert said in notes


def test_a_preview_is_a_floor_but_not_a_truth(clip: MotionClip) -> None:
    report = sc.evaluate(Video(clip.frames), dataclasses.replace(clip, frames_source="preview"))
    assert report.floor_source == "preview" and report.floor is not None and report.likeness is None
    assert "px on the preview. " in report.summary
    assert any("preview, not a render" in note for note in report.notes)


def test_a_given_truth_comes_first(clip: MotionClip) -> None:
    darker = (clip.frames * 0.5).astype(np.uint8)
    report = sc.evaluate(Video(clip.frames), clip, truth=darker)
    assert report.floor_source == report.likeness.source == "truth"
    assert report.summary.startswith("Moved as simulated: 0.") and "px on the truth. " in report.summary
    error = np.square(clip.frames[1:].astype(float) - darker[1:]).mean()
    assert report.likeness.psnr == pytest.approx(10 * np.log10(255**2 / error))
    assert sc.evaluate(Video(clip.frames), clip, truth=Video(darker)).likeness == report.likeness


def test_motion_consistency_prefers_the_right_motion() -> None:
    clip = zooming_plane(count=5)
    right = motion_consistency(clip.frames, clip)
    wrong = motion_consistency(clip.frames[::-1].copy(), clip)
    assert right > 0.99 > wrong


def test_estimator_takes_small_frames() -> None:
    rng = np.random.default_rng(0)
    image = cv2.resize(rng.integers(0, 255, (6, 6, 3)).astype(np.uint8), (12, 12), interpolation=cv2.INTER_CUBIC)
    assert estimated_flow(image, image).shape == (12, 12, 2)
    with pytest.raises(UserError, match="11 x 11"):
        ssim_map(image[:8], image[:8])


def test_saved_report(clip: MotionClip, tmp_path: Path) -> None:
    report = sc.evaluate(sc.generate(clip), clip)
    saved = json.loads(report.save(tmp_path / "report.json").read_text())
    assert saved["end_point_error"]["median"] == report.end_point_error.median
    assert saved["units"]["end_point_error, floor, standstill_error"] == "pixels"
    assert saved["summary"] == report.summary
    picture = cv2.imread(str(report.save_picture(tmp_path / "report.png")))
    assert picture.shape == (560, 1080, 3) and picture.min() < 60
    assert sorted(p.name for p in tmp_path.iterdir()) == ["report.json", "report.png"]
    with pytest.raises(UserError, match="JSON"):
        report.save(tmp_path / "report.txt")


def test_pictures_of_bare_reports(clip: MotionClip, tmp_path: Path) -> None:
    bare = dataclasses.replace(clip, frames=None, frames_source=None, instances=None, tracks=None, track_visible=None)
    sc.evaluate(Video(clip.frames), bare).save_picture(tmp_path / "a.png")
    unmoved = dataclasses.replace(bare, flow_forward=np.zeros_like(clip.flow_forward))
    sc.evaluate(Video(np.repeat(clip.image[None], clip.frame_count, 0)), unmoved).save_picture(tmp_path / "b.png")
    assert cv2.imread(str(tmp_path / "b.png")) is not None


def test_mismatches(clip: MotionClip) -> None:
    with pytest.raises(UserError, match="The video has 3 frames of 128x96"):
        sc.evaluate(Video(clip.frames[:3]), clip)
    with pytest.raises(UserError, match="The truth has 8 frames of 128x90"):
        sc.evaluate(Video(clip.frames), clip, truth=clip.frames[:, :90])
