"""Through a town: the camera sits in a car in traffic, with people on the pavements."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import bpy
import numpy as np

from ..family import Draws, Family, setting
from ..kit import effects, shapes, stage, textures
from ..look import NAMES

SETTINGS = (
    setting("speed", 8.0, "Speed of the camera's car.", "m/s", (0.5, 25.0), (6.0, 11.0)),
    setting("traffic", 28, "Number of cars.", "", (1, 120), (16, 36)),
    setting("traffic_speed", 11.0, "Speed that the other drivers like.", "m/s", (0.5, 30.0), (8.0, 13.0)),
    setting("people", 44, "Number of people on each pavement.", "", (1, 500), (20, 70)),
)
LENGTH, LANE, PAVEMENT = 220.0, 3.5, 4.0
"""Metres: length of the street, width of a lane, of which there are two a side, and width of a pavement."""
KERB = 2 * LANE + 0.4
START = 40.0
"""Where the camera's car is in the first frame, in metres from the street's beginning."""


def build(values: Mapping[str, Any], draws: Draws) -> str:
    """See the module."""
    stage.daylight(draws, "day", sun=(0.9, 0.2, -1.0))
    _street()
    _houses(draws)
    _lamps()
    ego = _ego(draws, values["speed"])
    _traffic(values, ego)
    for side, name in ((-1.0, "right"), (1.0, "left")):
        _people(name, side, values["people"])
    return "A drive through a town street with other cars, seen from a car, with people walking on the pavements."


def _street() -> None:
    """Asphalt with marked lanes, two pavements, and grass beyond."""
    size = 256
    y, x = np.mgrid[0:size, 0:size] / size
    across = (y - 0.5) * 2 * KERB
    asphalt = textures.concrete(size, seed=101, colour=(0.27, 0.27, 0.29))
    dashed = (np.abs(np.abs(across) - LANE) < 0.09) & (x < 0.5)
    solid = (np.abs(np.abs(across) - (KERB - 0.3)) < 0.08) | (np.abs(np.abs(across) - 0.15) < 0.07)
    asphalt[dashed | solid] = (0.86, 0.85, 0.8)
    road = shapes.paint("road", asphalt, roughness=0.9)
    # a picture covers 12 m along and the whole width across
    shapes.strip("road", LENGTH, 2 * KERB, 12.0, road, (LENGTH / 2, 0.0, 0.0))
    stones = shapes.paint("pavement", textures.tiles(seed=102, colour=(0.66, 0.64, 0.6)), roughness=0.9)
    for side in (-1.0, 1.0):
        place = (LENGTH / 2, side * (KERB + PAVEMENT / 2), 0.0)
        shapes.box(
            f"pavement_{'left' if side > 0 else 'right'}", (LENGTH, PAVEMENT, 0.3), stones, place, (0, 0, 0), 0, 2.4
        )
    grass = shapes.paint("grass", textures.concrete(seed=103, colour=(0.3, 0.42, 0.2)), roughness=1.0)
    shapes.box("ground", (3 * LENGTH, 3 * LENGTH, 0.2), grass, (LENGTH / 2, 0, -0.15), (0, 0, 0), 0, 6.0)


def _facade(draws: Draws, number: int) -> np.ndarray:
    """A wall with a window, which repeats every three metres."""
    generator = draws.generator(f"facade {number}")
    walls = ((0.72, 0.6, 0.46), (0.6, 0.36, 0.28), (0.7, 0.7, 0.68), (0.8, 0.74, 0.6), (0.5, 0.55, 0.6))
    size = 96
    wall = textures.concrete(size, seed=110 + number, colour=walls[(number + int(generator.integers(5))) % 5])
    y, x = np.mgrid[0:size, 0:size] / size
    frame = (np.abs(x - 0.5) < 0.23) & (np.abs(y - 0.5) < 0.33)
    pane = (np.abs(x - 0.5) < 0.2) & (np.abs(y - 0.5) < 0.3) & (np.abs(x - 0.5) > 0.015) & (np.abs(y - 0.4) > 0.012)
    wall[frame] = (0.85, 0.84, 0.8)
    wall[pane] = (0.2, 0.27, 0.34)
    return wall


def _houses(draws: Draws) -> None:
    """A row of houses along each pavement, and one that closes the street."""
    generator = draws.generator("houses")
    groups: list[list[tuple[float, ...]]] = [[] for _ in range(5)]
    for side in (-1.0, 1.0):
        x = 0.0
        while x < LENGTH:
            width, depth = 3.0 * generator.integers(3, 7), 12.0
            height = 3.0 * generator.integers(3, 7)
            middle = side * (KERB + PAVEMENT + depth / 2 + 0.1)
            groups[generator.integers(5)].append((width, depth, height, x + width / 2, middle))
            x += width + (3.0 if generator.uniform() < 0.2 else 0.0)
    groups[0].append((12.0, 60.0, 15.0, LENGTH + 40.0, 0.0))
    for number, group in enumerate(groups):
        rows = np.array(group).reshape(-1, 5)
        material = shapes.paint(f"facade_{number + 1}", _facade(draws, number), roughness=0.8)
        shapes.boxes(f"houses_{number + 1}", rows[:, :3], rows[:, 3:], material, texture_size=3.0)


def _lamps() -> None:
    """Lamp posts at the kerbs."""
    material = shapes.paint("post", colour=(0.12, 0.14, 0.14), roughness=0.4)
    for i, x in enumerate(np.arange(12.0, LENGTH, 24.0)):
        for side in (-1.0, 1.0):
            name = f"lamp_post_{'left' if side > 0 else 'right'}_{i + 1}"
            shapes.cylinder(name, 0.07, 5.0, material, (x, side * (KERB + 0.35), 2.5), top_radius=0.05)


def _ego(draws: Draws, speed: float) -> bpy.types.Object:
    """The car that carries the camera, not rendered itself; the camera looks ahead over its bonnet."""
    scene = bpy.context.scene
    lane = draws.pick("lane", -1.5 * LANE, (-0.5 * LANE,))
    paint = shapes.paint("ego", colour=(0.2, 0.2, 0.22))
    car = shapes.box("ego_car", (4.2, 1.8, 1.4), paint, (0.0, 0.0, 0.0))
    car.hide_render = True
    start = np.array([START, lane, 0.8])
    seconds = (scene.frame_end - scene.frame_start) / scene.render.fps
    stage.ride(car, start, start + np.array([speed * seconds, 0.0, 0.0]))
    look = draws.real("look", 0.0, -0.05, 0.12)
    camera = stage.camera((0.9, 0.0, 0.75), (20.0, 20.0 * look, 0.55), lens=30 * draws.look.camera_lens)
    camera.parent = car
    return car


def _traffic(values: Mapping[str, Any], ego: bpy.types.Object) -> None:
    road = effects.domain(
        "cars",
        "traffic",
        (0.0, -KERB, 0.0),
        (LENGTH, KERB, 3.0),
        count=values["traffic"],
        speed=values["traffic_speed"],
        lane_width=LANE,
        warm_up=4.0,
    )
    for number, across in enumerate((-1.5, -0.5, 0.5, 1.5)):
        ends = [(0.0, across * LANE, 0.0), (LENGTH, across * LANE, 0.0)]
        # one drives on the right, and on the left side of the street the other way
        lane = effects.curve(f"lane_{number + 1}", ends if across < 0 else ends[::-1])
        effects.give_role(lane, "lane", road)
    effects.give_role(ego, "obstacle", road)


def _people(name: str, side: float, count: int) -> None:
    near, far = sorted((side * (KERB + 0.8), side * (KERB + PAVEMENT - 0.2)))
    pavement = effects.domain(
        f"people_{name}", "crowd", (36.0, near, 0.15), (125.0, far, 2.4), count=count, warm_up=2.0
    )
    for end, x in (("far", 122.0), ("near", 39.0)):
        goal = effects.empty(f"goal_{name}_{end}", (x, (near + far) / 2, 0.15))
        effects.give_role(goal, "goal", pavement, radius=2.0)


FAMILY = Family(
    "driving",
    "Drive through a town",
    ("Motion Dreamer",),
    SETTINGS,
    build,
    frames=72,
    outdoors=True,
    lacks=("floor", "paint", "distractors", *(n for n in NAMES if n.startswith("camera") and n != "camera_lens")),
)
