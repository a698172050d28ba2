"""A satellite's view: the camera pans over a landscape with a town far below."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..family import Draws, Family, setting
from ..kit import landscape, shapes, stage, textures
from ..look import NAMES

SETTINGS = (
    setting("speed", 110.0, "Speed of the camera over the ground.", "m/s", (1.0, 250.0), (60, 140)),
    setting(
        "heading",
        35.0,
        "Direction of flight, anticlockwise from the picture's right.",
        "degrees",
        (-180.0, 180.0),
        (-180, 180),
    ),
    setting("altitude", 620.0, "Height of the camera.", "m", (200.0, 1500.0), (500, 750)),
    setting("relief", 16.0, "Height of the hills, as standard deviation.", "m", (0.0, 60.0), (8, 25)),
)
SIZE, CELLS, PIXELS = 1600.0, 80, 640
"""Side of the land in metres, and the cells of its relief and the pixels of its map along it."""
BLOCK, STREET = 80.0, 9.0
TOWN, TOWN_AT = 260.0, (784.0, 704.0)
"""Radius of the town, and its middle in metres from the left and the upper edge of the map."""


def build(values: Mapping[str, Any], draws: Draws) -> str:
    """See the module."""
    stage.daylight(draws, "day", sun=(0.8, 0.5, -1.0))
    number = draws.whole("map", 21, 0, 10000)
    water = landscape.river(PIXELS, number)
    hills = landscape.heights(CELLS, number)
    town = _town_area(hills)
    # pictures are [row from the top, column], heights [x, y]
    wet = water[::-1].T[:: PIXELS // CELLS, :: PIXELS // CELLS][:CELLS, :CELLS]
    smooth = hills * (1.0 - town) * (1.0 - wet) + hills[CELLS // 2, CELLS // 2] * town - 0.6 * wet
    ground = shapes.terrain("land", SIZE, values["relief"] * smooth, _ground(number, water))
    ground.location.z = -values["relief"] * hills[CELLS // 2, CELLS // 2]
    _houses(draws, water)
    way = np.radians(values["heading"])
    seconds = (48 - 1) / 24
    half = 0.5 * values["speed"] * seconds * np.array([np.cos(way), np.sin(way), 0.0])
    tilt = draws.real("camera tilt", 0.18, 0.05, 0.3)
    away = values["altitude"] * np.array([0.0, -np.sin(tilt), np.cos(tilt)])
    camera = stage.camera(tuple(away), (0, 0, 0), lens=50 * draws.look.camera_lens)
    stage.ride(camera, away - half, away + half)
    camera.data.clip_end = 5000.0
    return "A satellite view pans over fields, woods, a river and a small town."


def _town_area(hills: np.ndarray) -> np.ndarray:
    """How much each cell belongs to the town in the middle, 0 to 1."""
    place = np.linspace(-1, 1, len(hills))
    distance = np.hypot(place[:, None] + 0.02, place[None, :] - 0.12)
    return np.clip((0.36 - distance) * 8.0, 0.0, 1.0)


def _ground(number: int, water: np.ndarray) -> Any:
    picture = landscape.fields(PIXELS, number)
    trees = landscape.forest(PIXELS, number + 3)
    leaves = textures.noise(PIXELS, number + 4, 0.5)
    picture = landscape.blend_over(picture, (0.1, 0.2, 0.08), 0.9 * trees * (1.0 + 0.15 * leaves).clip(0.5, 1.0))
    y, x = np.mgrid[0:PIXELS, 0:PIXELS] / PIXELS * SIZE
    distance = np.hypot(x - TOWN_AT[0], y - TOWN_AT[1])
    streets = ((x % BLOCK < STREET) | (y % BLOCK < STREET)) & (distance < TOWN)
    picture = landscape.blend_over(picture, (0.56, 0.58, 0.42), 0.7 * (distance < TOWN))
    picture = landscape.blend_over(picture, (0.3, 0.3, 0.32), 1.0 * streets)
    roads = np.abs(y - 704 - 40 * np.sin(x / 140)) < 5
    picture = landscape.blend_over(picture, (0.62, 0.6, 0.56), 0.9 * (roads & ~streets))
    return shapes.paint("land", landscape.blend_over(picture, (0.12, 0.26, 0.32), water), roughness=0.9)


ROOFS = ((0.62, 0.3, 0.22), (0.7, 0.42, 0.3), (0.55, 0.55, 0.56), (0.8, 0.78, 0.72))


def _houses(draws: Draws, water: np.ndarray) -> None:
    """Houses in the blocks between the streets, tall ones in the middle."""
    generator = draws.generator("houses")
    groups: list[list[tuple[float, ...]]] = [[] for _ in ROOFS]
    plot = (BLOCK - STREET) / 3
    for i in range(int(SIZE / BLOCK) * 3):
        for j in range(int(SIZE / BLOCK) * 3):
            # from the left and the upper edge of the map
            right, down = (k // 3 * BLOCK + STREET + (k % 3 + 0.5) * plot for k in (i, j))
            size, height, group = generator.uniform(13, 20, 2), generator.uniform(6, 14), generator.integers(len(ROOFS))
            distance = np.hypot(right - TOWN_AT[0], down - TOWN_AT[1])
            tall = generator.uniform(0, 45) * max(0.0, 1 - distance / 130)
            built = generator.uniform() < 0.9
            wet = water[int(down / SIZE * PIXELS), int(right / SIZE * PIXELS)] > 0.1
            if built and not wet and distance < TOWN - 12:
                groups[group].append((*size, height + tall, right - SIZE / 2, SIZE / 2 - down))
    for i, (houses, colour) in enumerate(zip(groups, ROOFS, strict=True)):
        rows = np.array(houses).reshape(-1, 5)
        picture = textures.tiles(128, seed=80 + i, count=8, colour=colour)
        material = shapes.paint(f"roofs_{i + 1}", picture, roughness=0.8)
        shapes.boxes(f"houses_{i + 1}", rows[:, :3], rows[:, 3:], material, texture_size=12.0)


FAMILY = Family(
    "satellite",
    "Satellite pan",
    ("MotionCraft",),
    SETTINGS,
    build,
    lacks=(
        "floor",
        "sky",
        "paint",
        "distractors",
        *(n for n in NAMES if n.startswith("camera") and n != "camera_lens"),
    ),
)
