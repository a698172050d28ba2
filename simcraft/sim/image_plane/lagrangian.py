"""Pixels that move with particles: each pixel takes the weighted mean of the particles around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simcraft.progress import Progress, silent, track
from simcraft.sim.fluid.liquid import ALONG_EDGE, LiquidState
from simcraft.sim.image_plane.motion import Motion
from simcraft.sim.image_plane.plane import Plane
from simcraft.sim.solver import Snapshot, Solver

REACH = 2.0
"""Radius of a particle's influence, in mean distances between particles: a lone one stays unseen, two are a drop."""


@dataclass(frozen=True)
class Remembered:
    """A liquid and where each of its particles was born."""

    inner: LiquidState
    births: np.ndarray
    """(particles made so far, 2) float32, metres, by id."""

    @property
    def time(self) -> float:
        return self.inner.time


def remember_births(solver: Solver[LiquidState]) -> Solver[Remembered]:
    """`solver` with snapshots that `lagrangian_motion` reads."""

    def with_births(state: LiquidState, births: np.ndarray) -> Remembered:
        new = state.ids >= len(births)
        grown = np.concatenate([births, np.full((state.made - len(births), 2), np.nan, np.float32)])
        grown[state.ids[new]] = state.positions[new]
        return Remembered(state, grown)

    def capture(state: Remembered) -> Snapshot:
        order = np.argsort(state.inner.ids)
        ids = state.inner.ids[order]
        return {"ids": ids, "positions": state.inner.positions[order], "births": state.births[ids]}

    return Solver(
        solver.name,
        init=lambda: with_births(solver.init(), np.zeros((0, 2), np.float32)),
        step=lambda state, dt: with_births(solver.step(state.inner, dt), state.births),
        stable_step=lambda state: solver.stable_step(state.inner),
        measure=lambda state: solver.measure(state.inner),
        capture=capture,
        gather=solver.gather,
        bounds=solver.bounds,
        fix=solver.fix,
    )


@dataclass(frozen=True)
class _Pixels:
    """What the particles of a frame say about its pixels."""

    level: np.ndarray
    """(H, W): 0 without particles, 1 inside the liquid, about one half at its surface."""
    first: np.ndarray
    """(H, W, 2): where this point was born, image coordinates."""
    forward: np.ndarray
    """(H, W, 2) pixels to the next frame."""
    backward: np.ndarray
    """(H, W, 2) pixels to the frame before."""
    gone: np.ndarray
    """(H, W) bool: most of the particles here are missing in the next frame."""
    fresh: np.ndarray
    """(H, W) bool: most of the particles here are missing in the frame before."""


def lagrangian_motion(
    plane: Plane,
    snapshots: Sequence[Snapshot],
    mask: np.ndarray,
    melting: np.ndarray,
    fps: float,
    *,
    feeds: bool,
    progress: Progress = silent,
) -> Motion:
    """How the particles of `snapshots` move the pixels.

    Parameters
    ----------
    mask: (H, W) bool, where they are in the first frame.
    melting: (H, W) float, seconds: until then what the mask shows is solid and stands still.
    feeds: more and more particles come out of the mask. Otherwise each is born once, where the mask shows it, and the
        outline of the first frame is carried along.
    """
    centres = plane.pixel_centres()
    outline = np.zeros(mask.shape) if feeds else mask - _level(plane, _all_births(snapshots))
    covered, pixels = [], []
    for t in track(range(len(snapshots)), "flow", len(snapshots), progress):
        here = _pixels(plane, snapshots, t, centres, born_still=not feeds)
        shown = (here.level > 0) & (here.level + _read(outline, here.first) > 0.5)
        solid = mask & (melting > t / fps)
        if t == 0:
            shown, solid = mask, mask & ((melting > 0) | (here.level == 0))
        elif feeds:
            solid = mask & ~shown
        covered.append(shown | solid)
        pixels.append(_standing(here, solid, centres))
    return Motion(
        np.stack(covered),
        np.stack([p.first for p in pixels]).astype(np.float32),
        np.stack([p.forward for p in pixels[:-1]]).astype(np.float32),
        np.stack([p.backward for p in pixels[1:]]).astype(np.float32),
        np.stack([p.gone for p in pixels[:-1]]),
        np.stack([p.fresh for p in pixels[1:]]),
    )


def _pixels(plane: Plane, snapshots: Sequence[Snapshot], t: int, centres: np.ndarray, *, born_still: bool) -> _Pixels:
    """Weighted means of the particles around each pixel of frame `t`; where there are none, nothing moves.

    `born_still`: a particle that the frame before does not have lay still there, where it was born.
    """
    here = snapshots[t]
    place = _to_pixels(plane, here["positions"])
    birth = _to_pixels(plane, here["births"])
    following, stays = _found(plane, here, snapshots[min(t + 1, len(snapshots) - 1)], place)
    former, was = _found(plane, here, snapshots[max(t - 1, 0)], birth)
    was |= born_still
    values = np.concatenate(
        [
            birth - place,
            (following - place) * stays[:, None],
            (former - place) * was[:, None],
            stays[:, None],
            was[:, None],
        ],
        axis=1,
    )
    level, sums, weight = _splat(plane, place, values)
    staying, known = sums[..., 6], sums[..., 7]
    return _Pixels(
        level,
        centres + sums[..., :2] / _positive(weight)[..., None],
        sums[..., 2:4] / _positive(staying)[..., None],
        sums[..., 4:6] / _positive(known)[..., None],
        (weight > 0) & (staying < weight / 2),
        (weight > 0) & (known < weight / 2),
    )


def _standing(pixels: _Pixels, solid: np.ndarray, centres: np.ndarray) -> _Pixels:
    """`pixels` with those in `solid` (H, W) standing where they always were."""
    still = solid[..., None]
    return _Pixels(
        pixels.level,
        np.where(still, centres, pixels.first),
        np.where(still, 0, pixels.forward),
        np.where(still, 0, pixels.backward),
        pixels.gone & ~solid,
        pixels.fresh & ~solid,
    )


def _found(plane: Plane, here: Snapshot, other: Snapshot, otherwise: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N, 2) image coordinates of the particles of `here` in the snapshot `other`, and (N,) bool: they exist there."""
    if not len(other["ids"]):
        return otherwise, np.zeros(len(otherwise), bool)
    place = np.searchsorted(other["ids"], here["ids"]).clip(0, len(other["ids"]) - 1)
    exists = other["ids"][place] == here["ids"]
    return np.where(exists[:, None], _to_pixels(plane, other["positions"])[place], otherwise), exists


def _all_births(snapshots: Sequence[Snapshot]) -> np.ndarray:
    """(N, 2) metres: where all particles of all frames were born."""
    ids = np.concatenate([s["ids"] for s in snapshots])
    _, first = np.unique(ids, return_index=True)
    return np.concatenate([s["births"] for s in snapshots])[first]


def _level(plane: Plane, positions: np.ndarray) -> np.ndarray:
    return _splat(plane, _to_pixels(plane, positions), np.zeros((len(positions), 0)))[0]


def _splat(plane: Plane, pixels: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Level (H, W) as in `_Pixels`, sums (H, W, C) of the weighted `values` (N, C), and their weights (H, W)."""
    from simcraft.sim.image_plane.kernels import splat

    width, height = plane.size
    apart = float(plane.pixels_a_cell.mean()) / ALONG_EDGE
    radius = max(REACH * apart, 1.0)
    weight, sums = np.zeros((height, width)), np.zeros((height, width, max(values.shape[1], 1)))
    values = np.ascontiguousarray(values) if values.shape[1] else np.zeros((len(pixels), 1))
    # far outside the picture it does not matter where, but the kernel counts pixels in 32 bits
    splat(np.ascontiguousarray(pixels.clip(-1e6, 1e6)), values, radius, weight, sums)
    # inside a liquid with one particle in each square of side `apart`, the weights (1 - d²/r²)³ add up to this
    inside = np.pi * radius**2 / 4 / apart**2
    return np.minimum(weight / inside, 1.0), sums, weight


def _to_pixels(plane: Plane, positions: np.ndarray) -> np.ndarray:
    return plane.to_pixels(positions.astype(np.float64) / plane.grid.spacing)


def _positive(weight: np.ndarray) -> np.ndarray:
    return np.where(weight > 0, weight, 1.0)


def _read(values: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """(H, W): `values` (H, W) at image coordinates `positions` (H, W, 2)."""
    from scipy.ndimage import map_coordinates

    return map_coordinates(values, np.moveaxis(positions[..., ::-1] - 0.5, -1, 0), order=1, mode="nearest")
