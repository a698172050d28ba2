"""Folders in the layout of Kubric (Greff et al., CVPR 2022); `simcraft.clip.formats.kubric` reads them back.

Kubric's conventions, as in its `file_io.py` and `renderer/blender.py`: flow in the order (row, column), both flows in
the direction of time, Euclidean distance for depth, Blender's camera axes with quaternions (w, x, y, z).
"""

from __future__ import annotations

import colorsys
import json
from pathlib import Path
from typing import Any

import numpy as np

from simcraft.clip import MotionClip
from simcraft.clip.files import write_png
from simcraft.clip.types import InstanceInfo
from simcraft.data.export.format import Clips, ExportFormat, Key, Options, Unfit, one_a_clip
from simcraft.data.manifest import Row

BACKGROUND_DISTANCE = 1e10
"""Metres; what Blender writes where nothing was hit."""
SENSOR_WIDTH = 36.0
"""Millimetres, Blender's and Kubric's usual one; with the focal length it gives the field of view."""
_OPENCV_TO_BLENDER = np.diag([1.0, -1.0, -1.0])


def write(clips: Clips, path: Path, options: Options) -> dict[str, Any]:
    """One clip as the folder `path`. Raises `Unfit` where its camera is none of Kubric's."""
    ((row, clip),) = clips
    if clip.frames is None:
        raise Unfit("it has no frames")
    camera = _camera(clip)
    path.mkdir()
    for t, frame in enumerate(clip.frames):
        opaque = np.full((*frame.shape[:2], 1), 255, np.uint8)
        write_png(path / f"rgba_{t:05d}.png", np.concatenate([frame, opaque], -1))
    # the flow to and from frames outside the video is unknown: Kubric renders it, here it is 0
    nothing = np.zeros_like(clip.flow_forward[:1])
    ranges = {
        "forward_flow": _write_flow(path, "forward_flow", np.concatenate([clip.flow_forward, nothing])),
        "backward_flow": _write_flow(path, "backward_flow", np.concatenate([nothing, -clip.flow_backward])),
    }
    if clip.depth is not None and clip.intrinsics is not None:
        distance = euclidean_distance(clip.depth, clip.intrinsics)
        for t, image in enumerate(distance):
            _write_tiff(path / f"depth_{t:05d}.tiff", image)
        near = distance[distance < BACKGROUND_DISTANCE]
        ranges["depth"] = {"min": float(near.min(initial=0)), "max": float(near.max(initial=0))}
    if clip.normals is not None and clip.camera_to_world is not None:
        world = np.einsum("tij,thwj->thwi", clip.camera_to_world[:, :3, :3], clip.normals)
        for t, image in enumerate(np.rint((np.clip(world, -1, 1) + 1) / 2 * 65535).astype(np.uint16)):
            write_png(path / f"normal_{t:05d}.png", image)
    table = _instances(clip) if clip.instances is not None else None
    if table is not None:
        _write_segmentation(path, clip, table)
    document = _document(row, clip, camera, table)
    (path / "data_ranges.json").write_text(json.dumps(ranges, indent=1), encoding="utf-8")
    (path / "metadata.json").write_text(json.dumps(document, indent=1), encoding="utf-8")
    return {}


def euclidean_distance(depth: np.ndarray, intrinsics: np.ndarray) -> np.ndarray:
    """Distance to the camera's centre from planar z: the inverse of `formats.kubric.planar_depth`.

    `depth` is (T, H, W) in metres, +inf for background; `intrinsics` (T, 3, 3) in pixels, pixel centres at +0.5.
    Returns (T, H, W) float32, 1e10 for background.
    """
    height, width = depth.shape[1:]
    column, row = np.arange(width) + 0.5, np.arange(height)[:, None] + 0.5
    fx, fy, cx, cy = (intrinsics[:, i, j, None, None] for i, j in ((0, 0), (1, 1), (0, 2), (1, 2)))
    distance = depth * np.sqrt(1 + ((column - cx) / fx) ** 2 + ((row - cy) / fy) ** 2)
    return np.where(np.isfinite(depth), distance, BACKGROUND_DISTANCE).astype(np.float32)


def _write_flow(path: Path, name: str, flow: np.ndarray) -> dict[str, float]:
    """`flow` is (T, H, W, 2), x before y, in the direction of time; gives the range that 0 to 65535 stand for."""
    low, high = float(flow.min()), float(flow.max())
    if low == high:
        high = low + 1.0
    steps = np.rint((flow[..., ::-1].astype(np.float64) - low) * (65535 / (high - low))).astype(np.uint16)
    for t, image in enumerate(steps):
        write_png(path / f"{name}_{t:05d}.png", np.dstack([image, np.zeros_like(image[..., 0])]))
    return {"min": low, "max": high}


def _write_tiff(path: Path, image: np.ndarray) -> None:
    import cv2

    path.write_bytes(cv2.imencode(".tiff", image)[1].tobytes())


def _write_segmentation(path: Path, clip: MotionClip, table: list[InstanceInfo]) -> None:
    """Palette pictures, or above 255 instances 16 bits of grey; value i is the i-th of the metadata's instances."""
    from PIL import Image

    assert clip.instances is not None
    place = np.zeros(65536, np.uint16)
    for number, info in enumerate(table, start=1):
        place[info.id] = number
    colours = [0, 0, 0]
    for number in range(255):
        colours += [round(255 * c) for c in colorsys.hls_to_rgb(number * 0.618 % 1, 0.6, 0.8)]
    for t, image in enumerate(place[clip.instances]):
        file = path / f"segmentation_{t:05d}.png"
        if len(table) > 255:
            write_png(file, image)
            continue
        picture = Image.frombytes("P", (image.shape[1], image.shape[0]), image.astype(np.uint8).tobytes())
        picture.putpalette(colours)
        picture.save(file)


def _instances(clip: MotionClip) -> list[InstanceInfo]:
    """The table's rows by id, and rows for ids that it lacks."""
    assert clip.instances is not None
    known = {info.id: info for info in clip.instance_table}
    ids = known.keys() | {int(i) for i in np.unique(clip.instances) if i}
    return [known.get(i, InstanceInfo(i, f"instance {i}")) for i in sorted(ids)]


def _camera(clip: MotionClip) -> dict[str, Any] | None:
    """Kubric's `camera`, or None where the clip has none."""
    if clip.intrinsics is None or clip.camera_to_world is None:
        return None
    from scipy.spatial.transform import Rotation

    if clip.projection != "perspective":
        raise Unfit(f"its camera is {clip.projection}")
    width, height = clip.size
    fx = clip.intrinsics[0, 0, 0]
    centred = np.array([[fx, 0, width / 2], [0, fx, height / 2], [0, 0, 1]])
    if not np.allclose(clip.intrinsics, centred, rtol=1e-6, atol=1e-3):
        raise Unfit("its camera zooms, is shifted, or its pixels are not square")
    pose = clip.camera_to_world[:, :3, :3] @ _OPENCV_TO_BLENDER
    quaternions = Rotation.from_matrix(pose).as_quat()[:, [3, 0, 1, 2]]
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = pose[0], clip.camera_to_world[0, :3, 3]
    focal = fx / width
    return {
        "focal_length": focal * SENSOR_WIDTH,
        "sensor_width": SENSOR_WIDTH,
        "field_of_view": 2 * float(np.arctan(0.5 / focal)),
        "positions": clip.camera_to_world[:, :3, 3].tolist(),
        "quaternions": quaternions.tolist(),
        # `Camera.intrinsics` of kubric/core/cameras.py: for picture coordinates from 0 to 1, the camera looks along -z
        "K": [[focal, 0, -0.5], [0, -fx / height, -0.5], [0, 0, -1]],
        "R": matrix.tolist(),
    }


def _document(
    row: Row, clip: MotionClip, camera: dict[str, Any] | None, table: list[InstanceInfo] | None
) -> dict[str, Any]:
    """The content of metadata.json."""
    width, height = clip.size
    about = {
        "resolution": [width, height],
        "width": width,
        "height": height,
        "frame_rate": clip.fps,
        "num_frames": clip.frame_count,
        "num_instances": len(table or ()),
        "video_name": row.id,
        "split": row.split,
        "family": row.family,
        "seed": row.seed,
        "captions": list(clip.captions),
    }
    document: dict[str, Any] = {"metadata": about, "flags": {"frame_rate": clip.fps, "resolution": f"{width}x{height}"}}
    if camera is not None:
        document["camera"] = camera
    if table is not None:
        document["instances"] = [_instance(clip, info) for info in table]
    return document


def _instance(clip: MotionClip, info: InstanceInfo) -> dict[str, Any]:
    """What is known of one instance from its pixels; `bboxes` as in MOVi: ymin, xmin, ymax, xmax from 0 to 1."""
    assert clip.instances is not None
    mask = clip.instances == info.id
    width, height = clip.size
    boxes, seen = [], []
    for t in np.nonzero(mask.any((1, 2)))[0]:
        rows, columns = np.nonzero(mask[t].any(1))[0], np.nonzero(mask[t].any(0))[0]
        boxes.append([rows[0] / height, columns[0] / width, (rows[-1] + 1) / height, (columns[-1] + 1) / width])
        seen.append(int(t))
    return {
        "asset_id": info.name,
        "category": info.material,
        "solver": info.solver,
        "visibility": mask.sum((1, 2)).tolist(),
        "bbox_frames": seen,
        "bboxes": [[float(v) for v in box] for box in boxes],
    }


FORMAT = ExportFormat(
    name="kubric",
    title="Kubric-like folders",
    explanation="For loaders that were written for Kubric's output folders. One folder a clip; "
    "`simcraft.clip.formats.kubric` reads it back, as `simcraft.load_clip` does.",
    tree="""\
train/000000/rgba_00000.png ...      a clip; frame numbers begin at 0
train/000000/data_ranges.json
train/000000/metadata.json
train.json                           which clips are there, missing, or left out and why""",
    keys=(
        Key("`rgba_00000.png`", "(H, W, 4)", "8 bits", "the true frames, sRGB; alpha is 255"),
        Key(
            "`forward_flow_00000.png`",
            "(H, W, 3)",
            "16 bits",
            "(row, column, 0), pixels from frame t to t+1; 0 to 65535 stand for `min` to `max` in data_ranges.json; 0 "
            "in the last frame",
        ),
        Key(
            "`backward_flow_00000.png`",
            "(H, W, 3)",
            "16 bits",
            "(row, column, 0), the motion from t-1 to t in the direction of time, seen at t: minus the flow to t-1; 0 "
            "in the first frame",
        ),
        Key(
            "`depth_00000.tiff`",
            "(H, W)",
            "float32",
            "metres from the camera's centre (not planar), 1e10 for background",
        ),
        Key(
            "`segmentation_00000.png`",
            "(H, W)",
            "8 bits with a palette",
            "0 = background, i = the i-th of `instances` in metadata.json; 16 bits where there are more than 255",
        ),
        Key(
            "`normal_00000.png`",
            "(H, W, 3)",
            "16 bits",
            "world space, 0 to 65535 for -1 to 1; middle grey for background",
        ),
        Key("`data_ranges.json`", "", "JSON", "`forward_flow`, `backward_flow`, `depth`: `min` and `max`"),
        Key(
            "`metadata.json`: `camera`",
            "",
            "JSON",
            "`focal_length`, `sensor_width` in mm, `field_of_view` in radians, `positions` (T, 3) in metres, "
            "`quaternions` (T, 4) as w, x, y, z with Blender's camera axes (x right, y up, looking along -z), `K`, `R`",
        ),
        Key(
            "`metadata.json`: `instances`",
            "",
            "JSON",
            "`asset_id` (name), `category` (material), `solver`, `visibility` (T, pixels), `bbox_frames`, `bboxes` "
            "(ymin, xmin, ymax, xmax from 0 to 1)",
        ),
        Key(
            "`metadata.json`: `metadata`",
            "",
            "JSON",
            "`resolution`, `frame_rate`, `num_frames`, `video_name`, `split`, `family`, `seed`, `captions`",
        ),
    ),
    lost="masks of validity and visibility, tracks, `to_first` and the coverage of smoke. Flow is off by half a step, "
    "1 / 131070 of its range. There are no `object_coordinates` and no `uv`. Kubric's camera is a centred perspective "
    "one of fixed focal length: clips with another are left out.",
    example="""\
import json
from pathlib import Path

import cv2

clip = Path("out/train/000000")
pixels = cv2.imread(str(clip / "forward_flow_00000.png"), cv2.IMREAD_UNCHANGED)  # blue, green, red
span = json.loads((clip / "data_ranges.json").read_text())["forward_flow"]
row_column = pixels[..., 2:0:-1] / 65535 * (span["max"] - span["min"]) + span["min"]  # pixels
""",
    needs=("frames",),
    plan=one_a_clip(""),
    write=write,
)
