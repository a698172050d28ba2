"""A flock of birds circles a tower that a ball brings down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..family import Draws, Family, setting
from ..kit import assemblies, effects, palette, shapes, stage, viewpoint
from .tower import hit

SETTINGS = (
    setting("count", 60, "Number of birds.", "", (1, 2000), (40, 90)),
    setting("layers", 9, "Layers of three bricks.", "", (2, 16), (7, 11)),
    setting("push", 5.9, "Speed of the ball that hits the tower.", "m/s", (0.5, 12.0), (4.5, 7.0)),
    setting("mass", 6.0, "Mass of the ball; a brick has 0.4 kg.", "kg", (0.1, 50.0), (4.0, 8.0)),
    setting("speed", 1.7, "Cruising speed of the birds.", "m/s", (0.3, 10.0), (1.3, 2.2)),
)


def build(values: Mapping[str, Any], draws: Draws) -> str:
    """See the module."""
    stage.daylight(draws, "day", sun=(0.75, 0.6, -0.9))
    floor = palette.floor(draws, palette.FLOORS[1], friction=0.9, turn=0.5)
    top = assemblies.brick_tower(draws, values["layers"])
    ball = hit(draws, {**values, "height": 0.5})
    bird = shapes.paint("bird", colour=(0.9, 0.9, 0.87), roughness=0.7)
    flock = effects.domain(
        "birds",
        "flock",
        (-1.8, -1.3, 0.35),
        (1.8, 1.5, 2.5),
        bird,
        count=values["count"],
        speed=values["speed"],
        size=0.26,
        radius=0.7,
        separation=1.2,
        clearance=0.35,
        beat=5.0,
        warm_up=2.0,
    )
    effects.give_role(effects.empty("middle", (0.0, 0.0, top)), "goal", flock, weight=0.8)
    # the middle brick of every layer tells birds enough, and is a third of the work
    bricks = [thing for name, thing in stage.things().items() if name.startswith("brick_")]
    for thing in (*bricks[1::3], stage.things()["ball"]):
        effects.give_role(thing, "obstacle", flock)
    viewpoint.drawn_camera(draws, (0.8, -5.2, 2.0), (0.0, 0.0, 0.95), lens=40, swing=0.3)
    words = f"{palette.made_of(draws, '')} bricks".lstrip()
    return f"A flock of white birds circles a tower of {words} on {floor} as a {ball} brings it down."


FAMILY = Family("flock_tower", "Flock around a tower", (), SETTINGS, build)
