"""Two dragons face each other: one breathes fire, the other smoke."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import bmesh
import bpy
import numpy as np
from mathutils import Euler, Matrix

from ..family import Draws, Family, setting
from ..kit import effects, palette, shapes, stage, textures, viewpoint
from ..kit.textures import Colour
from ..look import OWN

SETTINGS = (
    setting("fire", 4.6, "Speed of the fire.", "m/s", (0.0, 15.0), (3.8, 5.2)),
    setting("smoke", 2.2, "Speed of the smoke.", "m/s", (0.0, 15.0), (1.5, 3.0)),
    setting("density", 1.6, "Density of the smoke.", "", (0.0, 5.0), (1.0, 2.2)),
    setting("distance", 3.3, "Distance between the two mouths.", "m", (2.0, 8.0), (2.9, 3.8)),
    setting("resolution", 60, "Cells along each dragon's breath.", "cells", (24, 200)),
)
MOUTH, SCALE = 1.9, 1.35
"""Height of the mouths above the ground in metres, and how large the dragons are."""
FLAME = {"thickness": 8.0, "heat_buoyancy": 1.5, "soot": 0.25, "burning_rate": 1.9, "dissipation": 0.6}
SKINS = (
    palette.Paint("green", (0.2, 0.42, 0.18)),
    palette.Paint("red", (0.5, 0.1, 0.08)),
    palette.Paint("blue", (0.12, 0.24, 0.46)),
    palette.Paint("golden", (0.66, 0.46, 0.14)),
)


def build(values: Mapping[str, Any], draws: Draws) -> str:
    """See the module."""
    stage.daylight(draws, "dusk", sun=(0.3, 0.8, -0.6), strength=2.0, skies=("dusk",))
    stone = palette.Floor("rocky ground", lambda: textures.concrete(seed=95, colour=(0.36, 0.33, 0.31)), 2.6)
    palette.floor(draws, stone)
    first, second = draws.order("skins", SKINS)[:2]
    half = values["distance"] / 2
    breaths = {
        "fire": _breath("fire", -half, values, FLAME),
        "smoke": _breath("smoke", half, values, {"thickness": 9.0, "dissipation": 0.4}),
    }
    mouths = [_dragon(side, first if side < 0 else second, half) for side in (-1.0, 1.0)]
    effects.give_role(mouths[0], "emitter", breaths["fire"], density=1.0, temperature=1.0, speed=values["fire"])
    effects.give_role(
        mouths[1], "emitter", breaths["smoke"], density=values["density"], temperature=0.6, speed=values["smoke"]
    )
    viewpoint.drawn_camera(draws, (0.0, -8.0, 2.4), (0.0, 0.0, 1.6), lens=41, swing=0.12)
    when = " at dusk" if draws.look.sky == OWN else ""
    return f"Two dragons face each other{when}: a {first.words} one breathes fire, a {second.words} one smoke."


def _breath(kind: str, mouth: float, values: Mapping[str, Any], settings: dict[str, Any]) -> bpy.types.Object:
    """The box from the mouth at x = `mouth` almost to the other dragon."""
    ends = sorted((-0.8 * mouth, mouth * 1.06))
    return effects.domain(
        f"{kind}_breath",
        kind,
        (ends[0], -0.6, MOUTH - 0.8),
        (ends[1], 0.6, MOUTH + 1.25),
        resolution=values["resolution"],
        warm_up=0.5,
        vorticity=0.4,
        **settings,
    )


def _dragon(side: float, skin: palette.Paint, half: float) -> bpy.types.Object:
    """A dragon that looks to the middle from x = `side` * `half`; returns the source of its breath."""
    name = "dragon_left" if side < 0 else "dragon_right"
    scales = shapes.paint(name, _scales(skin.colour), roughness=0.45)
    horn = shapes.paint(f"{name}_horn", textures.marble(seed=96, base=(0.85, 0.8, 0.68)), roughness=0.4)
    eye = shapes.paint(f"{name}_eye", colour=(0.9, 0.6, 0.05), roughness=0.1)
    place, turn = (side * half, 0.0, MOUTH), (0.0, 0.0, 0.0 if side < 0 else np.pi)
    for part, fill, material in (("", _body, scales), ("_horns", _horns, horn), ("_eyes", _eyes, eye)):
        mesh = bmesh.new()
        fill(mesh)
        bmesh.ops.scale(mesh, vec=(SCALE,) * 3, verts=mesh.verts)
        shapes.finish(f"{name}{part}", mesh, material, place, turn, texture_size=0.5)
    # the breath leaves along its own z axis, which points ahead
    ahead = (0.0, np.pi / 2, turn[2])
    source = shapes.cylinder(f"{name}_mouth", 0.16, 0.16, eye, (side * (half + 0.02), 0.0, MOUTH), ahead)
    source.hide_render = True
    return source


def _scales(colour: Colour) -> np.ndarray:
    """Rows of overlapping scales."""
    y, x = np.mgrid[0:256, 0:256] / 256 * 12
    row = np.floor(y)
    across = (x + 0.5 * (row % 2)) % 1 - 0.5
    edge = np.hypot(across, 0.9 * (y - row))
    tone = 0.65 + 0.5 * np.clip(edge, 0.0, 0.75) + 0.05 * textures.noise(256, 97, 1.0)
    return np.clip(np.asarray(colour) * tone[..., None], 0.0, 1.0)


def _body(mesh: bmesh.types.BMesh) -> None:
    """Head, jaws and a bent neck, with the mouth at the origin and looking along x."""
    shapes.ellipsoid(mesh, (0.34, 0.27, 0.24), (-0.55, 0.0, 0.16))
    shapes.ellipsoid(mesh, (0.36, 0.17, 0.1), (-0.14, 0.0, 0.16), (0.0, -0.12, 0.0))
    shapes.ellipsoid(mesh, (0.32, 0.15, 0.07), (-0.2, 0.0, -0.16), (0.0, 0.3, 0.0))
    for y in (-0.08, 0.08):
        shapes.ellipsoid(mesh, (0.07, 0.05, 0.05), (0.14, y, 0.25))
        shapes.ellipsoid(mesh, (0.12, 0.05, 0.05), (-0.4, 2.2 * y, 0.33))
    for i, part in enumerate(np.linspace(0.0, 1.0, 30)):
        radius = 0.19 + 0.2 * part
        shapes.ellipsoid(mesh, (radius, radius, 0.14), _neck(part), (0.0, 0.6 * np.cos(0.2 * i), 0.0), 18)


def _neck(part: float) -> tuple[float, float, float]:
    """The middle of the neck, from the head (0) to the ground (1): up, back and down."""
    return -0.72 - 0.75 * part**0.8, 0.0, 0.12 + 0.3 * np.sin(np.pi * part**0.7) - 1.55 * part**2.2


def _horns(mesh: bmesh.types.BMesh) -> None:
    """Two horns, teeth, and spikes down the neck."""
    for y in (-0.15, 0.15):
        _spike(mesh, 0.075, 0.5, (-0.68, y, 0.3), (-y * 2.2, -1.0, 0.0))
    for i in range(5):
        for y in (-0.1, 0.1):
            _spike(mesh, 0.022, 0.09, (0.14 - 0.085 * i, y, 0.1), (np.pi, 0.0, 0.0))
    for part in np.linspace(0.04, 0.85, 9):
        x, _, z = _neck(part)
        back = 0.19 + 0.2 * part
        lean = -0.2 - 1.2 * part
        _spike(mesh, 0.06, 0.26, (x + back * np.sin(lean), 0.0, z + 0.85 * back * np.cos(lean)), (0.0, lean, 0.0))


def _eyes(mesh: bmesh.types.BMesh) -> None:
    for y in (-0.17, 0.17):
        shapes.ellipsoid(mesh, (0.06, 0.05, 0.05), (-0.36, y, 0.28))


def _spike(
    mesh: bmesh.types.BMesh, radius: float, length: float, foot: tuple[float, ...], turn: tuple[float, float, float]
) -> None:
    """A cone that stands on `foot` and is turned by `turn` from the z axis."""
    matrix = Matrix.Translation(foot) @ Euler(turn).to_matrix().to_4x4() @ Matrix.Translation((0, 0, length / 2))
    bmesh.ops.create_cone(
        mesh, cap_ends=True, segments=12, radius1=radius, radius2=0.1 * radius, depth=length, matrix=matrix
    )


FAMILY = Family("dragon", "Dragons' fire and smoke", ("MotionCraft",), SETTINGS, build, lacks=("paint",))
