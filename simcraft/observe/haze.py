"""What smoke and flames do to the pictures of the preview."""

from __future__ import annotations

import numpy as np

from simcraft.observe.appearance import Materials
from simcraft.observe.lights import Light, harmonics
from simcraft.observe.raster import NearestSurfaces
from simcraft.observe.smoke import scattering_stride
from simcraft.observe.volumes import Grids

SELF_SHADOW = 0.02
"""Metres that a place may lie behind a surface, seen from the sun, and still be in the sun."""


def haze_of(
    grids: Grids, nearest: NearestSurfaces, sun: NearestSurfaces, light: Light, materials: Materials, samples: int
) -> np.ndarray:
    """What the smoke in `grids` does to each sample of `nearest`, whose pixels have `samples` x `samples` of them.

    `sun` is the sun's map of everything that is seen.

    Returns (h, w, 5) float32: linear RGB that the smoke sends to the camera, transmittance of the smoke before the
    surface, and the share of the sun's light that gets through smoke to the surface.
    """
    from simcraft.observe import haze_kernels

    node_shape = -(-grids.shape // haze_kernels.NODE)
    counts = node_shape.astype(np.int64).prod(1)
    first_node = np.cumsum(counts) - counts
    shade = np.empty((int(counts.sum()), 3), np.float32)
    marched = grids.to_grid, grids.shape, grids.first, grids.density, grids.bricks
    haze_kernels.shade_nodes(
        _inverse(grids.to_grid), node_shape, first_node, *marched,
        light.sun_direction, sun.view.matrix, sun.depth() + SELF_SHADOW, shade,
    )  # fmt: skip
    tint = materials.colors[[min(volume.material, len(materials.colors) - 1) for volume in grids.volumes]]
    surface = nearest.depth()
    haze = np.empty((*surface.shape, 5), np.float32)
    view = nearest.view
    haze_kernels.haze_over(
        view.rays, view.near, view.far, surface, samples, scattering_stride(len(surface) // samples),
        light.sun_direction, *marched, grids.flame, node_shape, first_node, shade, tint,
        light.sun_radiance.reshape(1, 3), _light_from_above_and_below(light), haze,
    )  # fmt: skip
    return haze


def _light_from_above_and_below(light: Light) -> np.ndarray:
    """(2, 3) float32 radiance of white smoke by the upper half of what surrounds it, and by the lower half."""
    up = np.array([[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]])
    return (harmonics(up) @ light.ambient / 2).astype(np.float32)


def _inverse(to_grid: np.ndarray) -> np.ndarray:
    """(N, 3, 4) affine maps the other way round."""
    turn = np.linalg.inv(to_grid[:, :, :3])
    return np.concatenate([turn, -turn @ to_grid[:, :, 3:]], axis=2)
