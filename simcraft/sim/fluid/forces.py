"""What accelerates the air: buoyancy, and vorticity confinement."""

from __future__ import annotations

import numpy as np

from simcraft.sim.fluid.grid import Faces
from simcraft.sim.fluid.staggered import at_centres, at_faces


def lift(acceleration: np.ndarray, up: tuple[float, ...]) -> Faces:
    """At the faces, m/s²: an `acceleration` (*cells) along `up`."""
    return tuple(at_faces(acceleration, axis) * np.float32(part) for axis, part in enumerate(up))


def confinement(velocity: Faces, spacing: float, strength: float) -> Faces:
    """At the faces, m/s²: pushes along the swirls that the grid would damp away.

    `strength` (1/s) times the side of a cell times N x curl, with N the direction towards stronger swirl (Fedkiw, Stam
    and Jensen, "Visual simulation of smoke", SIGGRAPH 2001, equations 9 to 11).
    """
    centres = at_centres(velocity)
    dimension = centres.shape[-1]
    slopes = [_slopes(centres[..., d], spacing) for d in range(dimension)]
    if dimension == 2:
        # the only component of the curl, across the plane (x, up)
        curl = slopes[1][0] - slopes[0][1]
        towards = _direction(np.abs(curl), spacing)
        force = [towards[1] * curl, -towards[0] * curl]
    else:
        curl = [slopes[2][1] - slopes[1][2], slopes[0][2] - slopes[2][0], slopes[1][0] - slopes[0][1]]
        towards = _direction(np.sqrt(curl[0] ** 2 + curl[1] ** 2 + curl[2] ** 2), spacing)
        force = [towards[a] * curl[b] - towards[b] * curl[a] for a, b in ((1, 2), (2, 0), (0, 1))]
    return tuple(at_faces(np.float32(strength * spacing) * part, axis) for axis, part in enumerate(force))


def _slopes(cells: np.ndarray, spacing: float) -> list[np.ndarray]:
    """Derivative along each axis; 0 along an axis of a single cell."""
    return [
        np.gradient(cells, np.float32(spacing), axis=axis) if count > 1 else np.zeros_like(cells)
        for axis, count in enumerate(cells.shape)
    ]


def _direction(cells: np.ndarray, spacing: float) -> list[np.ndarray]:
    """Unit vectors up the slope of `cells`, 0 where it is flat."""
    slopes = _slopes(cells, spacing)
    length = np.sqrt(sum(slope**2 for slope in slopes))
    scale = np.divide(1, length, out=np.zeros_like(length), where=length > 1e-6)
    return [slope * scale for slope in slopes]
