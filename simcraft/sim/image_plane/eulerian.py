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
OUTSIDE = -1e6
"""A position outside of any picture."""

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

    `feeds`: the mask is a source too: what is inside it in any frame is the thing as the picture shows it there.
    """
    from scipy.ndimage import maximum_filter

    plane, melts_in = scene.plane, scene.melts_in()
    centres = plane.pixel_centres()
    position = centres.astype(np.float32)
    covered, first, alpha = [mask], [position], [np.where(mask, np.float32(1), np.float32(0))]
    forward, backward, fresh = [], [], []
    for frame, snapshot in track(enumerate(snapshots[1:], 1), "flow", len(snapshots) - 1, progress):
        legs = list(zip(zip(snapshot["across"], snapshot["up"], strict=True), snapshot["seconds"], strict=True))
        near = _reached(plane, covered[-1], legs) | mask if feeds else _reached(plane, covered[-1], legs)
        there, back = centres.copy(), centres.copy()
        there[covered[-1]] = follow_legs(plane, centres[covered[-1]], legs)
        back[near] = follow_legs(plane, centres[near], [(velocity, -dt) for velocity, dt in reversed(legs)])
        position = np.full(centres.shape, OUTSIDE, np.float32)
        position[near] = back[near] + _read(first[-1] - centres, back[near])
        amount = plane.read(snapshot["amount"])
        amount[plane.nearest(melts_in > frame)] = 1  # what a solid cell holds means nothing
        carried = near & (amount > FAINTEST)
        # beyond the pixels around what was covered, positions mean nothing
        carried[carried] = _inside(maximum_filter(covered[-1], 5), back[carried])
        carried[carried] = _inside(mask, position[carried])
        if feeds:
            position = np.where(mask[..., None], centres, position).astype(np.float32)
        now = carried | mask if feeds else carried
        new = now.copy()
        new[now] = ~_inside(covered[-1], back[now])
        fresh.append(new)
        covered.append(now)
        first.append(position)
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


def _read(values: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """(N, 2) float64: `values` (H, W, 2) at `positions` (N, 2)."""
    from simcraft.sim.image_plane.kernels import read_smoothly

    result = np.zeros(positions.shape)
    read_smoothly(np.ascontiguousarray(values, np.float64), np.ascontiguousarray(positions), result)
    return result


def _inside(mask: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """(N,) bool: `positions` (N, 2) lie inside `mask` (H, W), whose outline runs between the pixels' centres."""
    from scipy.ndimage import map_coordinates

    share = map_coordinates(mask.astype(np.float32), positions.T[::-1] - 0.5, order=1, mode="nearest")
    return inside_picture(positions, mask.shape) & (share >= 0.5)
