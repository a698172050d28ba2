"""R of a clip: against the clip where sizes are the same, against closed forms where they are not."""

from dataclasses import replace

import numpy as np
import pytest

from simcraft.clip.types import InstanceInfo, MotionClip
from simcraft.errors import UserError
from simcraft.generate.motion_dreamer.representation import (
    representation_of,
    scene_representation,
    still_instances,
)
from simcraft.generate.motion_dreamer.scene import first_scene


def test_at_the_clips_size_it_is_the_clip(clip: MotionClip) -> None:
    r = representation_of(clip)
    assert clip.instances is not None
    assert r.size == clip.size and r.ids == (1,)
    assert not r.flow[0].any() and r.flow_valid.all()
    np.testing.assert_array_equal(r.flow[1:], clip.flow_backward)
    np.testing.assert_array_equal(r.segmentation, clip.instances)
    np.testing.assert_array_equal(r.depth, clip.depth)
    assert r.flow.dtype == r.depth.dtype == np.float32 and r.segmentation.dtype == np.uint8
    assert r.usual_depth == 10
    np.testing.assert_array_equal(r.first.segmentation, r.segmentation[:1])
    np.testing.assert_array_equal(r.first.depth, r.depth[:1])


@pytest.mark.parametrize("size", [(64, 48), (32, 48), (50, 30)])
def test_smaller_pictures_move_by_less(clip: MotionClip, size: tuple[int, int]) -> None:
    """The square moves by 3.3 x 0.6 pixels of 128 x 96; no pixel shows a mean of its motion and the background's."""
    r = representation_of(clip, size)
    assert clip.instances is not None and r.segmentation is not None and r.depth is not None
    assert r.size == size and r.flow.shape == (4, size[1], size[0], 2)
    moved = -np.array([3.3, 0.6]) * size / clip.size
    square = r.segmentation[1:] == 1
    np.testing.assert_allclose(r.flow[1:][square], np.broadcast_to(moved, (square.sum(), 2)), atol=1e-4)
    assert not r.flow[1:][~square].any()
    np.testing.assert_array_equal(r.depth, np.where(r.segmentation == 1, 5, 10))
    share = (r.segmentation == 1).mean((1, 2)) / (clip.instances == 1).mean((1, 2))
    np.testing.assert_allclose(share, 1, atol=0.12)


def test_flow_that_leads_nowhere_is_zero_and_does_not_count(clip: MotionClip) -> None:
    valid = clip.flow_valid_backward.copy()
    valid[:, ::2, ::2] = False
    valid[1, :48] = False
    flow = np.where(valid[..., None], clip.flow_backward, np.float32(77))
    r = representation_of(replace(clip, flow_backward=flow, flow_valid_backward=valid), (64, 48))
    known = representation_of(clip, (64, 48))
    assert r.flow_valid[[0, 1, 3]].all() and r.flow_valid[2, 24:].all() and not r.flow_valid[2, :24].any()
    np.testing.assert_array_equal(r.flow, np.where(r.flow_valid[..., None], known.flow, 0))


def test_what_a_clip_does_not_know_is_unknown(clip: MotionClip) -> None:
    r = representation_of(replace(clip, depth=None, instances=None), (64, 48))
    assert r.depth is None and r.segmentation is None and r.ids == () and r.usual_depth == 1
    assert r.first.depth is None and r.first.segmentation is None


def test_background_stays_background(clip: MotionClip) -> None:
    """Infinite depth is neither averaged with what is there, nor does it become NaN."""
    assert clip.depth is not None and clip.instances is not None
    depth = np.where(clip.instances == 1, np.float32(3), np.float32(np.inf))
    r = representation_of(replace(clip, depth=depth), (50, 30))
    assert r.depth is not None
    np.testing.assert_array_equal(r.depth, np.where(r.segmentation == 1, 3, np.inf))
    assert r.usual_depth == 3


# ------------------------------------------------------------------------------------------------------ who has a label


def tiles(count: int, side: int = 4, frames: int = 3, moving: int = 0) -> MotionClip:
    """`count` squares of so many pixels a side in a row of rows of ten; the last `moving` of them flow to the right."""
    rows = -(-count // 10)
    number = np.arange(rows * 10).reshape(rows, 10) + 1
    instances = np.kron(np.where(number <= count, number, 0), np.ones((side, side))).astype(np.uint16)
    flow = np.zeros((frames - 1, *instances.shape, 2), np.float32)
    flow[:, instances > count - moving, 0] = 1
    valid = np.ones(flow.shape[:3], bool)
    return MotionClip(
        image=np.zeros((*instances.shape, 3), np.uint8),
        flow_forward=flow,
        flow_backward=-flow,
        flow_valid_forward=valid,
        flow_valid_backward=valid,
        instances=np.stack([instances] * frames),
    )


def test_up_to_26_all_are_told_apart() -> None:
    clip = tiles(26, moving=3)
    r = representation_of(clip, decodable=True)
    assert r.ids == tuple(range(1, 27))
    np.testing.assert_array_equal(r.segmentation, clip.instances)


def test_of_more_those_that_never_move_become_background() -> None:
    clip = tiles(40, moving=9)
    r = representation_of(clip, decodable=True)
    assert clip.instances is not None
    assert r.ids == tuple(range(32, 41)) == representation_of(clip).ids
    np.testing.assert_array_equal(r.segmentation, np.where(clip.instances > 31, clip.instances.astype(int) - 31, 0))


def test_static_bodies_never_move_whatever_the_camera_does() -> None:
    clip = tiles(30, moving=30)
    table = tuple(InstanceInfo(i, f"tile {i}", solver="static" if i <= 10 else "bullet") for i in range(1, 31))
    assert still_instances(clip) == frozenset()
    named = replace(clip, instance_table=table)
    assert still_instances(named) == frozenset(range(1, 11))
    assert representation_of(named, decodable=True).ids == tuple(range(11, 31))


def test_then_those_that_are_too_small_at_the_networks_size() -> None:
    clip = tiles(60, side=4, moving=60)
    assert clip.instances is not None
    large = np.kron(np.ones((1, 1)), np.arange(61, 81).reshape(2, 10)).repeat(8, 0).repeat(4, 1).astype(np.uint16)
    instances = np.concatenate([clip.instances[0], large])
    flow = np.ones((1, *instances.shape, 2), np.float32)
    crowd = MotionClip(
        image=np.zeros((*instances.shape, 3), np.uint8),
        flow_forward=flow,
        flow_backward=flow,
        flow_valid_forward=flow[..., 0] > 0,
        flow_valid_backward=flow[..., 0] > 0,
        instances=np.stack([instances] * 2),
    )
    width, height = crowd.size
    # 16 and 32 pixels become 3.2 and 6.4
    assert representation_of(crowd, (width // 5, height), decodable=True).ids == tuple(range(61, 81))


def test_too_many_are_told_and_only_the_first_stage_minds() -> None:
    clip = tiles(30, moving=30)
    with pytest.raises(UserError, match="holds 26 instances; here are 30"):
        representation_of(clip, decodable=True)
    with pytest.raises(UserError, match="holds 26 instances; here are 30"):
        scene_representation(first_scene(clip), moving=range(1, 31))
    r = representation_of(clip)
    assert clip.instances is not None
    np.testing.assert_array_equal(r.segmentation, (clip.instances.astype(int) - 1) % 26 + 1)


def test_the_first_stage_knows_what_the_first_frame_shows(clip: MotionClip) -> None:
    """An instance that enters later has a label for the second stage, and is background for the first."""
    assert clip.instances is not None
    instances = clip.instances.copy()
    instances[2:, :10] = 9
    later = replace(clip, instances=instances)
    assert representation_of(later).ids == (1, 9)
    known = representation_of(later, decodable=True)
    assert known.ids == (1,)
    np.testing.assert_array_equal(known.segmentation, clip.instances)


# -------------------------------------------------------------------------------------------------------- first scenes


@pytest.mark.parametrize("size", [None, (64, 48), (50, 30)])
def test_a_first_scene_is_what_the_clip_begins_with(clip: MotionClip, size: tuple[int, int] | None) -> None:
    scene, begins = scene_representation(first_scene(clip), size), representation_of(clip, size, decodable=True).first
    assert scene.ids == begins.ids and scene.size == begins.size
    for mine, theirs in (
        (scene.flow, begins.flow),
        (scene.flow_valid, begins.flow_valid),
        (scene.segmentation, begins.segmentation),
        (scene.depth, begins.depth),
    ):
        assert mine is not None and theirs is not None
        np.testing.assert_array_equal(mine, theirs)


def test_of_a_scene_with_too_many_those_with_arrows_stay() -> None:
    scene = first_scene(tiles(40))
    r = scene_representation(scene, moving=(40, 3))
    assert r.ids == (3, 40) and r.depth is None
    np.testing.assert_array_equal(r.segmentation[0], np.select([scene.instances == 3, scene.instances == 40], [1, 2]))
