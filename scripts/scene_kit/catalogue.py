"""The shipped scenes: what each is called, what it shows and the function that builds it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from . import scenes


@dataclass(frozen=True)
class Entry:
    """One shipped scene."""

    build: Callable[[], None]
    """Fills Blender with the scene; called after the stage has begun."""
    title: str
    prompt: str
    """A caption for text-guided generators."""
    papers: tuple[str, ...]
    """The papers whose experiments it resembles."""
    frames: int = 48
    seed: int = 7
    substeps: int = 20
    """Bullet's steps a frame. Many keep stacks and chains firm; Bullet swallows bounces that are slower than 0.04 times
    the body's radius a step, so that lively scenes want few."""


SCENES: dict[str, Entry] = {
    "dominoes": Entry(
        scenes.dominoes,
        "Dominoes",
        "A red and white ball rolls into a curved row of colourful dominoes on a wooden floor and topples them all.",
        ("Motion Dreamer", "Physion"),
    ),
    "tower": Entry(
        scenes.tower,
        "Ball into tower",
        "A black and yellow ball flies into a tower of wooden and painted bricks, and the tower collapses.",
        ("Motion Dreamer", "Physion"),
    ),
    "link": Entry(
        scenes.link,
        "Pendulum chain",
        "A heavy striped ball on a metal chain swings down from a wooden beam and scatters a stack of cans.",
        ("Motion Dreamer", "Physion"),
    ),
    "roll": Entry(
        scenes.roll,
        "Rolling ball",
        "An orange ball rolls down a wooden ramp and bowls over six pins on a checkered floor.",
        ("Motion Dreamer", "Physion"),
    ),
    "contain": Entry(
        scenes.contain,
        "Into the crate",
        "Colourful balls, cubes and drums pour into an open wooden crate and settle.",
        ("Motion Dreamer", "Physion"),
        substeps=6,
    ),
    "collide": Entry(
        scenes.collide,
        "Break shot",
        "A white cue ball breaks a triangle of striped balls on a green billiard table.",
        ("Motion Dreamer", "Physion"),
    ),
    "support": Entry(
        scenes.support,
        "Lost support",
        "A ball knocks a marble pillar away, and a shelf with cubes and a drum comes crashing down.",
        ("Motion Dreamer", "Physion"),
    ),
    "orbit": Entry(
        scenes.orbit,
        "Orbit",
        "The camera circles a still life on a dark marble table while an orange ball rolls through it.",
        ("MotionCraft", "Motion Prompting"),
    ),
    "drop": Entry(
        scenes.drop,
        "Falling things",
        "A ball, a wooden cube, a steel drum, a cone and a cushion fall onto a marble floor, bounce and settle.",
        ("Motion Dreamer", "Physion"),
        substeps=6,
    ),
}
