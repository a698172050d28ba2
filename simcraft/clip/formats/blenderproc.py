"""BlenderProc output folders: `0.hdf5`, `1.hdf5`, ... (DLR-RM/BlenderProc: `writer/WriterUtility.py`,
`renderer/FlowRendererUtility.py`, `renderer/SegMapRendererUtility.py`, `postprocessing/PostProcessingUtility.py`).

What BlenderProc writes in one file a frame, and how it becomes this project's convention:

- `colors`: (H, W, 3) uint8, the true frames.
- `forward_flow`, `backward_flow`: (H, W, 2), pixels, x right and y down (with its default
  `blender_image_coordinate_style=False`; flow with y up cannot be told apart), to frame t+1 and to t-1: as here. The
  last forward and the first backward flow point outside the video and are left out.
- `depth`: planar z, 1e10 for background. `distance`: Euclidean, used where there is no depth but a camera.
- `instance_segmaps` with `instance_attribute_maps` (JSON list of idx, name, ...): 0 = background.
- `camera_pose` (JSON, with `save_world2cam`): OpenCV axes, world to camera, row-major, and `cam_K`, whose pixel centres
  are at whole numbers: 0.5 is added to its principal point.

Its `normals` are not read.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from simcraft.clip.files import PathLike, read_errors
from simcraft.clip.formats.kubric import planar_depth
from simcraft.clip.from_flow import clip_from_flow
from simcraft.clip.types import InstanceInfo, MotionClip
from simcraft.errors import UserError
from simcraft.progress import Progress, silent, track

_BACKGROUND_DEPTH = 1e9
_KEYS = ("colors", "forward_flow", "backward_flow", "depth", "distance", "instance_segmaps")
_JSON_KEYS = ("instance_attribute_maps", "camera_pose")

Frame = dict[str, Any]


def read_blenderproc(folder: PathLike, progress: Progress = silent) -> MotionClip:
    """Read a folder of `N.hdf5` files with at least `colors` and `forward_flow`.

    Raises `UserError` that names the file or key that is missing or damaged.
    """
    folder = Path(folder)
    files = sorted((f for f in folder.glob("*.hdf5") if f.stem.isdigit()), key=lambda f: int(f.stem))
    if len(files) < 2:
        raise UserError(f"{folder} has {len(files)} files named like 0.hdf5; a clip has two or more frames.")
    if [int(f.stem) for f in files] != list(range(int(files[0].stem), int(files[0].stem) + len(files))):
        raise UserError(f"{folder}: the numbers of the .hdf5 files have gaps.", "Render or copy the missing frames.")
    frames = [_read_frame(f) for f in track(files, "read BlenderProc", len(files), progress)]
    present = {key for key in (*_KEYS, *_JSON_KEYS) if all(key in frame for frame in frames)}
    for key in ("colors", "forward_flow"):
        if key not in present:
            lacking = next(f for f, frame in zip(files, frames, strict=True) if key not in frame)
            raise UserError(f"{lacking} has no '{key}'.", "Render it with bproc.renderer.render_optical_flow().")
    with read_errors(folder, "a folder of BlenderProc frames of one size"):
        return _to_clip(folder, frames, present)


def _to_clip(folder: Path, frames: list[Frame], present: set[str]) -> MotionClip:
    stack = {key: np.stack([frame[key] for frame in frames]) for key in _KEYS if key in present}
    colors = np.ascontiguousarray(stack["colors"][..., :3])
    fields: dict[str, Any] = {"metadata": {"origin": "blenderproc", "folder": str(folder)}}
    if "camera_pose" in present:
        fields |= _camera([frame["camera_pose"] for frame in frames])
    if "depth" in present:
        depth = stack["depth"].astype(np.float32)
        fields["depth"] = np.where(depth >= _BACKGROUND_DEPTH, np.float32(np.inf), depth)
    elif "distance" in present and "intrinsics" in fields:
        fields["depth"] = planar_depth(stack["distance"].astype(np.float64), fields["intrinsics"])
    if "instance_segmaps" in present:
        fields["instances"] = stack["instance_segmaps"].astype(np.uint16)
    if "instance_attribute_maps" in present:
        fields["instance_table"] = _instance_table([frame["instance_attribute_maps"] for frame in frames])
    return clip_from_flow(
        colors[0],
        stack["forward_flow"][:-1],
        stack["backward_flow"][1:] if "backward_flow" in present else None,
        frames=colors,
        frames_source="render",
        image_source="render",
        name=folder.name,
        **fields,
    )


def _read_frame(path: Path) -> Frame:
    with read_errors(path, "a BlenderProc HDF5 file"):
        import h5py

        with h5py.File(path, "r") as file:
            frame: Frame = {key: file[key][()] for key in _KEYS if key in file}
            frame |= {key: json.loads(bytes(file[key][()])) for key in _JSON_KEYS if key in file}
        return frame


def _camera(poses: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    intrinsics = np.array([pose["cam_K"] for pose in poses], np.float64).reshape(-1, 3, 3)
    intrinsics[:, :2, 2] += 0.5
    world_to_camera = np.tile(np.eye(4), (len(poses), 1, 1))
    world_to_camera[:, :3, :3] = np.array([pose["cam_R_w2c"] for pose in poses]).reshape(-1, 3, 3)
    world_to_camera[:, :3, 3] = [pose["cam_t_w2c"] for pose in poses]
    return {"intrinsics": intrinsics, "camera_to_world": np.linalg.inv(world_to_camera)}


def _instance_table(tables: list[list[dict[str, Any]]]) -> tuple[InstanceInfo, ...]:
    names = {int(row["idx"]): str(row.get("name", "")) for table in tables for row in table}
    return tuple(InstanceInfo(i, name) for i, name in sorted(names.items()) if i != 0)
