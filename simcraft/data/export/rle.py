"""Run-length encoding of masks as COCO has it (`maskApi.c` of cocodataset/cocoapi), without its C library."""

from __future__ import annotations

import numpy as np


def run_lengths(mask: np.ndarray) -> np.ndarray:
    """Lengths of the runs of equal pixels of (H, W) bool, column by column; the first run is of false and may be 0."""
    pixels = np.asarray(mask, bool).ravel(order="F")
    changes = np.flatnonzero(pixels[1:] != pixels[:-1]) + 1
    begins = [0, 0] if pixels.size and pixels[0] else [0]
    return np.diff(np.concatenate([begins, changes, [pixels.size]]).astype(np.int64))


def compressed(lengths: np.ndarray) -> str:
    """COCO's text for run lengths (`rleToString`).

    From the fourth on, a length is stored as its difference from the last but one. Each number is cut into groups of 5
    bits, the lowest first, as a character from "0" on; 32 is added where another group follows. The last one's highest
    bit is the sign.
    """
    values = lengths.astype(np.int64)
    values[3:] -= lengths[1:-2]
    count = _groups(values)
    place = np.arange(count.max(initial=1))
    groups = (values[:, None] >> (5 * place)) & 31
    more = place < count[:, None] - 1
    codes = groups + 32 * more + 48
    return codes[place < count[:, None]].astype(np.uint8).tobytes().decode("ascii")


def _groups(values: np.ndarray) -> np.ndarray:
    """How many groups of 5 bits hold each value and its sign: n hold -16 * 32^(n-1) to 16 * 32^(n-1) - 1."""
    count = np.ones(values.shape, np.int64)
    limit = 16
    while True:
        over = (values >= limit) | (values < -limit)
        if not over.any():
            return count
        count += over
        limit *= 32


def lengths_of(text: str) -> np.ndarray:
    """The run lengths that COCO's text stands for (`rleFrString`)."""
    codes = np.frombuffer(text.encode("ascii"), np.uint8).astype(np.int64) - 48
    lengths: list[int] = []
    value = shift = 0
    for code in codes.tolist():
        value |= (code & 31) << shift
        shift += 5
        if code & 32:
            continue
        if code & 16:
            value -= 1 << shift
        lengths.append(value + (lengths[-2] if len(lengths) > 2 else 0))
        value = shift = 0
    return np.array(lengths, np.int64)


def mask_of(text: str, height: int, width: int) -> np.ndarray:
    """The mask, (height, width) bool, that COCO's text stands for."""
    lengths = lengths_of(text)
    values = np.arange(len(lengths)) % 2 == 1
    return np.repeat(values, lengths).reshape(width, height).T
