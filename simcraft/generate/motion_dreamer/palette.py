"""Instances as colours: 26 and the background, the corners and the middles of a cube of three channels.

A colour means nothing but identity: in training it is drawn at random which instance has which.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

CAPACITY = 26
"""Instances that can be told apart: {-1, 0, 1}^3 without the background."""
BACKGROUND = (-1.0, -1.0, -1.0)
SMALLEST = 4
"""Pixels; of a crowd what is smaller cannot be told apart."""
_SURE = 0.2
"""Share of the smallest distance between two colours that may be there."""
_FAR = 100.0
"""Farther than any two colours are."""


def palette(count: int, rng: np.random.Generator | None = None) -> np.ndarray:
    """(count + 1, 3) float32: in row 0 the background's colour, in row k that of label k, for up to 26 labels.

    They are as far apart as their number allows: 2 for up to 7, sqrt(2) for up to 13, else 1. With `rng` it is drawn
    which of them are taken and which label has which.
    """
    cube = np.stack(np.meshgrid(*[[1.0, 0.0, -1.0]] * 3, indexing="ij"), -1).reshape(-1, 3)[:CAPACITY]
    zeros = (cube == 0).sum(1)
    tiers = [cube[zeros == 0], cube[zeros == 2], cube[(zeros == 1) | (zeros == 3)]]
    if rng is not None:
        tiers = [rng.permutation(tier) for tier in tiers]
    chosen = np.concatenate(tiers)[:count]
    if rng is not None:
        chosen = rng.permutation(chosen)
    return np.concatenate([[BACKGROUND], chosen]).astype(np.float32)


def nearest_labels(
    colours: np.ndarray, table: np.ndarray, candidates: Collection[int], expected: np.ndarray | None = None
) -> np.ndarray:
    """The label, uint8 (T, H, W), of each pixel's colour (T, H, W, 3): of `candidates` the one whose colour is nearest.

    Between two instances a blurred colour passes by those of others, which are not there. So a label is one of those
    that some pixel within two has for sure, if there are any. Where it is known what is `expected` (T, H, W), a label
    is one that is expected of this pixel or one beside it, or is sure so and expected of one within five.
    """
    from scipy.ndimage import maximum_filter

    labels = np.array(sorted(candidates), np.uint8)
    sure = _SURE * _least_distance(table[labels])
    result = np.empty(colours.shape[:-1], np.uint8)
    for t, frame in enumerate(colours):  # one by one: large pictures of many labels fill the memory
        away = np.stack([np.linalg.norm(frame - table[label], axis=-1) for label in labels])
        near = np.stack([maximum_filter(mine, size=5) for mine in away < sure])
        if expected is not None:
            there = [expected[t] == label for label in labels]
            near &= np.stack([maximum_filter(mine, size=11) for mine in there])
            near |= np.stack([maximum_filter(mine, size=3) for mine in there])
        away[~near] += _FAR
        result[t] = labels[away.argmin(0)]
    return result


def _least_distance(colours: np.ndarray) -> float:
    """Between any two of them (N, 3)."""
    distances = np.linalg.norm(colours[:, None] - colours, axis=-1)
    return float(distances[~np.eye(len(colours), dtype=bool)].min(initial=_FAR))


def labelled(ids: Sequence[int], still: Collection[int], pixels: Mapping[int, float]) -> tuple[int, ...]:
    """Those of the instances `ids` that are told apart: all, if they are not too many.

    Else those not `still`, and if these are too many, too, those of them that fill at least `SMALLEST` `pixels`.
    """
    kept = tuple(ids)
    if len(kept) > CAPACITY:
        kept = tuple(i for i in kept if i not in still)
    if len(kept) > CAPACITY:
        kept = tuple(i for i in kept if pixels[i] >= SMALLEST)
    return kept


def labels_of(instances: np.ndarray, ids: Sequence[int]) -> np.ndarray:
    """The labels, uint8, of `instances`: 1, 2, ... for `ids` in their order, 0 for all others.

    After 26 it begins with 1 again: what is only looked at may have one colour twice.
    """
    table = np.zeros(max([int(instances.max(initial=0)), *ids]) + 1, np.uint8)
    for k, i in enumerate(ids):
        table[i] = 1 + k % CAPACITY
    return table[instances]
