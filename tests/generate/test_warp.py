"""The warp generator against true frames of clips whose every field is known."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import simcraft as sc
from simcraft.clip.types import MotionClip
from tests.analytic import Layer, make_clip, sliding_square, still, waves, zooming_plane


def psnr(frames: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> float:
    error = np.square(frames.astype(float) - truth)[mask].mean()
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def inner(instances: np.ndarray, reach: int = 1) -> np.ndarray:
    """(T, H, W) bool: away from silhouettes by more than `reach` pixels."""
    import cv2

    kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    return np.stack([cv2.erode(i, kernel) == cv2.dilate(i, kernel) for i in instances])


@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear", "nearest"])
@pytest.mark.parametrize("clip", [sliding_square(count=4), zooming_plane(count=4)], ids=["slide", "zoom"])
def test_starts_from_the_first_frame_itself(clip: MotionClip, interpolation: str) -> None:
    video = sc.generate(clip, "warp", interpolation=interpolation)
    assert (video.frames[0] == clip.image).all()
    assert video.frames.shape == clip.frames.shape
    assert video.fps == clip.fps


def test_what_the_first_frame_shows_is_as_sharp_as_the_interpolation() -> None:
    for clip in (sliding_square(), zooming_plane(period=8)):
        seen = clip.to_first_visible & inner(clip.instances)
        quality = {
            name: psnr(sc.generate(clip, interpolation=name).frames[-1], clip.frames[-1], seen[-1])
            for name in ("bicubic", "bilinear", "nearest")
        }
        assert quality["bicubic"] > 40
        assert quality["bicubic"] > quality["nearest"]
    assert quality["bicubic"] > quality["bilinear"] > quality["nearest"]  # the fine texture of the last clip


def test_nothing_drifts_over_many_frames() -> None:
    clip = zooming_plane(height=48, width=64, count=41, rate=1.005)
    video = sc.generate(clip)
    mask = clip.to_first_visible
    assert psnr(video.frames[40], clip.frames[40], mask[40]) > psnr(video.frames[2], clip.frames[2], mask[2]) - 3


def test_silhouettes_carry_no_colour_of_what_was_around_them() -> None:
    """A pure red square leaves pure blue: but for one antialiased pixel, each frame is of one colour on each side."""
    layers = [
        Layer((-999, -999, 999, 999), *still(6), lambda p: np.full((*p.shape[:-1], 3), [20.0, 40, 200]), 10.0),
        Layer(
            (10, 10, 30, 30),
            np.arange(6)[:, None] * [3.7, 1.9],
            np.ones(6),
            lambda p: np.full((*p.shape[:-1], 3), [210.0, 30, 20]),
            5.0,
        ),
    ]
    clip = make_clip(layers, 64, 64)
    # the renderer's antialiasing: the first frame's silhouette is a mix
    import cv2

    clip = dataclasses.replace(clip, image=cv2.GaussianBlur(clip.image, (3, 3), 0.6))
    video = sc.generate(clip)
    away = inner(clip.instances)
    for t in range(1, 6):
        difference = np.abs(video.frames[t].astype(int) - clip.frames[t]).max(-1)
        assert difference[away[t]].max() <= 3  # the rounding of the inpainting


def test_what_comes_to_light_stays_on_its_surface() -> None:
    """Behind the square nothing was seen: it is invented once, and then it does not flicker on the still background."""
    for clip in (sliding_square(), sliding_square(first_known=False)):
        video = sc.generate(clip)
        settled = inner(clip.instances)
        for t in range(2, clip.frame_count):
            both = (clip.instances[t] == 0) & (clip.instances[t - 1] == 0) & settled[t] & settled[t - 1]
            change = np.abs(video.frames[t].astype(int) - video.frames[t - 1]).max(-1)
            assert change[both].max() <= 2


def test_inpainting_stays_within_its_instance() -> None:
    """A blue background is revealed by a red square: what is invented is blue."""
    clip = sliding_square()
    for source in (clip, dataclasses.replace(clip, to_first=None, to_first_visible=None)):
        video = sc.generate(source)
        revealed = (clip.instances[-1] == 0) & (clip.instances[0] == 1) & inner(clip.instances)[-1]
        assert revealed.sum() > 200
        red, _, blue = video.frames[-1][revealed].astype(int).T
        assert (blue > red).all()


def test_a_revealed_moving_surface_carries_its_paint_along() -> None:
    """The background itself moves: what it reveals at the edge of the image moves with it afterwards."""
    count = 7
    moving = Layer(
        (-999, -999, 999, 999), np.arange(count)[:, None] * [2.0, 0.0], np.ones(count), waves((90, 90, 90), 18, 4), 9.0
    )
    clip = make_clip([moving], 48, 64)
    video = sc.generate(clip)
    for t in range(2, count):
        width = 2 * (t - 1)  # what came in before frame t, two pixels further on
        assert (video.frames[t][:, 2 : 2 + width] == video.frames[t - 1][:, :width]).all()
    assert video.made_by["pixels"]["later_frame"] > 0.05


def test_a_clip_with_flow_alone_is_composed_and_says_so() -> None:
    whole = zooming_plane()
    flow_only = MotionClip(
        whole.image, whole.flow_forward, whole.flow_backward, whole.flow_valid_forward, whole.flow_valid_backward
    )
    video = sc.generate(flow_only)
    assert video.made_by["correspondence"] == "composed"
    assert sc.generate(whole).made_by["correspondence"] == "exact"
    assert psnr(video.frames[-1], whole.frames[-1], whole.to_first_visible[-1]) > 42


def test_flow_alone_finds_what_is_covered_from_both_flows() -> None:
    whole = sliding_square()
    flow_only = MotionClip(
        whole.image, whole.flow_forward, whole.flow_backward, whole.flow_valid_forward, whole.flow_valid_backward
    )
    video = sc.generate(flow_only)
    assert psnr(video.frames[-1], whole.frames[-1], whole.to_first_visible[-1] & inner(whole.instances, 2)[-1]) > 36


def test_sources_add_up() -> None:
    clip = sliding_square()
    shares = sc.generate(clip).made_by["pixels"]
    assert sum(shares.values()) == pytest.approx(1, abs=1e-5)
    seen = clip.to_first_visible[1:].mean()
    assert seen - 0.03 < shares["first_frame"] <= seen  # but for what was too close to the square's silhouette
    assert shares["hidden_layer"] > 0.01


def test_same_input_same_video() -> None:
    clip = sliding_square(count=5)
    assert (sc.generate(clip).frames == sc.generate(clip).frames).all()


def test_one_frame_is_a_video() -> None:
    clip = sliding_square(count=1)
    assert (sc.generate(clip).frames == clip.image).all()


def test_who_enters_late_is_painted_from_its_surroundings() -> None:
    """Nothing is known of an instance that the first frame does not show: no black hole, no error."""
    count = 5
    layers = [
        Layer((-999, -999, 999, 999), *still(count), waves((90, 120, 90), 18, 4), 9.0),
        Layer(
            (-30, 10, -2, 30), np.arange(count)[:, None] * [9.0, 0.0], np.ones(count), waves((200, 90, 90), 9, 5), 4.0
        ),
    ]
    clip = make_clip(layers, 48, 64)
    video = sc.generate(clip)
    entered = clip.instances[-1] == 1
    assert entered.sum() > 300
    assert video.frames[-1][entered].min() > 20
    assert video.made_by["pixels"]["invented"] > 0


def test_what_cannot_be_followed_for_long_is_carried_step_by_step() -> None:
    """Smoke: the clip knows its flow from frame to frame, but not where it was in the first one."""
    clip = sliding_square()
    square = clip.instances == 1
    square[:2] = False  # one frame each way is known
    lost = dataclasses.replace(
        clip,
        to_first=np.where(square[..., None], np.nan, clip.to_first),
        to_first_visible=clip.to_first_visible & ~square,
    )
    video, whole = sc.generate(lost), sc.generate(clip)
    seen = clip.to_first_visible & inner(clip.instances) & square
    assert seen[-1].sum() > 500
    assert psnr(video.frames[-1], clip.frames[-1], seen[-1]) > psnr(whole.frames[-1], clip.frames[-1], seen[-1]) - 3
    assert video.made_by["correspondence"] == "exact"


def test_what_keeps_coming_has_the_colour_that_it_has_in_the_first_frame() -> None:
    """A stream whose first drop has left: all that is seen of it is new, and still it is not painted like the floor."""
    count = 6
    layers = [
        Layer((-999, -999, 999, 999), *still(count), waves((60, 120, 60), 18, 4), 9.0),
        Layer(
            (40, 10, 64, 30), np.arange(count)[:, None] * [9.0, 0.0], np.ones(count), waves((200, 90, 90), 9, 5), 4.0
        ),
        Layer(
            (-90, 10, 8, 30), np.arange(count)[:, None] * [9.0, 0.0], np.ones(count), waves((200, 90, 90), 9, 5), 4.0
        ),
    ]
    clip = make_clip(layers, 48, 64)
    one = np.where(clip.instances == 2, 1, clip.instances).astype(np.uint16)
    new = clip.instances == 2
    late = new.copy()
    late[:1] = False
    clip = dataclasses.replace(
        clip,
        instances=np.where(new & (np.arange(count)[:, None, None] == 0), 0, one),
        visible_backward=clip.visible_backward & ~late[1:],
        to_first=np.where(late[..., None], np.nan, clip.to_first),
        to_first_visible=clip.to_first_visible & ~late,
    )
    last = sc.generate(clip).frames[-1][late[-1]]
    assert last[:, 0].mean() > 150 and last[:, 1].mean() < 120


def test_a_crowd_of_small_instances() -> None:
    """Thirty squares, some of them a few pixels large, cross each other: what was seen is right, but for a rim."""
    random = np.random.default_rng(5)
    count = 4
    layers = [Layer((-999, -999, 999, 999), *still(count), waves((90, 120, 90), 18, 4), 99.0)]
    for k in range(30):
        x, y = random.uniform(2, 70, 2)
        size = random.uniform(3, 12)
        steps = np.arange(count)[:, None] * random.uniform(-3, 3, 2)
        layers.append(Layer((x, y, x + size, y + size), steps, np.ones(count), waves((150, 100, 90), 9, k), 1.0 + k))
    clip = make_clip(layers, 80, 80)
    video = sc.generate(clip)
    away = inner(clip.instances)
    assert psnr(video.frames[-1], clip.frames[-1], (clip.to_first_visible & away)[-1]) > 27
