"""What smoke and flames do to the pictures of the preview."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simcraft.observe.appearance import Materials
from simcraft.observe.lights import Light, harmonics
from simcraft.observe.raster import NearestSurfaces
from simcraft.observe.smoke import scattering_stride
from simcraft.observe.volumes import Grids

SELF_SHADOW = 0.02
"""Metres that a place may lie behind a surface, seen from the sun, and still be in the sun."""
LAMPS = 4
"""Flames light their surroundings as that many lamps in each direction of their volume."""
FAINTEST = 0.01
"""Of the strongest lamp's light: weaker ones are left out."""


@dataclass(frozen=True)
class Haze:
    """What the smoke and flames of one frame do to its picture."""

    samples: np.ndarray
    """(h, w, 5) float32 for each sample: linear RGB that smoke sends to the camera, transmittance of the smoke before
    the surface, and the share of the sun's light that gets through smoke to the surface."""
    lamps: np.ndarray
    """(K, 7) float64: where flames light the surfaces from: place, the square of a radius within which their light is
    as strong as at it, and RGB radiant intensity."""


NOTHING = Haze(np.zeros((1, 1, 5), np.float32), np.zeros((0, 7)))
"""The haze of a frame without smoke."""


def haze_of(
    grids: Grids, nearest: NearestSurfaces, sun: NearestSurfaces, light: Light, materials: Materials, samples: int
) -> Haze:
    """What the smoke in `grids` does to each sample of `nearest`, whose pixels have `samples` x `samples` of them.

    `sun` is the sun's map of everything that is seen.
    """
    from simcraft.observe import haze_kernels

    node_shape = -(-grids.shape // haze_kernels.NODE)
    counts = node_shape.astype(np.int64).prod(1)
    nodes = node_shape, np.cumsum(counts) - counts
    shade = np.empty((int(counts.sum()), 4), np.float32)
    marched = grids.to_grid, grids.shape, grids.first, grids.density, grids.bricks
    to_world, flame = _inverse(grids.to_grid), grids.flame
    haze_kernels.shade_nodes(
        to_world, *nodes, *marched, light.sun_direction, sun.view.matrix, sun.depth() + SELF_SHADOW, shade
    )
    lamps, warm = NOTHING.lamps, np.zeros((0, 3), np.float32)
    if flame.any():
        emitted, warm = np.empty((2, len(shade), 3), np.float32)
        haze_kernels.burn_nodes(*nodes, grids.shape, grids.first, flame, shade, emitted)
        lamps = _lamps(emitted, *nodes, to_world, haze_kernels.NODE)
        haze_kernels.warm_nodes(to_world, *nodes, lamps, warm)
    tint = materials.colors[[min(volume.material, len(materials.colors) - 1) for volume in grids.volumes]]
    surface, view = nearest.depth(), nearest.view
    haze = np.empty((*surface.shape, 5), np.float32)
    haze_kernels.haze_over(
        view.rays, view.near, view.far, surface, samples, scattering_stride(len(surface) // samples),
        light.sun_direction, *marched, flame, *nodes, shade, warm, tint,
        light.sun_radiance.reshape(1, 3), _light_from_above_and_below(light), haze,
    )  # fmt: skip
    return Haze(haze, lamps)


def _lamps(
    emitted: np.ndarray, node_shape: np.ndarray, first_node: np.ndarray, to_world: np.ndarray, cells: int
) -> np.ndarray:
    """`Haze.lamps` of flames that emit `emitted` (M, 3) around nodes that are `cells` cells apart."""
    lamps = []
    for shape, first, world in zip(node_shape, first_node, to_world, strict=True):
        place = np.indices(shape).reshape(3, -1)
        group = np.ravel_multi_index(tuple(place * LAMPS // shape[:, None]), (LAMPS,) * 3)
        at = ((place.T + 0.5) * cells) @ world[:, :3].T + world[:, 3]
        volume = abs(np.linalg.det(world[:, :3])) * cells**3
        light = volume * emitted[first : first + place.shape[1]].astype(np.float64)
        total = _sums(light, group)
        weight = np.maximum(total[:, :1], 1e-30)
        middle = _sums(light[:, :1] * at, group) / weight
        spread = _sums(light[:, :1] * (at - middle[group]) ** 2, group).sum(1) / weight[:, 0]
        lamps.append(np.column_stack([middle, spread + volume ** (2 / 3), total]))
    found = np.concatenate(lamps)
    return np.ascontiguousarray(found[found[:, 4] > FAINTEST * found[:, 4].max()])


def _sums(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    """(LAMPS**3, 3) sums of the rows of `values` (M, 3) whose number in `group` (M,) is the same."""
    return np.stack([np.bincount(group, column, LAMPS**3) for column in values.T], axis=1)


def _light_from_above_and_below(light: Light) -> np.ndarray:
    """(2, 3) float32 radiance of white smoke by the upper half of what surrounds it, and by the lower half."""
    up = np.array([[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]])
    return (harmonics(up) @ light.ambient / 2).astype(np.float32)


def _inverse(to_grid: np.ndarray) -> np.ndarray:
    """(N, 3, 4) affine maps the other way round."""
    turn = np.linalg.inv(to_grid[:, :, :3])
    return np.concatenate([turn, -turn @ to_grid[:, :, 3:]], axis=2)
