"""A Blender scene, recorded frame by frame into a Recording on disk."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ._format import recording_format as fmt
from .bodies import BodyBuilder, build_bodies, traces
from .camera import CameraFrame, camera_frame
from .checks import check_scene, scene_warnings
from .errors import RecordFailure, SceneError
from .lighting import lighting
from .materials import MaterialTable
from .particles import ParticleLog
from .physics import Physics, plan_physics, reset_caches, solvers
from .render import prepare_render, render_frame
from .restore import Changes, show_as_rendered, temporary_changes
from .shapes import ShapeStore
from .timeline import Timeline, picture_size, plan_timeline
from .walk import ChangeLog, Sightings, look, renderable_objects

Progress = Callable[[str, int, int], None]


def silent(stage: str, step: int, steps: int) -> None:
    """Report nothing."""


def record_scene(
    scene: Any,
    out: str | os.PathLike[str],
    *,
    frames: tuple[int, int] | None = None,
    size: tuple[int, int] | None = None,
    first_frame: bool = True,
    preview: bool = False,
    true_frames: bool = False,
    seed: int | None = None,
    samples: int | None = None,
    engine: str | None = None,
    progress: Progress = silent,
) -> Path:
    """Record what moves in `scene` and what its camera would see of it, as the recording `out`.

    Simulations that are not baked are stepped in order from their first frame. The scene is left as it was, the
    .blend on disk is not touched, and no script of it is run.

    Parameters
    ----------
    frames: first and last frame, both included; the scene's range by default. The scene's frame step applies.
    size: (width, height) of the picture in pixels; the scene's resolution and percentage by default.
    first_frame: render the first frame into the recording's `image`; `preview` switches it off.
    true_frames: render all frames into the recording's `frames`.
    seed: set as the scene's custom property "seed" and as Cycles' seed before anything is simulated.
    samples: render samples a pixel; the scene's own by default.
    engine: render with this engine where the scene's own cannot run here.

    Raises
    ------
    SceneError: the scene or the request is wrong; nothing was written.
    RecordFailure: the simulation exploded, or the disk is full.
    """
    out = Path(out).absolute()
    size = picture_size(scene, size)
    timeline = plan_timeline(scene, frames)
    check_scene(scene)
    with _work_folders(out) as (work, spool), temporary_changes(scene) as changes:
        _apply_seed(scene, seed, changes)
        timeline, physics = plan_physics(scene, timeline, _is_module())
        warnings = [*physics.warnings, *scene_warnings(scene)]
        walk = _walk(scene, timeline, physics, size, changes, work, spool, progress)
        images = _render(
            scene, timeline, size, (first_frame and not preview, true_frames), samples, engine, work, progress
        )
        recording = _recording(scene, timeline, size, seed, walk, work, [*warnings, *images.warnings])
        recording = fmt.dataclasses.replace(recording, image=images.first, frames=images.all)
        progress("save", 0, 1)
        try:
            return fmt.save_recording(recording, out, work=work)
        except fmt.RecordingError as error:
            raise RecordFailure(str(error)) from None


@dataclass
class _Walk:
    """What was gathered on the way through the frames."""

    store: ShapeStore
    materials: MaterialTable
    sightings: Sightings
    particles: ParticleLog
    cameras: list[CameraFrame]
    lighting: Any


@dataclass(frozen=True)
class _Images:
    first: np.ndarray | None = None
    all: np.ndarray | None = None
    warnings: tuple[str, ...] = ()


def _walk(
    scene: Any,
    timeline: Timeline,
    physics: Physics,
    size: tuple[int, int],
    changes: Changes,
    work: Path,
    spool: Path,
    progress: Progress,
) -> _Walk:
    """Step through the frames in order and look at each recorded one."""
    import bpy

    view_layer = _view_layer(scene)
    show_as_rendered(scene, view_layer, changes)
    reset_caches(scene)
    offered = renderable_objects(view_layer.layer_collection)
    materials = MaterialTable()
    walk = _Walk(
        ShapeStore(spool, materials), materials, Sightings(), ParticleLog(work, len(timeline.frames)), [], None
    )
    changed = ChangeLog(view_layer)
    bpy.app.handlers.frame_change_post.append(changed)
    try:
        for frame in _steps(timeline, physics, progress):
            scene.frame_set(frame)
            if frame not in timeline.frames:
                continue
            depsgraph = view_layer.depsgraph
            walk.cameras.append(camera_frame(scene, depsgraph, size))
            if walk.lighting is None:
                walk.lighting = lighting(scene, depsgraph, offered)
            look(depsgraph, frame, offered, changed.take(), walk.store, walk.sightings)
            walk.particles.look(depsgraph, frame, offered, materials)
    finally:
        bpy.app.handlers.frame_change_post.remove(changed)
    return walk


def _steps(timeline: Timeline, physics: Physics, progress: Progress) -> Iterator[int]:
    """The frames to step to."""
    frames = range(physics.start, timeline.last + 1) if physics.every_frame else timeline.frames
    progress("simulate", 0, len(frames))
    for done, frame in enumerate(frames, start=1):
        yield frame
        progress("simulate", done, len(frames))


def _render(
    scene: Any,
    timeline: Timeline,
    size: tuple[int, int],
    wanted: tuple[bool, bool],
    samples: int | None,
    engine: str | None,
    work: Path,
    progress: Progress,
) -> _Images:
    """Render what is `wanted`: (the first frame, all frames). The caches hold the simulation by now."""
    first, everything = wanted
    if not (first or everything):
        return _Images()
    numbers = timeline.frames if everything else timeline.frames[:1]
    own_engine = scene.render.engine
    warnings = []
    if engine is not None and engine != own_engine:
        warnings.append(f"The scene's render engine {own_engine} cannot run here; {engine} rendered instead.")
    images = None
    if everything:
        images = fmt.open_array(work, "frames", (len(numbers), size[1], size[0], 3), np.dtype(np.uint8))
    progress("render", 0, len(numbers))
    image = None
    with temporary_changes(scene) as changes:
        prepare_render(scene, size, samples, engine, changes)
        for t, frame in enumerate(numbers):
            scene.frame_set(frame)
            pixels = render_frame(scene, changes)
            image = pixels if t == 0 and first else image
            if images is not None:
                images[t] = pixels
            progress("render", t + 1, len(numbers))
    return _Images(image, images, tuple(warnings))


def _recording(
    scene: Any,
    timeline: Timeline,
    size: tuple[int, int],
    seed: int | None,
    walk: _Walk,
    work: Path,
    warnings: list[str],
) -> Any:
    """Everything but the images, put together."""
    import bpy

    walk.store.close()
    seen = traces(walk.sightings)
    emitters = {o.name_full for o in scene.objects if any(s.settings.type == "EMITTER" for s in o.particle_systems)}
    builder = BodyBuilder(walk.store, len(timeline.frames), timeline.scene_fps, work, solvers(scene), emitters)
    bodies = build_bodies(seen, builder)
    bodies += walk.particles.bodies()
    warnings += _what_was_left_out(walk, {t.key.owner for t in seen})
    if not bodies:
        raise SceneError(
            "Nothing in the scene can be recorded: no object that is rendered has faces.",
            "Add a mesh, or enable objects and collections for rendering.",
        )
    camera = _camera_track(walk.cameras)
    if not _anything_moves(seen, walk, camera):
        warnings.append(
            f"Nothing moves between frames {timeline.first} and {timeline.last}: add keyframes or a simulation, or "
            "record other frames."
        )
    return fmt.Recording(
        name=Path(bpy.data.filepath).stem or scene.name,
        fps=timeline.fps,
        size=size,
        camera=camera,
        bodies=tuple(bodies),
        frame_numbers=np.array(timeline.frames, np.int32),
        materials=tuple(walk.materials.materials),
        lighting=walk.lighting,
        seed=seed,
        warnings=tuple(warnings),
        software={"blender": bpy.app.version_string, "engine": scene.render.engine},
    )


def _what_was_left_out(walk: _Walk, recorded: set[str]) -> list[str]:
    faceless = sorted(walk.sightings.faceless - recorded - walk.particles.owners)
    unsupported = sorted(walk.sightings.unsupported.items())
    return [f"Object '{name}' has no faces and was left out." for name in faceless] + [
        f"Object '{name}' is of type {kind}, which is not recorded." for name, kind in unsupported
    ]


def _anything_moves(seen: list[Any], walk: _Walk, camera: Any) -> bool:
    return (
        any(t.moves or len(t.frames) != len(camera.intrinsics) for t in seen)
        or bool(walk.particles.owners)
        or bool((camera.camera_to_world != camera.camera_to_world[0]).any())
        or bool((camera.intrinsics != camera.intrinsics[0]).any())
    )


def _camera_track(cameras: list[CameraFrame]) -> Any:
    projections = {c.projection for c in cameras}
    if len(projections) > 1:
        raise SceneError(
            "The scene switches between a perspective and an orthographic camera.",
            "Record the frames of each camera on their own.",
        )
    return fmt.CameraTrack(
        projections.pop(),
        np.stack([c.intrinsics for c in cameras]),
        np.stack([c.camera_to_world for c in cameras]),
        min(c.clip[0] for c in cameras),
        max(c.clip[1] for c in cameras),
    )


def _apply_seed(scene: Any, seed: int | None, changes: Changes) -> None:
    if seed is None:
        return
    changes.set_item(scene, "seed", seed)
    if hasattr(scene, "cycles"):
        # Cycles' seed is a non-negative 32-bit integer
        changes.set(scene.cycles, "seed", seed % 2**31)


def _view_layer(scene: Any) -> Any:
    """The view layer that is recorded: the first one that is rendered."""
    return next((layer for layer in scene.view_layers if layer.use), scene.view_layers[0])


def _is_module() -> bool:
    """Is this PyPI's bpy, not a Blender executable?"""
    import bpy

    return bool(getattr(bpy.app, "module", not bpy.app.binary_path))


@contextlib.contextmanager
def _work_folders(out: Path) -> Iterator[tuple[Path, Path]]:
    """(where the recording grows, where vertices wait), both beside `out` and gone afterwards.

    Turns errors of the file system into `SceneError` and `RecordFailure`.
    """
    if out.exists() and not (out / "recording.json").is_file():
        raise SceneError(f"{out} exists and is not a recording.", "Choose another output folder.")
    work = fmt.temporary_sibling(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        work.mkdir()
        with tempfile.TemporaryDirectory(prefix=f".{out.name}.", suffix=".spool", dir=out.parent) as spool:
            yield work, Path(spool)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise RecordFailure(f"The disk of {out.parent} is full.", "Free space, or choose another folder.") from None
        if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
            raise SceneError(f"Nothing can be written to {out.parent}.", "Choose another output folder.") from None
        raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
