"""Colours of motion, depth, instances and tracks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcraft.errors import UserError
from simcraft.observe.colour import (
    colour_wheel,
    decode_flow_rgb,
    depth_to_colour,
    draw_tracks,
    encode_flow_rgb,
    flow_to_wheel,
    instances_to_colour,
    palette,
    typical_speed,
)

SIDE = 64
SATURATED = 0.15 * np.hypot(SIDE, SIDE)


def constant(u: float, v: float) -> np.ndarray:
    return np.broadcast_to(np.array([u, v], np.float32), (SIDE, SIDE, 2))


@pytest.mark.parametrize(
    ("flow", "colour"),
    [
        ((0, 0), (0, 0, 0)),
        ((SATURATED, 0), (255, 0, 0)),
        ((SATURATED * 3, 0), (255, 0, 0)),
        ((SATURATED / 2, 0), (128, 0, 0)),
        ((-SATURATED, 0), (0, 255, 255)),
        ((SATURATED * np.cos(np.pi / 3), SATURATED * np.sin(np.pi / 3)), (255, 255, 0)),
    ],
)
def test_videojam_colours(flow: tuple[float, float], colour: tuple[int, int, int]) -> None:
    found = encode_flow_rgb(constant(*flow))[0, 0].astype(int)
    assert np.abs(found - colour).max() <= 1


@given(st.floats(0.02, 0.99), st.floats(-np.pi, np.pi), st.floats(0.05, 0.5))
def test_decoding_inverts_encoding(share: float, angle: float, sigma: float) -> None:
    limit = sigma * np.hypot(SIDE, SIDE)
    flow = constant(share * limit * np.cos(angle), share * limit * np.sin(angle))
    back = decode_flow_rgb(encode_flow_rgb(flow, sigma), sigma)
    assert np.linalg.norm(back - flow, axis=-1).max() <= 1.5 * limit / 255


def test_encoding_takes_batches_and_ignores_what_is_not_finite() -> None:
    flow = np.stack([constant(3, 1), constant(np.nan, np.inf)])
    rgb = encode_flow_rgb(flow)
    assert rgb.shape == (2, SIDE, SIDE, 3)
    assert (rgb[0] == encode_flow_rgb(flow[0])).all()
    assert (rgb[1] == 0).all()


def test_encoding_refuses() -> None:
    with pytest.raises(UserError, match="sigma"):
        encode_flow_rgb(constant(1, 1), sigma=0)
    with pytest.raises(UserError, match="expected"):
        encode_flow_rgb(np.zeros((4, 4, 3)))


def test_wheel_follows_middlebury() -> None:
    """Right is red, down yellow, left cyan, up blue, as in the colour code that comes with the benchmark."""
    found = [flow_to_wheel(constant(u, v), 1.0)[0, 0].tolist() for u, v in ((0, 0), (1, 0), (0, 1), (-1, 0), (0, -1))]
    white, right, down, left, up = np.array(found)
    assert white.tolist() == [255, 255, 255]
    assert right[0] == 255 and max(right[1:]) < 60  # red
    assert down.tolist() == [255, 234, 0]  # position 13.75 of the 15 steps from red to yellow
    assert left[2] > 200 and left[0] == 0  # cyan
    assert up[2] == 255 and up[1] < 90  # blue


def test_wheel_has_no_seam() -> None:
    angles = np.linspace(-np.pi, np.pi, 721)
    colours = flow_to_wheel(np.stack([np.cos(angles), np.sin(angles)], -1)[None], 1.0)[0].astype(int)
    assert np.abs(np.diff(colours, axis=0)).max() <= 6


def test_wheel_marks_what_is_fast_or_invalid() -> None:
    flow = constant(4, 0)
    assert flow_to_wheel(flow, 2.0)[0, 0, 0] < flow_to_wheel(flow, 4.0)[0, 0, 0] == 255
    valid = np.ones((SIDE, SIDE), bool)
    valid[3, 4] = False
    grey = (flow_to_wheel(flow, 4.0, valid) == 128).all(-1)
    assert grey[3, 4] and grey.sum() == 1


def test_typical_speed() -> None:
    flow = np.zeros((10, 10, 2))
    assert typical_speed(flow) == 1.0
    flow[:5, :, 1] = 3
    assert typical_speed(flow) == pytest.approx(3)


def test_depth_is_ordered() -> None:
    depth = np.array([[1.0, 2.0, 4.0, 8.0, np.inf]], np.float32)
    colours = depth_to_colour(depth, 1.0, 8.0).astype(int)
    assert (colours[0, 4] == 40).all()
    warm = colours[0, :4, 0] - colours[0, :4, 2]
    assert warm[0] > 0 > warm[2]
    assert len({tuple(c) for c in colours[0]}) == 5
    assert (depth_to_colour(np.full((2, 2), np.inf)) == 40).all()


def test_palette_is_stable_and_distinct() -> None:
    colours = palette(24)
    assert (palette(7) == colours[:7]).all()
    apart = np.abs(colours[:, None].astype(int) - colours).sum(-1) + 999 * np.eye(24, dtype=int)
    assert apart.min() > 40
    ids = np.array([[0, 3], [5, 3]], np.uint16)
    assert (instances_to_colour(ids) == colours[ids]).all()


def test_tracks_are_drawn_where_they_are() -> None:
    tracks = np.array([[[8.5, 8.5], [20.5, 8.5]], [[8.5, 24.5], [20.5, 24.5]], [[np.nan, np.nan], [5, 5]]], np.float32)
    visible = np.array([[True, True], [True, False], [False, False]])
    black = np.zeros((32, 32, 3), np.uint8)
    colours = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255]], np.uint8)
    drawn = draw_tracks(black, tracks, visible, 1, colours=colours)
    assert drawn[8, 20].tolist() == [255, 0, 0]
    assert drawn[8, 12, 0] > 200  # its tail
    assert drawn[..., 1:].max() == 0  # hidden points draw nothing
    assert black.max() == 0
    larger = draw_tracks(np.zeros((64, 64, 3), np.uint8), tracks, visible, 0, colours=colours, scale=2)
    assert larger[16:18, 16:18, 0].min() == 255 and larger[48:50, 16:18, 1].min() == 255
    assert (draw_tracks(black, tracks[:0], visible[:0], 0) == 0).all()


def test_the_wheel_has_all_directions() -> None:
    wheel = colour_wheel(33)
    assert (wheel[16, 16, :3] > 235).all()  # still is white
    assert wheel[0, 0, 3] == 0 and wheel[16, 16, 3] == 255
    rim = [wheel[16, 31, :3], wheel[31, 16, :3], wheel[16, 1, :3], wheel[1, 16, :3]]
    assert min(np.abs(a.astype(int) - b).max() for k, a in enumerate(rim) for b in rim[:k]) > 80
