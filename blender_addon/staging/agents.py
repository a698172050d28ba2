"""Flocks, crowds and traffic: a domain, where its agents go, and what each of them looks like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import effects
from .._format import recording_format as fmt
from . import boxes
from .boxes import Box
from .casting import refuse_taken, stand_in_the_way

OWN_SIZE = {
    kind: next(p.default for p in fmt.KINDS[kind].parameters if p.name == "size") for kind in ("flock", "crowd")
}
"""Metres: a bird's span and a person's height, unless somebody asks for another."""
_ROOM_EACH = 4.0
"""m² of ground for each person."""
_ROAD_EACH = 12.0
"""Metres of a lane for each car."""
LANE_WIDTH = 3.5


@dataclass(frozen=True)
class AgentWish:
    """Agents that are to be added."""

    kind: str
    """flock, crowd or traffic."""
    count: int
    size: float = 0.0
    """Metres: a bird's span, a person's height; 0 for the usual. Cars have their own."""
    selection: str = "OBSTACLE"
    """What selected meshes are: OBSTACLE for what agents avoid, BODY for what each looks like (the active one)."""


def plan(wish: AgentWish, objects: Sequence[Any], cursor: Sequence[float]) -> Box:
    """Where the domain will be: over what is selected, or over the cursor."""
    in_the_way = taking_part(objects) if wish.selection == "OBSTACLE" else []
    at = np.asarray(cursor, np.float64)
    around = boxes.box_around(in_the_way) or Box(at, at)
    ground = around.middle.copy()
    ground[2] = around.low[2]
    side = float(around.size[:2].max())
    if wish.kind == "flock":
        span = _size(wish)
        half = max(14 * span * (wish.count / 200) ** (1 / 3), 0.5 * side + 8 * span)
        low = ground[2] + (2 * span if not in_the_way else 0.0)
        high = max(low + half, float(around.high[2]) + 6 * span)
        return Box(np.array([*(ground[:2] - half), low]), np.array([*(ground[:2] + half), high]))
    if wish.kind == "crowd":
        half = max(float(np.sqrt(wish.count * _ROOM_EACH)) / 2, side / 2 + 3.0, 4.0)
        return Box(ground, ground).grown((half, half, 0.0), (half, half, 1.3 * _size(wish)))
    half = max(_ROAD_EACH * wish.count / 2, side + 30.0, 60.0) / 2
    return Box(ground, ground).grown((half, LANE_WIDTH, 0.0), (half, LANE_WIDTH, 3.0))


def taking_part(objects: Sequence[Any]) -> list[Any]:
    """Those of `objects` that agents can notice or look like: meshes that are no domains."""
    return [obj for obj in objects if obj.type == "MESH" and obj.simcraft.kind == "NONE"]


def _size(wish: AgentWish) -> float:
    return wish.size or float(OWN_SIZE[wish.kind])


def add_agents(wish: AgentWish, box: Box, objects: Sequence[Any], collection: Any) -> Any:
    """Add the domain and where its agents go; returns the domain.

    `objects`, the active one first, are in their way or the first is what each looks like, as the wish has it.
    Raises `SceneError` where one has another role; nothing is added then.
    """
    meshes = taking_part(objects)
    meshes = meshes[:1] if wish.selection == "BODY" else meshes
    refuse_taken(meshes, wish.selection.lower())
    domain = boxes.add_box(collection, wish.kind.capitalize(), box)
    add = {"flock": _flock, "crowd": _crowd, "traffic": _traffic}[wish.kind]
    add(wish, domain, box, collection)
    if wish.selection == "OBSTACLE":
        stand_in_the_way(meshes, domain)
    for body in meshes if wish.selection == "BODY" else ():
        effects.give_role(body, "body", domain).hide_render = True
    return domain


def _flock(wish: AgentWish, domain: Any, box: Box, collection: Any) -> None:
    """A goal in the middle keeps it in the picture. Distances and speeds are in proportion to a bird."""
    factor = _size(wish) / OWN_SIZE["flock"]
    own = {p.name: p.default for p in fmt.KINDS["flock"].parameters}
    lengths = {name: own[name] * factor for name in ("size", "speed", "radius", "clearance")}
    effects.make_domain(domain, "flock", count=wish.count, **lengths)
    goal = boxes.add_empty(collection, "Flock goal", box.middle, _size(wish))
    effects.give_role(goal, "goal", domain, weight=0.8)


def _crowd(wish: AgentWish, domain: Any, box: Box, collection: Any) -> None:
    """Two goals, between which people walk; only what is marked is in their way, so that the ground is not."""
    effects.make_domain(domain, "crowd", collide="MARKED", count=wish.count, size=_size(wish))
    for end, share in (("left", 0.08), ("right", 0.92)):
        place = box.low + box.size * (share, 0.5, 0.0)
        effects.give_role(boxes.add_empty(collection, f"Crowd goal {end}", place, 1.0), "goal", domain, radius=1.5)


def _traffic(wish: AgentWish, domain: Any, box: Box, collection: Any) -> None:
    """Two lanes for driving on the right, which can be bent."""
    effects.make_domain(domain, "traffic", collide="MARKED", count=wish.count, lane_width=LANE_WIDTH)
    for name, aside, way in (("Lane there", 0.25, (0.0, 0.5, 1.0)), ("Lane back", 0.75, (1.0, 0.5, 0.0))):
        points = np.array([box.low + box.size * (along, aside, 0.0) for along in way])
        effects.give_role(boxes.add_path(collection, name, points), "lane", domain)
