"""Space on the disk: is there enough, and how much of it is used."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from . import layout
from .errors import SetupError

NEEDED_BYTES = {"cpu": 4_000_000_000, "cuda12": 12_000_000_000, "cuda13": 12_000_000_000}
"""Free disk space that a first installation takes with what it fetches, for each build of torch."""
NEEDED_AGAIN = 300_000_000
"""The same where most of it is already there: at least `MANY` packages."""
MANY = 40
SIZE_SECONDS = 3.0
"""Sizes of folders are looked up this often."""


def check_space(folder: Path, build: str) -> None:
    """Raise `SetupError` where the disk has not the space that the installation takes."""
    free = disk_free(folder)
    needed = NEEDED_AGAIN if layout.packages_there(folder) >= MANY else NEEDED_BYTES[build]
    if free < needed:
        raise SetupError(
            f"The disk of {folder} has {free / 1e9:.1f} GB left; the engine takes {needed / 1e9:.0f} GB while it is "
            "installed.",
            "Free space, or choose a folder on another disk in the preferences.",
        )


def disk_free(folder: Path) -> int:
    """Free bytes of the disk on which the folder lies, or will lie."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


def sizes(folders: list[Path]) -> Iterator[int]:
    """Bytes in the folders, looked up now and then."""
    size, looked = 0, -SIZE_SECONDS
    while True:
        if time.monotonic() - looked > SIZE_SECONDS:
            size, looked = sum(map(_size, folders)), time.monotonic()
        yield size


def _size(folder: Path) -> int:
    """Bytes of all files below the folder, while others write and remove some; one with several names counts once."""
    seen: dict[tuple[int, int], int] = {}
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)  # noqa: PTH118  (a hundred thousand files: Path takes three times as long)
            with contextlib.suppress(OSError):
                stat = os.lstat(path)
                seen[stat.st_dev, stat.st_ino or hash(path)] = stat.st_size
    return sum(seen.values())
