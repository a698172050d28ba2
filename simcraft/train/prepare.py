"""Finished data sets become a prepared folder: see `prepared` for what it holds."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from simcraft.clip import MotionClip
from simcraft.clip.files import write_errors
from simcraft.cores import core_count
from simcraft.data.folder import DataSet, open_set
from simcraft.data.manifest import Row
from simcraft.errors import UserError
from simcraft.progress import Progress, silent, track
from simcraft.train.layout import FACTOR
from simcraft.train.prepared import FORMAT, TRAIN, PreparedClip, PreparedSet, arrays_of, open_prepared

_CLIPS_A_WORKER = 32
"""Fewer do not pay for starting another process."""


@dataclass(frozen=True)
class ReadyClip:
    """A clip as it is put into the arrays."""

    id: str
    split: str
    family: str
    captions: tuple[str, ...]
    arrays: dict[str, np.ndarray]
    """By the names of `arrays_of`, (T, ...) each."""
    digest: str
    """Of the clip's file."""


def prepare(sets: Sequence[str | Path], out: str | Path, *, progress: Progress = silent) -> PreparedSet:
    """Prepare the finished clips of one or more data sets, in the order of the sets and of their manifests.

    The same clips give the same bytes. Clips without frames (photos that flow, when rendered) are left out.

    Raises
    ------
    UserError: `out` exists; a folder is no data set; clips differ in size; no clip is for training, or none is held
        out; a clip is damaged; sets lack annotations.
    DiskFull: there is no space.
    """
    opened = [open_set(folder) for folder in sets]
    rows = [(data_set, row) for data_set in opened for row in data_set.done()]
    sizes = sorted({row.size for _, row in rows})
    if len(sizes) > 1:
        shown = ", ".join(f"{width}x{height}" for width, height in sizes)
        raise UserError(f"The clips have different sizes: {shown}.", "Prepare sets of one size.")
    if sizes and (sizes[0][0] % FACTOR or sizes[0][1] % FACTOR):
        raise UserError(f"The clips are {sizes[0][0]}x{sizes[0][1]}.", f"Make them in multiples of {FACTOR} pixels.")
    _check_splits((row.split for _, row in rows), ", ".join(map(str, sets)))
    _check_annotations(rows)
    return write_prepared(_ready_clips(rows, progress), sizes[0], Path(out))


def ready_clip(clip: MotionClip) -> dict[str, np.ndarray]:
    """The arrays of a clip with frames: see `PreparedSet`, whose frames are this clip's T."""
    from simcraft.generate.correspondence import pixel_centres
    from simcraft.generate.motioncraft.composite import Warped
    from simcraft.generate.motioncraft.geometry import Geometry
    from simcraft.generate.motioncraft.warping import latent_motion, share_of_cells

    assert clip.frames is not None
    size = (clip.size[0] // FACTOR, clip.size[1] // FACTOR)
    centres = pixel_centres(size[1], size[0])
    count, shape = clip.frame_count, (size[1], size[0])
    previous = np.zeros((count, *shape, 2), np.float16)
    previous_seen = np.ones((count, *shape), np.bool_)
    for t in range(1, count):
        motion = latent_motion(clip, t, size)
        previous[t], previous_seen[t] = motion.places - centres, ~motion.new
    warped = Warped.of(clip)
    new = np.stack([share_of_cells(warped.new(t), size) for t in range(count)])
    surfaces = Geometry(clip, warped.first)
    return {
        "frames": np.asarray(clip.frames),
        "previous": previous,
        "previous_seen": previous_seen,
        "warped": warped.frames,
        "new": (255 * new).round().astype(np.uint8),
        "geometry": np.stack([surfaces.at(t, size) for t in range(count)]).astype(np.float16),
    }


def write_prepared(clips: Iterable[ReadyClip], size: tuple[int, int], out: Path) -> PreparedSet:
    """Write the clips one after the other; `out` appears when all are there. Raises as `prepare` does."""
    if out.exists():
        raise UserError(f"{out} is there already.", "Choose another folder with -o, or remove it.")
    temporary = out.with_name(f".{out.name}.partial")
    with write_errors(out):
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        try:
            _write(clips, size, temporary)
            temporary.replace(out)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return open_prepared(out)


def _write(clips: Iterable[ReadyClip], size: tuple[int, int], folder: Path) -> None:
    names = arrays_of(size, FACTOR)
    start, digest, lines = 0, hashlib.sha256(f"{FORMAT} {FACTOR} {size}".encode()), []
    with ExitStack() as stack:
        files = {name: stack.enter_context((folder / f"{name}.bin").open("wb")) for name in names}
        for clip in clips:
            count = len(clip.arrays["frames"])
            for name, (shape, kind) in names.items():
                array: np.ndarray = np.ascontiguousarray(clip.arrays[name], kind)
                if array.shape != (count, *shape):
                    raise UserError(f"Clip {clip.id}: '{name}' is {array.shape}; expected {(count, *shape)}.")
                files[name].write(array.data)
            entry = PreparedClip(clip.id, clip.split, clip.family, start, count, clip.captions)
            lines.append(json.dumps(asdict(entry)))
            digest.update(f"{lines[-1]} {clip.digest}\n".encode())
            start += count
    (folder / "clips.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    header = {"format": FORMAT, "size": size, "factor": FACTOR, "frames": start, "digest": digest.hexdigest()}
    (folder / "prepared.json").write_text(json.dumps(header, indent=1) + "\n", encoding="utf-8")


def _ready_clips(rows: Sequence[tuple[DataSet, Row]], progress: Progress) -> Iterator[ReadyClip]:
    """In the order of `rows`; clips without frames are left out."""
    paths = [data_set.clip_path(row) for data_set, row in rows]
    for (data_set, row), arrays in track(zip(rows, _ready_arrays(paths), strict=True), "prepare", len(rows), progress):
        if arrays is None:
            continue
        marker = data_set.marker(row)
        digest = marker["files"][f"{row.id}.npz"]
        identity = f"{data_set.name}/{row.id}"
        yield ReadyClip(identity, row.split, row.family, tuple(marker["captions"]), arrays, digest)


def _ready_arrays(paths: Sequence[Path]) -> Iterator[dict[str, np.ndarray] | None]:
    """`ready_clip` of each path's clip, None for those without frames; on all cores where there are many."""
    workers = min(core_count(), len(paths) // _CLIPS_A_WORKER)
    if workers < 2:
        yield from map(_ready_path, paths)
        return
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        # a few at a time: finished ones wait in memory
        for start in range(0, len(paths), _CLIPS_A_WORKER):
            yield from pool.map(_ready_path, paths[start : start + _CLIPS_A_WORKER])


def _ready_path(path: Path) -> dict[str, np.ndarray] | None:
    from simcraft.clip.store import load_clip

    clip = load_clip(path)
    return None if clip.frames is None else ready_clip(clip)


def _check_annotations(rows: Iterable[tuple[DataSet, Row]]) -> None:
    """What `warp` paints well by; at use it has them, and pictures that are painted otherwise teach what is wrong."""
    for data_set, row in rows:
        for needed in ("visibility", "to_first", "instances", "depth", "frames"):
            if needed not in row.annotations:
                raise UserError(
                    f"The clips of {data_set.folder} were made without the annotation '{needed}'.",
                    "Add it to the recipe's annotations, and make the set again.",
                )


def _check_splits(splits: Iterable[str], where: str) -> None:
    found = set(splits)
    if TRAIN not in found:
        raise UserError(f"No finished clip in {where} is of the split '{TRAIN}'.", "Make clips of such a split.")
    if found == {TRAIN}:
        raise UserError(
            f"All finished clips in {where} are of the split '{TRAIN}'; none is held out to measure on.",
            "Add a split to the recipe, such as `validation: 0.05`, or make more clips.",
        )
