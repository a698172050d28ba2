"""Skies that a look spans instead of a family's own: radiance in all directions, brighter than white where it glows.

Pictures are equirectangular in Blender's layout: (HEIGHT, 2 HEIGHT, 3) linear RGB, row 0 at the zenith, the middle
column towards +x and those right of it towards -y. They are 1 where a white screen would be.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .textures import Colour, noise

HEIGHT = 256
Glow = tuple[Colour, float, float]
"""Colour, radiance and half-width in radians of the light around the sun."""


@dataclass(frozen=True)
class Sky:
    """A sky, and the lamp that belongs to it."""

    words: str
    """Where things are, for a caption."""
    picture: Callable[[], np.ndarray]
    ambient: float
    """The radiance of a white sheet that lies in the open, without the lamp."""
    lamp: float
    """Irradiance that the lamp gives to what faces it, in units of the family's own sun."""
    source: str = "sun"
    """What the lamp is: "sun", "moon" or "light"; empty where it casts no shadow to speak of."""
    colour: Colour = (1.0, 0.95, 0.88)
    """Of the lamp."""
    softness: float = 1.0
    """Size of the lamp, in units of the family's own sun."""
    elevations: tuple[float, float] = (0.0, 90.0)
    """Lowest and highest place of the lamp, in degrees."""
    glow: Glow | None = None
    indoors: bool = False


@lru_cache(maxsize=32)
def _base(name: str) -> np.ndarray:
    """The picture of the sky `name` without its sun, as bright as it should be."""
    sky = SKIES[name]
    picture = np.maximum(sky.picture(), 0.0)
    upper = slice(0, HEIGHT // 2)
    height = np.sin(_elevation())
    weight = (height * np.cos(_elevation()))[upper, None, None]
    mean = float((picture[upper] * weight).sum() / weight.sum() / picture.shape[1] / 3)
    return (picture * (sky.ambient / mean)).astype(np.float32)


def radiance(name: str, to_sun: Sequence[float]) -> np.ndarray:
    """(HEIGHT, 2 HEIGHT, 3) float32 linear radiance of the sky `name` with the sun in the direction `to_sun` (3,)."""
    sky, picture = SKIES[name], _base(name)
    if sky.glow is None:
        return picture
    colour, strength, width = sky.glow
    unit = np.asarray(to_sun, float) / np.linalg.norm(to_sun)
    angle = np.arccos(np.clip(directions() @ unit, -1.0, 1.0))
    halo = strength * np.exp(-((angle / width) ** 2)) + 0.06 * strength * np.exp(-angle / (3 * width))
    return (picture + halo[..., None] * np.asarray(colour)).astype(np.float32)


def _elevation() -> np.ndarray:
    return np.pi / 2 - (np.arange(HEIGHT) + 0.5) / HEIGHT * np.pi


@lru_cache(maxsize=1)
def directions() -> np.ndarray:
    """(HEIGHT, 2 HEIGHT, 3) unit vectors of the pixels."""
    elevation = _elevation()[:, None]
    azimuth = (0.5 - (np.arange(2 * HEIGHT) + 0.5) / (2 * HEIGHT)) * 2 * np.pi
    return np.stack(
        [np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation) + 0 * azimuth], -1
    )


def gradient(zenith: Colour, horizon: Colour, ground: Colour, bend: float = 0.5) -> np.ndarray:
    """From the horizon up to the zenith, and the ground below."""
    height = directions()[..., 2:]
    share = np.maximum(height, 0.0) ** bend
    above = np.asarray(horizon) * (1 - share) + np.asarray(zenith) * share
    below = np.clip(-height * 6.0, 0.0, 1.0)
    return above * (1 - below) + np.asarray(ground) * below


def clouded(sky: np.ndarray, seed: int, cover: float, white: Colour, depth: float = 0.35) -> np.ndarray:
    """`sky` with clouds: `cover` is 0 for few, 1 for many; their undersides are darker by `depth`."""
    field = noise(2 * HEIGHT, seed, 1.6, (1.6, 1.0))[:HEIGHT]
    height = directions()[..., 2]
    amount = np.clip((field - 1.2 + 2.0 * cover) * 0.9, 0.0, 1.0) * np.clip(height * 7.0, 0.0, 1.0)
    shade = 1.0 - depth * np.clip(noise(2 * HEIGHT, seed + 1, 1.9, (1.4, 1.0))[:HEIGHT] * 0.5 + 0.5, 0.0, 1.0)
    return sky * (1 - amount[..., None]) + np.asarray(white) * (shade * amount)[..., None]


def panels(base: np.ndarray, rectangles: Sequence[tuple[float, float, float, float, Colour, float]]) -> np.ndarray:
    """`base` with shining rectangles: azimuth, elevation, width and height in degrees, colour and radiance of each."""
    way = directions()
    azimuth, elevation = np.degrees(np.arctan2(way[..., 1], way[..., 0])), np.degrees(np.arcsin(way[..., 2]))
    picture = base.copy()
    for middle, height, wide, tall, colour, strength in rectangles:
        across = np.abs((azimuth - middle + 180.0) % 360.0 - 180.0)
        inside = np.clip((wide / 2 - across) / 2.0 + 0.5, 0, 1) * np.clip(
            (tall / 2 - np.abs(elevation - height)) / 2.0 + 0.5, 0, 1
        )
        picture = picture * (1 - inside[..., None]) + strength * np.asarray(colour) * inside[..., None]
    return picture


def hall() -> np.ndarray:
    """A large hall: dim walls, a row of windows all around, strips of light under the roof."""
    picture = gradient((0.3, 0.31, 0.33), (0.42, 0.4, 0.38), (0.3, 0.29, 0.28))
    windows = [(angle, 24.0, 14.0, 16.0, (0.85, 0.93, 1.0), 3.5) for angle in range(0, 360, 24)]
    strips = [(angle, 62.0, 50.0, 5.0, (1.0, 0.97, 0.9), 5.0) for angle in (0, 90, 180, 270)]
    return panels(picture, [*windows, *strips])


def room() -> np.ndarray:
    """A room: warm walls, a white ceiling, and two bright windows."""
    picture = gradient((0.8, 0.78, 0.74), (0.62, 0.52, 0.42), (0.3, 0.24, 0.2), bend=1.5)
    day = (0.9, 0.96, 1.0)
    return panels(picture, [(35.0, 18.0, 44.0, 38.0, day, 6.0), (205.0, 18.0, 30.0, 34.0, day, 4.0)])


def city() -> np.ndarray:
    """Night: a deep blue sky, an orange glow over the horizon, and before it houses with lit windows."""
    picture = gradient((0.025, 0.035, 0.09), (0.34, 0.2, 0.11), (0.03, 0.03, 0.035), bend=0.2)
    generator = np.random.default_rng(404)
    heights = np.repeat(generator.integers(0, 5, HEIGHT // 2), 4) * HEIGHT // 256
    row = np.arange(HEIGHT)[:, None]
    house = (row < HEIGHT // 2) & (row >= HEIGHT // 2 - heights)
    tints = np.array([(1.0, 0.72, 0.4), (1.0, 0.9, 0.7), (0.7, 0.85, 1.0)])[
        generator.integers(3, size=picture.shape[:2])
    ]
    lit = (generator.random(picture.shape[:2]) < 0.2) * generator.uniform(0.15, 0.6, picture.shape[:2])
    windows = 0.02 + tints * lit[..., None]
    return np.where(house[..., None], windows, picture)


WHITE, WARM, COOL = (1.0, 1.0, 1.0), (1.0, 0.82, 0.6), (0.8, 0.9, 1.0)
SKIES: dict[str, Sky] = {
    "clear": Sky(
        "under a clear blue sky",
        lambda: gradient((0.1, 0.24, 0.62), (0.6, 0.75, 0.9), (0.3, 0.28, 0.25)),
        0.36,
        1.05,
        glow=((1.0, 0.96, 0.88), 7.0, 0.09),
    ),
    "clouds": Sky(
        "under a blue sky with white clouds",
        lambda: clouded(
            gradient((0.12, 0.27, 0.62), (0.55, 0.7, 0.86), (0.3, 0.29, 0.27)), 401, 0.34, (1.1, 1.1, 1.1), 0.25
        ),
        0.46,
        0.9,
        glow=((1.0, 0.96, 0.9), 6.0, 0.12),
    ),
    "overcast": Sky(
        "under an overcast sky",
        lambda: clouded(gradient((0.72, 0.74, 0.77), (0.5, 0.52, 0.55), (0.3, 0.3, 0.3)), 402, 1.1, (0.8, 0.81, 0.83)),
        0.82,
        0.07,
        source="",
        colour=WHITE,
        softness=20.0,
    ),
    "fog": Sky(
        "in pale fog",
        lambda: gradient((0.72, 0.76, 0.8), (0.86, 0.87, 0.88), (0.62, 0.62, 0.62)),
        0.78,
        0.16,
        source="",
        colour=WHITE,
        softness=14.0,
    ),
    "golden": Sky(
        "on a golden late afternoon",
        lambda: clouded(
            gradient((0.24, 0.34, 0.56), (1.0, 0.74, 0.42), (0.28, 0.22, 0.17)), 403, 0.25, (1.1, 0.86, 0.6)
        ),
        0.36,
        1.15,
        colour=(1.0, 0.74, 0.42),
        elevations=(14.0, 30.0),
        glow=(WARM, 9.0, 0.14),
    ),
    "sunset": Sky(
        "at sunset",
        lambda: clouded(
            gradient((0.14, 0.15, 0.36), (1.0, 0.42, 0.16), (0.14, 0.1, 0.1), 0.45), 405, 0.45, (0.9, 0.36, 0.3)
        ),
        0.34,
        0.95,
        colour=(1.0, 0.52, 0.24),
        elevations=(8.0, 16.0),
        glow=((1.0, 0.5, 0.2), 9.0, 0.16),
    ),
    "twilight": Sky(
        "at dusk",
        lambda: gradient((0.1, 0.14, 0.36), (0.62, 0.4, 0.44), (0.12, 0.12, 0.15), 0.4),
        0.34,
        0.28,
        source="",
        colour=(0.9, 0.75, 0.85),
        softness=10.0,
    ),
    "night": Sky(
        "at night, in the glow of a city",
        city,
        0.12,
        0.5,
        source="moon",
        colour=(0.68, 0.8, 1.0),
        elevations=(25.0, 70.0),
        softness=2.0,
    ),
    "softboxes": Sky(
        "between the softboxes of a photo studio",
        lambda: panels(
            gradient((0.3, 0.31, 0.33), (0.42, 0.42, 0.43), (0.36, 0.36, 0.36)),
            [
                (60.0, 40.0, 50.0, 34.0, WHITE, 7.0),
                (200.0, 30.0, 36.0, 44.0, (1.0, 0.95, 0.88), 4.0),
                (300.0, 55.0, 60.0, 20.0, (0.9, 0.95, 1.0), 5.0),
            ],
        ),
        0.55,
        0.6,
        source="light",
        colour=WHITE,
        softness=8.0,
        indoors=True,
    ),
    "dark studio": Sky(
        "in a dark studio with coloured lamps",
        lambda: panels(
            gradient((0.03, 0.03, 0.04), (0.06, 0.06, 0.07), (0.04, 0.04, 0.04)),
            [
                (20.0, 30.0, 30.0, 50.0, (1.0, 0.45, 0.25), 6.0),
                (160.0, 30.0, 30.0, 50.0, (0.25, 0.5, 1.0), 6.0),
                (265.0, 60.0, 40.0, 20.0, WHITE, 5.0),
            ],
        ),
        0.26,
        0.75,
        source="light",
        colour=(1.0, 0.97, 0.94),
        softness=6.0,
        indoors=True,
    ),
    "hall": Sky(
        "in a large hall with bright windows", hall, 0.5, 0.55, source="light", colour=COOL, softness=8.0, indoors=True
    ),
    "room": Sky(
        "in a room with bright windows",
        room,
        0.42,
        0.5,
        source="light",
        colour=(1.0, 0.95, 0.88),
        softness=5.0,
        indoors=True,
    ),
}
"""By the names that the look's parameter `sky` takes."""
