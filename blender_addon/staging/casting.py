"""Roles of selected things, of which each can have only one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..effects import give_role
from ..errors import SceneError
from ..properties import NONE


def refuse_taken(objects: Iterable[Any], role: str) -> None:
    """Raise `SceneError` where one of `objects` has another role already, or this one in another simulation.

    What is in the way of one simulation may be in the way of several.
    """
    for obj in objects:
        own = obj.simcraft
        if own.role != NONE and not own.role == role == "obstacle":
            where = f"in '{own.domain.name}' " if own.domain else ""
            raise SceneError(
                f"'{obj.name}' has the role '{own.role}' {where}already.",
                "Duplicate it, take it out of the selection, or change its role under Active Object.",
            )


def stand_in_the_way(objects: Iterable[Any], domain: Any) -> None:
    """Let `objects` be obstacles in `domain`; those that are so elsewhere are obstacles everywhere from now on."""
    for obj in objects:
        give_role(obj, "obstacle", None if obj.simcraft.role == "obstacle" else domain)
