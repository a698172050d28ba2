"""Materials that a look gives to what moves, instead of a family's own paints: tileable pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np

from . import mosaics, textures
from .textures import Colour, blend, noise

SIZE = 192
"""Pixels along a side of a picture."""
COLOURS: tuple[Colour, ...] = (
    (0.80, 0.16, 0.14),
    (0.14, 0.48, 0.66),
    (0.92, 0.74, 0.18),
    (0.24, 0.58, 0.32),
    (0.90, 0.46, 0.12),
    (0.36, 0.26, 0.60),
    (0.93, 0.92, 0.88),
)
Pair = tuple[Colour, Colour]
PAIRS: tuple[Pair, ...] = tuple((colour, (0.95, 0.93, 0.88)) for colour in COLOURS[:6])


@dataclass(frozen=True)
class Coat:
    """What a body is made of, in several variants that stand side by side."""

    word: str
    """An adjective."""
    pictures: tuple[Callable[[], np.ndarray], ...]
    roughness: float
    metallic: float = 0.0


def picture_of(name: str, variant: int) -> np.ndarray:
    """The picture (h, w, 3) of a variant of the coat `name`, sRGB from 0 to 1; variants repeat."""
    return _bytes_of(name, variant % len(COATS[name].pictures)) / np.float32(255)


@lru_cache(maxsize=128)
def _bytes_of(name: str, variant: int) -> np.ndarray:
    """A process that builds many scenes paints each variant once; all of them together take some 7 MB."""
    return (np.clip(COATS[name].pictures[variant](), 0.0, 1.0) * 255 + 0.5).astype(np.uint8)


def plain(colour: Colour, seed: int, depth: float = 0.02) -> np.ndarray:
    """One colour, a little uneven."""
    return np.asarray(colour) * (1.0 + depth * noise(SIZE, seed, 1.2))[..., None]


def stripes(pair: Pair, count: int = 4) -> np.ndarray:
    """Stripes along y."""
    column = np.arange(SIZE) * 2 * count // SIZE % 2
    return np.broadcast_to(np.asarray(pair)[column], (SIZE, SIZE, 3))


def dots(pair: Pair, count: int = 4) -> np.ndarray:
    """Dots in the second colour, every other row shifted."""
    y, x = np.mgrid[0:SIZE, 0:SIZE] / SIZE * count
    x = x + 0.5 * (np.floor(y) % 2)
    distance = np.hypot(x % 1 - 0.5, y % 1 - 0.5)
    return blend(pair[1], pair[0], (distance - 0.27) * SIZE / count)


def granite(colour: Colour, seed: int) -> np.ndarray:
    """Crystals of three tones."""
    grains = noise(SIZE, seed, 0.35)
    tone = 1.0 + np.select([grains > 0.9, grains < -1.1], [0.28, -0.5], 0.0) + 0.05 * noise(SIZE, seed + 1, 1.4)
    return np.asarray(colour) * tone[..., None]


def cardboard(colour: Colour, seed: int) -> np.ndarray:
    """Brown paper with faint flutes and a strip of tape."""
    y = np.arange(SIZE)[:, None] / SIZE
    tone = 1.0 + 0.03 * np.sin(2 * np.pi * 32 * y) + 0.03 * noise(SIZE, seed, 0.8)
    tape = np.where(np.abs(y - 0.5) < 0.07, 1.14, 1.0)
    return np.asarray(colour) * (tone * tape)[..., None]


def glazed(colour: Colour, seed: int) -> np.ndarray:
    """Glaze with fine cracks."""
    pieces = mosaics.cells(SIZE, 7, seed, 0.45)
    return mosaics.paved(pieces, (colour,), textures.mixed(colour, (0.0, 0.0, 0.0), 0.28), 0.012, seed, 0.015)


def _each(make: Callable[..., np.ndarray], *arguments: tuple[object, ...]) -> tuple[Callable[[], np.ndarray], ...]:
    """A picture for each of the `arguments`, not painted yet."""
    return tuple(partial(make, *row) for row in arguments)


def _wood(dark: Colour, light: Colour, seed: int) -> np.ndarray:
    return textures.wood(SIZE, seed, dark, light)


def _marble(base: Colour, vein: Colour, seed: int) -> np.ndarray:
    return textures.marble(SIZE, seed, base, vein)


COATS: dict[str, Coat] = {
    "wood": Coat(
        "wooden",
        _each(
            _wood,
            ((0.42, 0.26, 0.14), (0.76, 0.56, 0.36), 301),
            ((0.3, 0.16, 0.08), (0.52, 0.32, 0.17), 302),
            ((0.62, 0.48, 0.3), (0.9, 0.78, 0.58), 303),
            ((0.4, 0.16, 0.09), (0.64, 0.31, 0.19), 304),
        ),
        0.45,
    ),
    "marble": Coat(
        "marble",
        _each(
            _marble,
            ((0.9, 0.89, 0.87), (0.38, 0.4, 0.45), 305),
            ((0.16, 0.17, 0.19), (0.8, 0.79, 0.76), 306),
            ((0.84, 0.66, 0.58), (0.56, 0.36, 0.32), 307),
            ((0.3, 0.46, 0.38), (0.76, 0.82, 0.78), 308),
        ),
        0.18,
    ),
    "granite": Coat(
        "granite",
        _each(granite, ((0.56, 0.55, 0.55), 309), ((0.58, 0.42, 0.38), 310), ((0.3, 0.31, 0.33), 311)),
        0.4,
    ),
    "metal": Coat(
        "metal",
        _each(
            textures.brushed_metal,
            (SIZE, 312, (0.7, 0.71, 0.73)),
            (SIZE, 313, (0.86, 0.66, 0.28)),
            (SIZE, 314, (0.78, 0.46, 0.32)),
            (SIZE, 315, (0.42, 0.44, 0.48)),
        ),
        0.28,
        0.6,
    ),
    "plastic": Coat("glossy plastic", _each(plain, *((c, 316 + i) for i, c in enumerate(COLOURS))), 0.1),
    "rubber": Coat(
        "rubber",
        _each(
            plain,
            ((0.13, 0.13, 0.14), 325, 0.06),
            ((0.55, 0.14, 0.12), 326, 0.06),
            ((0.18, 0.3, 0.46), 327, 0.06),
            ((0.72, 0.5, 0.22), 328, 0.06),
        ),
        0.95,
    ),
    "ceramic": Coat(
        "ceramic",
        _each(
            glazed,
            ((0.92, 0.91, 0.88), 330),
            ((0.32, 0.52, 0.6), 331),
            ((0.46, 0.6, 0.42), 332),
            ((0.7, 0.42, 0.3), 333),
        ),
        0.08,
    ),
    "stripes": Coat("striped", _each(stripes, *((pair,) for pair in PAIRS)), 0.4),
    "checks": Coat("checkered", _each(textures.checker, *((6, *pair, SIZE) for pair in PAIRS)), 0.4),
    "dots": Coat("polka-dotted", _each(dots, *((pair,) for pair in PAIRS)), 0.4),
    "cardboard": Coat(
        "cardboard",
        _each(cardboard, ((0.72, 0.55, 0.36), 340), ((0.62, 0.47, 0.31), 341), ((0.8, 0.66, 0.48), 342)),
        0.95,
    ),
    "cloth": Coat(
        "cloth-covered",
        _each(textures.fabric, *((SIZE, 350 + i, colour, 24) for i, colour in enumerate(COLOURS[:6]))),
        0.95,
    ),
    "clay": Coat("clay", _each(plain, ((0.7, 0.4, 0.27), 360, 0.08), ((0.6, 0.5, 0.42), 361, 0.08)), 0.9),
}
"""By the names that the look's parameter `paint` takes."""
