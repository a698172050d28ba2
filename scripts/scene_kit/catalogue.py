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


SCENES: dict[str, Entry] = {
    "dominoes": Entry(
        scenes.dominoes,
        "Dominoes",
        "A red and white ball rolls into a curved row of colourful dominoes on a wooden floor and topples them all.",
        ("MotionCraft", "Motion Dreamer"),
    ),
}
