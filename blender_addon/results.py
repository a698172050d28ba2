"""What SimCraft has put into a scene to show results: it carries a mark, and is never recorded as a body."""

from __future__ import annotations

from typing import Any

MARK = "simcraft_result"
"""The custom property of every object, collection and data-block that was made to show results."""


def results(scene: Any) -> set[str]:
    """Full names of the objects in `scene` that show results."""
    return {obj.name_full for obj in scene.objects if MARK in obj}
