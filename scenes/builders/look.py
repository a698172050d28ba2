"""The look: what can be changed about the appearance of every family, while what happens stays the same.

The default of each of its parameters means "as the family has it": a scene for which none is set is the one that its
seed has always made.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from .family import fmt, setting
from .kit.coats import COATS
from .kit.grounds import GROUNDS
from .kit.skies import SKIES

OWN = "own"
"""As the family has it."""
MOTIONS = ("still", "push in", "pull out", "slide", "circle", "rise", "handheld")

SETTINGS = (
    setting("floor", OWN, "What everything stands on.", choices=(OWN, *GROUNDS)),
    setting(
        "sky",
        OWN,
        "Sky or surroundings, with the light that belongs to them; no rooms where a scene is outdoors.",
        choices=(OWN, *SKIES),
    ),
    setting(
        "sun_height", 0.0, "Added to the height of the sun above the horizon.", "degrees", (-80.0, 80.0), (-25, 25)
    ),
    setting(
        "sun_turn", 0.0, "Turns the sun about the vertical, anticlockwise.", "degrees", (-180.0, 180.0), (-180, 180)
    ),
    setting("sun_strength", 1.0, "Factor on the light of the sun.", "", (0.0, 4.0), (0.7, 1.2)),
    setting("sun_warmth", 0.0, "Colour of the sun: 1 like a candle, -1 like the moon.", "", (-1.0, 1.0), (-0.5, 0.7)),
    setting("sun_softness", 1.0, "Factor on the size of the sun, which blurs shadows.", "", (0.05, 30.0), (0.5, 8.0)),
    setting("paint", OWN, "What the bodies that move are made of.", choices=(OWN, *COATS)),
    setting("distractors", 0, "Things that stand in the background and do nothing.", "", (0, 8), (0, 4)),
    setting(
        "camera_turn", 0.0, "Turns the camera about the scene, anticlockwise.", "degrees", (-180.0, 180.0), (-30, 30)
    ),
    setting("camera_height", 0.0, "Added to the angle from which it looks down.", "degrees", (-60.0, 60.0), (-12, 25)),
    setting("camera_distance", 1.0, "Factor on the distance of the camera.", "", (0.5, 4.0), (1.0, 1.25)),
    setting("camera_lens", 1.0, "Factor on its focal length.", "", (0.3, 4.0), (0.88, 1.05)),
    setting("camera_motion", OWN, "How the camera moves while the scene is seen.", choices=(OWN, *MOTIONS)),
    setting("camera_speed", 1.0, "Factor on how far it moves in that time.", "", (0.0, 3.0), (0.5, 1.5)),
)
"""`usual` is what a random look may draw; no seed draws anything here."""
NAMES = tuple(s.parameter.name for s in SETTINGS)


@dataclass(frozen=True)
class Look:
    """The value of each parameter of `SETTINGS`."""

    floor: str = OWN
    sky: str = OWN
    sun_height: float = 0.0
    sun_turn: float = 0.0
    sun_strength: float = 1.0
    sun_warmth: float = 0.0
    sun_softness: float = 1.0
    paint: str = OWN
    distractors: int = 0
    camera_turn: float = 0.0
    camera_height: float = 0.0
    camera_distance: float = 1.0
    camera_lens: float = 1.0
    camera_motion: str = OWN
    camera_speed: float = 1.0


def look_of(changes: Mapping[str, Any], lacks: Collection[str] = (), outdoors: bool = False) -> Look:
    """The look with the values of `changes`, but for what a family `lacks`, which stays as it is.

    A family that is `outdoors` keeps its sky where a room is asked for.

    Raises `recording_format.SettingError` for an unknown name or a value out of range.
    """
    values = fmt.complete(tuple(s.parameter for s in SETTINGS), changes)
    if outdoors and values["sky"] in SKIES and SKIES[values["sky"]].indoors:
        values["sky"] = OWN
    return Look(**{name: value for name, value in values.items() if name not in lacks})
