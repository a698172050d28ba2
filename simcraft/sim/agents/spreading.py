"""Points that cover a square or a cube evenly, without the clumps and holes of independent random ones."""

from __future__ import annotations

import numpy as np


def spread_points(count: int, dimensions: int, random: np.random.Generator) -> np.ndarray:
    """(count, dimensions) float64 in 0 to 1: a Kronecker sequence with a random start.

    Its steps are powers of the root of x^(d + 1) = x + 1, the generalised golden ratio (Roberts, "The Unreasonable
    Effectiveness of Quasirandom Sequences", 2018). Every beginning of the sequence covers the whole.
    """
    ratio = 1.5
    for _ in range(64):
        ratio = (1 + ratio) ** (1 / (dimensions + 1))
    steps = ratio ** -np.arange(1.0, dimensions + 1)
    return np.mod(random.random(dimensions) + np.arange(count)[:, None] * steps, 1.0)
