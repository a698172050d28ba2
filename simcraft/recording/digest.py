"""Whether two recordings hold the same: a digest of their content, wherever that lies."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any

import numpy as np

from simcraft.recording.format import Recording


def digest_of(recording: Recording) -> str:
    """32 hexadecimal digits (BLAKE2b) of every field and every array; the same in memory and read from disk.

    Reads all arrays once, about a gigabyte a second; those that are mapped from files are not loaded into memory.
    """
    digest = hashlib.blake2b(digest_size=16)
    _add(digest, recording)
    return digest.hexdigest()


def _add(digest: hashlib.blake2b, value: Any) -> None:
    """Every value is preceded by its type and length, so that different trees give different bytes."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        _add_head(digest, type(value).__name__)
        for f in dataclasses.fields(value):
            _add(digest, getattr(value, f.name))
    elif isinstance(value, np.ndarray):
        _add_head(digest, f"array {value.dtype.str} {value.shape}")
        digest.update(np.ascontiguousarray(value).reshape(-1).view(np.uint8).data)
    elif isinstance(value, (tuple, list)):
        _add_head(digest, f"row of {len(value)}")
        for item in value:
            _add(digest, item)
    elif isinstance(value, dict):
        _add(digest, sorted(value.items()))
    else:
        # numpy's numbers are written to disk as Python's
        _add_head(digest, repr(value.item() if isinstance(value, np.generic) else value))


def _add_head(digest: hashlib.blake2b, text: str) -> None:
    data = text.encode()
    digest.update(len(data).to_bytes(8, "little") + data)
