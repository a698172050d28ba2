"""The way through the frames, and all that is gathered on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .camera import CameraFrame, camera_frame
from .effect_export import Cast, StageLog
from .lighting import lighting
from .materials import MaterialTable
from .particles import ParticleLog
from .physics import Physics, reset_caches, smoke_domains
from .results import results
from .shapes import ShapeStore
from .timeline import Timeline
from .walk import ChangeLog, Sightings, look, renderable_objects

Progress = Callable[[str, int, int], None]


@dataclass
class Gathered:
    """What was seen in the recorded frames."""

    store: ShapeStore
    materials: MaterialTable
    sightings: Sightings
    particles: ParticleLog
    cameras: list[CameraFrame]
    stage: StageLog
    lighting: Any
    """`recording_format.Lighting` of the first frame."""


def gather(
    scene: Any,
    view_layer: Any,
    cast: Cast,
    timeline: Timeline,
    physics: Physics,
    size: tuple[int, int],
    folders: tuple[Path, Path],
    progress: Progress,
) -> Gathered:
    """Step through the frames in order and look at each recorded one.

    `cast` is who takes part in effects; `folders` are where the recording grows and where vertices wait. Raises
    `SceneError` and `RecordFailure`.
    """
    import bpy

    work, spool = folders
    offered = renderable_objects(view_layer.layer_collection) - smoke_domains(scene) - cast.domain_names
    offered -= results(scene)
    materials = MaterialTable()
    particles = ParticleLog(scene, offered, work, len(timeline.frames))
    seen = Gathered(ShapeStore(spool, materials), materials, Sightings(), particles, [], StageLog(cast), None)
    reset_caches(scene)
    changed = ChangeLog(view_layer)
    bpy.app.handlers.frame_change_post.append(changed)
    try:
        for frame in steps(timeline, physics, progress):
            scene.frame_set(frame)
            if frame not in timeline:
                continue
            depsgraph = view_layer.depsgraph
            seen.cameras.append(camera_frame(scene, depsgraph, size))
            seen.lighting = seen.lighting or lighting(scene, depsgraph, offered)
            look(depsgraph, frame, offered, cast.actor_names, changed.take(), seen.store, seen.sightings)
            particles.look(depsgraph, frame, materials)
            seen.stage.look(depsgraph)
    finally:
        bpy.app.handlers.frame_change_post.remove(changed)
        seen.store.close()
    return seen


def steps(timeline: Timeline, physics: Physics, progress: Progress) -> Iterator[int]:
    """The frames to step to."""
    frames = range(physics.start, timeline.last + 1) if physics.every_frame else timeline.frames
    progress("simulate", 0, len(frames))
    for done, frame in enumerate(frames, start=1):
        yield frame
        progress("simulate", done, len(frames))
