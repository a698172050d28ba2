"""A data set on disk, which one process at a time adds clips to and anybody reads.

    OUT/dataset.json     name, number of rows, digest of the recipe, versions of what makes the clips
    OUT/recipe.yaml      the recipe as it was given, or as it reads with another size
    OUT/manifest.jsonl   one row a clip (see `manifest`)
    OUT/clips/ID.npz     a MotionClip (`simcraft.load_clip`); ID.preview.npz beside it where both renderers ran
    OUT/done/ID.json     the marker of a finished row: hash, SHA-256 of its files, captions, statistics
    OUT/failed/ID.json   what went wrong with a row, after its retry
    OUT/log.jsonl        when, where and how long: the one file that differs from run to run
    OUT/work/            what is in the making; removed when a run ends or the next begins

Every file appears under its name when it is whole, and a row's marker after its files: whatever happens, a marker means
that the row is done. Nothing but `log.jsonl` depends on when or where a row was made.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from simcraft.clip import MotionClip
from simcraft.clip.files import complete_file, write_errors, write_json
from simcraft.data.manifest import RESTORE, Row, expand, read_manifest, write_manifest
from simcraft.data.recipe import LoadedRecipe
from simcraft.errors import SimcraftError, UserError
from simcraft.recording.format import BeingWritten, only_writer

_PARTS = ("clips", "done", "failed", "work")
MADE_ANEW = "Remove it; the command that made the set then makes the clip anew."

FORMAT = 1
"""Of the folder; another number is not read."""


@dataclass(frozen=True)
class DataSet:
    """A folder of clips, and what it is to hold."""

    folder: Path
    name: str
    rows: tuple[Row, ...]
    made_by: dict[str, str]
    """Versions of everything that the clips depend on."""

    def clip_path(self, row: Row, suffix: str = ".npz") -> Path:
        """Where the row's clip is, or its preview where `suffix` is ".preview.npz"."""
        return self.folder / "clips" / f"{row.id}{suffix}"

    def marker_path(self, row: Row) -> Path:
        """Where the marker of the finished row is."""
        return self.folder / "done" / f"{row.id}.json"

    def failure_path(self, row: Row) -> Path:
        """Where the reason is why the row could not be made."""
        return self.folder / "failed" / f"{row.id}.json"

    def is_done(self, row: Row) -> bool:
        """Was the row made?"""
        return self.marker_path(row).exists()

    def has_failed(self, row: Row) -> bool:
        """Was the row tried in vain?"""
        return self.failure_path(row).exists()

    def done(self) -> list[Row]:
        """The finished rows, in the manifest's order."""
        there = {p.stem for p in (self.folder / "done").glob("*.json")}
        return [row for row in self.rows if row.id in there]

    def marker(self, row: Row) -> dict[str, Any]:
        """What is told of the finished row: see `marker_of`. Raises `UserError` where the marker is damaged."""
        return _read_json(self.marker_path(row), "hash", "files", "captions", "statistics", fix=MADE_ANEW)

    def failure(self, row: Row) -> dict[str, Any]:
        """`message`, `fix` and `attempts` of a failed row. Raises `UserError` where the file is damaged."""
        return _read_json(self.failure_path(row), "message", "fix", "attempts", fix=MADE_ANEW)

    def clip(self, row: Row) -> MotionClip:
        """The row's clip. Raises `UserError` where it is missing or damaged."""
        from simcraft.clip.store import load_clip

        return load_clip(self.clip_path(row))


@dataclass(frozen=True)
class Made:
    """A row's clip, as whoever made it hands it to the one who writes it down."""

    files: dict[str, bytes]
    """Suffix (".npz", ".preview.npz") -> content; the same bytes whenever and by whomever the row is made."""
    captions: tuple[str, ...]
    statistics: dict[str, Any]
    """JSON values that depend on the clip alone; see `statistics.statistics_of`."""
    seconds: dict[str, float]
    """Stage -> how long it took; goes to the log."""


def marker_of(row: Row, made: Made) -> dict[str, Any]:
    """What `done/ID.json` holds."""
    return {
        "id": row.id,
        "hash": row.hash,
        "split": row.split,
        "family": row.family,
        "files": {f"{row.id}{suffix}": hashlib.sha256(data).hexdigest() for suffix, data in made.files.items()},
        "captions": list(made.captions),
        "statistics": made.statistics,
    }


def is_data_set(folder: Path) -> bool:
    """Does `folder` look like a data set?"""
    return (folder / "dataset.json").is_file()


def open_set(folder: str | Path) -> DataSet:
    """A data set, to read: finished, in the making, or broken off.

    Raises `UserError` where the folder holds none, or its header or manifest is damaged or was edited.
    """
    folder = Path(folder)
    if not is_data_set(folder):
        raise UserError(f"{folder} is no data set: it has no dataset.json.", "Make one with `simcraft dataset make`.")
    header = _read_json(folder / "dataset.json", "format", "name", "made_by", "count")
    if header["format"] != FORMAT:
        raise UserError(f"{folder} has format {header['format']}; this SimCraft reads {FORMAT}.")
    rows = read_manifest(folder / "manifest.jsonl")
    if len(rows) != header["count"]:
        raise UserError(f"{folder}/manifest.jsonl has {len(rows)} rows; there were {header['count']}.", RESTORE)
    return DataSet(folder, header["name"], tuple(rows), header["made_by"])


@contextlib.contextmanager
def writing(folder: Path, loaded: LoadedRecipe, count: int) -> Iterator[DataSet]:
    """Start the data set of a recipe in `folder`, or go on with it; nobody else writes there meanwhile.

    `count` may be larger than before, never smaller.

    Raises
    ------
    UserError: the folder holds something else, or a set of another recipe or made by other versions; its manifest was
        edited; another process is writing it; or nothing may be written there.
    """
    rows = expand(loaded, count)
    with write_errors(folder):
        if folder.exists() and not folder.is_dir():
            raise UserError(f"{folder} is a file.", "Choose another folder with -o.")
        if folder.exists() and any(folder.iterdir()) and not is_data_set(folder) and not _is_beginning(folder):
            raise UserError(f"{folder} holds something else.", "Choose another folder with -o.")
        folder.mkdir(parents=True, exist_ok=True)
    with _only_here(folder):
        if is_data_set(folder):
            _check_same(folder, loaded, rows)
        _remove_leftovers(folder)
        with write_errors(folder):
            for part in _PARTS:
                (folder / part).mkdir(exist_ok=True)
        # the header last: where it is, the rest is there
        for name, text in _head(loaded, rows).items():
            with complete_file(folder / name) as path:
                path.write_text(text, encoding="utf-8")
        try:
            yield open_set(folder)
        finally:
            shutil.rmtree(folder / "work", ignore_errors=True)


def commit(data_set: DataSet, row: Row, made: Made) -> None:
    """Write a row's files and then its marker; nothing that is there under these names is ever half written.

    Raises `UserError` or `Failure` where they cannot be written.
    """
    for suffix, data in made.files.items():
        with complete_file(data_set.clip_path(row, suffix)) as path:
            path.write_bytes(data)
    # before the marker, after which nobody looks at the row again
    data_set.failure_path(row).unlink(missing_ok=True)
    write_json(data_set.marker_path(row), marker_of(row, made), sort_keys=True)


def give_up(data_set: DataSet, row: Row, error: SimcraftError, attempts: int) -> None:
    """Write down why a row could not be made."""
    # of a clip that was lost or damaged since
    data_set.marker_path(row).unlink(missing_ok=True)
    told = {"id": row.id, "hash": row.hash, "message": error.message, "fix": error.fix, "attempts": attempts}
    write_json(data_set.failure_path(row), told, sort_keys=True)


def write_log(data_set: DataSet, **entry: Any) -> None:
    """Add a line to `log.jsonl`."""
    line = json.dumps({"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), **entry}) + "\n"
    with (
        write_errors(data_set.folder / "log.jsonl"),
        (data_set.folder / "log.jsonl").open("a", encoding="utf-8") as log,
    ):
        log.write(line)


@cache
def versions() -> dict[str, str]:
    """Name -> version of everything that a clip depends on; "code" is a digest of the source that makes it."""
    import importlib.metadata
    import platform

    from simcraft.assets import asset
    from simcraft.sim.blender import blender_version, find_blender
    from simcraft.version import __version__

    packages = ("numpy", "taichi", "scipy", "scikit-image", "opencv-python-headless", "bpy")
    found = {"simcraft": __version__, "python": platform.python_version()}
    for name in packages:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    if (executable := find_blender().executable) is not None:
        found.pop("bpy", None)
        found["blender"] = blender_version(executable)
    package = Path(__file__).resolve().parent.parent
    found["code"] = _digest([package / place for place in _CODE] + [asset(place) for place in _SCENES])[:12]
    return found


_CODE = (
    *("sim", "observe", "recording", "clip", "flowing.py", "taichi_runtime.py"),
    *("data/clips.py", "data/captions.py", "data/movement.py", "data/statistics.py"),
)
"""Of this package, what decides over the bytes of a clip."""
_SCENES = ("blender_addon", "scenes/builders", "scenes/index.json")
"""Of the shipped files; the shipped .blend files follow from them."""


def _digest(places: list[Path]) -> str:
    """SHA-256 of the names and contents of these files, and of all Python files in these folders."""
    total = hashlib.sha256()
    for place in places:
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            total.update(path.relative_to(place.parent).as_posix().encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


def _head(loaded: LoadedRecipe, rows: list[Row]) -> dict[str, str]:
    header = {
        "format": FORMAT,
        "name": loaded.recipe.name,
        "description": loaded.recipe.description,
        "count": len(rows),
        "recipe": loaded.digest,
        "made_by": versions(),
        "conventions": "x right, y down, pixel centres at +0.5; flow in pixels a kept frame; planar depth in metres",
    }
    return {
        "recipe.yaml": loaded.text,
        "manifest.jsonl": write_manifest(rows),
        "dataset.json": json.dumps(header, indent=2) + "\n",
    }


def _check_same(folder: Path, loaded: LoadedRecipe, rows: list[Row]) -> None:
    """Raise `UserError` unless the set in `folder` is the beginning of this one."""
    header = _read_json(folder / "dataset.json", "format", "recipe", "made_by", "count")
    elsewhere = "Make this set in another folder with -o, or go on with what the other was begun with."
    if header["format"] != FORMAT:
        raise UserError(f"{folder} has format {header['format']}; this SimCraft writes {FORMAT}.", elsewhere)
    now = versions()
    for name in sorted(header["made_by"].keys() | now):
        before = header["made_by"].get(name, "none")
        if before != now.get(name, "none"):
            what = "simcraft's source code" if name == "code" else name
            raise UserError(
                f"{folder} was begun with {what} {before}, and here it is {now.get(name, 'none')}: its clips would not "
                "be of one kind.",
                elsewhere,
            )
    if header["recipe"] != loaded.digest:
        raise UserError(f"{folder} was begun with another recipe than {loaded.path}, or another size of it.", elsewhere)
    if len(rows) < header["count"]:
        raise UserError(
            f"{folder} is to hold {header['count']} clips, and -n asks for {len(rows)}.", "Give as many or more."
        )
    there = read_manifest(folder / "manifest.jsonl")
    # more of them where a run was killed as it made the set larger, before it had written the header
    if len(there) < header["count"]:
        raise UserError(f"{folder}/manifest.jsonl has {len(there)} rows; there were {header['count']}.", RESTORE)
    for old, new in zip(there, rows, strict=False):
        if old != new:
            raise UserError(f"{folder}/manifest.jsonl: the row {old.id} is not what the recipe asks for.", RESTORE)


def _is_beginning(folder: Path) -> bool:
    """Was a run killed in `folder` before it had written the header, and so before it had made anything?"""
    own = {*_PARTS, "recipe.yaml", "manifest.jsonl"}
    if not all(p.name in own or p.name.startswith(".") for p in folder.iterdir()):
        return False
    return not any(any((folder / part).glob("*")) for part in _PARTS)


@contextlib.contextmanager
def _only_here(folder: Path) -> Iterator[None]:
    with contextlib.ExitStack() as held:
        try:
            with write_errors(folder):
                held.enter_context(only_writer(folder / "set"))
        except BeingWritten:
            raise UserError(
                f"Another process is making the data set in {folder}.", "Wait for it, or choose another folder with -o."
            ) from None
        yield


def _remove_leftovers(folder: Path) -> None:
    """Remove what a killed run left."""
    shutil.rmtree(folder / "work", ignore_errors=True)
    for part in (folder, folder / "clips", folder / "done", folder / "failed"):
        for path in part.glob(".*.partial*"):
            with contextlib.suppress(OSError):
                path.unlink()


def _read_json(path: Path, *needed: str, fix: str = "Restore it from a copy.") -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        missing = [key for key in needed if key not in content]
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{path} is damaged or cannot be read: {error}.", fix) from None
    if missing:
        raise UserError(f"{path} is damaged: it has no '{missing[0]}'.", fix)
    return content
