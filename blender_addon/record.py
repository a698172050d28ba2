"""A Blender scene, recorded frame by frame into a Recording on disk."""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from . import properties
from ._format import recording_format as fmt
from .bodies import BodyBuilder, Trace, build_bodies, traces
from .camera import CameraFrame
from .checks import check_scene, check_seed, scene_warnings
from .effect_export import Cast, build_effects, find_cast
from .errors import RecordFailure, SceneError
from .folders import work_folders
from .gather import Gathered, Progress, gather, steps
from .physics import emitters, fluid_velocities, plan_physics, reset_caches, solvers
from .render import RenderWish, render_frames
from .restore import Changes, show_as_rendered, temporary_changes
from .results import never_recorded, replaced
from .show import hide, show
from .timeline import Timeline, picture_size, plan_timeline
from .walk import recorded_layer

VOLUME_BOUNCES = 4
"""How often light is scattered in smoke, at least, in pictures of solved scenes."""


def silent(stage: str, step: int, steps: int) -> None:
    """Report nothing."""


def record_scene(
    scene: Any,
    out: str | os.PathLike[str],
    *,
    frames: tuple[int, int] | None = None,
    every: int = 1,
    size: tuple[int, int] | None = None,
    preview: bool = False,
    true_frames: bool = False,
    seed: int | None = None,
    samples: int | None = None,
    engine: str | None = None,
    progress: Progress = silent,
) -> Path:
    """Record what moves in `scene` and what its camera would see of it, as the recording `out`.

    Simulations that are not baked are stepped in order from their first frame. The scene's settings are left as they
    were, but results in caches that are not baked are replaced by this run's. The .blend on disk is not touched, and
    no script of it is run.

    Parameters
    ----------
    frames: first and last frame, both included; the scene's range by default. The scene's frame step applies.
    every: record every such frame of these only; physics steps through all of them.
    size: (width, height) of the picture in pixels; the scene's resolution and percentage by default.
    preview: do not render the first frame into the recording's `image`.
    true_frames: render all frames into the recording's `frames`.
    seed: set as the scene's custom property "seed" and as Cycles' seed before anything is simulated; 0 to 2^31 - 1.
    samples: render samples a pixel; the scene's own by default.
    engine: render with this engine where the scene's own cannot run here.

    Raises
    ------
    SceneError: the scene or the request is wrong; nothing was written.
    RecordFailure: the simulation exploded, or the disk is full.
    """
    out = Path(out).absolute()
    properties.register()
    size = picture_size(scene, size)
    timeline = plan_timeline(scene, frames, every)
    check_scene(scene)
    check_seed(seed)
    wish = RenderWish(not preview, true_frames, samples, engine)
    with work_folders(out) as folders, temporary_changes(scene) as changes:
        _apply_seed(scene, seed, changes)
        timeline, physics = plan_physics(scene, timeline, _is_module())
        view_layer = recorded_layer(scene)
        cast = find_cast(view_layer)
        # results are no part of the recording, so they are not in its pictures either
        for collection in never_recorded(scene):
            changes.set(collection, "hide_render", True)
        for obj in replaced(scene):
            changes.set(obj, "hide_render", False)
        show_as_rendered(scene, view_layer, changes, (*cast.domains, *cast.actors))
        seen = gather(scene, view_layer, cast, timeline, physics, size, folders, progress)
        recording = _recording(scene, timeline, size, seen, folders[0])
        _check(recording)
        _hide_boxes(cast, changes)
        images = render_frames(scene, timeline.frames, size, wish, folders[0], progress)
        progress("save", 0, 1)
        warnings = (*physics.warnings, *scene_warnings(scene), *recording.warnings, *images.warnings)
        recording = dataclasses.replace(recording, seed=seed, image=images.first, frames=images.all, warnings=warnings)
        return fmt.save_recording(recording, out, work=folders[0], bodies_checked=True)


def asks_for_effects(scene: Any) -> bool:
    """Is there anything in `scene` that Blender does not simulate itself?"""
    properties.register()
    return bool(find_cast(recorded_layer(scene)).domains)


def render_solved(
    scene: Any,
    recording: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    preview: bool = False,
    true_frames: bool = False,
    samples: int | None = None,
    engine: str | None = None,
    progress: Progress = silent,
) -> Path:
    """Render `scene` with the results of its effects, as they are in the solved recording of it.

    The scene is stepped as it was when it was recorded, so everything else is where it was then. The results are taken
    out again, with those that were shown before. Writes into the new folder `out`: `image.npy`, the first frame,
    (H, W, 3) uint8 sRGB, unless it is a `preview`; with `true_frames` also `frames.npy`, (T, H, W, 3); `warnings.json`,
    a list of texts; and pictures that shaders read.

    The other parameters are those of `record_scene`. Raises `SceneError` and `RecordFailure`.
    """
    solved = fmt.load_recording(recording)
    out = Path(out).absolute()
    out.mkdir(parents=True, exist_ok=True)
    numbers = tuple(int(n) for n in solved.frame_numbers)
    timeline = Timeline(numbers if true_frames else numbers[:1], solved.fps, explicit=False)
    view_layer = recorded_layer(scene)
    cast = find_cast(view_layer)
    with temporary_changes(scene) as changes:
        changes.on_undo(partial(hide, scene))
        warnings = show(recording, scene, files=out / "shown")
        _apply_seed(scene, solved.seed, changes)
        timeline, physics = plan_physics(scene, timeline, _is_module())
        show_as_rendered(scene, view_layer, changes, (*cast.domains, *cast.actors))
        _hide_boxes(cast, changes)
        if hasattr(scene, "cycles"):
            # since 5.0 volumes are sampled without steps, which takes ten times as long
            changes.set(scene.cycles, "volume_biased", True)
            # without any, white smoke is dark: what makes it white is light that was scattered many times
            changes.set(scene.cycles, "volume_bounces", max(scene.cycles.volume_bounces, VOLUME_BOUNCES))
        reset_caches(scene)
        for frame in steps(timeline, physics, lambda _, step, count: progress("replay", step, count)):
            scene.frame_set(frame)
        wish = RenderWish(not preview, true_frames, samples, engine)
        images = render_frames(scene, timeline.frames, solved.size, wish, out, progress)
    if images.first is not None:
        np.save(out / "image.npy", images.first)
    (out / "warnings.json").write_text(json.dumps([*warnings, *images.warnings]), encoding="utf-8")
    return out


def _hide_boxes(cast: Cast, changes: Changes) -> None:
    """Domains are nothing to be seen."""
    for domain in cast.domains:
        changes.set(domain, "hide_render", True)


def add_first_frame(
    scene: Any, recording: str | os.PathLike[str], *, samples: int | None = None, progress: Progress = silent
) -> None:
    """Render the first frame of `scene` with the results of its effects, and write it into the solved recording of it.

    The parameters are those of `render_solved`, and so is what is raised.
    """
    with tempfile.TemporaryDirectory(prefix="simcraft-") as folder:
        out = render_solved(scene, recording, folder, samples=samples, progress=progress)
        solved = fmt.load_recording(recording)
        warnings = json.loads((out / "warnings.json").read_text(encoding="utf-8"))
        image = np.load(out / "image.npy", allow_pickle=False)
    pictured = dataclasses.replace(solved, image=image, warnings=(*solved.warnings, *warnings))
    fmt.save_recording(pictured, recording, bodies_checked=True)


def _check(recording: Any) -> None:
    """Raise `RecordFailure` where vertices are not finite or far away: before rendering, not after."""
    try:
        fmt.check_recording(recording)
    except fmt.RecordingError as error:
        raise RecordFailure(
            str(error),
            "Correct what is named; if a simulation threw it there, make its steps smaller, or look for what starts "
            "inside something else.",
        ) from None


def _recording(scene: Any, timeline: Timeline, size: tuple[int, int], seen: Gathered, work: Path) -> Any:
    """What was gathered, put together; its warnings are those about what was gathered."""
    import bpy

    found = traces(seen.sightings)
    builder = BodyBuilder(
        seen.store,
        len(timeline.frames),
        work,
        solvers(scene),
        emitters(scene),
        fluid_velocities(scene),
    )
    built = build_bodies(found, builder)
    bodies = [*built.values(), *seen.particles.bodies()]
    by_object = {body.name if key.persistent_id else key.owner: body for key, body in built.items()}
    effects, effect_warnings = build_effects(seen.stage, by_object, seen.materials, len(timeline.frames))
    if not bodies and not effects:
        raise SceneError(
            "Nothing in the scene can be recorded: no object that is rendered has faces.",
            "Add a mesh, or enable objects and collections for rendering.",
        )
    camera = _camera_track(seen.cameras)
    return fmt.Recording(
        name=Path(bpy.data.filepath).stem or scene.name,
        fps=timeline.fps,
        size=size,
        camera=camera,
        bodies=tuple(bodies),
        frame_numbers=np.array(timeline.frames, np.int32),
        materials=tuple(seen.materials.materials),
        lighting=seen.lighting,
        effects=effects,
        caption=str(scene.get("caption", "")),
        details=_details(scene),
        warnings=(
            *_what_was_left_out(seen, found),
            *effect_warnings,
            *(() if effects else _standstill(seen, found, camera, timeline)),
        ),
        software={"blender": bpy.app.version_string, "engine": scene.render.engine},
    )


def _details(scene: Any) -> tuple[str, ...]:
    """The phrases in the scene's custom property "details", a JSON list; none where it holds anything else."""
    try:
        phrases = json.loads(str(scene.get("details", "[]")))
    except ValueError:
        return ()
    return tuple(map(str, phrases)) if isinstance(phrases, list) else ()


def _what_was_left_out(seen: Gathered, found: list[Trace]) -> list[str]:
    recorded = {t.key.owner for t in found} | seen.particles.owners
    faceless = sorted(seen.sightings.faceless - recorded - seen.stage.points.keys())
    unsupported = sorted(seen.sightings.unsupported.items())
    return [f"Object '{name}' has no faces and was left out." for name in faceless] + [
        f"Object '{name}' is of type {kind}, which is not recorded." for name, kind in unsupported
    ]


def _standstill(seen: Gathered, found: list[Trace], camera: Any, timeline: Timeline) -> list[str]:
    """A warning where neither a body nor the camera moves."""
    moves = (
        any(t.moves or t.present(len(timeline.frames)) is not None for t in found)
        or bool(seen.particles.owners)
        or bool((camera.camera_to_world != camera.camera_to_world[0]).any())
        or bool((camera.intrinsics != camera.intrinsics[0]).any())
    )
    if moves:
        return []
    return [
        f"Nothing moves between frames {timeline.first} and {timeline.last}: add keyframes or a simulation, or record "
        "other frames."
    ]


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
        np.array([c.clip[0] for c in cameras], np.float64),
        np.array([c.clip[1] for c in cameras], np.float64),
    )


def _apply_seed(scene: Any, seed: int | None, changes: Changes) -> None:
    if seed is None:
        return
    changes.set_item(scene, "seed", seed)
    if hasattr(scene, "cycles"):
        changes.set(scene.cycles, "seed", seed)


def _is_module() -> bool:
    """Is this PyPI's bpy, not a Blender executable?"""
    import bpy

    return bool(getattr(bpy.app, "module", not bpy.app.binary_path))
