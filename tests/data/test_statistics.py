"""Statistics against clips whose motion is known."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from simcraft.clip import MotionClip
from simcraft.data.statistics import LEAST_SHARE, MOVING, OCTAVES, camera_moves, flow_of_still_world, statistics_of
from tests.analytic import sliding_square
from tests.scenes import camera_looking_along_y

T, H, W = 5, 20, 30


def clip_of(flow: np.ndarray, **known: object) -> MotionClip:
    """A clip of a `flow` (T-1, H, W, 2) that is valid everywhere."""
    valid = np.ones(flow.shape[:3], bool)
    return MotionClip(
        np.zeros((H, W, 3), np.uint8), flow.astype(np.float32), flow.astype(np.float32), valid, valid, **known
    )  # type: ignore[arg-type]


def moving_from(start: int, end: int, speed: float = 2.0, pixels: int = 60) -> MotionClip:
    """`pixels` of the 600 move in the pairs from `start` to before `end`."""
    flow = np.zeros((T - 1, H * W, 2))
    flow[start:end, :pixels, 0] = speed
    return clip_of(flow.reshape(T - 1, H, W, 2))


def test_speeds() -> None:
    found = statistics_of(moving_from(0, T - 1))
    assert found["flow"]["median"] == 0
    assert found["flow"]["p99"] == found["flow"]["largest"] == 2
    assert found["moving"] == pytest.approx(0.1)


def test_histogram_counts_every_valid_pixel_in_its_octave() -> None:
    rng = np.random.default_rng(0)
    flow = rng.normal(size=(T - 1, H, W, 2)) * np.exp(rng.uniform(-8, 6, (T - 1, H, W, 1)))
    flow[0, 0] = 0
    flow[0, 1, :, :] = (0.6, 0.8)  # a speed on the border of two bins
    clip = clip_of(flow)
    valid = rng.uniform(size=(T - 1, H, W)) < 0.7
    clip = dataclasses.replace(clip, flow_valid_forward=valid)
    speed = np.linalg.norm(clip.flow_forward.astype(np.float64), axis=-1)[valid]
    found = statistics_of(clip)
    expected = np.histogram(speed.astype(np.float32), [-1, *OCTAVES, np.inf])[0]
    assert found["flow"]["histogram"] == expected.tolist()
    assert found["valid"] == pytest.approx(valid.mean(), abs=1e-5)
    assert found["flow"]["p90"] == pytest.approx(np.quantile(speed, 0.9, method="lower"), rel=1e-4)


@pytest.mark.parametrize(("start", "end", "after"), [(0, 4, None), (0, 2, 2), (1, 3, 3), (3, 4, None)])
def test_still_after(start: int, end: int, after: int | None) -> None:
    found = statistics_of(moving_from(start, end))
    assert (found["dead"], found["still_after"]) == (False, after)


def test_dead() -> None:
    for still in (
        moving_from(0, 0),
        moving_from(0, T - 1, speed=0.9 * MOVING),
        moving_from(0, T - 1, pixels=int(LEAST_SHARE * H * W)),
    ):
        found = statistics_of(still)
        assert (found["dead"], found["still_after"]) == (True, 0)


def with_camera(flow: np.ndarray, shift: float) -> MotionClip:
    """Before a wall 6 m away; the camera goes `shift` metres to the right a frame."""
    camera = camera_looking_along_y(T, (W, H))
    poses = camera.camera_to_world.copy()
    poses[:, 0, 3] += shift * np.arange(T)
    depth = np.full((T, H, W), 6.0, np.float32)
    return clip_of(flow, depth=depth, intrinsics=camera.intrinsics, camera_to_world=poses)


def test_motion_beside_the_camera() -> None:
    shift = 0.2
    flow = np.zeros((T - 1, H, W, 2))
    flow[..., 0] = -shift * W / 6.0
    still = with_camera(flow, shift)
    np.testing.assert_allclose(flow_of_still_world(still, 0), flow[0], atol=1e-6)
    found = statistics_of(still)
    assert (found["camera_moves"], found["moving"], found["moving_itself"]) == (True, 1.0, 0.0)
    flow[:, : H // 2, :, 1] += 1.0
    assert statistics_of(with_camera(flow, shift))["moving_itself"] == pytest.approx(0.5)
    # what goes along with the camera stands still in the picture, and moves all the same
    found = statistics_of(with_camera(0 * flow, shift))
    assert (found["moving"], found["moving_itself"]) == (0.0, 1.0)


def test_background_turns_and_does_not_shift() -> None:
    clip = with_camera(np.zeros((T - 1, H, W, 2)), 0.2)
    far = dataclasses.replace(clip, depth=np.full((T, H, W), np.inf, np.float32))
    np.testing.assert_allclose(flow_of_still_world(far, 0), 0, atol=1e-9)
    angle = 0.05
    poses = np.tile(clip.camera_to_world[0], (T, 1, 1))
    turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    poses[1, :3, :3] = poses[0, :3, :3] @ turn
    turned = flow_of_still_world(dataclasses.replace(far, camera_to_world=poses), 0)
    middle = turned[H // 2, W // 2]
    # the pixel is half a pixel off the middle; to the right the camera turns, to the left everything goes
    assert middle[0] == pytest.approx(-W * np.tan(angle), rel=0.02)


def test_zoom_counts_as_camera_motion() -> None:
    clip = with_camera(np.zeros((T - 1, H, W, 2)), 0.0)
    assert camera_moves(clip) is False
    lens = clip.intrinsics.copy()
    lens[1:, 0, 0] *= 1.1
    assert camera_moves(dataclasses.replace(clip, intrinsics=lens)) is True


def test_what_is_seen() -> None:
    clip = sliding_square()
    found = statistics_of(clip)
    assert found["instances"] == len(np.unique(clip.instances)) - (0 in clip.instances)
    uncovered = clip.flow_valid_backward & ~clip.visible_backward
    assert found["disoccluded"] == pytest.approx(uncovered.mean(), abs=1e-5)
    assert 0 < found["disoccluded"] < 0.5
    finite = clip.depth[np.isfinite(clip.depth)]
    assert found["depth"] == {"nearest": finite.min(), "farthest": finite.max()}


def test_brightness() -> None:
    clip = moving_from(0, 1)
    image = np.zeros((H, W, 3), np.uint8)
    image[: H // 2] = (0, 255, 0)
    found = statistics_of(dataclasses.replace(clip, image=image))["brightness"]
    assert found["mean"] == pytest.approx(0.7152 / 2, abs=1e-5)
    assert found["deviation"] == pytest.approx(0.7152 / 2, abs=1e-5)


def test_unknown_is_none() -> None:
    found = statistics_of(moving_from(0, 1))
    assert [found[k] for k in ("camera_moves", "moving_itself", "disoccluded", "instances", "depth")] == [None] * 5
    nowhere = dataclasses.replace(moving_from(0, 0), flow_valid_forward=np.zeros((T - 1, H, W), bool))
    assert statistics_of(nowhere)["flow"]["median"] is None
    empty = dataclasses.replace(moving_from(0, 0), depth=np.full((T, H, W), np.inf, np.float32))
    assert statistics_of(empty)["depth"] == {"nearest": None, "farthest": None}


def test_statistics_are_json_and_repeat() -> None:
    clip = sliding_square()
    found = statistics_of(clip)
    assert json.loads(json.dumps(found)) == found == statistics_of(clip)
