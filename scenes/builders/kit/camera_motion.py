"""Ways in which a camera moves while it looks at something: a place and a target for each frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

LOWEST, HIGHEST = 4.0, 84.0
"""Degrees by which a camera that is moved looks down, at least and at most."""


@dataclass(frozen=True)
class Shot:
    """Where a camera is and what it looks at, in each of T frames."""

    places: np.ndarray
    """(T, 3) metres."""
    targets: np.ndarray
    """(T, 3) metres: the middle of the picture."""


@dataclass(frozen=True)
class Orbit:
    """A place by its angles and distance from a target."""

    turn: float
    """Radians about the vertical, from x to y."""
    height: float
    """Degrees above the horizontal."""
    distance: float
    """Metres."""


def orbit_of(away: np.ndarray) -> Orbit:
    """The place at the offset `away` (3,) from the target."""
    distance = float(np.linalg.norm(away))
    return Orbit(float(np.arctan2(away[1], away[0])), float(np.degrees(np.arcsin(away[2] / distance))), distance)


def moved(orbit: Orbit, turn: float, height: float, distance: float) -> Orbit:
    """`orbit` turned and lifted by degrees, and farther away by the factor `distance`.

    It stays above the ground and does not go over the top, unless it was there already.
    """
    low, high = min(LOWEST, orbit.height), max(HIGHEST, orbit.height)
    return Orbit(
        orbit.turn + np.radians(turn), float(np.clip(orbit.height + height, low, high)), orbit.distance * distance
    )


def place_of(orbit: Orbit) -> np.ndarray:
    """The offset (3,) from the target; the inverse of `orbit_of`."""
    height = np.radians(orbit.height)
    flat = np.cos(height)
    return orbit.distance * np.array([flat * np.cos(orbit.turn), flat * np.sin(orbit.turn), np.sin(height)])


def still(start: Orbit, frames: int) -> list[Orbit]:
    """The same place in every frame."""
    return [start] * frames


def _push_in(start: Orbit, part: float, speed: float) -> Orbit:
    return moved(start, 0.0, 0.0, max(0.5, 1.18 - 0.26 * speed * part))


def _pull_out(start: Orbit, part: float, speed: float) -> Orbit:
    return moved(start, 0.0, 0.0, 0.96 + 0.3 * speed * part)


def _circle(start: Orbit, part: float, speed: float) -> Orbit:
    return moved(start, 36.0 * speed * (part - 0.5), 0.0, 1.05)


def _rise(start: Orbit, part: float, speed: float) -> Orbit:
    return moved(start, 0.0, 24.0 * speed * (part - 0.4), 1.05)


_ON_A_SPHERE: dict[str, Callable[[Orbit, float, float], Orbit]] = {
    "push in": _push_in,
    "pull out": _pull_out,
    "circle": _circle,
    "rise": _rise,
}


def shot(
    motion: str, start: Orbit, target: np.ndarray, frames: int, speed: float, generator: np.random.Generator
) -> Shot:
    """The camera at `start` as seen from `target` (3,), moving for `frames` frames; `generator` draws to which side.

    `motion` is one of `look.MOTIONS`, or "own" for a camera that stands still. Its speed is even.
    """
    side = float(generator.choice((-1.0, 1.0)))
    parts = np.linspace(0.0, 1.0, frames) if frames > 1 else np.zeros(1)
    if motion in _ON_A_SPHERE:
        signed = side * speed if motion == "circle" else speed
        away = np.array([place_of(_ON_A_SPHERE[motion](start, part, signed)) for part in parts])
        return Shot(target + away, np.tile(target, (frames, 1)))
    places, targets = np.tile(target + place_of(start), (frames, 1)), np.tile(target, (frames, 1))
    if motion == "slide":
        right = np.array([-np.sin(start.turn), np.cos(start.turn), 0.0])
        way = side * 0.3 * speed * start.distance * (parts[:, None] - 0.5) * right
        # the picture's middle goes along a little, so that the action stays in the picture
        return Shot(places + way, targets + 0.25 * way)
    if motion == "handheld":
        return Shot(
            places + _shaking(generator, frames, 0.012 * speed * start.distance),
            targets + _shaking(generator, frames, 0.016 * speed * start.distance),
        )
    return Shot(places, targets)


def _shaking(generator: np.random.Generator, frames: int, size: float) -> np.ndarray:
    """(frames, 3) metres: smooth, of zero mean and of the standard deviation `size` or so."""
    time = np.arange(frames)[:, None, None] / 24.0
    hertz = generator.uniform(0.3, 1.8, (1, 5, 3))
    phase = generator.uniform(0.0, 2 * np.pi, (1, 5, 3))
    waves = np.sin(2 * np.pi * hertz * time + phase) / hertz
    return size * waves.mean(axis=1)
