"""A statue on a plinth: the still first frame of a statue that melts in the picture's plane."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import bmesh
import bpy
import numpy as np

from ..family import Draws, Family, setting
from ..kit import palette, shapes, stage, textures, viewpoint

SETTINGS = (
    setting("size", 1.0, "Size of the statue; at 1 it is 1.25 m tall.", "", (0.5, 1.3), (0.85, 1.1)),
    setting("turn", 12.0, "Angle by which the statue is turned.", "degrees", (-180.0, 180.0), (-40, 40)),
    setting("arm", 115.0, "Angle of its raised arm, from hanging down.", "degrees", (0.0, 170.0), (60, 150)),
)
STONES = (
    ("white marble", (0.92, 0.91, 0.88), (0.5, 0.52, 0.56)),
    ("rose marble", (0.86, 0.66, 0.6), (0.6, 0.4, 0.38)),
    ("green marble", (0.46, 0.6, 0.52), (0.8, 0.84, 0.8)),
)
TOP = 0.45


def build(values: Mapping[str, Any], draws: Draws) -> str:
    """See the module."""
    stage.daylight(draws, "dusk", sun=(0.7, 0.7, -0.8), strength=3.2)
    floor = palette.floor(draws, palette.FLOORS[3], turn=0.5)
    words, base, vein = draws.pick("stone", STONES[0], STONES[1:])
    stone = palette.coat(draws, "statue", lambda: textures.marble(seed=52, base=base, vein=vein), roughness=0.35)
    granite = shapes.paint("plinth", textures.concrete(seed=91, colour=(0.4, 0.4, 0.43)), roughness=0.6)
    shapes.box("plinth", (0.7, 0.7, TOP), granite, (0, 0, TOP / 2), (0, 0, 0.3), bevel=0.02, texture_size=0.9)
    _statue(values, stone)
    viewpoint.drawn_camera(draws, (0.5, -4.3, 1.5), (0.0, 0.0, 0.9), lens=60, swing=0.2)
    statue = f"{palette.made_of(draws, '')} statue" if palette.is_coated(draws) else f"statue of {words}"
    return f"A {statue} on a granite plinth, on {floor}, melts like wax."


def _statue(values: Mapping[str, Any], stone: bpy.types.Material) -> None:
    """A robed figure that raises an arm, as one object."""
    mesh = bmesh.new()
    robe = ((0.27, 0.0), (0.29, 0.02), (0.26, 0.1), (0.2, 0.32), (0.165, 0.5), (0.15, 0.62), (0.17, 0.7))
    chest = ((0.19, 0.8), (0.205, 0.9), (0.17, 0.97), (0.07, 1.0), (0.06, 1.05))
    shapes.lathe(mesh, (*robe, *chest), flat=0.72)
    shapes.ellipsoid(mesh, (0.095, 0.105, 0.125), (0.0, -0.015, 1.14))
    shapes.ellipsoid(mesh, (0.1, 0.085, 0.07), (0.0, 0.03, 1.2))
    shapes.ellipsoid(mesh, (0.018, 0.03, 0.035), (0.0, -0.12, 1.13))
    for fold in range(9):
        angle = 2 * np.pi * (fold + 0.5) / 9
        at = (0.2 * np.cos(angle), 0.15 * np.sin(angle), 0.28)
        shapes.ellipsoid(mesh, (0.05, 0.05, 0.3), at, (0.26 * np.sin(angle), -0.26 * np.cos(angle), 0.0))
    _arm(mesh, -1.0, np.radians(18.0), np.radians(50.0))
    _arm(mesh, 1.0, np.radians(values["arm"]), np.radians(values["arm"] + 35.0))
    bmesh.ops.scale(mesh, vec=(values["size"],) * 3, verts=mesh.verts)
    shapes.finish("statue", mesh, stone, (0, 0, TOP), (0, 0, np.radians(values["turn"])), texture_size=0.8)


def _arm(mesh: bmesh.types.BMesh, side: float, upper: float, lower: float) -> None:
    """An arm of two limbs, each raised by its angle from hanging down."""
    joint = np.array([side * 0.185, 0.0, 0.9])
    for angle, length, radius in ((upper, 0.3, 0.06), (lower, 0.27, 0.048)):
        way = np.array([side * np.sin(angle), -0.12, -np.cos(angle)])
        end = joint + length * way
        shapes.ellipsoid(mesh, (radius, radius, 0.56 * length), tuple((joint + end) / 2), (0.0, -side * angle, 0.0))
        joint = end
    shapes.ellipsoid(mesh, (0.05, 0.035, 0.06), tuple(joint))


FAMILY = Family(
    "melting",
    "Melting statue",
    ("MotionCraft",),
    SETTINGS,
    build,
    # what melts in the picture's plane is seen by a camera that stands still
    lacks=("camera_motion", "camera_speed"),
    image_plane={
        "object": "statue",
        "obstacles": ["plinth"],
        "ground": "floor",
        "kind": "liquid",
        "settings": {"extent": 2.6, "viscosity": 0.05, "melting": 1.7, "resolution": 112},
    },
)
