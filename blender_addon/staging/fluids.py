"""Smoke, fire, liquids and soft materials: a domain around what is selected, and what they come from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..effects import give_role, make_domain
from ..errors import SceneError
from . import boxes
from .boxes import Box
from .casting import refuse_taken

GASES = ("smoke", "fire")
SOURCE_RADIUS = {"smoke": 0.2, "fire": 0.2, "liquid": 0.3, "material": 0.3}
"""Metres: of the ball that something comes from where nothing is selected."""

_FAR = 6.0
"""Times its size that something may fall to the ground in its domain."""
_IN_GROUND, _ABOVE_GROUND = 0.04, 0.001
"""Shares of a domain's longest side by which it reaches into the ground, or stays above it."""
_FLOOR_FRICTION = {"sand": 0.9, "snow": 0.7, "water": 0.0}
"""Coulomb's coefficient of the domain's floor, where it is not the usual."""


@dataclass(frozen=True)
class FluidWish:
    """A domain that is to be added."""

    kind: str
    """smoke, fire, liquid or material."""
    resolution: int = 48
    """Cells along the longest side."""
    solver: str = "taichi"
    """taichi or phiflow; materials know only their own."""
    material: str = "jelly"
    """Of the kind material: jelly, snow, sand or water."""
    room: float = 1.0
    """Factor on the space around what it comes from."""


@dataclass(frozen=True)
class Place:
    """Where a domain will be, and what feeds it."""

    source: Box
    domain: Box
    on_ground: bool
    """Something in the scene keeps what falls from leaving the domain below."""


def sources(objects: Sequence[Any]) -> list[Any]:
    """Those of `objects` that something can come from: meshes that are no domains."""
    return [obj for obj in objects if obj.type == "MESH" and obj.simcraft.kind == "NONE"]


def plan(wish: FluidWish, objects: Sequence[Any], cursor: Sequence[float], others: Iterable[Any]) -> Place:
    """The place around `objects`; where there are none, on the `cursor`. What falls finds the ground among `others`."""
    found = boxes.box_around(sources(objects))
    if found is None:
        radius = SOURCE_RADIUS[wish.kind]
        middle = np.array(cursor, np.float64)
        # what falls begins above the cursor, what rises on it
        middle[2] += radius if wish.kind in GASES else 4 * radius
        found = Box(middle - radius, middle + radius)
    domain = _around(wish, found)
    if wish.kind in GASES:
        return Place(found, domain, False)
    ground = _ground_below(found, (o for o in others if o not in objects))
    if ground is None:
        return Place(found, domain, False)
    # on ground that is in its box a liquid flows away; a material lies on the box's floor, just above, for its friction
    low = ground + (_ABOVE_GROUND if wish.kind == "material" else -_IN_GROUND) * float(domain.size.max())
    return Place(found, Box(np.array([*domain.low[:2], low]), domain.high), True)


def _ground_below(source: Box, objects: Iterable[Any]) -> float | None:
    """The height of the highest thing that is all below `source` and under all of it; None where that is far away."""
    deepest = source.low[2] - _FAR * max(float(source.size[2]), float(source.size[:2].max()))
    heights = []
    for obj in objects:
        if obj.type == "MESH" and not obj.hide_render and obj.simcraft.kind == "NONE":
            box = boxes.box_around([obj])
            under = box is not None and (box.low[:2] < source.low[:2]).all() and (box.high[:2] > source.high[:2]).all()
            if box is not None and under and deepest < box.high[2] <= source.low[2] + 1e-4:
                heights.append(float(box.high[2]))
    return max(heights, default=None)


def _around(wish: FluidWish, source: Box) -> Box:
    """Gases rise and want height; what is heavy falls, and spreads unless it is jelly: at a wall one sees the box."""
    width = max(float(source.size[:2].max()), 0.3 * float(source.size[2]), 0.02) * wish.room
    height = max(float(source.size[2]), 0.3 * width)
    if wish.kind in GASES:
        below, above, aside = 0.1 * width, 2.5 * width, 0.8 * width
    else:
        below, above = 1.5 * height * wish.room, 0.5 * height
        aside = width * (0.8 if (wish.kind, wish.material) == ("material", "jelly") else 1.8)
    return source.grown((aside, aside, below), (aside, aside, above))


def add_fluid(wish: FluidWish, place: Place, objects: Sequence[Any], collection: Any) -> Any:
    """Add the domain at its `place`, let `objects` (or a new ball) feed it, and return it.

    Raises `SceneError` where an object has another role or no faces; nothing is added then.
    """
    feeding = sources(objects)
    for obj in feeding:
        if not obj.data.polygons and not obj.modifiers:
            raise SceneError(f"'{obj.name}' has no faces.", "Give it some, or take it out of the selection.")
    refuse_taken(feeding, "emitter")
    title = wish.material.capitalize() if wish.kind == "material" else wish.kind.capitalize()
    domain = boxes.add_box(collection, title, place.domain)
    settings: dict[str, Any] = {"resolution": wish.resolution}
    if wish.kind != "material":
        settings["solver"] = wish.solver
    elif wish.material in _FLOOR_FRICTION:
        settings["wall_friction"] = _FLOOR_FRICTION[wish.material]
    if wish.kind == "liquid":
        # on the ground it flows away; elsewhere it needs walls and a floor
        settings["closed"] = not place.on_ground
    make_domain(domain, wish.kind, **settings)
    if not feeding:
        radius = float(place.source.size.max()) / 2
        feeding = [boxes.add_ball(collection, f"{title} source", place.source.middle, radius)]
        # a ball is only where it comes from; a thing of the user's own stays in the picture
        feeding[0].hide_render = wish.kind in GASES
        feeding[0].display_type = "WIRE" if wish.kind in GASES else "TEXTURED"
    for obj in feeding:
        role: dict[str, Any] = {"material": wish.material} if wish.kind == "material" else {}
        give_role(obj, "emitter", domain, **role)
        if wish.kind == "liquid":
            # the liquid is where it was
            obj.hide_render = True
    return domain
