"""Operators between cells and faces. In cell units: differences are not divided by the side of a cell."""

from __future__ import annotations

import numpy as np

from simcraft.sim.fluid.grid import Faces


def along(axis: int, index: slice | int) -> tuple[slice | int, ...]:
    """What to index an array with, to take `index` along `axis` and everything along the axes before it."""
    return (*(slice(None),) * axis, index)


def divergence(velocity: Faces) -> np.ndarray:
    """(*cells): what flows out of each cell less what flows in, in the unit of `velocity`."""
    return sum(np.diff(component, axis=axis) for axis, component in enumerate(velocity))  # type: ignore[return-value]


def gradient(cells: np.ndarray, axis: int) -> np.ndarray:
    """At the faces across `axis`: the cell after a face less the cell before it; outside the box is 0."""
    before, after = beside(cells, axis)
    return after - before


def at_centres(velocity: Faces) -> np.ndarray:
    """(*cells, dimension): mean of the two faces of each cell across each axis."""
    means = []
    for axis, component in enumerate(velocity):
        low, high = component[along(axis, slice(None, -1))], component[along(axis, slice(1, None))]
        means.append((low + high) / 2)
    return np.stack(means, axis=-1)


def at_faces(cells: np.ndarray, axis: int) -> np.ndarray:
    """Mean of the two cells beside each face across `axis`; at the box's sides, the only cell."""
    low, high = cells[along(axis, slice(None, -1))], cells[along(axis, slice(1, None))]
    first, last = cells[along(axis, slice(None, 1))], cells[along(axis, slice(-1, None))]
    return np.concatenate([first, (low + high) / 2, last], axis=axis)


def beside(cells: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """(before, after): the values of the cells before and after each face across `axis`; 0 outside the box."""
    none = np.zeros_like(cells[along(axis, slice(None, 1))])
    return np.concatenate([none, cells], axis=axis), np.concatenate([cells, none], axis=axis)


def fastest(velocity: Faces) -> float:
    """The largest speed along an axis; NaN where one is NaN."""
    return float(np.max([np.abs(component).max(initial=0.0) for component in velocity]))


def with_depth(values: Faces) -> Faces:
    """Three components, contiguous; what lies in a plane (x, up) gets one cell along y, with 0 at its faces.

    So that kernels need to know three dimensions only.
    """
    if len(values) == 3:
        return tuple(np.ascontiguousarray(component) for component in values)
    across, up = (np.ascontiguousarray(component[:, None, :]) for component in values)
    return across, np.zeros((up.shape[0], 2, across.shape[2]), np.float32), up
