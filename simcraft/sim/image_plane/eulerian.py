"""Pixels that move with a fluid's velocity: positions are carried through every step of the solver.

The velocity alone, times the time between two frames, would not do: within a frame a swirl turns, and forward and
backward flow would not agree. Here every pixel centre follows the very velocity that the solver carried its own
quantities along, step by step, and backward flow goes through the same steps in reverse.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

from simcraft.progress import Progress, silent, track
from simcraft.sim.fluid.grid import Faces
from simcraft.sim.fluid.staggered import fastest
from simcraft.sim.image_plane.fluids import Scene
from simcraft.sim.image_plane.motion import Motion, inside_picture
from simcraft.sim.image_plane.plane import Plane
from simcraft.sim.solver import Snapshot, Solver, State

CELLS_PER_PART = 0.25
"""How far a position goes at most in one step of Runge and Kutta: small against the cells between which the velocity
has its kinks, so that going there and back ends within a hundredth of a pixel."""
FAINTEST = 0.05
"""Amount (1 is dense) below which nothing is seen."""
RING = 3
"""Pixels around the thing in which the air has an origin of its own."""

Inner = TypeVar("Inner")


@dataclass(frozen=True)
class Kept(Generic[Inner]):
    """A state with the steps that led to it from the last frame."""

    inner: Inner
    legs: tuple[tuple[Faces, float], ...] = ()
    """(velocity in metres a second at the faces, seconds)."""

    @property
    def time(self) -> float:
        return self.inner.time  # type: ignore[attr-defined]


def keep_legs(
    solver: Solver[State],
    velocity_of: Callable[[Any], Faces],
    amount_of: Callable[[Any], np.ndarray],
    fps: float,
) -> Solver[Kept[State]]:
    """`solver` with snapshots from which `eulerian_motion` tells where every pixel went.

    Parameters
    ----------
    velocity_of: the velocity that a step from this state carries things along.
    amount_of: (X, Z), how much of the thing each cell holds; 1 is dense.
    """

    def step(state: Kept[State], dt: float) -> Kept[State]:
        frame = state.time * fps
        legs = () if abs(frame - round(frame)) < 1e-6 else state.legs
        following = solver.step(state.inner, dt)
        return Kept(following, (*legs, (velocity_of(state.inner), dt)))

    def capture(state: Kept[State]) -> Snapshot:
        across, up = (np.array([leg[0][axis] for leg in state.legs], np.float32) for axis in range(2))
        seconds = np.array([dt for _, dt in state.legs])
        return {"across": across, "up": up, "seconds": seconds, "amount": np.array(amount_of(state.inner))}

    return Solver(
        solver.name,
        init=lambda: Kept(solver.init()),
        step=step,
        stable_step=lambda state: solver.stable_step(state.inner),
        measure=lambda state: solver.measure(state.inner),
        capture=capture,
        gather=solver.gather,
        bounds=solver.bounds,
        fix=solver.fix,
    )


def eulerian_motion(
    scene: Scene, snapshots: Sequence[Snapshot], mask: np.ndarray, *, feeds: bool, progress: Progress = silent
) -> Motion:
    """How what `mask` (H, W) shows in the first frame moves.

    `feeds`: the mask is a source too. What comes out of it looks as if the picture's part inside the mask went on
    upstream, mirrored again and again.
    """
    from scipy.ndimage import maximum_filter

    plane, melts_in = scene.plane, scene.melts_in()
    centres = plane.pixel_centres()
    origin = centres
    covered, first, alpha = [mask], [origin.astype(np.float32)], [np.where(mask, np.float32(1), np.float32(0))]
    forward, backward, fresh = [], [], []
    for frame, snapshot in track(enumerate(snapshots[1:], 1), "flow", len(snapshots) - 1, progress):
        velocities = zip(snapshot["across"], snapshot["up"], strict=True)
        legs = list(zip(velocities, snapshot["seconds"], strict=True))
        there = centres.copy()
        there[covered[-1]] = follow_legs(plane, centres[covered[-1]], legs)
        near = np.ones(mask.shape, bool) if feeds else _reached(plane, covered[-1], legs)
        back, crossed = _traced(plane, centres, near, [(v, -dt) for v, dt in reversed(legs)], mask if feeds else None)
        origin = back + _read(origin - centres, back, near)
        amount = plane.read(snapshot["amount"])
        amount[plane.nearest(melts_in > frame)] = 1  # what a solid cell holds means nothing
        seen = near & (amount > FAINTEST)
        if feeds:
            now = mask | _inside(covered[-1], back, seen) | (crossed & seen)
        else:
            now = _inside(mask, origin, _inside(maximum_filter(covered[-1], 2 * RING - 1), back, seen))
            origin = _continued(origin, now, centres)
        fresh.append(now & ~_inside(covered[-1], back, now))
        covered.append(now)
        first.append((_mirrored(origin, mask) if feeds else origin).astype(np.float32))
        alpha.append(np.where(now, np.clip(amount, 0, 1), 0).astype(np.float32))
        forward.append((there - centres).astype(np.float32))
        backward.append((back - centres).astype(np.float32))
    return Motion(
        np.stack(covered),
        np.stack(first),
        np.stack(forward),
        np.stack(backward),
        np.zeros((len(forward), *mask.shape), bool),
        np.stack(fresh),
        np.stack(alpha),
    )


def _traced(
    plane: Plane, centres: np.ndarray, near: np.ndarray, legs: Sequence[tuple[Faces, float]], source: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """(H, W, 2): where the pixels `near` are after all `legs`, the others where they were; and (H, W) bool: on the way
    the path was inside `source` (H, W)."""
    back, crossed = centres.copy(), np.zeros(near.shape, bool)
    if source is None:
        back[near] = follow_legs(plane, centres[near], legs)
        return back, crossed
    may_cross = near & _reached(plane, source, legs)
    for leg in legs:
        back[near] = follow_legs(plane, back[near], [leg])
        crossed |= _inside(source, back, may_cross)
    return back, crossed


def _continued(origin: np.ndarray, covered: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """`origin` (H, W, 2) for what is `covered` and a ring around it; beyond, it goes on as at the nearest of these.

    The air's own origin does not matter there, but it must not be unknown: the outline of the thing is found between
    the origins on both of its sides, wherever the air comes from.
    """
    from scipy.ndimage import distance_transform_edt, maximum_filter

    kept = maximum_filter(covered, 2 * RING + 1)
    if not kept.any():
        return origin
    row, column = distance_transform_edt(~kept, return_distances=False, return_indices=True)
    return centres + (origin - centres)[row, column]


def _mirrored(positions: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """`positions` (H, W, 2) folded into the box around `mask` like in a kaleidoscope, and from there into the mask."""
    from scipy.ndimage import distance_transform_edt

    rows, columns = np.nonzero(mask)
    low = np.array([columns.min(), rows.min()]) + 0.5
    size = np.maximum(np.array([columns.max(), rows.max()]) + 0.5 - low, 1e-3)
    wave = np.mod(positions - low, 2 * size)
    folded = low + np.minimum(wave, 2 * size - wave)
    column, row = np.floor(folded).astype(np.int64).transpose(2, 0, 1)
    nearest = distance_transform_edt(~mask, return_distances=False, return_indices=True)
    inside = np.stack([nearest[1][row, column], nearest[0][row, column]], -1) + 0.5
    return np.where(mask[row, column][..., None], folded, inside)


def follow_legs(plane: Plane, pixels: np.ndarray, legs: Sequence[tuple[Faces, float]]) -> np.ndarray:
    """(..., 2) float64: where `pixels` (..., 2), image coordinates, are after all `legs`; a negative time goes back."""
    from simcraft.sim.image_plane.kernels import follow

    places = np.ascontiguousarray(plane.to_cells(pixels).reshape(-1, 2))
    for velocity, seconds in legs:
        reach = float(seconds) / plane.grid.spacing
        parts = max(math.ceil(fastest(velocity) * abs(reach) / CELLS_PER_PART), 1)
        follow(*(np.ascontiguousarray(component) for component in velocity), reach, parts, places)
    return plane.to_pixels(places).reshape(pixels.shape)


def _reached(plane: Plane, covered: np.ndarray, legs: Sequence[tuple[Faces, float]]) -> np.ndarray:
    """(H, W) bool: the pixels that what is `covered` may reach, and some around."""
    from scipy.ndimage import maximum_filter

    cells = sum(fastest(velocity) * abs(seconds) for velocity, seconds in legs) / plane.grid.spacing
    margin = np.ceil(cells * plane.pixels_a_cell).astype(int) + 4
    return maximum_filter(covered, tuple(2 * margin[::-1] + 1), mode="constant")


def _read(values: np.ndarray, positions: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """(H, W, 2) float64: `values` (H, W, 2) at `positions` (H, W, 2), for the pixels `chosen` (H, W); 0 elsewhere."""
    from simcraft.sim.image_plane.kernels import read_smoothly

    read = np.zeros((np.count_nonzero(chosen), 2))
    read_smoothly(np.ascontiguousarray(values, np.float64), positions[chosen], read)
    result = np.zeros(positions.shape)
    result[chosen] = read
    return result


def _inside(mask: np.ndarray, positions: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """(H, W) bool: `positions` (H, W, 2) lie inside `mask` (H, W), whose outline runs between the pixels' centres.

    Only looked up for the pixels `chosen` (H, W); false for the others.
    """
    from scipy.ndimage import map_coordinates

    places = positions[chosen]
    share = map_coordinates(mask.astype(np.float32), places.T[::-1] - 0.5, order=1, mode="nearest")
    result = chosen.copy()
    result[chosen] = inside_picture(places, mask.shape) & (share >= 0.5)
    return result
