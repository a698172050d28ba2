"""Smoke drifts past dominoes that fall: Bullet's bodies stir an Eulerian gas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import bpy
import numpy as np

from ..family import Draws, Family, setting
from ..kit import assemblies, effects, palette, physics, shapes, stage, textures, viewpoint
from .dominoes import push

SETTINGS = (
    setting("count", 12, "Number of stones.", "", (3, 18), (9, 14)),
    setting("gap", 0.13, "Space between neighbouring stones.", "m", (0.02, 0.8), (0.09, 0.16)),
    setting("push", 3.0, "Speed of the ball that topples the first stone.", "m/s", (0.3, 8.0), (2.4, 3.8)),
    setting("smoke", 0.9, "Density of the smoke.", "", (0.0, 5.0), (0.5, 1.4)),
    setting("wind", 0.6, "Wind across the row.", "m/s", (-3.0, 3.0), (0.4, 0.9)),
    setting("resolution", 56, "Cells along the row.", "cells", (24, 200)),
)


def build(values: Mapping[str, Any], draws: Draws) -> str:
    """See the module."""
    stage.daylight(draws, "studio", sun=(-0.7, 0.5, -1.0))
    floor = palette.floor(draws, palette.FLOORS[3], friction=1.5)
    count, pitch = values["count"], values["gap"] + assemblies.STONE[0]
    along = (np.arange(count) - (count - 1) / 2) * pitch
    assemblies.dominoes(draws, np.stack([along, 0 * along], axis=1), np.zeros(count))
    ball = push(draws, np.array([along[0], 0.0]), 0.0, values["push"])
    sources = [_bowl(i, x) for i, x in enumerate((-0.75, 0.0, 0.75))]
    # the domain's x axis, along which the wind blows, points across the row
    space = effects.domain(
        "smoke",
        "smoke",
        (-0.6, -1.5, 0.0),
        (1.3, 1.5, 1.1),
        resolution=values["resolution"],
        wind_x=values["wind"],
        warm_up=1.8,
        buoyancy=0.25,
        heat_buoyancy=0.35,
        thickness=26.0,
        vorticity=0.3,
    )
    space.rotation_euler.z = np.pi / 2
    space.location = (0.0, 0.35, 0.55)
    for source in sources:
        effects.give_role(source, "emitter", space, density=values["smoke"], temperature=0.5)
    for name, thing in stage.things().items():
        if name == "ball" or name.startswith("domino_"):
            effects.give_role(thing, "obstacle", space)
    viewpoint.drawn_camera(draws, (0.7, -4.0, 1.6), (-0.08, 0.0, 0.25), lens=48, swing=0.2)
    stones = f"{palette.made_of(draws, 'colourful')} dominoes"
    return f"A {ball} topples a row of {stones} on {floor} while smoke drifts past them."


def _bowl(number: int, x: float) -> bpy.types.Object:
    """A brass bowl before the row from which smoke rises; returns what smoulders in it."""
    brass = shapes.paint(
        f"brass_{number}", textures.brushed_metal(colour=(0.86, 0.66, 0.28)), roughness=0.3, metallic=0.4
    )
    bowl = shapes.cylinder(f"bowl_{number}", 0.09, 0.08, brass, (x, -0.42, 0.04), top_radius=0.13, texture_size=0.3)
    physics.passive(bowl, shape="CONVEX_HULL")
    ember = shapes.paint(f"ember_{number}", colour=(0.05, 0.03, 0.03), roughness=0.9)
    return shapes.cylinder(f"ember_{number}", 0.11, 0.06, ember, (x, -0.42, 0.1), texture_size=0.3)


FAMILY = Family("smoke_dominoes", "Smoke past dominoes", (), SETTINGS, build)
