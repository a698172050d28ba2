"""Is a file what it should be?"""

from __future__ import annotations

import hashlib
from pathlib import Path

_BLOCK = 2**20


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
