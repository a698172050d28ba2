"""Grounds that a look lays instead of a family's own floor: tileable pictures, made of noise and geometry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from . import mosaics, textures
from .textures import Colour, blend, noise

SIZE = 384
"""Pixels along a side of most pictures."""


@dataclass(frozen=True)
class Ground:
    """What things stand on."""

    words: str
    """For a caption, with its article where it has one."""
    picture: Callable[[], np.ndarray]
    texture_size: float
    """Metres that the picture covers."""
    roughness: float = 0.55
    metallic: float = 0.0


def picture_of(name: str, tint: Colour = (1.0, 1.0, 1.0)) -> np.ndarray:
    """The picture (h, w, 3) of the ground `name`, sRGB from 0 to 1, its channels multiplied by `tint`."""
    return np.clip(_bytes_of(name) * (np.asarray(tint, np.float32) / np.float32(255)), 0.0, 1.0)


@lru_cache(maxsize=64)
def _bytes_of(name: str) -> np.ndarray:
    """A process that builds many scenes paints each ground once; all of them together take some 10 MB."""
    return (np.clip(GROUNDS[name].picture(), 0.0, 1.0) * 255 + 0.5).astype(np.uint8)


def parquet(dark: Colour, light: Colour, seed: int, count: int = 4) -> np.ndarray:
    """Squares of four strips each, along x and along y in turn."""
    wood = textures.wood(SIZE, seed, dark, light)
    cell = SIZE // count
    square = np.arange(SIZE) // cell
    along = (square[:, None] + square[None, :]) % 2 == 0
    picture = np.where(along[..., None], wood, wood.transpose(1, 0, 2))
    y, x = np.mgrid[0:SIZE, 0:SIZE]
    across = np.where(along, y, x) % cell
    tones = np.random.default_rng(seed).uniform(0.82, 1.12, (count, count, 4))
    tone = tones[square[:, None], square[None, :], across * 4 // cell]
    joint = (across * 4 % cell < 4) | (x % cell < 1) | (y % cell < 1)
    return picture * (tone * np.where(joint, 0.7, 1.0))[..., None]


def terrazzo(base: Colour, chips: tuple[Colour, ...], seed: int) -> np.ndarray:
    """Chips of stone of two sizes in polished cement."""
    picture = np.broadcast_to(np.asarray(base), (SIZE, SIZE, 3)) * (1 + 0.02 * noise(SIZE, seed, 0.6))[..., None]
    generator = np.random.default_rng(seed)
    for count, share in ((46, 0.35), (22, 0.4)):
        pieces = mosaics.cells(SIZE, count, seed + count, 0.45)
        chosen = (generator.random(pieces.count) < share)[pieces.owner] & (pieces.edge > 0.22)
        tones = np.asarray(chips)[generator.integers(len(chips), size=pieces.count)]
        picture = np.where(chosen[..., None], tones[pieces.owner], picture)
    return picture


def asphalt(seed: int, colour: Colour = (0.25, 0.25, 0.26)) -> np.ndarray:
    """Tar with grains of light and dark stone."""
    grains = noise(SIZE, seed, 0.25)
    tone = 1.0 + 0.16 * grains + 0.08 * noise(SIZE, seed + 1, 1.6) + np.where(grains > 2.2, 0.5, 0.0)
    return np.asarray(colour) * tone[..., None]


def sand(seed: int, colour: Colour = (0.8, 0.68, 0.48)) -> np.ndarray:
    """Ripples that the wind has left, and grains."""
    y, x = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    ripples = np.sin(2 * np.pi * (9 * y + x + 0.35 * noise(SIZE, seed, 2.2)))
    tone = 1.0 + 0.07 * ripples + 0.06 * noise(SIZE, seed + 1, 0.2) + 0.03 * noise(SIZE, seed + 2, 1.8)
    return np.asarray(colour) * tone[..., None]


def grass(seed: int, dark: Colour = (0.14, 0.26, 0.07), light: Colour = (0.42, 0.56, 0.2)) -> np.ndarray:
    """Blades in all directions over patches."""
    blades = np.maximum(noise(SIZE, seed, 0.35, (0.5, 3.0)), noise(SIZE, seed + 1, 0.35, (3.0, 0.5)))
    return blend(dark, light, 0.25 + 0.22 * blades + 0.1 * noise(SIZE, seed + 2, 1.7))


def soil(seed: int, dark: Colour = (0.2, 0.14, 0.09), light: Colour = (0.5, 0.38, 0.27)) -> np.ndarray:
    """Crumbs of earth."""
    pieces = mosaics.cells(SIZE, 34, seed, 0.45)
    crumbs = np.random.default_rng(seed).uniform(0.2, 0.7, pieces.count)[pieces.owner]
    return blend(dark, light, crumbs * np.clip(pieces.edge * 3.0, 0.2, 1.0) + 0.1 * noise(SIZE, seed + 1, 1.0))


def snow(seed: int) -> np.ndarray:
    """White, with soft bluish hollows and a glitter of crystals."""
    hollows = 0.5 + 0.25 * noise(SIZE, seed, 1.9)
    glitter = np.where(noise(SIZE, seed + 1, 0.0) > 2.8, 0.08, 0.0)
    return blend((0.76, 0.81, 0.88), (0.93, 0.94, 0.96), hollows) + glitter[..., None]


def carpet(first: Colour, second: Colour, seed: int) -> np.ndarray:
    """A pile carpet with diamonds."""
    y, x = np.mgrid[0:SIZE, 0:SIZE] / SIZE * 4
    diamond = np.abs(x % 1 - 0.5) + np.abs(y % 1 - 0.5)
    lines = (np.abs(diamond - 0.5) < 0.05) | (np.abs(diamond - 0.2) < 0.04)
    pile = 1.0 + 0.13 * noise(SIZE, seed, 0.1)
    return blend(first, second, lines.astype(float)) * pile[..., None]


def tread_plate(seed: int, colour: Colour = (0.6, 0.61, 0.63)) -> np.ndarray:
    """Steel with raised bars, across each other in turn."""
    y, x = np.mgrid[0:SIZE, 0:SIZE] / SIZE * 8
    turn = np.where((np.floor(x) + np.floor(y)) % 2 == 0, 1.0, -1.0)
    u, v = x % 1 - 0.5, turn * (y % 1 - 0.5)
    along, across = (u + v) / 1.414, (u - v) / 1.414
    bar = np.clip(1.2 - np.hypot(along / 0.42, across / 0.11), 0.0, 1.0)
    # lit from one side: what faces it is bright
    slope = np.roll(bar, 1, axis=0) - np.roll(bar, -1, axis=0)
    return np.asarray(colour) * (0.9 + 0.25 * bar + 0.8 * slope + 0.05 * noise(SIZE, seed, 0.8))[..., None]


def gravel(seed: int) -> np.ndarray:
    """Grey and brown pebbles."""
    colours = ((0.56, 0.54, 0.5), (0.45, 0.44, 0.43), (0.62, 0.56, 0.46), (0.36, 0.35, 0.35))
    return mosaics.paved(mosaics.cells(SIZE, 30, seed, 0.4), colours, (0.2, 0.19, 0.17), 0.05, seed, 0.15, 0.6)


def hexagons(colours: tuple[Colour, ...], seed: int) -> np.ndarray:
    """Six-sided tiles."""
    pieces = mosaics.cells(SIZE, 6, seed, 0.0, tall=0.866)
    return mosaics.paved(pieces, colours, (0.46, 0.45, 0.43), 0.05, seed, 0.05)


def cobbles(seed: int) -> np.ndarray:
    """Rounded grey stones in rows."""
    colours = ((0.5, 0.49, 0.48), (0.42, 0.42, 0.43), (0.55, 0.52, 0.48))
    return mosaics.paved(mosaics.cells(SIZE, 8, seed, 0.14), colours, (0.2, 0.19, 0.18), 0.09, seed, 0.1, 0.55)


def brick_paving(seed: int) -> np.ndarray:
    """Red bricks in courses."""
    colours = ((0.6, 0.28, 0.2), (0.66, 0.35, 0.25), (0.5, 0.24, 0.19))
    return mosaics.paved(mosaics.bricks(SIZE, 12, 6), colours, (0.55, 0.52, 0.48), 0.07, seed, 0.12)


def linoleum(seed: int, colour: Colour) -> np.ndarray:
    """One colour with flecks."""
    flecks = noise(SIZE, seed, 0.5)
    return np.asarray(colour) * (1.0 + np.where(np.abs(flecks) > 1.6, 0.14 * np.sign(flecks), 0.0))[..., None]


GROUNDS: dict[str, Ground] = {
    "oak": Ground("an oak floor", lambda: textures.planks(SIZE, 201, 6, (0.5, 0.36, 0.22)), 1.5),
    "dark wood": Ground(
        "a dark wooden floor", lambda: 0.55 * textures.planks(SIZE, 202, 5, (0.52, 0.34, 0.24)), 1.6, 0.5
    ),
    "grey wood": Ground(
        "a grey wooden floor",
        lambda: textures.planks(SIZE, 203, 4).mean(-1, keepdims=True) * np.array([0.98, 0.95, 0.9]),
        1.8,
        0.7,
    ),
    "parquet": Ground("a parquet floor", lambda: parquet((0.45, 0.28, 0.15), (0.74, 0.54, 0.33), 204), 1.2, 0.5),
    "white tiles": Ground("a white tiled floor", lambda: textures.tiles(SIZE, 205, 4, (0.86, 0.87, 0.86)), 1.8, 0.5),
    "terracotta": Ground("a terracotta tiled floor", lambda: textures.tiles(SIZE, 206, 6, (0.72, 0.4, 0.27)), 2.0, 0.7),
    "blue tiles": Ground("a blue tiled floor", lambda: textures.tiles(SIZE, 207, 6, (0.26, 0.44, 0.62)), 1.8, 0.5),
    "hexagons": Ground(
        "a floor of hexagonal tiles",
        lambda: hexagons(((0.84, 0.83, 0.8), (0.8, 0.78, 0.74), (0.3, 0.34, 0.38)), 208),
        1.5,
        0.5,
    ),
    "white marble": Ground(
        "a white marble floor", lambda: textures.marble(SIZE, 209, (0.9, 0.89, 0.87), (0.46, 0.48, 0.52)), 3.0, 0.5
    ),
    "black marble": Ground(
        "a black marble floor", lambda: textures.marble(SIZE, 210, (0.1, 0.1, 0.11), (0.75, 0.72, 0.66)), 3.0, 0.5
    ),
    "green marble": Ground(
        "a green marble floor", lambda: textures.marble(SIZE, 211, (0.2, 0.36, 0.29), (0.68, 0.76, 0.7)), 3.0, 0.5
    ),
    "terrazzo": Ground(
        "a terrazzo floor",
        lambda: terrazzo(
            (0.82, 0.8, 0.76), ((0.6, 0.36, 0.28), (0.28, 0.3, 0.32), (0.72, 0.6, 0.42), (0.9, 0.89, 0.86)), 212
        ),
        1.6,
        0.5,
    ),
    "concrete": Ground("a concrete floor", lambda: textures.concrete(SIZE, 213, (0.6, 0.6, 0.58)), 2.4, 0.75),
    "asphalt": Ground("asphalt", lambda: asphalt(214), 1.6, 0.95),
    "brick": Ground("brick paving", lambda: brick_paving(215), 1.3, 0.85),
    "cobblestones": Ground("cobblestones", lambda: cobbles(216), 1.2, 0.8),
    "gravel": Ground("gravel", lambda: gravel(217), 0.9, 0.95),
    "checker": Ground(
        "a black and white checkered floor",
        lambda: textures.checker(8, (0.88, 0.87, 0.84), (0.1, 0.1, 0.11), SIZE, 218),
        2.4,
        0.5,
    ),
    "red carpet": Ground("a red carpet", lambda: carpet((0.48, 0.1, 0.11), (0.78, 0.6, 0.5), 219), 2.2, 1.0),
    "blue carpet": Ground("a blue carpet", lambda: carpet((0.14, 0.2, 0.38), (0.55, 0.6, 0.68), 220), 1.6, 1.0),
    "linoleum": Ground("a green linoleum floor", lambda: linoleum(221, (0.42, 0.55, 0.46)), 1.8, 0.65),
    "metal plate": Ground("a steel plate floor", lambda: tread_plate(222), 1.0, 0.5, 0.5),
    "sand": Ground("sand", lambda: sand(223), 2.4, 1.0),
    "grass": Ground("grass", lambda: grass(224), 1.6, 1.0),
    "soil": Ground("bare soil", lambda: soil(225), 1.6, 1.0),
    "snow": Ground("snow", lambda: snow(226), 2.0, 0.9),
}
"""By the names that the look's parameter `floor` takes."""
