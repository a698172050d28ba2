"""Helpers that every reader and writer of this room shares: clear errors, and files that appear only when whole."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import struct
import uuid
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from simcraft.errors import DiskFull, Failure, SimcraftError, UserError

PathLike = str | os.PathLike[str]

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_NOT_WRITABLE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EEXIST}
_DISK_FULL = {errno.ENOSPC, errno.EDQUOT}


@contextmanager
def write_errors(path: Path) -> Iterator[None]:
    """Turn an `OSError` while writing `path` into `UserError` (not allowed there) or `Failure` (a full disk, ...)."""
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        if error.errno in _NOT_WRITABLE:
            raise UserError(f"{path} cannot be written: {reason}.", "Choose a folder that you may write to.") from error
        if error.errno in _DISK_FULL:
            raise DiskFull(
                f"The disk is full: {path} could not be written.", "Free some space and try again."
            ) from error
        raise Failure(f"{path} could not be written: {reason}.") from error


@contextmanager
def read_errors(path: Path, what: str) -> Iterator[None]:
    """Turn any error while decoding `path` into a `UserError` that names it and says what it should have been.

    Decoders of damaged files raise whatever their innards stumble over (zlib, struct, JSON, their own types), so
    everything but this project's own errors is caught here, and nowhere else.
    """
    try:
        yield
    except SimcraftError:
        raise
    except FileNotFoundError as error:
        raise UserError(f"{error.filename or path} does not exist; expected {what}.") from error
    except Exception as error:
        raise UserError(f"{path} is damaged or not {what}: {error}.", "Write or download it again.") from error


@contextmanager
def complete_file(path: PathLike) -> Iterator[Path]:
    """A temporary path beside `path`; it takes that name when the block ends well, and is removed when it does not."""
    path = Path(path)
    temporary = path.with_name(f".{uuid.uuid4().hex[:8]}.partial{path.suffix}")
    with write_errors(path):
        try:
            yield temporary
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def sha256_of(path: PathLike) -> str:
    """The file's SHA-256 in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(
    path: PathLike, content: Any, *, indent: int | None = 1, sort_keys: bool = False, allow_nan: bool = True
) -> None:
    """Write JSON with a last newline, whole or not at all; the options are those of `json.dumps`."""
    text = json.dumps(content, indent=indent, sort_keys=sort_keys, allow_nan=allow_nan)
    with complete_file(path) as temporary:
        temporary.write_text(f"{text}\n", encoding="utf-8")


def read_png(path: PathLike) -> np.ndarray:
    """Decode a PNG without any conversion.

    Returns (H, W) or (H, W, 2 to 4), uint8 or uint16, colours in RGB order; a palette image gives its indices.

    Raises `UserError` where the file is missing, truncated or damaged (libpng would return half a picture).
    """
    path = Path(path)
    with read_errors(path, "a PNG image"):
        data = path.read_bytes()
        if _check_png_chunks(data) == 3:
            return _palette_indices(data)
        import cv2

        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        if image is None:
            raise ValueError("its pixels cannot be decoded")
        order = {3: [2, 1, 0], 4: [2, 1, 0, 3]}
        return image if image.ndim == 2 else np.ascontiguousarray(image[..., order[image.shape[2]]])


def read_rgb(path: PathLike) -> np.ndarray:
    """A picture of any common kind as (H, W, 3) uint8 sRGB; `UserError` where it cannot be read."""
    path = Path(path)
    with read_errors(path, "an image"):
        from PIL import Image

        data = path.read_bytes()
        if data.startswith(PNG_SIGNATURE):
            _check_png_chunks(data)
        with Image.open(BytesIO(data)) as image:
            return np.asarray(image.convert("RGB"))


def write_png(path: PathLike, image: np.ndarray) -> None:
    """Write (H, W) or (H, W, 3 or 4) uint8 or uint16, RGB order, losslessly."""
    import cv2

    order = {3: [2, 1, 0], 4: [2, 1, 0, 3]}
    pixels = image if image.ndim == 2 else image[..., order[image.shape[2]]]
    data = cv2.imencode(".png", np.ascontiguousarray(pixels))[1].tobytes()
    with complete_file(path) as temporary:
        temporary.write_bytes(data)


def _palette_indices(data: bytes) -> np.ndarray:
    from PIL import Image

    return np.array(Image.open(BytesIO(data)))


def _check_png_chunks(data: bytes) -> int:
    """Verify signature, checksums and the end marker of a PNG; return its colour type (3 = palette)."""
    if not data.startswith(PNG_SIGNATURE):
        raise ValueError("it does not begin with the PNG signature")
    position, kind = len(PNG_SIGNATURE), b""
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, position)
        body = data[position + 4 : position + 8 + length]
        (checksum,) = struct.unpack_from(">I", data, position + 8 + length)
        if zlib.crc32(body) != checksum:
            raise ValueError(f"checksum of chunk {kind.decode('ascii', 'replace')} differs")
        position += 12 + length
    return data[len(PNG_SIGNATURE) + 17]
