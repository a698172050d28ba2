"""What the stages are given of a clip, at their own size."""

from dataclasses import replace

import numpy as np
import pytest

from simcraft.clip.types import MotionClip
from simcraft.errors import UserError
from simcraft.generate.motion_dreamer.arrows import InstanceFlow, clip_flow
from simcraft.generate.motion_dreamer.conditions import conditions_of, first_features
from simcraft.generate.motion_dreamer.layouts import CAMERA_CHANNELS, FIRST_CHANNELS
from simcraft.generate.motion_dreamer.palette import palette
from simcraft.generate.motion_dreamer.pictures import encode_flow, from_pictures, to_pictures
from simcraft.generate.motion_dreamer.representation import representation_of
from simcraft.generate.motioncraft.composite import Warped

SIZE, FACTOR = (64, 48), 4


def seen_from_somewhere(clip: MotionClip) -> MotionClip:
    """The clip with a camera that travels by 2 m; its flow does not know."""
    poses = np.tile(np.eye(4), (clip.frame_count, 1, 1))
    poses[:, 0, 3] = np.linspace(0, 2, clip.frame_count)
    intrinsics = np.tile(np.array([[100.0, 0, 64], [0, 100.0, 48], [0, 0, 1]]), (clip.frame_count, 1, 1))
    return replace(clip, camera_to_world=poses, intrinsics=intrinsics)


def test_of_a_clip_the_second_stage_knows_all_at_its_own_size(clip: MotionClip) -> None:
    seen = seen_from_somewhere(clip)
    known = conditions_of(seen, SIZE, FACTOR)
    warped = Warped.of(clip)
    assert known.hint.shape == (4, 48, 64, 3) and known.hint.dtype == np.uint8
    means = warped.frames.reshape(4, 48, 2, 64, 2, 3).mean((2, 4))
    assert np.abs(known.hint - means).max() <= 1
    assert known.new.shape == (4, 12, 16) and not known.new[0].any()
    cells = np.stack([warped.new(t) for t in range(4)]).reshape(4, 12, 8, 16, 8).mean((2, 4))
    np.testing.assert_allclose(known.new, cells, atol=1e-6)
    assert known.new[3].max() > 0.5
    assert known.geometry.shape == (4, 8, 12, 16)
    # the wall, 10 m away, is at the usual depth, and faces the camera
    np.testing.assert_allclose(known.geometry[:, :4, 0, 0], np.tile([0.5, 0, 0, -1], (4, 1)), atol=1e-3)
    assert known.camera.shape == (4, CAMERA_CHANNELS)
    np.testing.assert_allclose(known.camera[0, 6:], [0.2, 0, 0, 0, 0, 0], atol=1e-6)
    assert known.representation.size == SIZE
    colours = palette(1, np.random.default_rng(0))
    np.testing.assert_array_equal(known.pictures(colours), to_pictures(representation_of(clip, SIZE), colours))


def test_what_is_painted_already_is_not_painted_again(clip: MotionClip) -> None:
    warped = Warped.of(clip)
    other = Warped(np.full_like(warped.frames, 9), warped.first)
    assert (conditions_of(clip, SIZE, FACTOR, other).hint == 9).all()


def test_clips_of_flow_alone_have_conditions_too(clip: MotionClip) -> None:
    plain = replace(clip, depth=None, instances=None, to_first=None, to_first_visible=None)
    known = conditions_of(plain, SIZE, FACTOR)
    assert not known.geometry.any() and not known.camera.any()
    pictures = known.pictures()
    assert pictures[1:, :2].any() and not pictures[:, 2:].any()


def test_sizes_that_do_not_fit_are_told(clip: MotionClip) -> None:
    with pytest.raises(UserError, match="are to be 66x48"):
        conditions_of(clip, (66, 48), FACTOR)


def test_the_first_stage_carries_what_the_first_frame_shows(clip: MotionClip) -> None:
    first, moves = representation_of(clip, decodable=True).first, clip_flow(clip)
    colours = palette(1, np.random.default_rng(1))
    features = first_features(clip.image, first, moves, colours)
    width, height = clip.size
    assert features.shape == (FIRST_CHANNELS, height, width) and features.dtype == np.float32
    np.testing.assert_allclose((features[:3] + 1) * 127.5, clip.image.transpose(2, 0, 1), atol=1e-3)
    pictures = to_pictures(first, colours)
    np.testing.assert_array_equal(features[3:7], pictures[0, 2:])
    np.testing.assert_array_equal(from_pictures(pictures, first, colours).segmentation, first.segmentation)
    square = np.asarray(clip.instances)[0] == 1
    np.testing.assert_array_equal(features[9], square)
    expected = encode_flow(np.array([3.3, 0.6]), width)
    np.testing.assert_allclose(features[7:9][:, square], np.tile(expected, (square.sum(), 1)).T, atol=1e-5)
    assert not features[7:9][:, ~square].any()
    silent = first_features(clip.image, first, InstanceFlow(np.zeros_like(moves.flow), np.zeros_like(moves.known)))
    assert not silent[7:].any()
