"""Where the sun stands and what its light is like, as a look changes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .skies import SKIES
from .textures import Colour, mixed

if TYPE_CHECKING:
    from ..look import Look

OWN_COLOUR: Colour = (1.0, 0.95, 0.88)
CANDLE: Colour = (1.0, 0.66, 0.34)
MOON: Colour = (0.62, 0.8, 1.0)
LOWEST, HIGHEST = 5.0, 88.0
"""Degrees above the horizon between which a look moves the sun."""
WIDEST = 1.4
"""Radians; a larger sun is no sun."""


@dataclass(frozen=True)
class Sun:
    """A lamp that is infinitely far away."""

    direction: tuple[float, float, float]
    """In which the light travels, of any length."""
    strength: float
    """Irradiance of what faces it."""
    softness: float
    """Its angular size in radians."""
    colour: Colour = OWN_COLOUR


def seen_through(look: Look, sun: Sun) -> Sun:
    """A family's own `sun` as the `look` has it; the very same one where the look says nothing about it."""
    sky = SKIES.get(look.sky)
    strength, softness, colour = look.sun_strength * sun.strength, look.sun_softness * sun.softness, sun.colour
    if sky is not None:
        strength, softness, colour = strength * sky.lamp, softness * sky.softness, sky.colour
    if look.sun_warmth:
        tone = mixed((1.0, 1.0, 1.0), CANDLE if look.sun_warmth > 0 else MOON, abs(look.sun_warmth))
        colour = (colour[0] * tone[0], colour[1] * tone[1], colour[2] * tone[2])
    softness = sun.softness if softness == sun.softness else min(softness, WIDEST)
    return Sun(_moved(look, sun.direction), strength, softness, colour)


def _moved(look: Look, direction: tuple[float, float, float]) -> tuple[float, float, float]:
    if look.sky not in SKIES and not look.sun_height and not look.sun_turn:
        return direction
    x, y, z = -np.asarray(direction, float) / np.linalg.norm(direction)
    low, high = SKIES[look.sky].elevations if look.sky in SKIES else (-90.0, 90.0)
    height = np.clip(np.degrees(np.arcsin(z)), low, high)
    height = np.radians(np.clip(height + look.sun_height, LOWEST, HIGHEST))
    turn = np.arctan2(y, x) + np.radians(look.sun_turn)
    flat = -np.cos(height)
    return float(flat * np.cos(turn)), float(flat * np.sin(turn)), float(-np.sin(height))
