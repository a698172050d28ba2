"""Packages that an interrupted installation has left half-written: pip and uv take them for whole."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path


def remove_damaged(site_packages: Path) -> list[str]:
    """Forget the packages that lack files, so that they are installed again; returns their names."""
    # what pip moves away before it replaces a package
    for leftover in site_packages.glob("~*"):
        shutil.rmtree(leftover, ignore_errors=True)
    damaged = [folder for folder in sorted(site_packages.glob("*.dist-info")) if not is_whole(folder)]
    for folder in damaged:
        shutil.rmtree(folder)
    return [folder.name.partition("-")[0] for folder in damaged]


def is_whole(dist_info: Path) -> bool:
    """Are all files of a package there, and as large as they should be? Its RECORD is written last."""
    try:
        with (dist_info / "RECORD").open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))
    except OSError:
        return False
    return all(_is_there(dist_info.parent / row[0], row[2]) for row in rows if len(row) == 3 and row[1])


def _is_there(path: Path, size: str) -> bool:
    """Rows without a hash, such as those of compiled modules, are not asked for."""
    try:
        return path.stat().st_size == int(size)
    except (OSError, ValueError):
        return False
