"""Smoke in a frame: how much of each pixel it covers, and where what covers it goes.

A pixel belongs to the smoke where its alpha is at least `COVERS`. There instance, depth and flow are the smoke's, and
nothing behind is visible; elsewhere they are those of the surface or background behind it. Smoke has no normal, and is
followed by its velocity, one frame forwards and one backwards.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from simcraft.observe.camera import View
from simcraft.observe.volumes import Grids

COVERS = 0.5
"""Alpha from which on a pixel belongs to the smoke and no longer to what is behind it."""
STEP = 1.0
"""Cells; the longest step along a ray. Density is read twice in a step and velocity once."""


@dataclass(frozen=True)
class Smoke:
    """What the pixels of one frame see of its volumes; H x W pixels."""

    alpha: np.ndarray
    """(H, W) float32, 0 to 1: what all volumes hide of what is behind them, 1 - transmittance, from the near clip to
    the nearest surface or the far clip."""
    depth: np.ndarray
    """(H, W) float32, planar z in metres, the mean over what alpha is made of; +inf where it is 0."""
    owner: np.ndarray
    """(H, W) int32, row of `Layout.owner_instance`: the volume that more than half of alpha belongs to, or, of more
    than two, one of them; -1 where alpha is 0."""
    ways: np.ndarray
    """(2, H, W, 2) float32, pixels: the mean motion to the next frame, and to the previous one."""
    ways_known: np.ndarray
    """(2, H, W) bool: false where the smoke gets behind that frame's camera, where alpha is 0, or where there is no
    such frame."""

    @property
    def covers(self) -> np.ndarray:
        """(H, W) bool: pixels that belong to the smoke."""
        return self.alpha >= COVERS

    def way(self, steps: int) -> tuple[np.ndarray, np.ndarray]:
        """Flow (H, W, 2) float32 to the frame `steps` later, and (H, W) bool where it is known; both are those of
        smoke that is still there."""
        if abs(steps) == 1:
            which = 0 if steps == 1 else 1
            return self.ways[which], self.ways_known[which]
        return np.zeros_like(self.ways[0]), np.full(self.alpha.shape, steps == 0)


def see_smoke(
    grids: Grids | None, surface: np.ndarray, view: View, after: View | None, before: View | None, seconds: float,
    step: float = STEP,
) -> Smoke:  # fmt: skip
    """March through `grids` (None where there is no smoke).

    Parameters
    ----------
    surface: (H, W) float32 planar depth of the nearest surface, +inf where there is none.
    view, after, before: the camera of this frame, of the next and of the previous one; None where there is none.
    seconds: from frame to frame.
    step: cells, the longest step.
    """
    from simcraft.observe.smoke_kernels import see

    height, width = surface.shape
    if grids is None:
        return Smoke(
            np.zeros((height, width), np.float32),
            np.full((height, width), np.inf, np.float32),
            np.full((height, width), -1, np.int32),
            np.zeros((2, height, width, 2), np.float32),
            np.zeros((2, height, width), bool),
        )
    alpha, depth = np.empty((height, width), np.float32), np.empty((height, width), np.float32)
    volume = np.empty((height, width), np.int32)
    ways, known = np.empty((2, height, width, 2), np.float32), np.empty((2, height, width), np.uint8)
    matrix = np.stack([(other or view).matrix[:3] for other in (after, before)])
    see(
        view.rays, view.near, view.far, surface, matrix, seconds, step, scattering_stride(height),
        grids.to_grid, grids.shape, grids.first, grids.density, grids.bricks, grids.velocity,
        alpha, depth, volume, ways, known,
    )  # fmt: skip
    for which, other in enumerate((after, before)):
        if other is None:
            ways[which], known[which] = 0, 0
    owner = np.where(volume < 0, -1, grids.owner[volume]).astype(np.int32)
    return Smoke(alpha, depth, owner, ways, known.view(bool))


def scattering_stride(rows: int) -> int:
    """A stride that visits each of `rows` rows once and spreads any neighbourhood of them over all the visits."""
    return next(n for n in range(max(1, round(0.618 * rows)), rows + 1) if math.gcd(n, rows) == 1)
