"""The counting sort: stable, complete, and right for agents outside of the grid."""

import numpy as np
import pytest

from simcraft.sim.agents.cells import MOST_CELLS, cells_over, sort_by_cell


@pytest.mark.parametrize("dimensions", [2, 3])
def test_agents_come_by_cell_and_then_by_number(dimensions: int) -> None:
    positions = np.random.default_rng(0).uniform(-2, 12, (500, dimensions))  # some lie outside
    cells = cells_over(np.zeros(dimensions), np.full(dimensions, 10.0), 1.7)
    found = sort_by_cell(cells, positions)
    index = np.clip(np.floor(positions / 1.7), 0, cells.shape - 1).astype(int)
    cell = index @ np.cumprod([1, *cells.shape[:-1]])
    np.testing.assert_array_equal(found.order, np.argsort(cell, kind="stable"))
    np.testing.assert_array_equal(found.starts, np.searchsorted(np.sort(cell), np.arange(np.prod(cells.shape) + 1)))


def test_a_huge_place_gets_larger_cells_and_a_stray_does_no_harm() -> None:
    cells = cells_over(np.zeros(3), np.full(3, 1e5), 1.0)
    assert np.prod(cells.shape.astype(float)) <= MOST_CELLS and cells.size >= 1.0
    found = sort_by_cell(cells, np.array([[1e300, -1e300, 0], [5, 5, 5]]))
    assert sorted(found.order) == [0, 1] and found.starts[-1] == 2
