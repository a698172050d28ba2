"""WebDataset: tar shards that a training loader streams (`simcraft.data.loader`)."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from simcraft.data.export.format import Clips, ExportFormat, Key, Options, Part
from simcraft.data.export.sample import encode_sample
from simcraft.data.manifest import Row
from simcraft.recording.format import Parameter


def plan(split: str, rows: Sequence[Row], options: Options) -> list[Part]:
    """Shards of so many rows each, in the manifest's order, which mixes the families."""
    size = options["clips"]
    return [
        Part(f"{split}-{number:06d}.tar", split, tuple(rows[start : start + size]))
        for number, start in enumerate(range(0, len(rows), size))
    ]


def write(clips: Clips, path: Path, options: Options) -> dict[str, Any]:
    """One shard; the same bytes for the same clips."""
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for row, clip in clips:
            for name, data in encode_sample(row, clip, options["exact"]).items():
                # all else of a TarInfo (date, owner, rights) is constant by default
                member = tarfile.TarInfo(f"{row.id}.{name}")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    return {}


FORMAT = ExportFormat(
    name="webdataset",
    title="WebDataset shards",
    explanation="For training: tar files of many clips each, read in one go by `simcraft.data.loader.clip_loader` or "
    "by anybody's WebDataset pipeline. Flow, depth and normals are rounded unless `exact` is set, all else is "
    "exact. There are no pickles in it.",
    tree="""\
train-000000.tar      shards; a sample is the entries with the same ID, such as 000012.flow_forward.npz
train-000001.tar
train.json            the shards with their clips, size and SHA-256, and what is missing""",
    keys=(
        Key(
            "`meta.json`",
            "",
            "JSON",
            "`id`, `split`, `family`, `seed`, `captions`, `fps`, `settings`, `sheet_columns`, "
            "`crc32` of the other entries, `clip`: all of the clip that is no array, as in its own header",
        ),
        Key("`image.png`", "(H, W, 3)", "8 bits", "first frame, sRGB"),
        Key(
            "`frames.webp`",
            "(T, H, W, 3)",
            "8 bits, lossless",
            "the true frames, sRGB, side by side in "
            "`sheet_columns` columns, row by row; `frames.npz` where that would exceed 16383 pixels a side, or 2^26 "
            "in all",
        ),
        Key(
            "`flow_forward.npz`: `flow_forward_steps`",
            "(T-1, H, W, 2)",
            "int16 or int32",
            "1/256 pixels, less the value of the pixel to the left: `np.cumsum(steps, axis=2) / 256` is the flow from "
            "frame t to t+1; x to the right, y down; 0 where not valid. With `exact`: `flow_forward`, float32, pixels",
        ),
        Key(
            "`flow_forward.npz`: `flow_valid_forward`", "(T-1, H, W)", "bool", "false where there is no correspondence"
        ),
        Key(
            "`flow_forward.npz`: `visible_forward`",
            "(T-1, H, W)",
            "bool",
            "that very surface point is also seen in frame t+1",
        ),
        Key(
            "`flow_backward.npz`",
            "",
            "",
            "the same from frame t+1 to t: `flow_backward_steps`, `flow_valid_backward`, `visible_backward`, at the "
            "pixels of frame t+1",
        ),
        Key("`depth.npz`: `depth`", "(T, H, W)", "float16", "planar z in metres, +inf for background"),
        Key(
            "`instances.npz`: `instances`",
            "(T, H, W)",
            "uint16",
            "0 = background; others as in `instance_table` of the `clip` in meta.json",
        ),
        Key(
            "`tracks.npz`: `tracks`",
            "(N, T, 2)",
            "float32",
            "pixels, pixel centres at +0.5; NaN where the point does not exist",
        ),
        Key("`tracks.npz`: `track_visible`", "(N, T)", "bool", "false where occluded, outside or not existing"),
        Key("`cameras.npz`: `intrinsics`", "(T, 3, 3)", "float64", "pixels"),
        Key("`cameras.npz`: `camera_to_world`", "(T, 4, 4)", "float64", "metres, OpenCV axes"),
        Key(
            "`to_first.npz`: `to_first_steps`",
            "(T, H, W, 2)",
            "int16 or int32",
            "stored as the flow is: from a pixel's centre to where in the first frame its surface point was. With "
            "`exact`: `to_first`, float32, that place in pixels, NaN where it did not exist",
        ),
        Key("`to_first.npz`: `to_first_exists`", "(T, H, W)", "bool", "the point existed in the first frame"),
        Key("`to_first.npz`: `to_first_visible`", "(T, H, W)", "bool", "that point was seen in the first frame"),
        Key(
            "`normals.npz`: `normals`",
            "(T, H, W, 3)",
            "int8",
            "127 times the unit vector, OpenCV camera axes; 0 for background. With `exact`: float32, the vector itself",
        ),
        Key(
            "`coverage.npz`: `coverage`",
            "(T, H, W)",
            "float16",
            "0 to 1, alpha of smoke and flames; missing where a clip has none",
        ),
    ),
    lost="With `exact=true` nothing. Else flow and `to_first` are off by 1/512 pixel at most (beyond 2^21 pixels they "
    "become that), a depth or coverage v by |v| / 2048 or 3e-8 (a depth beyond 65504 m becomes that), a normal's "
    "components by 0.004.",
    example="""\
import io

import numpy as np
import webdataset

for sample in webdataset.WebDataset("out/train-000000.tar", shardshuffle=False):
    steps = np.load(io.BytesIO(sample["flow_forward.npz"]))["flow_forward_steps"]
    flow = np.cumsum(steps, axis=2) / 256  # (T-1, H, W, 2), pixels
    print(sample["__key__"], np.abs(flow).max())
""",
    plan=plan,
    write=write,
    options=(
        Parameter("clips", 100, "Clips a shard; every worker of a loader wants a shard of its own.", "", 1, 100000),
        Parameter("exact", False, "Keep float32 as it is; several times as large."),
    ),
)
