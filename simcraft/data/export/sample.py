"""One clip as the entries of a training sample, and back: a few small files, each quick to decode.

Unless it is to be `exact`, flow is rounded to 1/256 pixel and stored as differences from the pixel to the left, which
takes a sixth of float16's room where the camera moves, and less time to decode; depth becomes float16, normals int8.
Nothing is pickled, neither here nor in what is read: arrays are `.npz`, pictures PNG and WebP, the rest JSON.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
import zlib
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from simcraft.clip import MotionClip
from simcraft.clip.header import build_clip, clip_header
from simcraft.clip.types import ARRAYS
from simcraft.data.manifest import Row

META = "meta.json"
PACKED: dict[str, tuple[str, ...]] = {
    "flow_forward.npz": ("flow_forward", "flow_valid_forward", "visible_forward"),
    "flow_backward.npz": ("flow_backward", "flow_valid_backward", "visible_backward"),
    "depth.npz": ("depth",),
    "instances.npz": ("instances",),
    "coverage.npz": ("coverage",),
    "normals.npz": ("normals",),
    "tracks.npz": ("tracks", "track_visible"),
    "to_first.npz": ("to_first", "to_first_visible"),
    "cameras.npz": ("intrinsics", "camera_to_world"),
}
"""Entry -> the fields of the MotionClip that it holds, those that the clip has."""
FIELDS = ("image", "frames", *(field for fields in PACKED.values() for field in fields))
STEPS_A_PIXEL = 256
"""To which flow is rounded."""
_MOST_PIXELS = 2.0**21
_HALF = ("depth", "coverage")
_LARGEST_HALF = np.float32(65504)
_LONGEST_WEBP = 16383
"""Pixels a side."""
LARGEST_SHEET = 2**26
"""Pixels: of larger pictures Pillow warns, and refuses to read those that are larger still."""
_LEVEL = 4
"""Of zlib: files within 5 % of level 6's, written in half the time."""


def encode_sample(row: Row, clip: MotionClip, exact: bool) -> dict[str, bytes]:
    """The entries of one sample, by name without the key; `META` holds what is no array, and checksums of the rest."""
    entries = {"image.png": _picture(clip.image, "PNG", compress_level=6)}
    columns = math.ceil(math.sqrt(clip.frame_count))
    if clip.frames is not None:
        sheet = _sheet(clip.frames, columns)
        if max(sheet.shape[:2]) <= _LONGEST_WEBP and sheet[..., 0].size <= LARGEST_SHEET:
            entries["frames.webp"] = _picture(sheet, "WEBP", lossless=True, method=0)
        else:
            entries["frames.npz"] = _npz({"frames": clip.frames})
    for entry, fields in PACKED.items():
        arrays: dict[str, np.ndarray] = {}
        for name in fields:
            arrays |= _packed(name, clip, exact) if getattr(clip, name) is not None else {}
        if arrays:
            entries[entry] = _npz(arrays)
    meta = {
        "id": row.id,
        "split": row.split,
        "family": row.family,
        "seed": row.seed,
        "captions": list(clip.captions),
        "fps": clip.fps,
        "settings": row.settings,
        "sheet_columns": columns,
        "crc32": {name: zlib.crc32(data) for name, data in entries.items()},
        "clip": clip_header(clip),
    }
    return {META: json.dumps(meta).encode(), **entries}


def read_meta(entries: Mapping[str, bytes]) -> dict[str, Any]:
    """What `META` says, once the checksums of all entries are found right. Raises `ValueError` where they are not."""
    if META not in entries:
        raise ValueError(f"it has no {META}")
    meta = json.loads(entries[META])
    for name, checksum in meta["crc32"].items():
        if zlib.crc32(entries.get(name, b"")) != checksum:
            raise ValueError(f"its {name} is missing or damaged")
    return meta


def decode_fields(entries: Mapping[str, bytes], meta: Mapping[str, Any], wanted: Collection[str]) -> dict[str, Any]:
    """The `wanted` fields of the MotionClip that the sample has, shapes and types as there; others are missing.

    Raises whatever a decoder stumbles over in entries that are damaged.
    """
    found: dict[str, Any] = {}
    if "image" in wanted:
        found["image"] = _pixels(entries["image.png"])
    if "frames" in wanted and "frames.webp" in entries:
        count = meta["clip"]["arrays"]["flow_forward"][0] + 1
        found["frames"] = _from_sheet(_pixels(entries["frames.webp"]), count, meta["sheet_columns"])
    elif "frames" in wanted and "frames.npz" in entries:
        found |= _arrays(entries["frames.npz"], ("frames",))
    for entry, fields in PACKED.items():
        chosen = [name for name in fields if name in wanted]
        if chosen and entry in entries:
            found |= _arrays(entries[entry], chosen)
    return found


def decode_clip(entries: Mapping[str, bytes], where: str) -> MotionClip:
    """The clip of a sample, complete. Raises `UserError` that begins with `where`, and what decoders raise."""
    meta = read_meta(entries)
    return build_clip(meta["clip"], decode_fields(entries, meta, FIELDS), where)


def _packed(name: str, clip: MotionClip, exact: bool) -> dict[str, np.ndarray]:
    """Names and contents of the arrays that stand for a field in its file."""
    value = getattr(clip, name)
    if exact:
        return {name: value}
    if name in ("flow_forward", "flow_backward"):
        return {f"{name}_steps": _steps(value)}
    if name == "to_first":
        exists = np.isfinite(value).all(-1)
        shift = np.where(exists[..., None], value - _pixel_centres(value), np.float32(0))
        return {"to_first_steps": _steps(shift), "to_first_exists": exists}
    if name in _HALF:
        return {name: _half(value)}
    return {name: np.rint(value * 127).astype(np.int8) if name == "normals" else value}


def _arrays(data: bytes, names: Collection[str]) -> dict[str, np.ndarray]:
    """Those of the fields `names` that are there, as the MotionClip has them."""
    found = {}
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        for name in names:
            if f"{name}_steps" in file:
                value = _from_steps(file[f"{name}_steps"])
                if name == "to_first":
                    value += _pixel_centres(value)
                    value[~file["to_first_exists"]] = np.nan
            elif name in file:
                value = file[name]
                if name == "normals" and value.dtype == np.int8:
                    value = value.astype(np.float32) / np.float32(127)
            else:
                continue
            found[name] = value.astype(ARRAYS[name][1], copy=False)
    return found


def _steps(pixels: np.ndarray) -> np.ndarray:
    """(..., W, 2) in steps, each less the one to its left: int16, or int32 where that does not hold them."""
    whole = np.rint(np.clip(pixels, -_MOST_PIXELS, _MOST_PIXELS) * STEPS_A_PIXEL).astype(np.int32)
    differences = np.diff(whole, axis=-2, prepend=np.int32(0))
    return differences.astype(np.int16) if np.abs(differences).max(initial=0) < 2**15 else differences


def _from_steps(differences: np.ndarray) -> np.ndarray:
    return np.cumsum(differences, axis=-2, dtype=np.int32) * np.float32(1 / STEPS_A_PIXEL)


def _half(value: np.ndarray) -> np.ndarray:
    """float16; what is finite stays so."""
    held = np.where(np.isfinite(value), np.clip(value, -_LARGEST_HALF, _LARGEST_HALF), value)
    return held.astype(np.float16)


def _pixel_centres(like: np.ndarray) -> np.ndarray:
    """(H, W, 2) float32, x and y of the pixels of (..., H, W, 2)."""
    height, width = like.shape[-3:-1]
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    return np.stack([x, y], -1).astype(np.float32)


def _sheet(frames: np.ndarray, columns: int) -> np.ndarray:
    """(T, H, W, 3) as one picture: from left to right, row by row; black where no frame is left."""
    count, height, width, _ = frames.shape
    rows = math.ceil(count / columns)
    full = np.zeros((rows * columns, height, width, 3), np.uint8)
    full[:count] = frames
    return full.reshape(rows, columns, height, width, 3).swapaxes(1, 2).reshape(rows * height, columns * width, 3)


def _from_sheet(sheet: np.ndarray, count: int, columns: int) -> np.ndarray:
    rows = math.ceil(count / columns)
    height, width = sheet.shape[0] // rows, sheet.shape[1] // columns
    cells = sheet.reshape(rows, height, columns, width, 3).swapaxes(1, 2)
    return np.ascontiguousarray(cells.reshape(rows * columns, height, width, 3)[:count])


def _picture(pixels: np.ndarray, kind: str, **settings: Any) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **settings)
    return buffer.getvalue()


def _pixels(data: bytes) -> np.ndarray:
    from PIL import Image

    with Image.open(io.BytesIO(data), formats=("PNG", "WEBP")) as picture:
        return np.array(picture.convert("RGB"))


def _npz(arrays: Mapping[str, np.ndarray]) -> bytes:
    """As `np.savez_compressed`, without a date and less hard pressed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
        for name, value in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy")
            member.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(member, "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.ascontiguousarray(value), allow_pickle=False)
    return buffer.getvalue()
