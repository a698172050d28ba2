"""What a panel knows about a scene, without Blender's types; `look` finds it out."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..physics import Cache

ALWAYS = (-math.inf, math.inf)
"""The frames of what is simulated or driven."""
WORDS = {
    "rigid": ("rigid body", "rigid bodies"),
    "cloth": ("cloth", "cloths"),
    "soft": ("soft body", "soft bodies"),
    "fluid": ("fluid", "fluids"),
    "particles": ("particle system", "particle systems"),
    "animated": ("animated object", "animated objects"),
    "nodes": ("simulation of nodes", "simulations of nodes"),
    "smoke": ("smoke", "smokes"),
    "fire": ("fire", "fires"),
    "liquid": ("liquid", "liquids"),
    "material": ("soft material", "soft materials"),
    "flock": ("flock", "flocks"),
    "crowd": ("crowd", "crowds"),
    "traffic": ("traffic", "traffics"),
}


@dataclass(frozen=True)
class Movers:
    """What moves in a scene."""

    kinds: tuple[tuple[str, int], ...] = ()
    """What moves things, and how many there are of each."""
    names: tuple[str, ...] = ()
    """The objects that move, the camera aside."""
    frames: tuple[float, float] = ALWAYS
    """First and last frame in which anything moves."""
    asleep: bool = False
    """There are active rigid bodies, and their world is missing or switched off."""
    camera: bool = False
    """The scene's camera moves."""

    @property
    def any(self) -> bool:
        return bool(self.kinds or self.camera)

    def words(self) -> str:
        """Such as "20 rigid bodies, 1 smoke"."""
        parts = [f"{n} {WORDS[kind][n != 1]}" for kind, n in self.kinds]
        return ", ".join([*parts, "camera"] if self.camera else parts)


@dataclass(frozen=True)
class SceneFacts:
    """What the findings are drawn from."""

    first: int
    last: int
    step: int
    width: int
    """Pixels of the video, where the scene's resolution decides; else 0."""
    height: int
    has_camera: bool
    has_light: bool
    unit_scale: float
    saved: bool
    """The file has a name."""
    movers: Movers
    caches: tuple[Cache, ...] = ()
    hungry: tuple[tuple[str, str], ...] = ()
    """(name, role) of the domains of which nothing has the role that they need."""
    seen: float = 1.0
    """Share of the corners of what moves that the camera sees."""
    has_arrows: bool = False
    """Motion arrows are to say what moves in the video."""

    @property
    def frames(self) -> int:
        """How many there are."""
        return max(self.last - self.first, -1) // max(self.step, 1) + 1
