"""R as pictures and back, exactly."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcraft.errors import UserError
from simcraft.generate.motion_dreamer.palette import palette
from simcraft.generate.motion_dreamer.pictures import (
    CHANNELS,
    DEPTH,
    FLOW,
    HORIZON,
    SEGMENTATION,
    decode_depth,
    decode_flow,
    encode_depth,
    encode_flow,
    from_pictures,
    to_pictures,
)
from simcraft.generate.motion_dreamer.representation import Representation


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(-2000, 2000, width=32), min_size=1, max_size=20),
    st.sampled_from([16, 64, 1024]),
)
def test_flow_is_its_own_inverse(flow: list[float], width: int) -> None:
    values = encode_flow(np.array(flow), width)
    np.testing.assert_allclose(decode_flow(values, width), flow, rtol=2e-5, atol=1e-5)
    np.testing.assert_array_equal(encode_flow(-np.array(flow), width), -values)


def test_flow_has_one_scale_for_all_clips() -> None:
    for width in (64, 1024):
        quarter, hundredth = encode_flow(np.array([0.25, 0.01]) * width, width)
        assert quarter == pytest.approx(1, abs=1e-6)
        assert hundredth == pytest.approx(np.arcsinh(1) / np.arcsinh(25), abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(0, 900, width=32) | st.just(np.inf), min_size=1, max_size=20),
    st.floats(0.01, 100),
)
def test_depth_is_its_own_inverse(shares: list[float], usual: float) -> None:
    depth = np.array(shares) * usual
    values = encode_depth(depth, usual)
    there = np.isfinite(depth)
    assert (values[there] > HORIZON).all() and (values <= 1).all()
    np.testing.assert_array_equal(values[~there], -1)
    np.testing.assert_allclose(decode_depth(values, usual), depth, rtol=1e-3, atol=1e-6 * usual)


def test_values_that_no_depth_gives_become_the_nearest_that_one_does() -> None:
    values = np.array([1.3, 1.0, HORIZON + 0.01, HORIZON - 0.05, -0.95, -1.2])
    depth = decode_depth(values, 4.0)
    assert (depth[:2] == 0).all() and (depth[4:] == np.inf).all()
    assert 400 < depth[2] < depth[3] < np.inf


@st.composite
def representations(draw: st.DrawFn) -> Representation:
    """Any R of up to 26 instances, all of which the first frame shows; depth and labels may be unknown."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    frames, height, width = draw(st.integers(1, 4)), draw(st.integers(6, 9)), draw(st.integers(6, 9))
    count = draw(st.integers(0, 26))
    shape = (frames, height, width)
    flow = (rng.standard_cauchy((*shape, 2)).clip(-99, 99)).astype(np.float32)
    flow[0] = 0
    segmentation = rng.integers(0, count + 1, shape).astype(np.uint8)
    segmentation[0].reshape(-1)[: count + 1] = np.arange(count + 1)
    depth = rng.uniform(0.5, 50, shape).astype(np.float32)
    depth[rng.random(shape) < draw(st.sampled_from([0.0, 0.3, 1.0]))] = np.inf
    known = draw(st.booleans()), draw(st.booleans())
    return Representation(
        flow,
        np.ones(shape, bool),
        segmentation if known[0] else None,
        depth if known[1] else None,
        tuple(range(9, 9 + count)),
    )


@settings(max_examples=40, deadline=None)
@given(representations(), st.booleans(), st.integers(0, 9))
def test_pictures_are_the_representation(r: Representation, drawn: bool, seed: int) -> None:
    colours = palette(len(r.ids), np.random.default_rng(seed)) if drawn else None
    pictures = to_pictures(r, colours)
    assert pictures.shape == (len(r.flow), CHANNELS, *r.flow.shape[1:3]) and pictures.dtype == np.float32
    back = from_pictures(pictures, r.first, colours)
    np.testing.assert_allclose(back.flow, r.flow, rtol=2e-5, atol=1e-6)
    assert back.flow_valid.all() and back.ids == r.ids
    for known, again in ((r.segmentation, back.segmentation), (r.depth, back.depth)):
        assert (known is None) == (again is None)
    if r.segmentation is not None:
        np.testing.assert_array_equal(back.segmentation, r.segmentation)
    if r.depth is not None:
        np.testing.assert_allclose(back.depth, r.depth, rtol=1e-4)


def simple() -> Representation:
    """Two frames of 4 x 8 pixels: a square of depth 2 before a wall of depth 4 and a hole in it."""
    segmentation = np.zeros((2, 4, 8), np.uint8)
    segmentation[:, 1:3, 2:4] = 1
    depth = np.full((2, 4, 8), 4, np.float32)
    depth[segmentation == 1], depth[:, 0, 0] = 2, np.inf
    flow = np.zeros((2, 4, 8, 2), np.float32)
    flow[1, ..., 0] = -2.0
    return Representation(flow, np.ones((2, 4, 8), bool), segmentation, depth, (5,))


def test_channels_are_what_they_are_said_to_be() -> None:
    r = simple()
    pictures = to_pictures(r)
    assert r.usual_depth == 4
    np.testing.assert_array_equal(pictures[0, FLOW], 0)
    np.testing.assert_allclose(pictures[1, FLOW], [[[-1]], [[0]]] * np.ones((2, 4, 8)), atol=1e-6)
    np.testing.assert_array_equal(pictures[0, SEGMENTATION, 1, 2], palette(1)[1])
    np.testing.assert_array_equal(pictures[0, SEGMENTATION, 0, 0], (-1, -1, -1))
    nearness = (pictures[0, DEPTH][0] - HORIZON) / (1 - HORIZON)
    assert nearness[1, 2] == pytest.approx(4 / 6) and nearness[3, 7] == pytest.approx(0.5)
    assert pictures[0, DEPTH][0, 0, 0] == -1
    unknown = to_pictures(replace(r, segmentation=None, depth=None))
    np.testing.assert_array_equal(unknown[:, FLOW], pictures[:, FLOW])
    assert not unknown[:, SEGMENTATION].any() and not unknown[:, DEPTH].any()


def test_depth_is_measured_by_the_first_frame() -> None:
    r = simple()
    assert r.depth is not None
    nearer = replace(r, depth=np.stack([r.depth[0], r.depth[0] / 2]))
    np.testing.assert_array_equal(to_pictures(nearer)[0], to_pictures(r)[0])
    np.testing.assert_allclose(from_pictures(to_pictures(nearer), nearer.first).depth, nearer.depth, rtol=1e-5)


def test_the_first_frame_stays_what_it_is() -> None:
    r = simple()
    pictures = to_pictures(r)
    pictures[0] = 7.0
    again = from_pictures(pictures, r.first)
    np.testing.assert_array_equal(again.flow[0], r.flow[0])
    np.testing.assert_array_equal(again.segmentation, r.segmentation)


def test_pictures_of_another_size_are_refused() -> None:
    r = simple()
    with pytest.raises(UserError, match=r"pictures are \(2, 6, 4, 4\); expected \(2, 6, 4, 8\)"):
        from_pictures(to_pictures(r)[..., :4], r.first)
