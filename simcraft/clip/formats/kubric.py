"""Kubric output folders (google-research/kubric: `file_io.py`, `renderer/blender.py`, `core/cameras.py`).

What Kubric writes, and how it becomes this project's convention:

- `rgba_00000.png`, ...: 8 bits, the true frames; frame numbers begin at 0.
- `forward_flow_*.png`, `backward_flow_*.png`: 16 bits, scaled to the range in `data_ranges.json`, channels in the
  order (row, column). Forward is the motion from t to t+1, so flow = (column, row). Backward is the motion from t-1
  to t *seen at t*, in the same direction of time: flow to t-1 = (-column, -row). The last forward and the first
  backward file speak of frames outside the video and are left out. Values are rounded down to steps of range / 65535.
- `depth_*.tiff`: Euclidean distance to the camera's centre; times cos of the ray's angle it is planar z.
- `segmentation_*.png`: palette indices, 0 = background, i = the i-th of the metadata's "instances".
- `normal_*.png`: 16 bits, world space, 0 to 65535 for -1 to 1; rotated into the camera.
- `metadata.json`: camera track (Blender axes, quaternions w x y z), focal length and sensor width.

`uv_*` and `object_coordinates_*` are not read.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from simcraft.clip.files import PathLike, read_errors, read_png, read_rgb
from simcraft.clip.from_flow import clip_from_flow
from simcraft.clip.types import InstanceInfo, MotionClip
from simcraft.errors import UserError
from simcraft.progress import Progress, silent, track

_BACKGROUND_DISTANCE = 1e9
"""Blender writes 1e10 metres where nothing was hit."""
_BLENDER_TO_OPENCV = np.diag([1.0, -1.0, -1.0])


def read_kubric(folder: PathLike, progress: Progress = silent) -> MotionClip:
    """Read a folder with `rgba_*.png`, `forward_flow_*.png` and `data_ranges.json`, and whatever else is there.

    Depth and camera need `metadata.json`, and normals the camera; they are None without it.
    Raises `UserError` that names the file that is missing or damaged.
    """
    folder = Path(folder)
    frame_count = len(list(folder.glob("rgba_*.png")))
    if frame_count < 2:
        raise UserError(f"{folder} has {frame_count} rgba_*.png files; a Kubric clip has two or more.")
    ranges = _read_json(folder / "data_ranges.json")
    steps = track(range(frame_count), "read Kubric", frame_count, progress)
    frames = np.stack([read_rgb(folder / f"rgba_{t:05d}.png") for t in steps])
    forward = np.stack([_read_flow(folder, "forward_flow", t, ranges) for t in range(frame_count - 1)])
    backward = None
    if any(folder.glob("backward_flow_*.png")):
        backward = -np.stack([_read_flow(folder, "backward_flow", t, ranges) for t in range(1, frame_count)])
    fields = _optional_fields(folder, frame_count, frames.shape[1:3])
    return clip_from_flow(
        frames[0],
        forward,
        backward,
        frames=frames,
        frames_source="render",
        image_source="render",
        name=folder.name,
        **fields,
    )


def _optional_fields(folder: Path, frame_count: int, shape: tuple[int, int]) -> dict[str, Any]:
    fields: dict[str, Any] = {"metadata": {"origin": "kubric", "folder": str(folder)}}
    document = _read_json(folder / "metadata.json") if (folder / "metadata.json").is_file() else {}
    with read_errors(folder / "metadata.json", "Kubric's metadata"):
        if "camera" in document:
            fields |= _camera(document["camera"], frame_count, shape)
        if "instances" in document:
            names = [str(row.get("asset_id", "")) for row in document["instances"]]
            fields["instance_table"] = tuple(InstanceInfo(i, n) for i, n in enumerate(names, 1))
        flags = document.get("flags", {})
        fields["fps"] = float(flags.get("frame_rate", document.get("metadata", {}).get("frame_rate", 24)))
    if (folder / "segmentation_00000.png").is_file():
        files = [folder / f"segmentation_{t:05d}.png" for t in range(frame_count)]
        fields["instances"] = np.stack([read_png(f).reshape(shape).astype(np.uint16) for f in files])
    if "intrinsics" in fields and (folder / "depth_00000.tiff").is_file():
        distance = np.stack([_read_tiff(folder / f"depth_{t:05d}.tiff", shape) for t in range(frame_count)])
        fields["depth"] = planar_depth(distance, fields["intrinsics"])
    if "camera_to_world" in fields and (folder / "normal_00000.png").is_file():
        world = np.stack([read_png(folder / f"normal_{t:05d}.png") for t in range(frame_count)])
        fields["normals"] = _camera_normals(world, fields["camera_to_world"])
    return fields


def planar_depth(distance: np.ndarray, intrinsics: np.ndarray) -> np.ndarray:
    """Planar z from the distance to the camera's centre.

    Parameters
    ----------
    distance: (T, H, W), metres, 1e9 and above for background.
    intrinsics: (T, 3, 3), pixels, pixel centres at +0.5.

    Returns (T, H, W) float32, metres, +inf for background.
    """
    height, width = distance.shape[1:]
    column, row = np.arange(width) + 0.5, np.arange(height)[:, None] + 0.5
    fx, fy, cx, cy = (intrinsics[:, i, j, None, None] for i, j in ((0, 0), (1, 1), (0, 2), (1, 2)))
    z = distance / np.sqrt(1 + ((column - cx) / fx) ** 2 + ((row - cy) / fy) ** 2)
    return np.where(distance >= _BACKGROUND_DISTANCE, np.inf, z).astype(np.float32)


def _read_flow(folder: Path, kind: str, frame: int, ranges: Any) -> np.ndarray:
    """(H, W, 2) float32, columns first, the sign as stored."""
    path = folder / f"{kind}_{frame:05d}.png"
    with read_errors(folder / "data_ranges.json", f"a table with the range of {kind}"):
        low, high = float(ranges[kind]["min"]), float(ranges[kind]["max"])
    pixels = read_png(path)
    if pixels.dtype != np.uint16 or pixels.ndim != 3:
        raise UserError(f"{path} is {pixels.dtype} {pixels.shape}; Kubric's flow is a 16-bit RGB PNG.")
    return (pixels[..., 1::-1] / 65535 * (high - low) + low).astype(np.float32)


def _camera(camera: dict[str, Any], frame_count: int, shape: tuple[int, int]) -> dict[str, np.ndarray]:
    from scipy.spatial.transform import Rotation

    height, width = shape
    focal = camera["focal_length"] / camera["sensor_width"] * width
    intrinsics = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]], np.float64)
    quaternions = np.asarray(camera["quaternions"], np.float64)
    pose = np.tile(np.eye(4), (frame_count, 1, 1))
    pose[:, :3, :3] = Rotation.from_quat(quaternions[:, [1, 2, 3, 0]]).as_matrix() @ _BLENDER_TO_OPENCV
    pose[:, :3, 3] = camera["positions"]
    return {"intrinsics": np.tile(intrinsics, (frame_count, 1, 1)), "camera_to_world": pose}


def _camera_normals(world: np.ndarray, camera_to_world: np.ndarray) -> np.ndarray:
    normals = world.astype(np.float64) / 65535 * 2 - 1
    length = np.linalg.norm(normals, axis=-1, keepdims=True)
    # background is the zero vector, which 16 bits cannot express exactly; surfaces have unit length
    normals = np.divide(normals, length, out=np.zeros_like(normals), where=length > 0.5)
    return np.einsum("tji,thwj->thwi", camera_to_world[:, :3, :3], normals).astype(np.float32)


def _read_tiff(path: Path, shape: tuple[int, int]) -> np.ndarray:
    with read_errors(path, "a float TIFF of the frames' size"):
        import cv2

        image = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
        if image is None:
            raise ValueError("its pixels cannot be decoded")
        return image.reshape(shape)


def _read_json(path: Path) -> Any:
    with read_errors(path, "JSON"):
        return json.loads(path.read_text(encoding="utf-8"))
