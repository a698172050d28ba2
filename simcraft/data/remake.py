"""One row of a data set, made again alone: the same bytes on the same machine and versions."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from simcraft.clip import MotionClip
from simcraft.clip.files import complete_file
from simcraft.clip.store import load_clip
from simcraft.clip.types import ARRAYS
from simcraft.data.folder import DataSet, open_set, versions
from simcraft.data.manifest import Row
from simcraft.errors import UserError
from simcraft.progress import Progress, silent


def find_row(data_set: DataSet, row_id: str) -> Row:
    """The row of this id; leading zeros may be missing. Raises `UserError` where there is none."""
    for row in data_set.rows:
        if row.id == row_id or (row_id.isdecimal() and row.id == f"{int(row_id):06d}"):
            return row
    ids = f"{data_set.rows[0].id} to {data_set.rows[-1].id}"
    raise UserError(f"{data_set.folder} has no row {row_id}.", f"Its rows are {ids}.")


def remake(folder: Path, row_id: str, out: Path, progress: Progress = silent) -> dict[str, Any]:
    """Make the row `row_id` of the data set in `folder` again as the clip `out` (.npz).

    Returns the path, and how it compares with the clip in the set: "identical", or the largest difference of each
    array, and then what the clip in the set was made by if that is not what is here. Raises `UserError` where there is
    no such row or the name has another suffix.
    """
    from simcraft.data.clips import make_row
    from simcraft.sim.blender import blender_session

    if out.suffix != ".npz":
        raise UserError(f"The clip cannot be written as {out}.", "End the name in .npz.")
    data_set = open_set(folder)
    row = find_row(data_set, row_id)
    with blender_session() as session:
        made = make_row(row, session=session, progress=progress)
    data = made.files[".npz"]
    with complete_file(out) as path:
        path.write_bytes(data)
    result = {"clip": str(out), "caption": made.captions[0] if made.captions else ""}
    if not data_set.is_done(row):
        return {**result, "compared": "the set does not have it yet"}
    if data_set.marker(row)["files"].get(f"{row.id}.npz") == hashlib.sha256(data).hexdigest():
        return {**result, "compared": "identical"}
    differences = compare_clips(load_clip(out), data_set.clip(row))
    told = ", ".join(f"{name} {value}" for name, value in differences.items()) or "equal arrays"
    here = versions()
    others = [f"{name} {made_by}" for name, made_by in data_set.made_by.items() if here.get(name) != made_by]
    return {**result, "compared": told, **({"the set was made by": ", ".join(others)} if others else {})}


def compare_clips(one: MotionClip, other: MotionClip) -> dict[str, str]:
    """Name of each array that differs -> by how much: the share of elements that differ, and the largest difference."""
    found = {}
    for name in ARRAYS:
        a, b = getattr(one, name), getattr(other, name)
        if a is None and b is None:
            continue
        if a is None or b is None or a.shape != b.shape:
            found[name] = "is missing" if a is None or b is None else f"has shape {a.shape}, not {b.shape}"
            continue
        same = (a == b) | ((a != a) & (b != b))
        if not same.all():
            apart = np.abs(a[~same].astype(np.float64) - b[~same].astype(np.float64))
            found[name] = f"differs in {1 - same.mean():.2%} by up to {np.nanmax(apart):.3g}"
    return found
