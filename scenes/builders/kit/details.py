"""What is to be seen beside the action, in phrases that a caption may go on with."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from mathutils import Vector

from ..look import Look
from .distractors import PREFIX
from .grounds import GROUNDS
from .skies import SKIES
from .stage import things

NUMBERS = ("no", "a", "two", "three", "four", "five", "six", "seven", "eight")
MOTIONS = {
    "push in": "moves in",
    "pull out": "moves back",
    "slide": "slides sideways",
    "circle": "circles the scene",
    "rise": "rises",
}
SLOW, FAST = 0.7, 1.4
"""Factors on the camera's speed from which on it counts as slow or fast."""
LOW, HIGH = 25.0, 62.0
"""Degrees above the horizon, of the sun and of the camera."""
FAINT = 0.3
"""Irradiance below which a sun is not worth a word."""


def details_of(scene: Any, caption: str, look: Look) -> list[str]:
    """Short true phrases, in lower case and without a full stop, each of which can stand after a comma."""
    found = []
    if look.floor in GROUNDS and GROUNDS[look.floor].words not in caption:
        found.append(f"on {GROUNDS[look.floor].words}")
    if look.sky in SKIES:
        found.append(SKIES[look.sky].words)
    return [*found, *_light(scene, look), *_background(), *_view(scene, look)]


def _light(scene: Any, look: Look) -> list[str]:
    """Where the sun stands, as the camera sees it in the first frame."""
    sun, camera = things().get("sun"), scene.camera
    source = SKIES[look.sky].source if look.sky in SKIES else "sun"
    if sun is None or not source or sun.data.energy < FAINT or camera.parent is not None:
        return []
    to_sun = -_axis(sun, (0.0, 0.0, -1.0))
    height = float(np.degrees(np.arcsin(np.clip(to_sun[2], -1.0, 1.0))))
    words = {"sun": "sun", "moon": "moonlight", "light": "light"}[source]
    if source != "moon" and look.sun_warmth > 0.4:
        words = f"warm {words}"
    elif source != "moon" and look.sun_warmth < -0.4:
        words = f"cold {words}"
    if source == "sun" and height < LOW:
        words = f"low {words}"
    if height > HIGH:
        return [f"{words} from above" if source != "sun" else f"high {words}"]
    return [f"{words} {_side(to_sun, camera)}"]


def _side(to_sun: np.ndarray, camera: Any) -> str:
    forward, right = _axis(camera, (0.0, 0.0, -1.0))[:2], _axis(camera, (1.0, 0.0, 0.0))[:2]
    ahead, aside = float(to_sun[:2] @ forward), float(to_sun[:2] @ right)
    if abs(aside) > abs(ahead):
        return "from the right" if aside > 0 else "from the left"
    return "from behind the scene" if ahead > 0 else "from behind the viewer"


def _axis(thing: Any, axis: tuple[float, float, float]) -> np.ndarray:
    """A direction of `thing` in the world; it is where its own rotation says, for it has no parent."""
    return np.array(thing.matrix_basis.to_3x3() @ Vector(axis))


def _background() -> list[str]:
    kinds = Counter(name[len(PREFIX) :].split("_")[0] for name in things() if name.startswith(PREFIX))
    if not kinds:
        return []
    words = [_some(kind, count) for kind, count in sorted(kinds.items())]
    listed = " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
    verb = "stands" if kinds.total() == 1 else "stand"
    return [f"{listed} {verb} in the background"]


def _some(kind: str, count: int) -> str:
    if count == 1:
        return f"a {kind}"
    return f"{NUMBERS[count]} {kind}es" if kind == "box" else f"{NUMBERS[count]} {kind}s"


def _view(scene: Any, look: Look) -> list[str]:
    found = []
    if look.camera_height and "floor" in things():
        down = -float(_axis(scene.camera, (0.0, 0.0, -1.0))[2])
        if down > np.sin(np.radians(50.0)):
            found.append("seen from high above")
        elif 0.0 <= down < np.sin(np.radians(10.0)):
            found.append("seen from close to the ground")
    if look.camera_motion == "handheld" and look.camera_speed:
        found.append("filmed with a handheld camera")
    elif look.camera_motion in MOTIONS and look.camera_speed:
        pace = "slowly " if look.camera_speed < SLOW else "quickly " if look.camera_speed > FAST else ""
        found.append(f"the camera {pace}{MOTIONS[look.camera_motion]}")
    elif look.camera_motion == "still":
        found.append("the camera stands still")
    return found
