"""A chain of beads with a heavy ball at its end swings down from a gallows and scatters a stack of {cans}."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import bpy
import numpy as np

from ..family import Draws, Family, setting
from ..kit import palette, physics, shapes, stage, textures, viewpoint
from ..kit.palette import IVORY, Floor

SETTINGS = (
    setting("angle", 62.0, "Angle from the vertical at which the chain is let go.", "degrees", (5.0, 80.0), (50, 70)),
    setting("mass", 3.0, "Mass of the ball; a can has 0.5 kg.", "kg", (0.1, 30.0), (2.0, 5.0)),
    setting("rows", 3, "Rows of cans in the stack.", "", (1, 5), (2, 4)),
    setting(
        "beads", 8, "Beads of the chain, which is hung so that the ball just clears the floor.", "", (2, 14), (6, 10)
    ),
)
BEAD, BALL = 0.075, 0.28
FLOOR = Floor("a tiled floor", lambda: textures.tiles(seed=11, count=2, colour=(0.62, 0.66, 0.68)), 2.2)


def build(values: Mapping[str, Any], draws: Draws) -> str:
    """See the module."""
    stage.daylight(draws, "studio", sun=(-0.5, 0.8, -1.1))
    floor = palette.floor(draws, FLOOR, friction=0.9, turn=0.6)
    top = 0.12 + 2 * BEAD * values["beads"] + 2 * BALL
    beam = _gallows(top)
    ball = _chain(draws, values, beam, np.array([0.0, 0.0, top]))
    _cans(draws, values["rows"])
    viewpoint.drawn_camera(draws, (1.5, -4.6, 2.1), (0.12, 0.0, 0.8), lens=46, swing=0.2)
    chain = f"{palette.made_of(draws, 'metal')} chain"
    cans = f"{palette.made_of(draws, '')} cans".lstrip()
    return f"A heavy {ball} on a {chain} swings down from a wooden beam over {floor} and scatters a stack of {cans}."


def _gallows(top: float) -> bpy.types.Object:
    """A post and a beam whose lower side is at height `top`; returns the beam."""
    oak = shapes.paint("oak", textures.wood(seed=12, dark=(0.34, 0.2, 0.1), light=(0.62, 0.43, 0.26)))
    post = shapes.box("post", (0.16, 0.16, top), oak, (0, 0.75, top / 2), bevel=0.015, texture_size=0.7)
    beam = shapes.box("beam", (0.16, 1.1, 0.16), oak, (0, 0.3, top + 0.08), bevel=0.015, texture_size=0.7)
    physics.passive(post)
    return physics.passive(beam)


def _chain(draws: Draws, values: Mapping[str, Any], beam: bpy.types.Object, anchor: np.ndarray) -> str:
    """Beads from `anchor` to the ball, straight; returns the ball's words."""
    steel = palette.coat(draws, "steel", textures.brushed_metal, 0.3, metallic=0.4, number=1)
    brass = palette.coat(
        draws, "brass", lambda: textures.brushed_metal(colour=(0.86, 0.66, 0.28)), 0.3, metallic=0.4, number=2
    )
    angle = np.radians(values["angle"])
    direction = np.array([-np.sin(angle), 0.0, -np.cos(angle)])
    before, joint = beam, anchor
    for i in range(values["beads"]):
        bead = shapes.sphere(f"bead_{i + 1}", BEAD, (steel, brass)[i % 2], tuple(joint + BEAD * direction))
        physics.active(bead, mass=0.25, shape="SPHERE", friction=0.3)
        physics.joint("POINT", f"joint_{i + 1}", before, bead, tuple(joint))
        before, joint = bead, joint + 2 * BEAD * direction
    shipped = (palette.Paint("blue", (0.16, 0.32, 0.6)), palette.Paint("white", (0.95, 0.94, 0.9)))
    ball, words = palette.striped_ball(draws, BALL, tuple(joint + BALL * direction), (0.5, 0.4, 0.0), shipped)
    physics.active(ball, mass=values["mass"], shape="SPHERE")
    physics.joint("POINT", "joint_ball", before, ball, tuple(joint))
    return words


def _cans(draws: Draws, rows: int) -> None:
    labels = [
        palette.coat(draws, f"can_{i}", partial(textures.checker, 4, paint.colour, IVORY), 0.35, number=i + 3)
        for i, paint in enumerate(draws.order("cans", (palette.PAINTS[0], palette.PAINTS[3], palette.PAINTS[2])))
    ]
    number = 0
    for layer in range(rows):
        count = rows - layer
        for column in range(count):
            number += 1
            place = (0.42, (column - (count - 1) / 2) * 0.27, 0.15 + layer * 0.3)
            can = shapes.cylinder(f"can_{number}", 0.125, 0.3, labels[layer % 3], place, bevel=0.01, texture_size=0.4)
            physics.active(can, mass=0.5, shape="CYLINDER", friction=0.6)


FAMILY = Family("link", "Pendulum chain", ("Motion Dreamer", "Physion"), SETTINGS, build)
