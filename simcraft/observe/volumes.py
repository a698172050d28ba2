"""From a Recording's volumes to the grids of one frame, in arrays that kernels can read.

A grid's values stand at the centres of its cells. Between centres they are interpolated linearly in all three
directions; in the half cell between the outermost centres and the box's faces they stay as they are at the centres.
Outside its box a volume is nothing.

Optical density is the volume's density and that of its flames. Glowing soot hides as much light as it emits
(Kirchhoff's law), so a flame is seen, moves and covers like smoke even where the solver has left none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simcraft.observe.geometry import Layout
from simcraft.recording.format import Recording, Volume
from simcraft.recording.format.flames import FLAME_DENSITY

BRICK = 8
"""Cells; what is empty is skipped in cubes of this side."""


@dataclass(frozen=True)
class Grids:
    """The volumes of one frame that hold anything: N of them, all values in one row after another."""

    owner: np.ndarray
    """(N,) int32, rows of `Layout.owner_instance`."""
    volumes: tuple[Volume, ...]
    frame: int
    """Index of the frame in the recording."""
    to_grid: np.ndarray
    """(N, 3, 4) float64: from world to cell units, 0 at the box's lower corner."""
    shape: np.ndarray
    """(N, 3) int32: X, Y, Z."""
    first: np.ndarray
    """(N, 2) int64: the first row of each volume in `density`, and in `bricks`."""
    density: np.ndarray
    """(C,) float32: optical density a metre of every cell, z fastest; 0 or more."""
    bricks: np.ndarray
    """(B,) float32: the greatest density in each cube of `BRICK` cells a side, and in the cells beside it."""

    def __len__(self) -> int:
        return len(self.owner)

    @property
    def velocity(self) -> np.ndarray:
        """(C, 3) float32: world metres a second of every cell."""
        return _rows([volume.velocity[self.frame] for volume in self.volumes], (-1, 3))

    @property
    def flame(self) -> np.ndarray:
        """(C,) float32: glow of every cell, 0 or more."""
        fields = (
            np.zeros(volume.density.shape[1:], np.float32) if volume.glow is None else volume.glow[self.frame]
            for volume in self.volumes
        )
        return np.maximum(_rows([*fields], (-1,)), 0.0)

    @property
    def corners(self) -> np.ndarray:
        """(8 N, 3) float64: the world's positions of the corners of all boxes."""
        boxes = [volume.grid_to_world[self.frame] for volume in self.volumes]
        ends = np.indices((2, 2, 2)).reshape(3, 8).T
        return np.concatenate(
            [(ends * size) @ box[:3, :3].T + box[:3, 3] for size, box in zip(self.shape, boxes, strict=True)]
        )


def has_volumes(recording: Recording) -> bool:
    """Is there a volume in `recording`, be it empty or not?"""
    return any(isinstance(body, Volume) for body in recording.bodies)


def grids_of(recording: Recording, layout: Layout, frame: int) -> Grids | None:
    """The grids of frame index `frame`, or None where there is no smoke in it."""
    from simcraft.observe.marching import mark_bricks

    found = []
    for part in layout.parts:
        body = recording.bodies[part.body]
        if isinstance(body, Volume) and (body.present is None or body.present[frame]):
            density = _optical_density(body, frame)
            if density.any():
                found.append((part.owners.start, body, density))
    if not found:
        return None
    owners, volumes, fields = zip(*found, strict=True)
    shape = np.array([field.shape for field in fields], np.int32)
    brick_shape = -(-shape // BRICK)
    first = np.zeros((len(found), 2), np.int64)
    sizes = np.stack([shape.astype(np.int64).prod(1), brick_shape.astype(np.int64).prod(1)], 1)
    first[1:] = np.cumsum(sizes, 0)[:-1]
    density = _rows([*fields], (-1,))
    bricks = np.empty(int(sizes[:, 1].sum()), np.float32)
    mark_bricks(shape, first, density, bricks)
    world = np.stack([np.asarray(volume.grid_to_world[frame], np.float64) for volume in volumes])
    return Grids(
        owner=np.array(owners, np.int32),
        volumes=volumes,
        frame=frame,
        to_grid=np.ascontiguousarray(np.linalg.inv(world)[:, :3]),
        shape=shape,
        first=first,
        density=density,
        bricks=bricks,
    )


def _optical_density(volume: Volume, frame: int) -> np.ndarray:
    """(X, Y, Z) float32."""
    density = np.asarray(volume.density[frame], np.float32)
    if volume.glow is not None:
        density = density + np.float32(FLAME_DENSITY) * np.maximum(volume.glow[frame], 0.0, dtype=np.float32)
    return np.maximum(density, 0.0) if (density < 0).any() else density


def _rows(fields: list[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """All `fields` flattened to rows, one after another; a single one is not copied."""
    rows = [np.ascontiguousarray(field, np.float32).reshape(shape) for field in fields]
    return rows[0] if len(rows) == 1 else np.concatenate(rows)
