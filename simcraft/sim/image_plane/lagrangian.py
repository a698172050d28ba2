"""Pixels that move with particles: each pixel takes the weighted mean of the particles around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simcraft.progress import Progress, silent, track
from simcraft.sim.fluid.liquid import ALONG_EDGE, LiquidState
from simcraft.sim.image_plane.fluids import Scene
from simcraft.sim.image_plane.motion import Motion
from simcraft.sim.image_plane.plane import Plane
from simcraft.sim.solver import Snapshot, Solver

REACH = 3.0
"""Radius of a particle's influence, in mean distances between particles: a lone one stays unseen, a few are a drop."""

FADES = 2.0
"""Cells that something has moved when the picture's own outline no longer says anything about where it ends: particles
have changed places then."""


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
    scene: Scene, snapshots: Sequence[Snapshot], mask: np.ndarray, *, feeds: bool, progress: Progress = silent
) -> Motion:
    """How the particles of `snapshots` move the pixels of `scene`, and what has not melted stands still.

    Parameters
    ----------
    mask: (H, W) bool, the thing in the first frame.
    feeds: more and more particles come out of the mask. Otherwise each is born once, where the mask shows it, and the
        outline of the first frame holds for what has hardly moved.
    """
    plane, melts_in = scene.plane, scene.melts_in()
    centres = plane.pixel_centres()
    outline = np.zeros(mask.shape) if feeds else mask - _first_level(scene, melts_in, snapshots)
    covered, pixels = [], []
    for t in track(range(len(snapshots)), "flow", len(snapshots), progress):
        solid = scene.thing & (melts_in > t)
        here = _pixels(scene, snapshots, t, solid, born_still=not feeds)
        away = np.linalg.norm(here.first - centres, axis=-1) / plane.pixels_a_cell.mean()
        level = here.level + _read(outline, here.first) * np.clip(1 - away / FADES, 0, 1)
        shown = (here.level > 0) & (level > 0.5)
        still = mask & plane.nearest(solid)
        if t == 0:
            shown = mask
        elif feeds:
            still |= mask & ~shown
        covered.append(shown | still)
        pixels.append(_standing(here, still, centres))
    return Motion(
        np.stack(covered),
        np.stack([p.first for p in pixels]),
        np.stack([p.forward for p in pixels[:-1]]),
        np.stack([p.backward for p in pixels[1:]]),
        np.stack([p.gone for p in pixels[:-1]]),
        np.stack([p.fresh for p in pixels[1:]]),
    )


def _pixels(scene: Scene, snapshots: Sequence[Snapshot], t: int, solid: np.ndarray, *, born_still: bool) -> _Pixels:
    """Weighted means of the particles around each pixel of frame `t`; where there are none, nothing moves.

    `solid` (X, Z) bool: cells that count as if they were full of particles at rest. `born_still`: a particle that the
    frame before does not have lay still there, where it was born.
    """
    plane, here = scene.plane, snapshots[t]
    place = _to_pixels(plane, here["positions"])
    birth = _to_pixels(plane, here["births"])
    following, stays = _found(plane, here, snapshots[min(t + 1, len(snapshots) - 1)], place)
    former, was = _found(plane, here, snapshots[max(t - 1, 0)], birth)
    was |= born_still
    moves = [birth - place, (following - place) * stays[:, None], (former - place) * was[:, None]]
    values = np.concatenate([*moves, stays[:, None], was[:, None]], axis=1)
    lattice = _lattice(plane, solid)
    at_rest = np.tile([0.0, 0, 0, 0, 0, 0, 1, 1], (len(lattice), 1))
    level, sums, weight = _splat(plane, np.concatenate([place, lattice]), np.concatenate([values, at_rest]))
    staying, known = sums[..., 6], sums[..., 7]
    return _Pixels(
        level,
        plane.pixel_centres() + sums[..., :2] / _positive(weight)[..., None],
        sums[..., 2:4] / _positive(staying)[..., None],
        sums[..., 4:6] / _positive(known)[..., None],
        (weight > 0) & (staying < weight / 2),
        (weight > 0) & (known < weight / 2),
    )


def _standing(pixels: _Pixels, still: np.ndarray, centres: np.ndarray) -> _Pixels:
    """`pixels` with those in `still` (H, W) bool standing where they always were."""
    both = still[..., None]
    return _Pixels(
        pixels.level,
        np.where(both, centres, pixels.first).astype(np.float32),
        np.where(both, 0, pixels.forward).astype(np.float32),
        np.where(both, 0, pixels.backward).astype(np.float32),
        pixels.gone & ~still,
        pixels.fresh & ~still,
    )


def _first_level(scene: Scene, melts_in: np.ndarray, snapshots: Sequence[Snapshot]) -> np.ndarray:
    """(H, W) level of all particles where they were born, and of what never melts."""
    ids = np.concatenate([s["ids"] for s in snapshots])
    _, first = np.unique(ids, return_index=True)
    births = _to_pixels(scene.plane, np.concatenate([s["births"] for s in snapshots])[first])
    rest = _lattice(scene.plane, scene.thing & (melts_in >= len(snapshots)))
    places = np.concatenate([births, rest])
    return _splat(scene.plane, places, np.zeros((len(places), 1)))[0]


def _lattice(plane: Plane, cells: np.ndarray) -> np.ndarray:
    """(N, 2) image coordinates of evenly spread particles that fill `cells` (X, Z) bool."""
    part = (np.arange(ALONG_EDGE) + 0.5) / ALONG_EDGE
    parts = np.stack(np.meshgrid(part, part), -1).reshape(-1, 2)
    return plane.to_pixels((np.argwhere(cells)[:, None] + parts).reshape(-1, 2))


def _found(plane: Plane, here: Snapshot, other: Snapshot, otherwise: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N, 2) image coordinates of the particles of `here` in the snapshot `other`, and (N,) bool: they exist there."""
    if not len(other["ids"]):
        return otherwise, np.zeros(len(otherwise), bool)
    place = np.searchsorted(other["ids"], here["ids"]).clip(0, len(other["ids"]) - 1)
    exists = other["ids"][place] == here["ids"]
    return np.where(exists[:, None], _to_pixels(plane, other["positions"])[place], otherwise), exists


def _splat(plane: Plane, pixels: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Level (H, W) as in `_Pixels`, sums (H, W, C) of the weighted `values` (N, C), and their weights (H, W)."""
    from simcraft.sim.image_plane.kernels import splat

    width, height = plane.size
    apart = float(plane.pixels_a_cell.mean()) / ALONG_EDGE
    radius = max(REACH * apart, 1.0)
    weight, sums = np.zeros((height, width)), np.zeros((height, width, values.shape[1]))
    # far outside the picture it does not matter where, but the kernel counts pixels in 32 bits
    splat(np.ascontiguousarray(pixels.clip(-1e6, 1e6)), np.ascontiguousarray(values), radius, weight, sums)
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
