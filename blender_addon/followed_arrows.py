"""Motion arrows that a video is to follow: what is wrong with them is said before anything is simulated."""

from __future__ import annotations

from typing import Any

from .arrow_sources import object_below, start_of
from .arrows import Arrow, arrows_of, shown_arrows
from .errors import SceneError
from .record import asks_for_effects
from .restore import temporary_changes
from .timeline import plan_timeline
from .walk import recorded_layer


def followed_arrows(scene: Any, size: tuple[int, int]) -> list[Arrow]:
    """`arrows_of`, one or more, for a video of `size` (width, height) pixels of all the scene's frames.

    Raises `SceneError` as `arrows_of` does, where there is no arrow, and where one moves what is not in the scene, or
    starts on nothing, or in none of the scene's frames.
    """
    items = shown_arrows(scene)
    if not items:
        raise SceneError(
            f"Scene '{scene.name}' has no motion arrows.",
            "Add one in 'Motion Arrows', or let 'Motion' in 'Generate' be 'From the Simulation'.",
        )
    timeline = plan_timeline(scene, None)
    for item in items:
        _check_frames(item, timeline.first, timeline.last)
        _check_target(item, scene)
    arrows = arrows_of(scene, size)
    # agents and particles come into being when they are simulated: then the generator says what it misses
    if not asks_for_effects(scene):
        for item in items:
            if item.target is None:
                _check_start(item, scene)
    return arrows


def _check_frames(item: Any, first: int, last: int) -> None:
    if item.frame_start >= last or item.frame_end <= first:
        raise SceneError(
            f"Motion arrow '{item.name}' has the frames {item.frame_start} to {item.frame_end}, the scene has {first} "
            f"to {last}.",
            "Change its frames, or remove it.",
        )


def _check_target(item: Any, scene: Any) -> None:
    target = item.target
    if target is not None and scene.objects.get(target.name) != target:
        raise SceneError(
            f"Motion arrow '{item.name}' moves '{target.name}', which is not in the scene.",
            "Choose another object in its field Moves, or remove it.",
        )


def _check_start(item: Any, scene: Any) -> None:
    """Does the camera see something where an arrow begins that moves what is seen there?"""
    depsgraph = recorded_layer(scene).depsgraph
    with temporary_changes(scene):
        scene.frame_set(item.frame_start)
        below = object_below(scene, depsgraph, start_of(item.source, depsgraph))
    if below is None:
        raise SceneError(
            f"Motion arrow '{item.name}' starts on nothing: the camera sees no object there.",
            "Let it start on what should move, or choose that in its field Moves.",
        )
