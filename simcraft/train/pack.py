"""Prepared data in one small file, for a machine with a GPU that little can be carried to.

A zip: `pack.json`, `clips.jsonl` of the chosen clips, and of each clip its pictures (lossless WebP) and all else
(LZMA); nothing is lost. Members bear no time, so that equal data gives equal bytes.
"""

from __future__ import annotations

import io
import json
import lzma
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from simcraft.clip.files import PathLike, complete_file, read_errors
from simcraft.errors import UserError
from simcraft.progress import Progress, silent, track
from simcraft.train.dreamer_prepared import PreparedDreamer
from simcraft.train.layout import FACTOR
from simcraft.train.prepare import Arrays, ReadyClip, write_prepared
from simcraft.train.prepare_sources import About
from simcraft.train.prepared import Field, Prepared, PreparedClip, PreparedSet

FORMAT = 2
_KINDS: dict[int | str, type[Prepared]] = {of.FORMAT: of for of in (PreparedSet, PreparedDreamer)}
"""What a pack may hold."""
_OVERHEAD = 400
"""Bytes of a member's entries in the zip, at most."""
_PICTURE = "{}.webp"
_REST = "{}.lzma"


def pack_prepared(data: Prepared, path: PathLike, limit: int, *, progress: Progress = silent) -> int:
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
            for number, clip in track(list(enumerate(order)), "pack", len(order), progress):
                content = _content(data, clip, str(number))
                size = sum(len(value) + _OVERHEAD for value in content.values()) + 2 * len(json.dumps(asdict(clip)))
                if used + size > limit:
                    break
                for name, value in content.items():
                    _add(archive, name, value)
                used += size
                packed.append(clip)
            if {clip.split == "train" for clip in packed} != {True, False}:
                raise UserError(f"{limit} bytes do not hold a clip of each split.", "Give a larger --limit.")
            header = {"format": FORMAT, "holds": data.FORMAT, "size": data.size, "of": data.digest}
            _add(archive, "pack.json", json.dumps(header).encode())
            _add(archive, "clips.jsonl", "\n".join(json.dumps(asdict(clip)) for clip in packed).encode())
    return len(packed)


def unpack_prepared(path: PathLike, out: PathLike, *, progress: Progress = silent) -> Prepared:
    """The prepared folder of a pack. Raises `UserError` where `path` is no pack, or `out` exists."""
    path = Path(path)
    with read_errors(path, "packed training data"), zipfile.ZipFile(path) as archive:
        header = json.loads(archive.read("pack.json"))
        if header["format"] != FORMAT or header["holds"] not in _KINDS:
            raise UserError(f"{path} was packed by another version of SimCraft.", "Pack the data again.")
        of = _KINDS[header["holds"]]
        lines = archive.read("clips.jsonl").decode().splitlines()
        size = (int(header["size"][0]), int(header["size"][1]))
        fields = of.fields_of(size, FACTOR)
        clips = (
            _unpacked(archive, json.loads(line), str(number), fields, header["of"]) for number, line in enumerate(lines)
        )
        return write_prepared(track(clips, "unpack", len(lines), progress), size, Path(out), of)


def taking_turns(data: Prepared) -> Iterator[PreparedClip]:
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


def _content(data: Prepared, clip: PreparedClip, name: str) -> dict[str, bytes]:
    """The members of a clip."""
    pictures, rest = _parted(data.fields_of(data.size, FACTOR))
    place = data.clips.index(clip)
    parts = {
        field: np.array(getattr(data, field)[clip.stretch if of.each == "frame" else place])
        for field, of in {**pictures, **rest}.items()
    }
    return {
        _PICTURE.format(name): _picture_bytes([parts[field] for field in pictures]),
        _REST.format(name): lzma.compress(b"".join(_planes(parts[field]) for field in rest), preset=6),
    }


def _unpacked(
    archive: zipfile.ZipFile, row: dict[str, Any], name: str, fields: Mapping[str, Field], digest: str
) -> ReadyClip:
    from PIL import Image

    pictures, rest = _parted(fields)
    sheet = np.array(Image.open(io.BytesIO(archive.read(_PICTURE.format(name)))).convert("RGB"))
    shapes = {key: (row["frames"], *f.shape) if f.each == "frame" else f.shape for key, f in fields.items()}
    arrays: Arrays = {}
    for key, part in zip(pictures, np.split(sheet, len(pictures), 1), strict=True):
        arrays[key] = part.reshape(shapes[key])
    content = memoryview(lzma.decompress(archive.read(_REST.format(name))))
    for key, field in rest.items():
        count = int(np.prod(shapes[key])) * np.dtype(field.kind).itemsize
        arrays[key] = _from_planes(content[:count], shapes[key], field.kind)
        content = content[count:]
    about = About(row["id"], row["split"], row["family"], tuple(row["captions"]), digest)
    return ReadyClip(about, arrays)


def _parted(fields: Mapping[str, Field]) -> tuple[dict[str, Field], dict[str, Field]]:
    """Pictures of the clips' size in colour, and all else."""
    pictures = {k: f for k, f in fields.items() if f.kind is np.uint8 and f.shape[-1:] == (3,) and f.each == "frame"}
    return pictures, {k: f for k, f in fields.items() if k not in pictures}


def _picture_bytes(pictures: list[np.ndarray]) -> bytes:
    """All frames of a clip below each other, and its kinds of pictures, which are much alike, side by side."""
    from PIL import Image

    columns = [frames.reshape(-1, *frames.shape[2:]) for frames in pictures]
    file = io.BytesIO()
    Image.fromarray(np.concatenate(columns, 1)).save(file, "WEBP", lossless=True, method=4)
    return file.getvalue()


def _planes(array: np.ndarray) -> bytes:
    """First the first bytes of all numbers, then the second ones, ...: exponents and zeros in long rows.

    Halves become the differences of their bits to those of the pixel to the left: flow is a gradient where the camera
    moves.
    """
    if array.dtype == np.float16:
        array = np.diff(array.view(np.uint16), axis=_across(array.shape), prepend=np.uint16(0))
    flat: np.ndarray = np.ascontiguousarray(array).reshape(-1, 1).view(np.uint8)
    return np.ascontiguousarray(flat.T).tobytes()


def _from_planes(content: memoryview, shape: tuple[int, ...], kind: type) -> np.ndarray:
    planes = np.frombuffer(content, np.uint8).reshape(np.dtype(kind).itemsize, -1)
    array = np.ascontiguousarray(planes.T).reshape(-1)
    if kind is not np.float16:
        return array.view(kind).reshape(shape)
    return np.cumsum(array.view(np.uint16).reshape(shape), axis=_across(shape), dtype=np.uint16).view(np.float16)


def _across(shape: tuple[int, ...]) -> int:
    """The axis along the picture's width: the last one, or the one before those of vectors."""
    return -2 if shape[-1] == 2 else -1


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    member = zipfile.ZipInfo(name)
    archive.writestr(member, content)
