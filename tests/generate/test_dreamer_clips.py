"""Clip to R to clip: what comes back is the motion that was there, and stage I's result is a clip as any other."""

from dataclasses import replace

import numpy as np
import pytest

from simcraft.clip.types import MotionClip
from simcraft.generate.correspondence import first_frame
from simcraft.generate.motion_dreamer.cameras import camera_poses, camera_vectors
from simcraft.generate.motion_dreamer.clips import clip_of, reversed_flow
from simcraft.generate.motion_dreamer.representation import representation_of
from simcraft.generate.motion_dreamer.scene import first_scene
from simcraft.generate.warp import warp
from tests.analytic import Layer, make_clip, sliding_square, waves, zooming_plane


def again(clip: MotionClip, size: tuple[int, int] | None = None) -> MotionClip:
    """The clip made of its own R."""
    return clip_of(representation_of(clip, size), first_scene(clip), fps=clip.fps, name=clip.name)


def overlap(mine: np.ndarray, true: np.ndarray) -> float:
    """Intersection over union of what is not seen; 1 where all is."""
    union = (~mine | ~true).sum()
    return float((~mine & ~true).sum() / union) if union else 1.0


def crossing() -> MotionClip:
    """Three squares before a background that slides; two of them cross, and the third goes out of view."""
    time = np.arange(6)[:, None]
    background = Layer((-999, -999, 999, 999), time * [1.0, 0.5], np.ones(6), waves((70, 110, 160), 24, 1), 10.0)
    squares = [
        Layer((10, 20, 34, 44), time * [4.0, 1.0], np.ones(6), waves((190, 80, 60), 16, 2), 5.0),
        Layer((40, 26, 60, 50), time * [-2.0, 0.0], np.ones(6), waves((80, 190, 60), 16, 3), 3.0),
        Layer((75, 50, 92, 62), time * [4.0, 2.0], 1.02 ** np.arange(6), waves((190, 180, 60), 16, 4), 4.0),
    ]
    return make_clip([background, *squares], 72, 96)


CLIPS = {"sliding": lambda: sliding_square(count=4), "zooming": lambda: zooming_plane(count=4), "crossing": crossing}


@pytest.fixture(scope="module", params=CLIPS)
def pair(request: pytest.FixtureRequest) -> tuple[MotionClip, MotionClip]:
    """A clip, and the one made of its R."""
    clip = CLIPS[request.param]()
    return clip, again(clip)


def test_what_r_says_comes_back_exactly(pair: tuple[MotionClip, MotionClip]) -> None:
    clip, made = pair
    np.testing.assert_array_equal(made.flow_backward, clip.flow_backward)
    np.testing.assert_array_equal(made.flow_valid_backward, clip.flow_valid_backward)
    np.testing.assert_array_equal(made.instances, clip.instances)
    np.testing.assert_array_equal(made.depth, clip.depth)
    np.testing.assert_array_equal(made.image, clip.image)
    assert made.instance_table == clip.instance_table and (made.fps, made.name) == (clip.fps, clip.name)


def test_forward_flow_is_found_where_it_goes_on(pair: tuple[MotionClip, MotionClip]) -> None:
    clip, made = pair
    assert clip.visible_forward is not None
    error = np.linalg.norm(made.flow_forward - clip.flow_forward, axis=-1)
    assert made.flow_valid_forward[clip.visible_forward].all()
    assert error[clip.visible_forward].mean() < 0.02
    assert np.quantile(error[clip.visible_forward], 0.99) < 0.15
    # what gets hidden goes on with its instance
    assert np.quantile(error[made.flow_valid_forward], 0.99) < 0.5


def test_what_is_seen_in_the_other_frame_is_known(pair: tuple[MotionClip, MotionClip]) -> None:
    clip, made = pair
    for mine, true in (
        (made.visible_forward, clip.visible_forward),
        (made.visible_backward, clip.visible_backward),
    ):
        assert mine is not None and true is not None
        assert (mine == true).mean() > 0.985
        assert overlap(mine, true) > 0.75


def test_the_first_frame_is_followed(pair: tuple[MotionClip, MotionClip]) -> None:
    clip, made = pair
    found, true = first_frame(made), first_frame(clip)
    both = found.seen & true.seen
    assert both.sum() > 0.9 * true.seen.sum()
    assert np.linalg.norm(found.position - true.position, axis=-1)[both].mean() < 0.1


def test_warp_paints_the_made_clip_as_the_true_one(pair: tuple[MotionClip, MotionClip]) -> None:
    clip, made = pair
    assert clip.frames is not None
    errors = [np.square(warp(each).frames[1:].astype(float) - clip.frames[1:]).mean() for each in (clip, made)]
    assert errors[1] < 2 * errors[0] + 30


def test_smaller_clips_are_scaled(clip: MotionClip) -> None:
    intrinsics = np.tile(np.array([[100.0, 0, 64], [0, 120.0, 48], [0, 0, 1]]), (4, 1, 1))
    made = again(replace(clip, intrinsics=intrinsics), (64, 32))
    assert made.size == (64, 32) and made.frame_count == 4 and made.image.shape == (32, 64, 3)
    assert made.intrinsics is not None and made.instances is not None
    np.testing.assert_allclose(made.intrinsics[2], [[50, 0, 32], [0, 40, 16], [0, 0, 1]])
    inside = (made.instances[:-1] == 1) & made.flow_valid_forward
    np.testing.assert_allclose(made.flow_forward[inside], np.tile([1.65, 0.2], (inside.sum(), 1)), atol=1e-3)


def test_without_labels_depth_and_camera(clip: MotionClip) -> None:
    made = again(replace(clip, depth=None))
    r = replace(representation_of(clip), segmentation=None, depth=None)
    plain = clip_of(r, first_scene(clip))
    assert made.depth is None and plain.instances is None and plain.depth is None and plain.camera_to_world is None
    assert plain.visible_backward is not None and clip.visible_backward is not None
    # the step of flow at silhouettes tells what is new all the same
    assert (plain.visible_backward == clip.visible_backward).mean() > 0.97


def test_labels_become_the_instances_again(clip: MotionClip) -> None:
    assert clip.instances is not None
    renamed = replace(clip, instances=np.where(clip.instances == 1, np.uint16(700), np.uint16(0)))
    np.testing.assert_array_equal(again(renamed).instances, renamed.instances)


def test_flow_of_what_is_gone_is_not_known() -> None:
    """An instance that the next frame does not show goes nowhere; the hidden part of one that it does goes with it."""
    before, after = np.zeros((8, 12), np.uint8), np.zeros((8, 12), np.uint8)
    before[2:6, 1:4], before[2:6, 8:11] = 1, 2
    after[2:6, 3:5] = 1
    flow = np.zeros((8, 12, 2), np.float32)
    flow[after == 1] = (-2, 0)
    forward, known = reversed_flow(flow, np.ones((8, 12), bool), before, after)
    assert not known[before == 2].any() and known[before != 2].all()
    np.testing.assert_array_equal(forward[before == 1], np.tile([2, 0], (12, 1)))
    assert not forward[before != 1].any()
    nothing, none = reversed_flow(flow, np.zeros((8, 12), bool), before, after)
    assert not nothing.any() and not none.any()


def test_the_nearer_of_two_surfaces_of_an_instance_wins() -> None:
    labels = np.zeros((4, 8), np.uint8)
    flow, depth = np.zeros((4, 8, 2), np.float32), np.full((4, 8), 4, np.float32)
    flow[:, 6], depth[:, 6] = (-4, 0), 3.5
    forward, known = reversed_flow(flow, np.ones((4, 8), bool), labels, labels, depth)
    assert known.all()
    np.testing.assert_allclose(forward[:, 2], np.tile([4, 0], (4, 1)), atol=0.02)
    depth[:, 2], depth[:, 6] = np.inf, 0
    sky, _ = reversed_flow(flow, np.ones((4, 8), bool), labels, labels, depth)
    np.testing.assert_allclose(sky[:, 2], np.tile([4, 0], (4, 1)), atol=1e-6)
    nothing, known = reversed_flow(flow, np.ones((4, 8), bool), labels, labels, np.full_like(depth, np.inf))
    np.testing.assert_allclose(nothing[:, 2], np.tile([2, 0], (4, 1)), atol=1e-5)
    assert known.all()
    even, _ = reversed_flow(flow, np.ones((4, 8), bool), labels, labels)
    np.testing.assert_allclose(even[:, 2], np.tile([2, 0], (4, 1)), atol=1e-5)


def test_a_simulation_comes_back() -> None:
    """A tumbling box and a rolling ball before a moving camera, as observed; the camera comes back from its vector."""
    from simcraft.observe import observe
    from tests.observe.scenes import floor, moving_camera, recording, rolling_ball, tumbling_box

    size = (96, 72)
    clip = observe(recording([floor(), tumbling_box(), rolling_ball()], moving_camera(size), size))
    assert clip.depth is not None and clip.camera_to_world is not None and clip.visible_backward is not None
    r = representation_of(clip)
    poses = camera_poses(camera_vectors(clip, r.usual_depth), r.usual_depth)
    made = clip_of(r, first_scene(clip), camera_to_world=poses)
    assert made.camera_to_world is not None and made.intrinsics is not None
    np.testing.assert_allclose(clip.camera_to_world[0] @ made.camera_to_world, clip.camera_to_world, atol=1e-4)
    np.testing.assert_array_equal(made.intrinsics, clip.intrinsics)
    np.testing.assert_array_equal(made.depth, clip.depth)
    np.testing.assert_array_equal(made.flow_backward, clip.flow_backward)
    seen = np.asarray(clip.visible_forward)
    error = np.linalg.norm(made.flow_forward - clip.flow_forward, axis=-1)[seen]
    assert error.mean() < 0.03 and np.quantile(error, 0.99) < 0.3
    assert (made.visible_backward == clip.visible_backward).mean() > 0.97
    found, true = first_frame(made), first_frame(clip)
    both = found.seen & true.seen
    assert both.sum() > 0.9 * true.seen.sum()
    assert np.median(np.linalg.norm(found.position - true.position, axis=-1)[both]) < 0.02
