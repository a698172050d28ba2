"""The check of one row: its marker, its files, its clip."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO

import numpy as np

from simcraft.clip.files import sha256_of
from simcraft.clip.store import load_clip
from simcraft.clip.types import MotionClip
from simcraft.data.check.consistency import disagreements
from simcraft.data.check.report import ClipReport, Problem
from simcraft.data.check.values import Finding, asked_for, values
from simcraft.data.folder import DataSet
from simcraft.data.manifest import Row
from simcraft.data.statistics import statistics_of
from simcraft.errors import UserError

_SIDE = 112
"""Pixels: the longer side of the pictures on the page."""


def state_of(data_set: DataSet, row: Row) -> ClipReport:
    """What is known of a row without reading its clip."""
    if data_set.is_done(row):
        return ClipReport(row.id, row.split, row.family, "done")
    if data_set.has_failed(row):
        try:
            failure = str(data_set.failure(row)["message"])
        except UserError as error:
            failure = error.message
        return ClipReport(row.id, row.split, row.family, "failed", failure=failure)
    missing = Problem(row.id, "the clip is not made", "it, or the reason why it failed; go on with `dataset make`")
    return ClipReport(row.id, row.split, row.family, "missing", problems=(missing,))


def check_row(data_set: DataSet, row: Row, picture: bool) -> ClipReport:
    """Check a finished row. `picture` asks for one; clips with problems and dead ones get theirs anyway.

    Holds one clip in memory, and raises nothing that is wrong with it.
    """
    known = replace(state_of(data_set, row), checked=True)
    found: list[Finding] = []
    try:
        marker = data_set.marker(row)
        found += _marker_findings(data_set, row, marker)
        known = replace(known, captions=tuple(marker["captions"]))
        clip = load_clip(data_set.clip_path(row))
        found += _clip_findings(clip, row)
        statistics = statistics_of(clip)
        if statistics != marker["statistics"]:
            found.append(("the marker's statistics are not those of the clip", "the same"))
        if clip.captions != known.captions:
            found.append(("the marker's captions are not those of the clip", "the same"))
        known = replace(known, statistics=statistics, signature=_signature(clip.image))
        if picture or found or statistics["dead"]:
            drawn, speed = _picture(clip)
            known = replace(known, picture=drawn, speed=speed)
        found += _preview_findings(data_set, row)
    except UserError as error:
        found.append((error.message.removesuffix("."), "a file that can be read"))
    return replace(known, problems=tuple(Problem(row.id, what, expected) for what, expected in found))


def _marker_findings(data_set: DataSet, row: Row, marker: dict) -> Iterator[Finding]:
    """The marker against the row, and the files against the marker."""
    if marker["hash"] != row.hash:
        yield "the marker's hash is another one: the clip is of another row or recipe", f"{row.hash[:12]}..."
    for key in ("id", "split", "family"):
        if marker.get(key) != getattr(row, key):
            yield f"the marker's {key} is {marker.get(key)}", f"{getattr(row, key)}"
    suffixes = (".npz", ".preview.npz") if row.renderer == "both" else (".npz",)
    for name in (f"{row.id}{suffix}" for suffix in suffixes):
        if name not in marker["files"]:
            yield f"the marker does not name {name}", "its SHA-256"
    for name, digest in marker["files"].items():
        path = data_set.folder / "clips" / name
        if not path.is_file():
            yield f"clips/{name} is missing", "it, since the marker names it"
        elif sha256_of(path) != digest:
            yield f"clips/{name} has changed since it was made", f"SHA-256 {digest[:12]}..."


def _clip_findings(clip: MotionClip, row: Row) -> Iterator[Finding]:
    yield from asked_for(clip, row)
    wrong = list(values(clip))
    yield from wrong
    # what is not finite or lies outside cannot be compared
    if not wrong:
        yield from disagreements(clip)


def _preview_findings(data_set: DataSet, row: Row) -> Iterator[Finding]:
    path = data_set.clip_path(row, ".preview.npz")
    if row.renderer == "both" and path.is_file():
        clip = load_clip(path)
        if (clip.size, clip.frame_count) != (row.size, row.frames):
            yield f"{path.name} has another size or length than the clip", "the same"


def _signature(image: np.ndarray) -> np.ndarray:
    import cv2

    return cv2.resize(image, (8, 8), interpolation=cv2.INTER_AREA).astype(np.float32)


def _picture(clip: MotionClip) -> tuple[bytes, float]:
    """WebP of the first image and, beside it, the flow where most moves; and the speed that has the full colour."""
    import cv2
    from PIL import Image

    from simcraft.observe.colour import flow_to_wheel

    speeds = np.where(clip.flow_valid_forward, np.linalg.norm(np.nan_to_num(clip.flow_forward), axis=-1), 0)
    liveliest = int(speeds.mean(axis=(1, 2)).argmax())
    moving = speeds[liveliest][speeds[liveliest] > 0.1]
    speed = max(float(np.percentile(moving, 95)) if len(moving) else 1.0, 0.5)
    flow = flow_to_wheel(
        np.nan_to_num(clip.flow_forward[liveliest]), max_magnitude=speed, valid=clip.flow_valid_forward[liveliest]
    )
    scale = min(1.0, _SIDE / max(clip.size))
    size = max(1, round(scale * clip.size[0])), max(1, round(scale * clip.size[1]))
    small = [cv2.resize(image, size, interpolation=cv2.INTER_AREA) for image in (clip.image, flow)]
    file = BytesIO()
    Image.fromarray(np.hstack(small)).save(file, "WEBP", quality=80, method=4)
    return file.getvalue(), speed
