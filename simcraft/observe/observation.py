"""From a Recording to a MotionClip, frame by frame."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import Any

import numpy as np

import simcraft
from simcraft.clip.types import MotionClip
from simcraft.errors import UserError
from simcraft.observe.camera import Crop, crop_of
from simcraft.observe.flow import carry_image
from simcraft.observe.geometry import Layout, layout_of
from simcraft.observe.motion import moves
from simcraft.observe.raster import Frame, render_frame
from simcraft.observe.tracks import Seeds, seed_points, track_points
from simcraft.progress import Progress, silent, track
from simcraft.recording.format import Recording, RecordingError, check_recording, load_recording


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
    recording = open_recording(recording)
    if recording.frame_count < 2:
        raise UserError(
            "The recording has a single frame, and motion needs two.", "Simulate a range of at least two frames."
        )
    if tracks < 0:
        raise UserError(f"The number of tracks is {tracks}.", "Give 0 or more.")
    crop, layout = crop_of(recording, size), layout_of(recording)
    arrays = _empty_arrays(recording.frame_count, crop)
    seen = _observe_frames(recording, layout, crop, arrays, tracks, progress)
    pictures = _pictures(recording, crop, preview, true_frames, progress)
    clip = MotionClip(
        **arrays,
        **seen,
        **pictures,
        projection=recording.camera.projection,
        intrinsics=crop.intrinsics(recording.camera.intrinsics),
        camera_to_world=np.array(recording.camera.camera_to_world, np.float64),
        captions=(recording.caption,) if recording.caption else (),
        instance_table=layout.instance_table,
        fps=float(recording.fps),
        name=recording.name,
        seed=recording.seed,
        metadata=_metadata(recording, layout),
    )
    if not moves(clip):
        clip.metadata["warnings"].append(
            "Nothing moves: the flow is zero in all frames. Bake the simulation, or move something or the camera."
        )
    return clip


def open_recording(recording: Recording | str | Path) -> Recording:
    """Load `recording` if it is a path, check it if it is not; raises `UserError` that names file and field."""
    try:
        if isinstance(recording, Recording):
            check_recording(recording)
            return recording
        return load_recording(recording)
    except RecordingError as error:
        raise UserError(str(error), "Simulate the scene again, or repair the recording.") from error


def _empty_arrays(frames: int, crop: Crop) -> dict[str, Any]:
    """The arrays of a clip that are filled frame by frame."""
    image = crop.size[1], crop.size[0]
    pairs: dict[str, Any] = {}
    for direction in ("forward", "backward"):
        pairs[f"flow_{direction}"] = np.zeros((frames - 1, *image, 2), np.float32)
        pairs[f"flow_valid_{direction}"] = np.zeros((frames - 1, *image), bool)
        pairs[f"visible_{direction}"] = np.zeros((frames - 1, *image), bool)
    return pairs | {
        "depth": np.empty((frames, *image), np.float32),
        "instances": np.empty((frames, *image), np.uint16),
        "normals": np.empty((frames, *image, 3), np.float32),
        "to_first": np.full((frames, *image, 2), np.nan, np.float32),
        "to_first_visible": np.zeros((frames, *image), bool),
    }


def _observe_frames(
    recording: Recording, layout: Layout, crop: Crop, arrays: dict[str, Any], tracks: int, progress: Progress
) -> dict[str, Any]:
    """Fill `arrays`, holding no more than the first, the previous and the current frame; returns the tracks."""
    first: Frame | None = None
    previous: Frame | None = None
    seeds: Seeds | None = None
    positions, seen = [], []
    for t in track(range(recording.frame_count), "observe", recording.frame_count, progress):
        frame = render_frame(recording, layout, t, crop)
        if first is None or previous is None or seeds is None:
            first, seeds = frame, seed_points(frame, tracks, recording.seed or 0)
        else:
            _write_pair(arrays, t - 1, "forward", previous, frame)
            _write_pair(arrays, t - 1, "backward", frame, previous)
        for name in ("depth", "instances", "normals"):
            arrays[name][t] = getattr(frame, name)
        _, arrays["to_first_visible"][t] = carry_image(frame, first, arrays["to_first"][t], relative=False)
        position, visible = track_points(seeds, frame)
        positions.append(position)
        seen.append(visible)
        previous = frame
    return {"tracks": np.stack(positions, axis=1), "track_visible": np.stack(seen, axis=1)}


def _write_pair(arrays: dict[str, np.ndarray], t: int, direction: str, here: Frame, there: Frame) -> None:
    valid, visible = carry_image(here, there, arrays[f"flow_{direction}"][t], relative=True)
    arrays[f"flow_valid_{direction}"][t] = valid
    arrays[f"visible_{direction}"][t] = visible


def _pictures(recording: Recording, crop: Crop, preview: bool, true_frames: bool, progress: Progress) -> dict[str, Any]:
    """`image` and `frames` with their sources: rendered ones where the recording has them, else the preview."""
    rendered = None if preview else recording.frames
    pictures: dict[str, Any] = {}
    if rendered is not None:
        pictures["frames"] = np.stack([crop.image(frame) for frame in rendered])
        pictures["frames_source"] = "render"
    elif preview or true_frames:
        pictures["frames"] = _preview(recording, crop, range(recording.frame_count), progress)
        pictures["frames_source"] = "preview"
    if recording.image is not None and not preview:
        return pictures | {"image": crop.image(recording.image), "image_source": "render"}
    if "frames" in pictures:
        return pictures | {"image": pictures["frames"][0], "image_source": pictures["frames_source"]}
    return pictures | {"image": _preview(recording, crop, range(1), progress)[0], "image_source": "preview"}


def _preview(recording: Recording, crop: Crop, frames: range, progress: Progress) -> np.ndarray:
    from simcraft.observe.preview import preview_frames

    return preview_frames(recording, crop.size, frames=list(frames), progress=progress)


def _metadata(recording: Recording, layout: Layout) -> dict[str, Any]:
    """JSON values: what made the clip, and what its user should know."""
    versions = {"simcraft": simcraft.__version__, "taichi": importlib.metadata.version("taichi")}
    return {
        "software": {**recording.software, **versions},
        "frame_numbers": [int(n) for n in recording.frame_numbers],
        "warnings": [*recording.warnings, *layout.warnings],
    }
