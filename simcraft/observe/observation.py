"""From a Recording to a MotionClip, frame by frame: into memory, or straight to disk and resumable."""

from __future__ import annotations

import dataclasses
import importlib.metadata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import simcraft
from simcraft.clip.types import ARRAYS, MotionClip
from simcraft.errors import UserError
from simcraft.observe.camera import Crop, crop_of
from simcraft.observe.flow import carry_image
from simcraft.observe.geometry import Layout, layout_of
from simcraft.observe.motion import moves, pair_moves
from simcraft.observe.raster import Frame, render_frame
from simcraft.observe.tracks import Seeds, seed_points, track_points
from simcraft.progress import Progress, silent, track
from simcraft.recording.digest import digest_of
from simcraft.recording.format import Recording, RecordingError, check_recording, load_recording

STILL = "Nothing moves: the flow is zero in all frames. Bake the simulation, or move something or the camera."
_PREVIEW_BATCH = 16
"""Frames previewed at a time: enough to share what is prepared once, few enough to hold in memory."""


@dataclass(frozen=True)
class Observation:
    """What is known before the first frame is written: the recording, the view of it, and the tracked points."""

    recording: Recording
    layout: Layout
    crop: Crop
    first: Frame
    seeds: Seeds
    preview: bool
    """Pictures come from the preview even where there are rendered ones."""
    frames_source: str | None
    """"render" or "preview", or None where the clip gets no `frames`."""

    @property
    def frame_count(self) -> int:
        return self.recording.frame_count


def observe(
    recording: Recording | str | Path,
    size: tuple[int, int] | None = None,
    *,
    tracks: int = 1024,
    preview: bool = False,
    true_frames: bool = False,
    progress: Progress = silent,
) -> MotionClip:
    """Implementation of `simcraft.observe.observe`."""
    observation = prepare(recording, size, tracks, preview, true_frames)
    outline = outline_of(observation)
    arrays: dict[str, Any] = {name: np.empty(shape, ARRAYS[name][1]) for name, shape in shapes_of(outline).items()}
    for t, entries in enumerate(entries_of(observation, 0, progress)):
        for name in ("tracks", "track_visible"):
            arrays[name][:, t] = entries.pop(name)
        for name, value in entries.items():
            arrays[name][t] = value
    # the first of previewed frames need not be made twice
    previewed = arrays["frames"][0].copy() if outline.frames_source == outline.image_source == "preview" else None
    arrays |= whole_arrays(observation, previewed)
    clip = dataclasses.replace(outline, **arrays)
    if not moves(clip):
        clip.metadata["warnings"].append(STILL)
    return clip


def observe_to(
    recording: Recording | str | Path,
    path: str | Path,
    size: tuple[int, int] | None = None,
    *,
    tracks: int = 1024,
    preview: bool = False,
    true_frames: bool = False,
    force: bool = False,
    progress: Progress = silent,
) -> tuple[str, ...]:
    """Observe straight into the zarr clip `path`, holding a few frames in memory; returns the warnings.

    An interrupted run leaves `.NAME.partial` beside `path`; the same call goes on after its last whole frame, unless
    the recording holds something else by now or `force` asks for a fresh start. The other parameters and errors are
    those of `observe` and `save_clip`.
    "Nothing moves" is among the returned warnings only, since the clip's own are written first.
    """
    from simcraft.clip.header import clip_header
    from simcraft.clip.zarr_store import ClipWriter

    observation = prepare(recording, size, tracks, preview, true_frames)
    outline = outline_of(observation)
    shapes = shapes_of(outline)
    points = {name: np.empty(shapes[name], ARRAYS[name][1]) for name in ("tracks", "track_visible")}
    source = digest_of(observation.recording)
    with ClipWriter(path, clip_header(outline), source=source, force=force, resume=not force) as writer:
        start = writer.frames_done
        for t, entries in enumerate(entries_of(observation, start, progress)):
            for name, array in points.items():
                array[:, t] = entries.pop(name)
            if t >= start:
                # noted with the frame, since what is written is not read again
                writer.notes["moving"] = writer.notes.get("moving", False) or pair_moves(entries)
                writer.write_frame(entries)
        writer.finish(points | whole_arrays(observation))
    return (*outline.metadata["warnings"], *(() if writer.notes["moving"] else (STILL,)))


def prepare(
    recording: Recording | str | Path, size: tuple[int, int] | None, tracks: int, preview: bool, true_frames: bool
) -> Observation:
    """Check the request and look at the first frame; `UserError` as in `observe`."""
    recording = open_recording(recording)
    if recording.frame_count < 2:
        raise UserError(
            "The recording has a single frame, and motion needs two.", "Simulate a range of at least two frames."
        )
    if tracks < 0:
        raise UserError(f"The number of tracks is {tracks}.", "Give 0 or more.")
    crop, layout = crop_of(recording, size), layout_of(recording)
    first = render_frame(recording, layout, 0, crop)
    seeds = seed_points(first, tracks, abs(recording.seed or 0))
    source = None
    if recording.frames is not None and not preview:
        source = "render"
    elif preview or true_frames:
        source = "preview"
    return Observation(recording, layout, crop, first, seeds, preview, source)


def outline_of(observation: Observation) -> MotionClip:
    """The clip to be: everything but its arrays, which have their shapes and occupy no memory."""
    recording, crop = observation.recording, observation.crop
    rendered = not observation.preview and (recording.image is not None or recording.frames is not None)
    sizes: dict[str | int, int] = {
        "T": observation.frame_count,
        "T-1": observation.frame_count - 1,
        "H": crop.size[1],
        "W": crop.size[0],
        "N": len(observation.seeds.sides),
    }
    absent = set() if observation.frames_source else {"frames"}
    if observation.first.smoke is None:
        absent.add("coverage")
    arrays: dict[str, Any] = {
        name: np.broadcast_to(np.zeros((), dtype), tuple(sizes.get(n, n) for n in shape))  # type: ignore[arg-type]
        for name, (shape, dtype) in ARRAYS.items()
        if name not in absent
    }
    return MotionClip(
        **arrays,
        frames_source=observation.frames_source,
        image_source="render" if rendered else "preview",
        projection=recording.camera.projection,
        captions=(recording.caption,) if recording.caption else (),
        instance_table=observation.layout.instance_table,
        fps=float(recording.fps),
        name=recording.name,
        seed=recording.seed,
        metadata=_metadata(recording, observation.layout),
    )


def shapes_of(outline: MotionClip) -> dict[str, tuple[int, ...]]:
    """Shape of every array that the clip will have, by name."""
    return {name: getattr(outline, name).shape for name in ARRAYS if getattr(outline, name) is not None}


def whole_arrays(observation: Observation, image: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """The arrays that are not made frame by frame: cameras and the first picture, which may be known already."""
    recording, crop = observation.recording, observation.crop
    picture = recording.image
    if picture is None and recording.frames is not None:
        picture = recording.frames[0]
    if image is None:
        rendered = None if observation.preview else picture
        image = _preview(observation, range(1))[0] if rendered is None else crop.image(rendered)
    return {
        "image": image,
        "intrinsics": crop.intrinsics(recording.camera.intrinsics),
        "camera_to_world": np.array(recording.camera.camera_to_world, np.float64),
    }


def entries_of(observation: Observation, start: int, progress: Progress) -> Iterator[dict[str, np.ndarray]]:
    """Entry t of every per-frame array, with `tracks` (N, 2) and `track_visible` (N,), for each frame in turn.

    Holds the first, the current and the next frame. Before frame `start` there are only the tracks.
    """
    steps = observation.frame_count
    here = observation.first
    pictures = _pictures(observation, start)
    for t in track(range(steps), "observe", steps, progress):
        there = None
        if t + 1 < steps:
            there = render_frame(observation.recording, observation.layout, t + 1, observation.crop)
        position, visible = track_points(observation.seeds, here)
        entries = {"tracks": position, "track_visible": visible}
        if t >= start:
            entries |= _still_entries(here, observation.first)
            if there is not None:
                entries |= _pair_entries("forward", here, there) | _pair_entries("backward", there, here)
            if observation.frames_source:
                entries["frames"] = next(pictures)
        yield entries
        if there is not None:
            here = there


def _still_entries(here: Frame, first: Frame) -> dict[str, np.ndarray]:
    to_first = np.full((*here.depth.shape, 2), np.nan, np.float32)
    _, seen = carry_image(here, first, to_first, relative=False)
    smoke = {} if here.smoke is None else {"coverage": here.smoke.alpha}
    return {
        "depth": here.depth,
        "instances": here.instances,
        "normals": here.normals,
        "to_first": to_first,
        "to_first_visible": seen,
        **smoke,
    }


def _pair_entries(direction: str, here: Frame, there: Frame) -> dict[str, np.ndarray]:
    flow = np.zeros((*here.depth.shape, 2), np.float32)
    valid, visible = carry_image(here, there, flow, relative=True)
    return {f"flow_{direction}": flow, f"flow_valid_{direction}": valid, f"visible_{direction}": visible}


def _pictures(observation: Observation, start: int) -> Iterator[np.ndarray]:
    """The true frames from `start` on, one at a time."""
    if observation.frames_source == "render":
        for frame in observation.recording.frames[start:]:  # type: ignore[index]
            yield observation.crop.image(frame)
    else:
        for first in range(start, observation.frame_count, _PREVIEW_BATCH):
            yield from _preview(observation, range(first, min(first + _PREVIEW_BATCH, observation.frame_count)))


def _preview(observation: Observation, frames: range) -> np.ndarray:
    from simcraft.observe.preview import preview_frames

    return preview_frames(observation.recording, observation.crop.size, frames=list(frames))


def open_recording(recording: Recording | str | Path) -> Recording:
    """Load `recording` if it is a path, check it if it is not; raises `UserError` that names file and field."""
    try:
        if isinstance(recording, Recording):
            check_recording(recording)
            return recording
        return load_recording(recording)
    except RecordingError as error:
        raise UserError(str(error), "Simulate the scene again, or repair the recording.") from error


def _metadata(recording: Recording, layout: Layout) -> dict[str, Any]:
    """JSON values: what made the clip, and what its user should know."""
    versions = {"simcraft": simcraft.__version__, "taichi": importlib.metadata.version("taichi")}
    return {
        "software": {**recording.software, **versions},
        "frame_numbers": [int(n) for n in recording.frame_numbers],
        "warnings": [*recording.warnings, *layout.warnings],
    }
