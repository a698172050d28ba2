"""SimCraft's own format, one zarr group a clip: everything, exactly, frame by frame."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from simcraft.clip.types import ARRAYS
from simcraft.data.export.format import Clips, ExportFormat, Key, Options, one_a_clip


def write(clips: Clips, path: Path, options: Options) -> dict[str, Any]:
    """One clip as the zarr group `path`."""
    from simcraft.clip.store import save_clip

    ((_, clip),) = clips
    save_clip(clip, path)
    return {}


_MEANINGS = {
    "image": "first frame, sRGB",
    "flow_forward": "pixels, from frame t to t+1; x to the right, y down; 0 where not valid",
    "flow_backward": "pixels, from frame t+1 to t, at the pixels of frame t+1",
    "flow_valid_forward": "false where there is no correspondence",
    "flow_valid_backward": "the same for `flow_backward`",
    "visible_forward": "that very surface point is also seen in frame t+1",
    "visible_backward": "the surface point of frame t+1 is also seen in frame t",
    "depth": "planar z in metres, +inf for background",
    "instances": "0 = background; others as in the header's `instance_table`",
    "tracks": "pixels, pixel centres at +0.5; NaN where the point does not exist",
    "track_visible": "false where occluded, outside the image or not existing",
    "intrinsics": "pixels",
    "camera_to_world": "metres, OpenCV axes (x right, y down, z forward)",
    "to_first": "pixels: where in the first frame the surface point seen here was; NaN where it did not exist",
    "to_first_visible": "that point was seen in the first frame",
    "frames": "the true frames, sRGB",
    "coverage": "0 to 1, alpha of smoke and flames; missing where a clip has none",
    "normals": "unit vectors, OpenCV camera axes, facing the camera; 0 for background",
}


def _shape(name: str) -> str:
    return f"({', '.join(str(n) for n in ARRAYS[name][0])})"


FORMAT = ExportFormat(
    name="zarr",
    title="Zarr folders",
    explanation="SimCraft's own format: one zarr v3 group a clip, one chunk a frame, so that single frames can be "
    "read. Nothing is lost; any zarr v3 library reads it.",
    tree="""\
train/000000.zarr/    a clip, one array a key; the group's attribute "simcraft" holds everything that is no array
train.json            which clips are there and which are missing""",
    keys=tuple(Key(f"`{name}`", _shape(name), ARRAYS[name][1], _MEANINGS[name]) for name in ARRAYS),
    lost="nothing.",
    example="""\
import zarr

clip = zarr.open_group("out/train/000000.zarr", mode="r")
flow = clip["flow_forward"][3]  # frame 3 alone: (H, W, 2) float32, pixels
captions = clip.attrs["simcraft"]["captions"]
""",
    plan=one_a_clip(".zarr"),
    write=write,
)
