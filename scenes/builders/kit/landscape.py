"""Maps made of noise: landscapes, cities and planets, as heights and as pictures seen from above."""

from __future__ import annotations

import itertools

import numpy as np

from .textures import Colour, blend, noise


def heights(size: int, seed: int, roughness: float = 2.3) -> np.ndarray:
    """Hills, (size, size) with mean 0 and standard deviation 1, [x, y]."""
    return noise(size, seed, roughness)


def fields(size: int, seed: int, count: int = 90) -> np.ndarray:
    """Farmland from above: patches in greens and ochres with furrows, hedges between them; (size, size, 3)."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[0:size, 0:size] / size
    warp = 0.012 * noise(size, seed, 1.8)
    centres = generator.uniform(0, 1, (count, 2))
    nearest, patch = _two_nearest(x + warp, y - warp, centres)
    tones = np.array(
        [
            (0.36, 0.48, 0.2),
            (0.46, 0.56, 0.26),
            (0.66, 0.58, 0.32),
            (0.74, 0.66, 0.42),
            (0.42, 0.34, 0.22),
            (0.3, 0.42, 0.2),
        ]
    )
    colours = tones[generator.integers(len(tones), size=count)] * generator.uniform(0.85, 1.15, (count, 1))
    angle = generator.uniform(0, np.pi, count)[patch]
    furrows = np.sin(2 * np.pi * 60 * (x * np.cos(angle) + y * np.sin(angle)))
    picture = colours[patch] * (1.0 + 0.05 * furrows + 0.05 * noise(size, seed + 1, 1.0))[..., None]
    hedge = np.clip(1.0 - (nearest[1] - nearest[0]) * size / 3.0, 0.0, 1.0)
    return np.clip(blend_over(picture, (0.14, 0.2, 0.1), 0.8 * hedge), 0.0, 1.0)


def _two_nearest(x: np.ndarray, y: np.ndarray, centres: np.ndarray, block: int = 32) -> tuple[np.ndarray, np.ndarray]:
    """Distances to the two nearest of the `centres` (n, 2) of each point (x, y), (2, h, w), and the nearest (h, w).

    On a torus of side 1, so that the picture tiles, in a metric that makes straight borders. Block by block, each of
    which looks at the few centres that can be nearest in it.
    """
    height, width = x.shape
    nearest, patch = np.empty((2, height, width)), np.empty((height, width), int)
    for top, left in itertools.product(range(0, height, block), range(0, width, block)):
        here = np.s_[top : top + block, left : left + block]
        px, py = x[here], y[here]
        middle = np.array([px.min() + px.max(), py.min() + py.max()]) / 2
        radius = max(np.ptp(px), np.ptp(py)) / 2
        away = np.abs((middle - centres + 0.5) % 1 - 0.5).max(axis=1)
        chosen = np.flatnonzero(away <= np.partition(away, 1)[1] + 2 * radius + 1e-9)
        cx, cy = centres[chosen].T[:, :, None, None]
        distance = np.maximum(np.abs((px - cx + 0.5) % 1 - 0.5), np.abs((py - cy + 0.5) % 1 - 0.5))
        patch[here] = chosen[distance.argmin(axis=0)]
        nearest[(slice(None), *here)] = np.partition(distance, 1, axis=0)[:2]
    return nearest, patch


def river(size: int, seed: int, width: float = 0.02) -> np.ndarray:
    """How much each pixel is water, (size, size), 0 to 1: one river from left to right."""
    y, x = np.mgrid[0:size, 0:size] / size
    generator = np.random.default_rng(seed)
    first, second = generator.uniform(0, 2 * np.pi, 2)
    middle = 0.45 + 0.1 * np.sin(2 * np.pi * x + first) + 0.035 * np.sin(6 * np.pi * x + second)
    distance = np.abs(y - middle + 0.006 * noise(size, seed, 1.5))
    return np.clip((width * (1 + 0.25 * np.sin(10 * np.pi * x)) - distance) * size / 3.0 + 0.5, 0.0, 1.0)


def forest(size: int, seed: int, share: float = 0.7) -> np.ndarray:
    """How much each pixel is trees, (size, size), 0 to 1."""
    return np.clip((noise(size, seed, 1.7) - share) * 6.0, 0.0, 1.0)


def blend_over(picture: np.ndarray, colour: Colour, amount: np.ndarray) -> np.ndarray:
    """`picture` (h, w, 3) covered by `colour` where `amount` (h, w) is 1."""
    return picture * (1.0 - amount[..., None]) + np.asarray(colour) * amount[..., None]


def directions(width: int) -> np.ndarray:
    """Unit vectors of an equirectangular picture's pixels, (width / 2, width, 3), row 0 at the north pole."""
    longitude = (np.arange(width) + 0.5) / width * 2 * np.pi
    latitude = np.pi / 2 - (np.arange(width // 2) + 0.5) / (width // 2) * np.pi
    across = np.cos(latitude)[:, None]
    return np.stack(
        [across * np.cos(longitude), across * np.sin(longitude), np.sin(latitude)[:, None] + 0 * longitude], axis=-1
    )


def sphere_noise(places: np.ndarray, seed: int, octaves: int = 5, first: float = 1.6, waves: int = 12) -> np.ndarray:
    """Fractal noise at `places` (..., 3), standard deviation about 1: random plane waves, an octave apart."""
    generator = np.random.default_rng(seed)
    # in single precision, which is enough for a picture and several times as fast
    places = places.astype(np.float32)
    total = np.zeros(places.shape[:-1], np.float32)
    weight = 0.0
    for octave in range(octaves):
        frequency, amplitude = first * 2.0**octave, 0.55**octave
        for _ in range(waves):
            wave = (generator.normal(size=3) * frequency).astype(np.float32)
            total += np.float32(amplitude) * np.cos(places @ wave + np.float32(generator.uniform(0, 2 * np.pi)))
            weight += amplitude**2 / 2
    return (total / np.sqrt(weight)).astype(float)


def planet(width: int, seed: int, sea: float = 0.25, clouds: float = 0.5) -> np.ndarray:
    """An earth-like planet, equirectangular (width / 2, width, 3): seas, continents, deserts, ice and clouds.

    `sea` is the level below which it is wet, in standard deviations of its relief; `clouds` is 0 for none, 1 for many.
    """
    places = directions(width)
    relief = sphere_noise(places, seed, octaves=7) - sea
    latitude = np.abs(places[..., 2])
    moisture = sphere_noise(places, seed + 1, octaves=6, first=2.5)
    land = blend(
        (0.16, 0.36, 0.12), (0.72, 0.6, 0.36), 0.5 - 0.6 * moisture + 0.8 * np.exp(-((latitude - 0.4) ** 2) / 0.02)
    )
    land = blend_over(land, (0.42, 0.33, 0.24), np.clip(relief - 0.9, 0.0, 1.0))
    water = blend((0.1, 0.36, 0.5), (0.02, 0.1, 0.28), np.clip(-relief * 2.2, 0.0, 1.0))
    picture = np.where(relief[..., None] > 0.0, land, water)
    ice = np.clip((latitude - 0.93 + 0.05 * moisture + 0.03 * (relief > 0)) * 18.0, 0.0, 1.0)
    picture = blend_over(picture, (0.93, 0.95, 0.97), ice)
    swirl = places + 0.12 * np.stack([sphere_noise(places, seed + 2 + i, 4, 2.5, 8) for i in range(3)], axis=-1)
    cover = sphere_noise(swirl * (1.0, 1.0, 1.8), seed + 6, octaves=6, first=4.2)
    return blend_over(
        picture, (0.97, 0.97, 0.98), np.clip((cover - 1.6 + 1.6 * clouds) * 0.7, 0.0, 0.95) * (clouds > 0)
    )


def stars(width: int, seed: int, count: int = 900) -> np.ndarray:
    """A night sky, equirectangular (width / 2, width, 3)."""
    generator = np.random.default_rng(seed)
    picture = np.zeros((width // 2, width, 3))
    latitude = np.arcsin(generator.uniform(-1, 1, count))
    rows = ((0.5 - latitude / np.pi) * (width // 2)).astype(int).clip(0, width // 2 - 1)
    columns = generator.integers(width, size=count)
    tint = np.array([(1.0, 0.9, 0.8), (1.0, 1.0, 1.0), (0.8, 0.88, 1.0)])[generator.integers(3, size=count)]
    picture[rows, columns] = generator.uniform(0.25, 1.0, (count, 1)) ** 2 * tint
    return picture
