"""Is an export whole and unchanged? Its index files name every part, with length and SHA-256 where it is one file."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from simcraft.data.check.report import Problem
from simcraft.data.export.run import HEADER, read_json
from simcraft.errors import UserError
from simcraft.progress import Progress, silent, track


def is_export(folder: str | os.PathLike[str]) -> bool:
    """Did `export_set` write this folder?"""
    return (Path(folder) / HEADER).is_file()


def check_export(folder: str | os.PathLike[str], progress: Progress = silent) -> tuple[Problem, ...]:
    """What is wrong with an export: parts that are missing or were changed since they were written.

    Raises `UserError` where there is no export, or its index is damaged.
    """
    folder = Path(folder)
    if not is_export(folder):
        raise UserError(f"{folder} is no export: it has no {HEADER}.", "Make one with `simcraft dataset export`.")
    splits = [path for path in sorted(folder.glob("*.json")) if path.name != HEADER]
    indices = [index for path in splits if isinstance(index := read_json(path), dict) and "parts" in index]
    parts = [(index["split"], part) for index in indices for part in index["parts"]]
    checked = track(parts, "check parts", len(parts), progress)
    return tuple(problem for split, part in checked for problem in _part_problems(folder, split, part))


def _part_problems(folder: Path, split: str, part: dict) -> Iterator[Problem]:
    path = folder / part["name"]
    if not path.exists():
        yield Problem("", f"{part['name']} is missing", f"it, since {split}.json names it; export the set again")
    elif path.is_file() and "sha256" in part:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != part["sha256"]:
            yield Problem("", f"{part['name']} has changed since it was written", f"SHA-256 {part['sha256'][:12]}...")
