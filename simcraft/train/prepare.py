"""Finished data sets and exported shards become a prepared folder: see `prepared` for what it holds."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Generic

import numpy as np

from simcraft.clip import MotionClip
from simcraft.clip.files import write_errors
from simcraft.cores import core_count
from simcraft.errors import UserError
from simcraft.progress import Progress, silent
from simcraft.train.layout import FACTOR
from simcraft.train.prepare_sources import About, Source, find_sources
from simcraft.train.prepared import AnyPrepared, PreparedClip, PreparedSet, Size, open_prepared

_CLIPS_A_WORKER = 32
"""Fewer do not pay for starting another process."""
Arrays = dict[str, np.ndarray]
"""By the names of `Prepared.fields_of`: (T, ...) of a clip's T frames, or (...) of the clip."""


@dataclass(frozen=True)
class ReadyClip:
    """A clip as it is put into the arrays."""

    about: About
    arrays: Arrays


@dataclass(frozen=True)
class Preparation(Generic[AnyPrepared]):
    """How clips are made ready for one kind of training."""

    of: type[AnyPrepared]
    ready: Callable[[MotionClip], Arrays | None]
    """A function that worker processes can import; None for clips that are left out."""
    needs: tuple[str, ...]
    """Annotations of the clips, keys of `simcraft.data.recipe.KEPT`."""


def prepare(
    folders: Sequence[str | Path],
    out: str | Path,
    preparation: Preparation[AnyPrepared],
    *,
    progress: Progress = silent,
) -> AnyPrepared:
    """Prepare the finished clips of data sets, or of exports of them, in the order of their manifests.

    The same clips give the same bytes.

    Raises
    ------
    UserError: `out` exists; a folder is no data set and no export; clips differ in size; no clip is for training, or
        none is held out; a clip is damaged; sets lack annotations.
    DiskFull: there is no space.
    """
    sources = find_sources(folders, preparation.needs)
    size = sources.size
    if size[0] % FACTOR or size[1] % FACTOR:
        raise UserError(f"The clips are {size[0]}x{size[1]}.", f"Make them in multiples of {FACTOR} pixels.")
    clips = _ready_clips(sources.files, preparation.ready, progress)
    return write_prepared(clips, size, Path(out), preparation.of)


def ready_image_clip(clip: MotionClip) -> Arrays | None:
    """The arrays of `PreparedSet`; None for clips without frames (photos that flow, when rendered)."""
    from simcraft.generate.correspondence import pixel_centres
    from simcraft.generate.motioncraft.composite import Warped
    from simcraft.generate.motioncraft.geometry import Geometry
    from simcraft.generate.motioncraft.warping import latent_motion, share_of_cells

    if clip.frames is None:
        return None
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


IMAGE = Preparation(PreparedSet, ready_image_clip, ("visibility", "to_first", "instances", "depth", "frames"))
"""For the image model. The annotations are what `warp` paints well by: at use it has them, and what is painted without
them teaches what is wrong."""


def write_prepared(clips: Iterable[ReadyClip], size: Size, out: Path, of: type[AnyPrepared]) -> AnyPrepared:
    """Write the clips one after the other; `out` appears when all are there. Raises as `prepare` does."""
    if out.exists():
        raise UserError(f"{out} is there already.", "Choose another folder with -o, or remove it.")
    temporary = out.with_name(f".{out.name}.partial")
    with write_errors(out):
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        try:
            _write(clips, size, temporary, of)
            temporary.replace(out)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return open_prepared(out, of)


def _write(clips: Iterable[ReadyClip], size: Size, folder: Path, of: type[AnyPrepared]) -> None:
    fields = of.fields_of(size, FACTOR)
    start, digest, lines = 0, hashlib.sha256(f"{of.FORMAT} {FACTOR} {size}".encode()), []
    with ExitStack() as stack:
        files = {name: stack.enter_context((folder / f"{name}.bin").open("wb")) for name in fields}
        for clip in clips:
            about, count = clip.about, len(clip.arrays["frames"])
            for name, field in fields.items():
                array: np.ndarray = np.ascontiguousarray(clip.arrays[name], field.kind)
                expected = (count, *field.shape) if field.each == "frame" else field.shape
                if array.shape != expected:
                    raise UserError(f"Clip {about.id}: '{name}' is {array.shape}; expected {expected}.")
                files[name].write(array.data)
            entry = PreparedClip(about.id, about.split, about.family, start, count, about.captions)
            lines.append(json.dumps(asdict(entry)))
            digest.update(f"{lines[-1]} {about.digest}\n".encode())
            start += count
    (folder / "clips.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    header = {"format": of.FORMAT, "size": size, "factor": FACTOR, "frames": start, "digest": digest.hexdigest()}
    (folder / "prepared.json").write_text(json.dumps(header, indent=1) + "\n", encoding="utf-8")


def _ready_clips(
    files: Sequence[Source], ready: Callable[[MotionClip], Arrays | None], progress: Progress
) -> Iterator[ReadyClip]:
    """The clips of all files in their order, without those that are left out; on all cores where there are many."""
    done, total = 0, sum(file.count for file in files)
    progress("prepare", done, total)
    workers = min(core_count(), total // _CLIPS_A_WORKER)
    with ExitStack() as stack:
        pool = stack.enter_context(ProcessPoolExecutor(workers, get_context("spawn"))) if workers > 1 else None
        for group in _groups(files):
            jobs = (group, [ready] * len(group))
            for file, clips in zip(
                group, pool.map(_ready_file, *jobs) if pool else map(_ready_file, *jobs), strict=True
            ):
                yield from clips
                done += file.count
                progress("prepare", done, total)


def _groups(files: Sequence[Source]) -> Iterator[list[Source]]:
    """A few at a time: finished ones wait in memory."""
    group: list[Source] = []
    for file in files:
        group.append(file)
        if sum(each.count for each in group) >= _CLIPS_A_WORKER and len(group) >= core_count():
            yield group
            group = []
    if group:
        yield group


def _ready_file(file: Source, ready: Callable[[MotionClip], Arrays | None]) -> list[ReadyClip]:
    made = ((about, ready(clip)) for about, clip in file.read())
    return [ReadyClip(about, arrays) for about, arrays in made if arrays is not None]
