"""Is an export whole and unchanged? Its index files name every part, with length and SHA-256 where it is one file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from simcraft.clip.files import sha256_of
from simcraft.data.check.report import Problem
from simcraft.data.export.files import read_json
from simcraft.data.export.run import HEADER
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
    parts = [part for path in sorted(folder.glob("*.json")) if path.name != HEADER for part in _parts_of(path)]
    checked = track(parts, "check parts", len(parts), progress)
    return tuple(problem for part in checked for problem in _part_problems(folder, part))


@dataclass(frozen=True)
class _Listed:
    """A part, as an index has it."""

    index: str
    name: str
    sha256: str
    """"" where the part is a folder."""


def _parts_of(path: Path) -> Iterator[_Listed]:
    """Nothing where the file is no index, but another of the format's own."""
    index = read_json(path)
    if not isinstance(index, dict) or "parts" not in index:
        return
    try:
        for part in index["parts"]:
            name = Path(part["name"])
            if name.is_absolute() or ".." in name.parts:
                raise ValueError(f"the part {part['name']} lies elsewhere")
            yield _Listed(path.name, part["name"], str(part.get("sha256", "")))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{path} is damaged: {error}.", "Export the set again.") from None


def _part_problems(folder: Path, part: _Listed) -> Iterator[Problem]:
    path = folder / part.name
    if not path.exists():
        yield Problem("", f"{part.name} is missing", f"it, since {part.index} names it; export the set again")
    elif path.is_file() and part.sha256 and sha256_of(path) != part.sha256:
        yield Problem("", f"{part.name} has changed since it was written", f"SHA-256 {part.sha256[:12]}...")
