"""Masks of pictures on grids: which way is up, shares of area, and what makes no sense."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcraft.errors import UserError
from simcraft.sim.silhouette import image_coverage, image_mask, read_mask


def test_a_grid_of_the_same_size_is_the_picture_turned_upright() -> None:
    mask = np.zeros((5, 7), bool)
    mask[0, 2] = True  # on top, third from the left
    cells = image_mask(mask, (7, 5))
    assert cells[2, 4] and cells.sum() == 1
    np.testing.assert_array_equal(cells, np.flip(mask, 0).T)


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_coverage_keeps_the_area_for_any_two_sizes(data: st.DataObject) -> None:
    height, width, across, up = (data.draw(st.integers(1, 40)) for _ in range(4))
    mask = np.random.default_rng(data.draw(st.integers(0, 9))).random((height, width)) < 0.5
    coverage = image_coverage(mask, (across, up))
    assert coverage.shape == (across, up) and coverage.min() >= 0 and coverage.max() <= 1 + 1e-6
    np.testing.assert_allclose(coverage.mean(), mask.mean(), atol=1e-6)


def test_a_cell_takes_the_mean_of_its_pixels() -> None:
    mask = np.zeros((6, 9), bool)
    mask[:2, :2] = True
    coverage = image_coverage(mask, (3, 2))
    expected = np.array([[0, 4 / 9], [0, 0], [0, 0]])
    np.testing.assert_allclose(coverage, expected, atol=1e-7)


def _write(path: Path, pixels: np.ndarray) -> Path:
    path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
    return path


@pytest.mark.parametrize("kind", ["grey", "colour", "alpha", "16 bits", "opaque alpha"])
def test_white_or_opaque_is_inside(tmp_path: Path, kind: str) -> None:
    inside = np.zeros((8, 6), bool)
    inside[2:5, 1:4] = True
    white = np.where(inside, 255, 0).astype(np.uint8)
    pixels = {
        "grey": white,
        "colour": np.repeat(white[..., None], 3, 2),
        "alpha": np.dstack([np.full((8, 6, 3), 30, np.uint8), white]),
        "16 bits": white.astype(np.uint16) * 257,
        "opaque alpha": np.dstack([white, white, white, np.full((8, 6), 255, np.uint8)]),
    }[kind]
    np.testing.assert_array_equal(read_mask(_write(tmp_path / "mask.png", pixels), (6, 8)), inside)


def test_what_makes_no_sense_is_named(tmp_path: Path) -> None:
    half = np.zeros((4, 4), bool)
    half[:2] = True
    text = tmp_path / "text.png"
    text.write_text("no picture")
    empty = tmp_path / "empty.png"
    empty.write_bytes(b"")
    cases = [
        (lambda: image_mask(np.zeros((4, 4), bool), (4, 4)), "empty"),
        (lambda: image_mask(np.ones((4, 4), bool), (4, 4)), "full"),
        (lambda: image_mask(half, (4, 4), size=(5, 4)), "has 4x4 pixels, but the picture 5x4"),
        (lambda: image_mask(np.zeros((4, 4, 3), bool), (4, 4)), "expected (H, W)"),
        (lambda: image_mask(np.linspace(0, 1, 16).reshape(4, 4), (4, 4)), "expected truth values"),
        (lambda: image_mask(half, (4,)), "cells is none"),
        (lambda: read_mask(tmp_path / "missing.png"), "no mask picture"),
        (lambda: read_mask(tmp_path), "no mask picture"),
        (lambda: read_mask(text), "is not a picture"),
        (lambda: read_mask(empty), "is not a picture"),
    ]
    for call, words in cases:
        with pytest.raises(UserError) as raised:
            call()
        assert words in raised.value.message


def test_a_thing_thinner_than_the_cells_is_refused() -> None:
    mask = np.zeros((64, 64), bool)
    mask[:, 30] = True
    with pytest.raises(UserError) as raised:
        image_mask(mask, (16, 16))
    assert "too small for a grid of 16x16" in raised.value.message and "resolution" in raised.value.fix
