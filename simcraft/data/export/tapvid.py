"""TAP-Vid points (Doersch et al., NeurIPS 2022), as `.npz`: TAP-Vid's own files are pickles, which can run code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from simcraft.clip import MotionClip
from simcraft.data.export.format import Clips, ExportFormat, Key, Options, Unfit, one_a_clip


def write(clips: Clips, path: Path, options: Options) -> dict[str, Any]:
    """One clip as the file `path`. Raises `Unfit` where no point is ever seen."""
    ((_, clip),) = clips
    if clip.frames is None or clip.tracks is None:
        raise Unfit("it has no frames or no tracks")
    arrays = points_of(clip)
    if not len(arrays["points"]):
        raise Unfit("none of its tracks is ever visible")
    np.savez_compressed(path, **arrays)
    return {}


def points_of(clip: MotionClip) -> dict[str, np.ndarray]:
    """`video`, `points`, `occluded`, `query_points` and `track` of a clip with frames and tracks: see `FORMAT`."""
    assert clip.tracks is not None and clip.track_visible is not None and clip.frames is not None
    # a point that is never seen cannot be queried
    kept = np.nonzero(clip.track_visible.any(1))[0]
    visible, pixels = clip.track_visible[kept], clip.tracks[kept]
    first = visible.argmax(1)
    x, y = pixels[np.arange(len(kept)), first].T
    # what does not exist is occluded, and has no place either
    points = np.where(np.isfinite(pixels), pixels, 0) / np.array(clip.size, np.float32)
    return {
        "video": clip.frames,
        "points": points.astype(np.float32),
        "occluded": ~visible,
        "query_points": np.stack([first, y, x], -1).astype(np.float32),
        "track": kept.astype(np.int32),
    }


FORMAT = ExportFormat(
    name="tapvid",
    title="TAP-Vid points",
    explanation="For point trackers and their benchmarks. One `.npz` a clip with what an entry of TAP-Vid's pickles "
    'holds (`video`, `points`, `occluded`), and the queries of its mode "first" as TAPIR\'s evaluation takes them.',
    tree="""\
train/000000.npz      a clip
train.json            which clips are there, missing, or left out and why""",
    keys=(
        Key("`video`", "(T, H, W, 3)", "uint8", "the true frames, sRGB"),
        Key(
            "`points`",
            "(N, T, 2)",
            "float32",
            "(x, y) from 0 to 1: 0 is the left (upper) edge of the first pixel, 1 the right (lower) edge of the last; "
            "times (W, H) it is pixels with centres at +0.5, TAPIR's `target_points`. Points may leave the picture; "
            "(0, 0) where they do not exist",
        ),
        Key("`occluded`", "(N, T)", "bool", "true where covered, outside the picture, or not existing"),
        Key(
            "`query_points`",
            "(N, 3)",
            "float32",
            "(t, y, x), mind the order: the first frame in which the point is seen, and its pixels (centres +0.5)",
        ),
        Key("`track`", "(N,)", "int32", "which of the clip's `tracks` it is; those that are never seen are left out"),
    ),
    lost="everything but frames and tracks.",
    example="""\
import numpy as np

with np.load("out/train/000000.npz") as clip:
    video, points, occluded, queries = (clip[k] for k in ("video", "points", "occluded", "query_points"))
height, width = video.shape[1:3]
target_points = points * [width, height]  # pixels, as TAPIR's evaluation wants them
""",
    needs=("frames", "tracks"),
    plan=one_a_clip(".npz"),
    write=write,
)
