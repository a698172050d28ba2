"""Prepared data in one small file, for a machine with a GPU that little can be carried to.

A zip: `pack.json`, `clips.jsonl` of the chosen clips, and of each clip its motion (deflated) and its frames (lossless
WebP): about 16 KB a frame of 128x128, nothing lost. Members bear no time, so that equal data gives equal bytes.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from simcraft.clip.files import PathLike, complete_file, read_errors
from simcraft.errors import UserError
from simcraft.progress import Progress, silent, track
from simcraft.train.layout import FACTOR
from simcraft.train.prepare import ReadyClip, write_prepared
from simcraft.train.prepared import PreparedClip, PreparedSet, arrays_of

_OVERHEAD = 400
"""Bytes of a member's entries in the zip, at most."""


def pack_prepared(data: PreparedSet, path: PathLike, limit: int, *, progress: Progress = silent) -> int:
    """Write as many clips as fit into `limit` bytes; returns their number.

    Splits and families take turns, so that any limit gives about the mixture of the whole.

    Raises `UserError` where `path` exists or not even a clip of each kind fits; `DiskFull`.
    """
    path = Path(path)
    if path.exists():
        raise UserError(f"{path} is there already.", "Choose another name, or remove it.")
    packed: list[PreparedClip] = []
    with complete_file(path) as temporary:
        path.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(temporary, "w") as archive:
            used = 2 * _OVERHEAD
            order = list(taking_turns(data))
            for clip in track(order, "pack", len(order), progress):
                content = {
                    f"{clip.id}.motion": _motion_bytes(data, clip),
                    f"{clip.id}.frames": _frame_bytes(data, clip),
                }
                size = sum(map(len, content.values())) + 2 * _OVERHEAD + 2 * len(json.dumps(asdict(clip)))
                if used + size > limit:
                    break
                for name, value in content.items():
                    _add(archive, name, value)
                used += size
                packed.append(clip)
            if {clip.split == "train" for clip in packed} != {True, False}:
                raise UserError(f"{limit} bytes do not hold a clip of each split.", "Give a larger --limit.")
            header = {"format": 1, "size": data.size, "of": data.digest}
            _add(archive, "pack.json", json.dumps(header).encode())
            _add(archive, "clips.jsonl", "\n".join(json.dumps(asdict(clip)) for clip in packed).encode())
    return len(packed)


def unpack_prepared(path: PathLike, out: PathLike, *, progress: Progress = silent) -> PreparedSet:
    """The prepared folder of a pack. Raises `UserError` where `path` is no pack, or `out` exists."""
    path = Path(path)
    with read_errors(path, "packed training data"), zipfile.ZipFile(path) as archive:
        header = json.loads(archive.read("pack.json"))
        lines = archive.read("clips.jsonl").decode().splitlines()
        size = (int(header["size"][0]), int(header["size"][1]))
        clips = (_unpacked(archive, json.loads(line), size, header["of"]) for line in lines)
        return write_prepared(track(clips, "unpack", len(lines), progress), size, Path(out))


def taking_turns(data: PreparedSet) -> Iterator[PreparedClip]:
    """All clips, those of each split and family in their order, spread evenly over the whole."""
    kinds: dict[tuple[str, str], list[PreparedClip]] = {}
    for clip in data.clips:
        kinds.setdefault((clip.split, clip.family), []).append(clip)
    placed = [((k + 0.5) / len(group), kind, clip) for kind, group in kinds.items() for k, clip in enumerate(group)]
    # the rarest kinds would come late: their first clips come first
    firsts = [group[0] for group in kinds.values()]
    yield from firsts
    taken = {clip.id for clip in firsts}
    yield from (clip for _, _, clip in sorted(placed, key=lambda place: place[:2]) if clip.id not in taken)


def _motion_bytes(data: PreparedSet, clip: PreparedClip) -> bytes:
    stretch = slice(clip.start, clip.start + clip.frames)
    file = io.BytesIO()
    for name in arrays_of(data.size, FACTOR):
        if name != "frames":
            np.lib.format.write_array(file, np.array(getattr(data, name)[stretch]), allow_pickle=False)
    return zlib.compress(file.getvalue(), 9)


def _frame_bytes(data: PreparedSet, clip: PreparedClip) -> bytes:
    """All frames of a clip below each other, in one picture."""
    from PIL import Image

    frames = np.array(data.frames[clip.start : clip.start + clip.frames])
    file = io.BytesIO()
    Image.fromarray(frames.reshape(-1, *frames.shape[2:])).save(file, "WEBP", lossless=True, method=4)
    return file.getvalue()


def _unpacked(archive: zipfile.ZipFile, row: dict[str, Any], size: tuple[int, int], digest: str) -> ReadyClip:
    from PIL import Image

    names = arrays_of(size, FACTOR)
    picture = np.array(Image.open(io.BytesIO(archive.read(f"{row['id']}.frames"))).convert("RGB"))
    motion = io.BytesIO(zlib.decompress(archive.read(f"{row['id']}.motion")))
    arrays = {
        name: picture.reshape(row["frames"], *shape) if name == "frames" else _read_array(motion)
        for name, (shape, _) in names.items()
    }
    return ReadyClip(row["id"], row["split"], row["family"], tuple(row["captions"]), arrays, digest)


def _read_array(file: io.BytesIO) -> np.ndarray:
    return np.lib.format.read_array(file, allow_pickle=False)


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    member = zipfile.ZipInfo(name)
    archive.writestr(member, content)
