"""A picture to melt: a statue of balls and cylinders on a plinth, in front of a sky that grows lighter downwards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Picture:
    image: np.ndarray
    """(H, W, 3) uint8."""
    statue: np.ndarray
    """(H, W) bool."""
    plinth: np.ndarray
    """(H, W) bool."""


def statue_picture(width: int = 160, height: int = 200) -> Picture:
    """Shaded like marble, with fine veins that show whether anything is blurred."""
    x, y = np.meshgrid((np.arange(width) + 0.5) / width - 0.5, (np.arange(height) + 0.5) / height)
    x = x * width / height
    sky = np.stack([70 + 90 * y, 110 + 80 * y, 190 + 30 * y], -1)
    sky += 14 * ((np.floor(x * 30) + np.floor(y * 30)) % 2)[..., None]  # a checked wall
    statue, shade = np.zeros_like(x, bool), np.zeros_like(x)
    for middle_x, middle_y, half_width, half_height in (
        (0.0, 0.16, 0.075, 0.09),  # head
        (0.0, 0.40, 0.13, 0.17),  # chest
        (-0.17, 0.36, 0.05, 0.13),  # arms
        (0.17, 0.30, 0.05, 0.14),
        (-0.06, 0.64, 0.06, 0.17),  # legs
        (0.06, 0.64, 0.06, 0.17),
    ):
        across, down = (x - middle_x) / half_width, (y - middle_y) / half_height
        part = across**2 + down**2 < 1
        statue |= part
        shade = np.where(part, 0.55 + 0.45 * np.clip(-0.6 * across - 0.5 * down + 0.5, 0, 1), shade)
    plinth = (np.abs(x) < 0.22) & (y > 0.80) & (y < 0.93)
    statue &= ~plinth
    veins = 1 - 0.35 * (np.abs(np.sin(40 * x + 9 * np.sin(17 * y))) < 0.18)
    marble = np.stack([235, 225, 210] * np.ones((1, 1, 3)), 0) * (shade * veins)[..., None]
    stone = np.stack([120, 90, 70] * np.ones((1, 1, 3)), 0) * (0.8 + 0.2 * np.sin(120 * y))[..., None]
    image = np.where(statue[..., None], marble, np.where(plinth[..., None], stone, sky))
    return Picture(np.clip(image, 0, 255).astype(np.uint8), statue, plinth)
