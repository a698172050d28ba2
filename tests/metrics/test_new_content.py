"""New content is measured apart from the rest, and blur is told from detail."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from simcraft.errors import UserError
from simcraft.metrics.embedding import embedding, histogram_consistency
from simcraft.metrics.new_content import FEWEST, parts
from simcraft.metrics.sharpness import edge_deviation, gradient, sharpness
from tests.analytic import sliding_square


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    """(8, 96, 128, 3) uint8: a textured square slides over a textured ground."""
    return np.asarray(sliding_square().frames)


def blurred(frames: np.ndarray, sigma: float) -> np.ndarray:
    return np.stack([cv2.GaussianBlur(frame, (0, 0), sigma) for frame in frames])


def left_half(truth: np.ndarray) -> np.ndarray:
    mask = np.zeros(truth.shape[:3], bool)
    mask[:, :, : truth.shape[2] // 2] = True
    return mask


def test_each_part_has_its_own_error(truth: np.ndarray) -> None:
    new = left_half(truth)
    frames = np.clip(truth, 20, 235)
    base = frames.copy()
    frames[new] += 10
    frames[~new] -= 2
    frames[0] = 0  # is given, and does not count
    found = parts(frames, base, new)
    assert found.new.psnr == pytest.approx(20 * np.log10(255 / 10))
    assert found.elsewhere.psnr == pytest.approx(20 * np.log10(255 / 2))
    assert found.new.pixels == found.elsewhere.pixels == new[1:].sum()


def test_what_is_equal_or_too_small_has_no_decibels(truth: np.ndarray) -> None:
    few = np.zeros(truth.shape[:3], bool)
    few[1].reshape(-1)[: FEWEST - 1] = True
    found = parts(blurred(truth, 1), truth, few)
    assert found.new.psnr is None and found.new.sharpness is None and found.new.pixels == FEWEST - 1
    assert found.elsewhere.psnr is not None
    assert parts(truth, truth, left_half(truth)).new.psnr is None
    with pytest.raises(UserError, match="expected one shape"):
        parts(truth, truth, few[:, :5])


def test_blur_is_seen_where_it_is(truth: np.ndarray) -> None:
    new = left_half(truth)
    frames = np.where(new[..., None], blurred(truth, 2), truth)
    found = parts(frames, truth, new)
    assert found.new.sharpness < 0.8 and found.elsewhere.sharpness == pytest.approx(1, abs=0.02)
    assert sharpness(truth, truth) == 1
    assert sharpness(frames, np.full_like(truth, 7)) is None


def test_the_gradient_is_that_of_a_ramp() -> None:
    ramp = np.arange(8.0)[:, None, None] * np.array([3.0, 3.0, 3.0]) + np.arange(9.0)[None, :, None] * 4.0
    np.testing.assert_allclose(gradient(ramp), 5.0)


def test_edges_deviate_more_the_more_they_are_blurred(truth: np.ndarray) -> None:
    values = [edge_deviation(frames, truth) for frames in (truth, blurred(truth, 0.6), blurred(truth, 2))]
    assert values[0] == 0 and values[0] < values[1] < values[2]
    lighter = np.clip(truth, 0, 235) + 20
    assert edge_deviation(lighter.astype(np.uint8), np.clip(truth, 0, 235)) < 1e-6  # no edge has changed


def test_embeddings_have_length_one_and_know_colours_and_edges(truth: np.ndarray) -> None:
    frame = truth[0, :, 16:112]
    assert np.linalg.norm(embedding(frame)) == pytest.approx(1)
    for changed in (frame[..., ::-1], blurred(frame[None], 2)[0], np.rot90(frame).copy(), frame // 2):
        assert embedding(frame) @ embedding(changed) < 0.99


def test_histograms_count_pixels_by_colour_and_edges_by_direction() -> None:
    flat = np.full((8, 8, 3), 51 * 2, np.uint8)  # 102 is the third of six levels
    halves = flat.copy()
    halves[:, :4] = 51
    # of the colours nothing is shared on the left and all on the right, on two levels; half on the third; all flat
    left_edge_weight = embedding(halves) @ embedding(flat)
    assert 0.5 < left_edge_weight < 0.8
    stripes = np.zeros((32, 32, 3), np.uint8)
    stripes[:, ::4] = stripes[:, 1::4] = 200
    same, turned = embedding(stripes), embedding(stripes.transpose(1, 0, 2).copy())
    assert same @ turned < 0.8  # colours are equal, directions are not


def test_motion_is_consistent_and_flicker_is_not(truth: np.ndarray) -> None:
    flickering = truth.astype(np.int64)
    flickering[::2] -= 12
    redrawn = truth.copy()
    redrawn[::2] = blurred(truth[::2], 1.5)
    moved = histogram_consistency(truth)
    assert histogram_consistency(np.repeat(truth[:1], 4, 0)) == pytest.approx(1)
    assert 0.99 < moved < 1
    assert 1 - histogram_consistency(flickering.clip(0, 255).astype(np.uint8)) > 2 * (1 - moved)
    assert 1 - histogram_consistency(redrawn) > 2 * (1 - moved)
    assert histogram_consistency(truth[:1]) is None
