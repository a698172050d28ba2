"""Point tracks: seeded on the surfaces of the first frame, exact in all others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simcraft.observe.flow import carry, covered, passage
from simcraft.observe.raster import Frame


@dataclass(frozen=True)
class Seeds:
    """N surface points of the first frame."""

    frame: Frame
    sides: np.ndarray
    """(N,) int32, as in `Frame.sides`."""
    coordinates: np.ndarray
    """(N, 3) float64, as in `Frame.coordinates`."""


def seed_points(first: Frame, count: int, seed: int) -> Seeds:
    """Choose `count` different pixels that see a surface (all of them if there are fewer), evenly over the image.

    Where smoke covers a surface, nothing is seen of it.

    The pixels are put in Morton order, in which neighbours in the list are neighbours in the image, and one is drawn
    at random from each of `count` equal stretches of the list.
    """
    seen = first.sides >= 0
    y, x = np.nonzero(seen if first.smoke is None else seen & ~first.smoke.covers)
    order = np.argsort(_spread_bits(x) | _spread_bits(y) << np.uint64(1), kind="stable")
    count = min(count, len(order))
    stretches = np.arange(count + 1) * len(order) // max(count, 1)
    chosen = order[np.random.default_rng(seed).integers(stretches[:-1], stretches[1:])]
    y, x = y[chosen], x[chosen]
    return Seeds(first, first.sides[y, x], first.coordinates[y, x])


def track_points(seeds: Seeds, there: Frame) -> tuple[np.ndarray, np.ndarray]:
    """Positions (N, 2) float32 of the seeds in frame `there`, NaN where they do not exist, and (N,) bool visibility.

    What smoke covers is not visible.
    """
    position = np.full((len(seeds.sides), 2), np.nan, np.float32)
    _, visible = carry(passage(seeds.frame, there), seeds.sides, seeds.coordinates, position)
    return position, visible & ~covered(there, position)


def _spread_bits(values: np.ndarray) -> np.ndarray:
    """Put a zero bit in front of each of the lower 16 bits."""
    spread = values.astype(np.uint64)
    for shift, mask in ((8, 0x00FF00FF), (4, 0x0F0F0F0F), (2, 0x33333333), (1, 0x55555555)):
        spread = (spread | spread << np.uint64(shift)) & np.uint64(mask)
    return spread
