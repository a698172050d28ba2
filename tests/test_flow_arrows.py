"""Arrows start where pixels are and end where they go."""

from __future__ import annotations

import numpy as np

from simcraft.flow_arrows import LEAST_SPACING, flow_arrows

SIZE = (96, 48)


def field(dx: float, dy: float) -> np.ndarray:
    return np.broadcast_to(np.array([dx, dy], np.float32), (SIZE[1], SIZE[0], 2))


def test_one_arrow_points_where_its_pixel_goes() -> None:
    """The pixel in the middle of the third cell from the left, in the first row, is the only one that is known."""
    valid = np.zeros((SIZE[1], SIZE[0]), bool)
    x, y = round(2.5 * LEAST_SPACING), LEAST_SPACING // 2
    valid[y, x] = True
    drawn = flow_arrows(field(4.0, 3.0), valid, 5.0, SIZE)[..., 3] > 128
    rows, columns = np.nonzero(drawn)
    length = 1.5 * LEAST_SPACING
    assert abs(columns.min() - x) <= 2
    assert abs(rows.min() - y) <= 2
    assert abs(columns.max() - (x + 0.8 * length)) <= 3
    assert abs(rows.max() - (y + 0.6 * length)) <= 3


def test_arrows_are_as_long_as_pixels_are_fast_up_to_a_limit() -> None:
    valid = np.zeros((SIZE[1], SIZE[0]), bool)
    valid[LEAST_SPACING // 2, LEAST_SPACING // 2] = True
    reach = []
    for speed in (1.0, 2.0, 100.0):
        drawn = flow_arrows(field(speed, 0.0), valid, 2.0, SIZE)[..., 3] > 128
        reach.append(int(np.nonzero(drawn)[1].max()) - LEAST_SPACING // 2)
    assert abs(reach[0] - 0.75 * LEAST_SPACING) <= 2
    assert abs(reach[1] - 1.5 * LEAST_SPACING) <= 2
    assert abs(reach[2] - 3 * LEAST_SPACING) <= 2


def test_nothing_is_drawn_where_nothing_moves_or_nothing_is_known() -> None:
    everywhere = np.ones((SIZE[1], SIZE[0]), bool)
    assert not flow_arrows(field(0.0, 0.0), everywhere, 5.0, SIZE).any()
    assert not flow_arrows(field(5.0, 0.0), ~everywhere, 5.0, SIZE).any()
    assert not flow_arrows(field(np.nan, 0.0), everywhere, 5.0, SIZE).any()
