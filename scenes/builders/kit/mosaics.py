"""Pictures of many pieces that fit together: stones, tiles, chips, bricks. All of them repeat without a seam."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .textures import Colour, noise


@dataclass(frozen=True)
class Pieces:
    """Which piece each pixel of a picture belongs to."""

    owner: np.ndarray
    """(size, size) int, the number of the piece, from 0."""
    edge: np.ndarray
    """(size, size) how far the pixel is from a border of its piece; about 0.5 in the middle of one."""
    count: int


def cells(size: int, count: int, seed: int, jitter: float, stagger: bool = True, tall: float = 1.0) -> Pieces:
    """The nearest of `count` points a row (Worley, "A Cellular Texture Basis Function", SIGGRAPH 1996).

    The points lie on a grid, every other row of it shifted by half a step if `stagger`, each moved by up to `jitter`
    steps; there are `count` / `tall` rows, an even number. Without jitter, staggered, and with `tall` = 0.866 the
    pieces are hexagons.
    """
    rows = 2 * max(1, round(count / tall / 2))
    generator = np.random.default_rng(seed)
    moved = generator.uniform(-jitter, jitter, (2, rows, count))
    y, x = np.mgrid[0:size, 0:size] / size
    x, y = (x * count).astype(np.float32), (y * rows).astype(np.float32)
    row, column = np.floor(y).astype(int), np.floor(x).astype(int)
    nearest = np.full((2, size, size), np.inf, np.float32)
    owner = np.zeros((size, size), int)
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            i, j = (row + down) % rows, (column + right) % count
            shift = 0.25 * np.where(i % 2, 1.0, -1.0) if stagger else 0.0
            cx = column + right + 0.5 + shift + moved[0, i, j]
            cy = row + down + 0.5 + moved[1, i, j]
            distance = np.hypot(x - cx, (y - cy) * np.float32(count / rows)).astype(np.float32)
            closer = distance < nearest[0]
            nearest[1] = np.where(closer, nearest[0], np.minimum(nearest[1], distance))
            owner = np.where(closer, i * count + j, owner)
            nearest[0] = np.where(closer, distance, nearest[0])
    return Pieces(owner, nearest[1] - nearest[0], rows * count)


def bricks(size: int, rows: int, columns: int, shift: float = 0.5) -> Pieces:
    """`rows` courses of `columns` bricks, every other one moved by `shift` bricks; `rows` is an even number."""
    y, x = np.mgrid[0:size, 0:size] / size
    row = np.floor(y * rows).astype(int)
    along = x * columns + shift * (row % 2)
    column = np.floor(along).astype(int) % columns
    # in heights of a brick, so that joints are equally wide both ways
    shape = rows / columns
    inside = np.minimum(np.minimum(along % 1, 1 - along % 1) * shape, np.minimum(y * rows % 1, 1 - y * rows % 1))
    return Pieces(row * columns + column, inside, rows * columns)


def paved(
    pieces: Pieces,
    colours: Sequence[Colour],
    joint: Colour,
    width: float,
    seed: int,
    variation: float = 0.08,
    rounding: float = 0.0,
) -> np.ndarray:
    """A picture of `pieces`, each in one of the `colours` and of its own brightness, with joints between them.

    `width` is that of the joints, in the units of `Pieces.edge`; `rounding` darkens the pieces towards them.
    """
    generator = np.random.default_rng(seed)
    tones = np.asarray(colours)[generator.integers(len(colours), size=pieces.count)]
    tones = tones * generator.uniform(1.0 - variation, 1.0 + variation, (pieces.count, 1))
    size = len(pieces.owner)
    shade = 1.0 + 0.04 * noise(size, seed + 1, 1.1)
    shade = shade * (1.0 - rounding * np.exp(-pieces.edge / 0.12))
    picture = tones[pieces.owner] * shade[..., None]
    inside = np.clip((pieces.edge - width) / 0.03 + 0.5, 0.0, 1.0)[..., None]
    return np.asarray(joint) * (1.0 - inside) + picture * inside
