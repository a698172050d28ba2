"""Motion between latents is found by matching blocks, and compared with that of pictures."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, shift

from simcraft.metrics.latent_flow import cell_pixels, flow_likeness, matched_flow


@pytest.fixture(scope="module")
def latents() -> np.ndarray:
    """(6, 24, 32), channels of different size."""
    noise = np.random.default_rng(0).standard_normal((6, 24, 32))
    return gaussian_filter(noise, (0, 1.2, 1.2)) * np.array([1, 2, 0.1, 1, 1.5, 1])[:, None, None]


@pytest.mark.parametrize("motion", [(0.0, 0.0), (2.0, -1.0), (-3.0, 2.0), (0.5, 1.25)])
def test_a_shift_is_found(latents: np.ndarray, motion: tuple[float, float]) -> None:
    moved = shift(latents, (0, motion[1], motion[0]), order=3, mode="nearest")
    found = matched_flow(latents, moved)[6:-6, 6:-6]
    error = np.abs(found - motion)
    assert error.mean() < 0.1 and error.max() < 0.4  # a parabola leans towards whole cells


def test_likeness_of_fields() -> None:
    field = np.random.default_rng(1).standard_normal((3, 5, 7, 2))
    everything, nothing = np.ones(field.shape[:3], bool), np.zeros(field.shape[:3], bool)
    same, opposite = flow_likeness(field, 2 * field, everything), flow_likeness(field, -field, everything)
    assert (same.correlation, same.cosine) == pytest.approx((1, 1))
    assert (opposite.correlation, opposite.cosine) == pytest.approx((-1, -1))
    none = flow_likeness(field, field, nothing)
    assert none.correlation is None and none.cosine is None
    assert flow_likeness(field, np.zeros_like(field), everything).correlation is None


def test_only_chosen_cells_count() -> None:
    field = np.random.default_rng(2).standard_normal((5, 7, 2))
    chosen = np.zeros((5, 7), bool)
    chosen[:3] = True
    other = np.where(chosen[..., None], field, -field)
    assert flow_likeness(field, other, chosen).cosine == pytest.approx(1)


def test_all_pixels_of_a_cell_become_channels() -> None:
    frame = np.random.default_rng(3).integers(0, 256, (8, 12, 3)).astype(np.uint8)
    cells = cell_pixels(frame, (3, 2))
    assert cells.shape == (48, 2, 3)
    assert sorted(cells[:, 1, 2]) == sorted(frame[4:8, 8:12].ravel())
