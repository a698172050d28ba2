"""What is missing for a video of a scene, or doubtful: plain functions from facts to findings, without Blender."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .facts import SceneFacts

MANY_FRAMES = 1000
SMALL_SIDE, LARGE_SIDE, USUAL_SIDE = 64, 1024, 512
"""Pixels: the sides of pictures that are too small for most models, too slow for a first try, and good for one."""
OUT_OF_VIEW = 0.35
"""Share of the corners of what moves that the camera at least sees in the first frame."""

ERROR, WARNING, HINT = "ERROR", "WARNING", "HINT"
"""There will be no video; there will be one that disappoints; it could be better or quicker."""


@dataclass(frozen=True)
class Finding:
    """One thing that is missing or doubtful."""

    problem: str
    """A key of `PROBLEMS`."""
    level: str
    """ERROR, WARNING or HINT."""
    title: str
    """A few words, which have room beside a button in a narrow panel."""
    text: str
    """What it means, in sentences."""


PROBLEMS = {
    "CAMERA": "Add a camera that frames what moves",
    "VIEW": "Put the camera where it sees what moves",
    "MOTION": "Let the selected meshes fall, or all of them onto the lowest",
    "ASLEEP": "Switch the rigid-body world on",
    "WHEN": "Let the frame range be that of the keyframes",
    "RANGE": "Let the scene have 48 frames",
    "LONG": "Shorten the scene to 250 frames",
    "CACHE": "Let caches of simulations cover the frames of the scene, freeing baked ones",
    "SOURCE": "Add what is missing, in the middle of the simulation's box",
    "SIZE": "Let the longest side be 512 pixels, and both a multiple of 8",
    "LIGHT": "Add a sun",
    "UNITS": "Set the unit scale to 1",
    "SAVE": "Save the file",
}
"""Problem -> what its button does."""


def findings(facts: SceneFacts) -> list[Finding]:
    """What is missing or doubtful, the worst first."""
    found = [
        *_frames(facts),
        *_camera(facts),
        *_motion(facts),
        *_caches(facts),
        *_picture(facts),
        *_rest(facts),
    ]
    return sorted(found, key=lambda f: (ERROR, WARNING, HINT).index(f.level))


def _frames(facts: SceneFacts) -> Iterator[Finding]:
    if facts.frames < 2:
        text = f"The scene has the frames {facts.first} to {facts.last}: a video needs two at least."
        yield Finding("RANGE", ERROR, "Under 2 frames", text)
    elif facts.frames > MANY_FRAMES:
        text = "Every frame is simulated, and then painted: begin with a short video."
        yield Finding("LONG", WARNING, f"{facts.frames} frames", text)


def _camera(facts: SceneFacts) -> Iterator[Finding]:
    if not facts.has_camera:
        yield Finding("CAMERA", ERROR, "No camera", "The scene has no active camera: nothing says what is seen.")
    elif facts.movers.names and facts.seen < OUT_OF_VIEW:
        text = "In the present frame most of what moves is outside of the camera's picture."
        yield Finding("VIEW", WARNING, "Out of view", text)


def _motion(facts: SceneFacts) -> Iterator[Finding]:
    movers = facts.movers
    if movers.asleep:
        text = "There are active rigid bodies, and the scene's rigid-body world is missing or switched off."
        yield Finding("ASLEEP", ERROR if not movers.any else WARNING, "Bodies are asleep", text)
    elif not movers.any and not facts.has_arrows:
        text = "No rigid body, no simulation, no keyframes: the video would be a still picture."
        yield Finding("MOTION", ERROR, "Nothing moves", text)
    if movers.any and (movers.frames[1] <= facts.first or movers.frames[0] >= facts.last):
        text = f"The keyframes lie in frames {movers.frames[0]:.0f} to {movers.frames[1]:.0f}, outside of the scene's."
        yield Finding("WHEN", ERROR, "Keys out of range", text)
    for name, role in facts.hungry:
        text = f"The simulation of '{name}' has no {role}: it cannot begin."
        yield Finding("SOURCE", ERROR, f"No {role}", text)


def _caches(facts: SceneFacts) -> Iterator[Finding]:
    for cache in facts.caches:
        late = cache.first > facts.first and cache.freezes_before
        early = cache.last < facts.last and cache.freezes_after
        if late or early:
            text = (
                f"The cache of {cache.owner} covers frames {cache.first} to {cache.last}, the scene has {facts.first} "
                f"to {facts.last}: outside of the cache everything stands still."
            )
            yield Finding("CACHE", WARNING, "Cache too short", text)
            return
        if cache.stale:
            text = f"The cache of {cache.owner} was baked with other settings than the scene's."
            yield Finding("CACHE", WARNING, "Cache out of date", text)
            return


def _picture(facts: SceneFacts) -> Iterator[Finding]:
    sides = f"{facts.width} x {facts.height}"
    if not facts.width:
        return
    if min(facts.width, facts.height) < SMALL_SIDE:
        yield Finding("SIZE", WARNING, f"Small: {sides}", "Too small for most models: give the picture more pixels.")
    elif max(facts.width, facts.height) > LARGE_SIDE:
        text = "Large pictures take long to simulate and to paint: 512 pixels are good for a first video."
        yield Finding("SIZE", HINT, f"Slow: {sides}", text)


def _rest(facts: SceneFacts) -> Iterator[Finding]:
    if not facts.has_light:
        text = "There is no lamp, and the world is black: the first frame would be black, and so the video."
        yield Finding("LIGHT", WARNING, "No light", text)
    if abs(facts.unit_scale - 1) > 1e-6:
        text = "Simulations take a unit of the scene as one metre, whatever the unit scale is."
        yield Finding("UNITS", WARNING, f"Unit scale {facts.unit_scale:g}", text)
    if not facts.saved:
        text = "A file without a name has no folder: until you save it, its videos go to SimCraft's work folder."
        yield Finding("SAVE", HINT, "Not saved yet", text)
