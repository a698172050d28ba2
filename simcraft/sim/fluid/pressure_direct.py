"""Pressure in a plane whose boundary stays as it is: the matrix is factored once, each step only substitutes.

With many cells the factors of a third dimension would not fit into memory, and with a boundary that changes, factoring
costs more than it saves: there `pressure` iterates.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from simcraft.sim.fluid.boundary import Boundary
from simcraft.sim.fluid.staggered import along


def solve_directly(boundary: Boundary, right: np.ndarray) -> np.ndarray:
    """`x` (*cells) float32 with A x = `right` in the fluid, 0 outside; A as in `pressure`.

    In closed regions, where x is only known up to a constant, it is 0 in one cell.
    """
    x = _factored(boundary).solve(np.where(boundary.fluid, right, 0).astype(np.float64).ravel())
    return np.asarray(x.reshape(right.shape), np.float32)


@lru_cache(maxsize=2)
def _factored(boundary: Boundary) -> Any:
    """The factors of A, with 1 on the diagonal of what is no fluid."""
    from scipy.sparse import coo_matrix, diags
    from scipy.sparse.linalg import splu

    shape, numbers = boundary.fluid.shape, np.arange(boundary.fluid.size).reshape(boundary.fluid.shape)
    diagonal = np.where(boundary.fluid, 0.0, 1.0)
    rows, columns, values = [], [], []
    for axis, openness in enumerate(boundary.openness):
        diagonal += openness[along(axis, slice(None, -1))] + openness[along(axis, slice(1, None))]
        rows.append(numbers[along(axis, slice(None, -1))].ravel())
        columns.append(numbers[along(axis, slice(1, None))].ravel())
        values.append(-openness[along(axis, slice(1, shape[axis]))].ravel())
    for region in boundary.closed_regions:
        # the equations of a closed region add up to 0 = 0: this makes x 0 in one cell, and changes nothing else
        diagonal.ravel()[np.flatnonzero(boundary.regions == region)[0]] += 1
    upper = coo_matrix(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape=(diagonal.size,) * 2
    )
    return splu((upper + upper.T + diags(diagonal.ravel())).tocsc())
