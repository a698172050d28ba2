"""Continuing a texture into a hole: patches of the hole look like patches of what is known.

Space-time completion (Wexler, Shechtman, Irani 2007) on one image, from coarse to fine, with the approximate nearest
patches of PatchMatch (Barnes et al. 2009). Everything is an array operation over the pixels of the hole.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

_RADIUS = 3
"""Patches are 7 x 7 pixels."""
_SMALLEST_HOLE = 3
"""Half the width, in pixels, of a hole that the smooth filling does just as well."""
_FAITH = 1.3
"""By how much the trust in a pixel falls a pixel deeper into the hole."""
_MOST_MATCHES = 60_000
"""Patches to match at one level, all rounds together: larger holes get fewer rounds."""
_RIM = 3.0
"""Pixels over which the colour of the rim fades into the texture."""
_ROUNDS = (8, 6, 4, 3)
"""Rounds of matching and voting, from the coarsest level on; the last number is for all finer ones."""
_OFFSETS = np.array([(dy, dx) for dy in range(-_RADIUS, _RADIUS + 1) for dx in range(-_RADIUS, _RADIUS + 1)])


@dataclass(frozen=True)
class _Level:
    """One resolution of the image."""

    image: np.ndarray
    """(H, W, 3) float32, with a first guess in the hole."""
    hole: np.ndarray
    """(H, W) bool, pixels to fill."""
    source: np.ndarray
    """(H, W) bool, centres of patches that are known throughout."""
    trust: np.ndarray
    """(H, W) float32, 1 where known, less the deeper in the hole (Wexler et al., section 3.2)."""


def continue_texture(image: np.ndarray, known: np.ndarray, hole: np.ndarray, seed: int = 0) -> np.ndarray:
    """Fill `hole` with the texture of what is known.

    Parameters
    ----------
    image: (H, W, 3) uint8, filled smoothly outside `known`: the first guess.
    known: (H, W) bool, pixels whose colours may be copied.
    hole: (H, W) bool, pixels to fill; not `known`. What is neither keeps its colour.
    seed: of the random search; the same input gives the same output.

    Returns a new image. Small holes, and images with hardly a known patch, are returned as they are.
    """
    import cv2

    if half_width(hole) < _SMALLEST_HOLE:
        return image.copy()
    levels = _pyramid(image, known, hole)
    if not levels:
        return image.copy()
    random = np.random.default_rng(seed)
    matches: np.ndarray | None = None
    filled = levels[0].image
    for number, level in enumerate(levels):
        if matches is not None:
            larger = cv2.resize(filled, level.image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
            filled = np.where(level.hole[..., None], larger, level.image)
            matches = _upsampled(matches, level)
        filled, matches = _synthesise(filled, level, matches, _ROUNDS[min(number, len(_ROUNDS) - 1)], random)
    filled = _matched_at_the_rim(filled, image.astype(np.float32), hole)
    result = image.copy()
    result[hole] = (filled[hole] + 0.5).clip(0, 255).astype(np.uint8)
    return result


def half_width(hole: np.ndarray) -> float:
    """How deep, in pixels, the deepest pixel of a hole lies in it."""
    import cv2

    return float(cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 3).max())


def _matched_at_the_rim(filled: np.ndarray, smooth: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Where the hole begins, shift the texture to the colour of the smooth filling: no seam, and shadows fade out."""
    import cv2

    inward = cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 3)
    share = np.exp(-inward / _RIM)[..., None]
    return filled + share * (cv2.GaussianBlur(smooth, (0, 0), 2) - cv2.GaussianBlur(filled, (0, 0), 2))


def _pyramid(image: np.ndarray, known: np.ndarray, hole: np.ndarray) -> list[_Level]:
    """Coarse to fine, each level half as large as the next, until a patch spans the hole; [] without known patches."""
    import cv2

    kernel = np.ones((2 * _RADIUS + 1,) * 2, np.uint8)
    levels: list[_Level] = []
    picture = image.astype(np.float32)
    while True:
        source = cv2.erode(known.astype(np.uint8), kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0) > 0
        if source.sum() < 4 * len(_OFFSETS):
            break
        depth = cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 3)
        levels.insert(0, _Level(picture, hole, source, _FAITH**-depth))
        if depth.max() <= _RADIUS or min(hole.shape) < 8 * _RADIUS:
            break
        size = (hole.shape[1] // 2, hole.shape[0] // 2)
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        known = cv2.resize(known.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.99
        hole = (cv2.resize(hole.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0) & ~known
    return levels


def _synthesise(
    filled: np.ndarray, level: _Level, matches: np.ndarray | None, rounds: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Match patches and vote for colours, `rounds` times; returns the filled image and (H, W, 2) matches."""
    targets = _targets(level.hole)
    if matches is None:
        sources = np.argwhere(level.source)
        matches = np.zeros((*level.hole.shape, 2), np.int64)
        matches[targets[:, 0], targets[:, 1]] = sources[random.integers(len(sources), size=len(targets))]
    for number in range(max(1, min(rounds, _MOST_MATCHES // max(len(targets), 1)))):
        cost = _improve(matches, filled, level, targets, 1 if number % 2 else 4, random)
        filled = _vote(filled, level, matches, targets, cost)
    return filled, matches


def _targets(hole: np.ndarray) -> np.ndarray:
    """(n, 2) rows and columns of the patches that touch the hole and lie within the image."""
    import cv2

    touched = cv2.dilate(hole.astype(np.uint8), np.ones((2 * _RADIUS + 1,) * 2, np.uint8)) > 0
    touched[:_RADIUS] = touched[-_RADIUS:] = touched[:, :_RADIUS] = touched[:, -_RADIUS:] = False
    return np.argwhere(touched)


def _improve(
    matches: np.ndarray,
    filled: np.ndarray,
    level: _Level,
    targets: np.ndarray,
    jump: int,
    random: np.random.Generator,
) -> np.ndarray:
    """One pass of PatchMatch over all targets at once; changes `matches`, returns their (n,) squared distances."""
    patches, trust = _patches(filled, targets), _patches(np.sqrt(level.trust)[..., None], targets)
    best = matches[targets[:, 0], targets[:, 1]]
    cost = _distance(filled, patches, trust, best)
    for candidate in _candidates(matches, best, level, targets, jump, random):
        allowed = np.nonzero(level.source[candidate[:, 0], candidate[:, 1]])[0]
        new = _distance(filled, patches[allowed], trust[allowed], candidate[allowed])
        better = new < cost[allowed]
        chosen = allowed[better]
        cost[chosen] = new[better]
        best[chosen] = candidate[chosen]
        matches[targets[:, 0], targets[:, 1]] = best
    return cost


def _candidates(
    matches: np.ndarray,
    best: np.ndarray,
    level: _Level,
    targets: np.ndarray,
    jump: int,
    random: np.random.Generator,
) -> Iterator[np.ndarray]:
    """(n, 2) patches to try: what neighbours at distance `jump` found, and random ones around the best so far."""
    limit = np.array(level.hole.shape) - 1
    for step in ((0, jump), (jump, 0), (0, -jump), (-jump, 0)):
        there = (targets - step).clip(0, limit)
        found = matches[there[:, 0], there[:, 1]]
        yield np.where(found.any(1, keepdims=True), found + (targets - there), best).clip(0, limit)
    reach = max(level.hole.shape) // 2
    while reach >= 1:
        yield (best + random.integers(-reach, reach + 1, size=best.shape)).clip(0, limit)
        reach //= 3


def _patches(image: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """(n, 49, C) values of an (H, W, C) image around (n, 2) centres."""
    flat = (centres @ (image.shape[1], 1))[:, None] + _OFFSETS @ (image.shape[1], 1)
    return image.reshape(-1, image.shape[2]).take(flat, axis=0)


def _distance(image: np.ndarray, patches: np.ndarray, trust: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """(n,) squared differences of (n, 49, 3) patches to those at `centres`, weighted by (n, 49, 1) trust squared."""
    difference = _patches(image, centres)
    difference -= patches
    difference *= trust
    return np.einsum("npc,npc->n", difference, difference)


def _vote(filled: np.ndarray, level: _Level, matches: np.ndarray, targets: np.ndarray, cost: np.ndarray) -> np.ndarray:
    """Each pixel of the hole: the mean of what all patches over it propose, the better matches with more weight."""
    height, width = level.hole.shape
    weight_of = np.zeros((height, width), np.float32)
    spread = max(float(np.percentile(cost, 75)), 1e-3)  # Wexler et al., section 3.2
    weight_of[targets[:, 0], targets[:, 1]] = np.exp(-2 * cost / spread) + 1e-6
    weight_of *= level.trust
    pixels = np.argwhere(level.hole)
    total, weights = np.zeros((len(pixels), 3), np.float32), np.zeros((len(pixels), 1), np.float32)
    for offset in _OFFSETS:
        centre = (pixels - offset).clip(0, (height - 1, width - 1))
        weight = weight_of[centre[:, 0], centre[:, 1]][:, None]
        proposed = (matches[centre[:, 0], centre[:, 1]] + offset).clip(0, (height - 1, width - 1))
        total += weight * filled[proposed[:, 0], proposed[:, 1]]
        weights += weight
    result = filled.copy()
    known = weights[:, 0] > 0
    result[pixels[known, 0], pixels[known, 1]] = total[known] / weights[known]
    return result


def _upsampled(matches: np.ndarray, level: _Level) -> np.ndarray:
    """Matches of the next finer level: twice as far, the nearest known patch where that one is not."""
    from scipy.ndimage import distance_transform_edt

    height, width = level.hole.shape
    rows, columns = np.indices((height, width))
    limit = (height - 1, width - 1)
    coarse_row = np.minimum(rows // 2, matches.shape[0] - 1)
    coarse_column = np.minimum(columns // 2, matches.shape[1] - 1)
    fine = matches[coarse_row, coarse_column] * 2 + np.stack([rows, columns], -1) % 2
    fine = fine.clip(0, limit)
    nearest = distance_transform_edt(~level.source, return_distances=False, return_indices=True)
    return np.stack([nearest[k][fine[..., 0], fine[..., 1]] for k in (0, 1)], -1).astype(np.int64)
