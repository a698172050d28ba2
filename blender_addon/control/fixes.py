"""What the buttons beside a problem do."""

from __future__ import annotations

from typing import Any

import bpy

from ..errors import SceneError
from ..jobs import Ticket
from . import ordering
from .orders import VideoOrder
from .session import Session

ACTIONS = (
    ("offload", "Offload", "Keep parts of the model off the GPU until they are used, and go on", 0),
    ("smaller", "Smaller", "Make the video half as wide and high, and begin anew", 1),
    ("fewer frames", "Fewer Frames", "Let the scene end after half of its frames, and begin anew", 2),
    ("retry", "Retry", "Do the same again; what was finished is kept", 3),
    ("open log", "Open Log", "Show everything that the engine and Blender have said", 4),
    ("preferences", "Preferences", "Show the settings of the engine and its folders", 5),
)
"""Enum items of all actions that a `jobs.Problem` can offer."""
SMALLEST_SIDE = 64
FEWEST_FRAMES = 2
LESS_MEMORY = {"none": "model", "model": "sequential"}


def offload(session: Session, ticket: Ticket) -> Ticket:
    """Go on with more of the model off the GPU. The scene, where it is still there, is set likewise."""
    video = session.entries[ticket].order.video
    now = str(video.options.get("offload", "")) if video is not None else ""
    if video is None or now not in LESS_MEMORY:
        raise SceneError("Nothing more of this job can be kept off the GPU.", "Use a smaller size or fewer frames.")
    if (scene := scene_of(session, ticket)) is not None:
        scene.simcraft.offload = LESS_MEMORY[now]
    return session.resume_with(ticket, offload=LESS_MEMORY[now])


def halve_size(scene: Any) -> tuple[int, int]:
    """Let the video of the scene be half as wide and high; returns its size. Raises `SceneError` at the smallest."""
    width, height = ordering.video_size(scene)
    if min(width, height) // 2 < SMALLEST_SIDE:
        raise SceneError(f"The video is {width} x {height} pixels already.", "Use fewer frames.")
    settings = scene.simcraft
    settings.size_from, settings.width, settings.height = "CUSTOM", width // 2, height // 2
    return settings.width, settings.height


def halve_frames(scene: Any) -> int:
    """Let the scene end after half of its frames; returns its last one. Raises `SceneError` where there are too few."""
    count = (scene.frame_end - scene.frame_start + 1) // 2
    if count < FEWEST_FRAMES:
        raise SceneError(f"The scene has {scene.frame_end - scene.frame_start + 1} frames.", "Use a smaller size.")
    scene.frame_end = scene.frame_start + count - 1
    return int(scene.frame_end)


def scene_of(session: Session, ticket: Ticket) -> Any | None:
    """The scene that a job is for; None where it is gone, or another file is open."""
    key = session.entries[ticket].order.scene
    return next((scene for scene in bpy.data.scenes if ordering.key_of(scene) == key), None)


def videos_of(session: Session, ticket: Ticket) -> list[VideoOrder]:
    """The video of a job; of one that makes a motion all videos that wait for it, by their seeds."""
    order = session.entries[ticket].order
    if order.video is not None:
        return [order.video]
    others = [
        entry.order.video for entry in session.entries.values() if entry.order.motion_folder == order.motion_folder
    ]
    return sorted((v for v in others if v is not None), key=lambda video: video.options.get("seed", 0))
