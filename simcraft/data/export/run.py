"""Write a data set's clips in another format, part by part: what is whole stays, what is missing or stale is written.

OUT/export.json          format, options, and the set that it came from
OUT/README.md            what the files hold, from the format's table
OUT/SPLIT.json           the parts of a split, their clips, and the clips that are missing
OUT/...                  the parts, as the format lays them out
OUT/.parts/PART.json     what each part was written from; tells whether it is still up to date
OUT/.partial/            what is in the making
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from simcraft.clip.files import PathLike, complete_file, sha256_of, write_errors, write_json
from simcraft.data.export.files import read_json
from simcraft.data.export.format import Clips, ExportFormat, Options, Part, Unfit, Written, check_options
from simcraft.data.export.formats import find_format
from simcraft.data.export.tables import readme
from simcraft.data.folder import DataSet, open_set
from simcraft.data.manifest import Row
from simcraft.errors import UserError
from simcraft.progress import Progress, silent
from simcraft.recording.format import BeingWritten, only_writer, replace_folder

VERSION = 1
"""Of what all formats share: export.json and SPLIT.json."""
HEADER = "export.json"
_NOTES, _PARTIAL = ".parts", ".partial"


@dataclass(frozen=True)
class Exported:
    """What an export did."""

    folder: Path
    written: int
    """Parts that were written."""
    kept: int
    """Parts that were there already, made from the same clips."""
    clips: int
    """Clips that the folder now holds, of the splits asked for."""
    missing: tuple[str, ...]
    """Ids of rows that the set does not hold yet; export again when it does."""
    left_out: dict[str, str]
    """Id -> why the format cannot hold that clip."""


def export_set(
    folder: PathLike,
    format: str,
    out: PathLike,
    *,
    splits: Sequence[str] | None = None,
    progress: Progress = silent,
    **options: Any,
) -> Exported:
    """Write the clips of a data set to `out` in another format; go on where an earlier run with the same stopped.

    Parameters
    ----------
    folder: a data set, finished or in the making.
    format: a key of `FORMATS`.
    out: a new folder, or one with an unfinished export of the same set and options.
    splits: only these; None for all.
    options: those of the format, see `FORMATS[format].options`.

    Raises
    ------
    UserError: no such format, option or split; the set lacks an annotation that the format needs, or has no clip yet;
        a clip is damaged; `out` holds something else, or another process is exporting to it.
    Failure: the disk is full.
    """
    form = find_format(format)
    settings = check_options(form, options)
    data_set = open_set(Path(folder))
    chosen = _chosen_rows(data_set, splits)
    _check_annotations(form, data_set, [row for rows in chosen.values() for row in rows])
    out = Path(out)
    with _only_exporter(out, data_set):
        _begin(out, form, data_set, settings)
        return _export(out, form, data_set, chosen, settings, progress)


def _export(
    out: Path,
    form: ExportFormat,
    data_set: DataSet,
    chosen: dict[str, list[Row]],
    settings: Options,
    progress: Progress,
) -> Exported:
    made = {row.id for row in data_set.done()}
    plan = [part for split, rows in chosen.items() for part in form.plan(split, rows, settings)]
    present = [replace(part, rows=tuple(row for row in part.rows if row.id in made)) for part in plan]
    present = [part for part in present if part.rows]
    written: list[Written] = []
    left_out: dict[str, str] = {}
    fresh = 0
    count = _Count(f"export {form.name}", sum(len(part.rows) for part in present), progress)
    for part in present:
        sources = _sources(data_set, part)
        notes = _notes_if_current(out, part, sources)
        if notes is None:
            notes = _write_part(out, form, part, _read(data_set, part, count), sources, settings)
            fresh += 1
        else:
            count.add(len(part.rows))
        if "unfit" in notes:
            left_out[part.rows[0].id] = notes["unfit"]
        else:
            written.append(Written(part, notes))
    missing = tuple(row.id for row in data_set.rows if row.split in chosen and row.id not in made)
    for split, rows in chosen.items():
        of_split = [w for w in written if w.part.split == split]
        form.finish(out, split, of_split, settings)
        ids = {row.id for row in rows}
        reasons = {id: reason for id, reason in left_out.items() if id in ids}
        _write_index(out, form, split, of_split, [id for id in missing if id in ids], reasons)
    clips = sum(len(w.part.rows) for w in written)
    return Exported(out, fresh, len(present) - fresh, clips, missing, left_out)


class _Count:
    """Tells of every clip that is done."""

    def __init__(self, stage: str, clips: int, progress: Progress) -> None:
        self.stage, self.clips, self.progress, self.done = stage, clips, progress, 0
        self.add(0)

    def add(self, clips: int) -> None:
        self.done += clips
        self.progress(self.stage, self.done, self.clips)


def _read(data_set: DataSet, part: Part, count: _Count) -> Clips:
    for row in part.rows:
        yield row, data_set.clip(row)
        count.add(1)


def _chosen_rows(data_set: DataSet, splits: Sequence[str] | None) -> dict[str, list[Row]]:
    """Split -> its rows, in the manifest's order."""
    there = list(dict.fromkeys(row.split for row in data_set.rows))
    for split in splits or ():
        if split not in there:
            raise UserError(f"{data_set.folder} has no split '{split}'.", f"It has {', '.join(there)}.")
    chosen = {s: [row for row in data_set.rows if row.split == s] for s in there if splits is None or s in splits}
    made = {row.id for row in data_set.done()}
    if not any(row.id in made for rows in chosen.values() for row in rows):
        raise UserError(
            f"{data_set.folder} has no finished clip to export.", "Make them first with `simcraft dataset make`."
        )
    return chosen


def _check_annotations(form: ExportFormat, data_set: DataSet, rows: Sequence[Row]) -> None:
    for name in form.needs:
        without = [row.id for row in rows if name not in row.annotations]
        if without:
            raise UserError(
                f"The format '{form.name}' needs the annotation '{name}', which {data_set.folder} was made without.",
                f"Make the set with '{name}' in the recipe's `annotations`.",
            )


@contextlib.contextmanager
def _only_exporter(out: Path, data_set: DataSet) -> Iterator[None]:
    if out.resolve() == data_set.folder.resolve():
        raise UserError(f"{out} is the data set itself.", "Choose another folder with -o.")
    with write_errors(out):
        if out.exists() and not out.is_dir():
            raise UserError(f"{out} is a file.", "Choose another folder with -o.")
        if out.is_dir() and not (out / HEADER).is_file() and any(not p.name.startswith(".") for p in out.iterdir()):
            raise UserError(f"{out} holds something else.", "Choose another folder with -o.")
        out.mkdir(parents=True, exist_ok=True)
    try:
        with write_errors(out), contextlib.ExitStack() as held:
            held.enter_context(only_writer(out / "export"))
            held.callback(shutil.rmtree, out / _PARTIAL, ignore_errors=True)
            shutil.rmtree(out / _PARTIAL, ignore_errors=True)
            (out / _PARTIAL).mkdir()
            yield
    except BeingWritten:
        raise UserError(
            f"Another process is exporting to {out}.", "Wait for it, or choose another folder with -o."
        ) from None


def _begin(out: Path, form: ExportFormat, data_set: DataSet, settings: Options) -> None:
    """Write the header, or check that it asks for the same."""
    header = {
        "version": VERSION,
        "format": form.name,
        "options": dict(settings),
        "set": data_set.name,
        "made_by": data_set.made_by,
        "recipe": json.loads((data_set.folder / "dataset.json").read_text(encoding="utf-8"))["recipe"],
    }
    if (out / HEADER).is_file():
        before = read_json(out / HEADER)
        for key, value in header.items():
            if before.get(key) != value:
                raise UserError(
                    f"{out} holds an export with another {key}: {_shown(before.get(key))}, not {_shown(value)}.",
                    "Choose another folder with -o.",
                )
    write_json(out / HEADER, header)
    with complete_file(out / "README.md") as path:
        path.write_text(readme(form, data_set.name), encoding="utf-8")


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 100 else f"{text[:97]}..."


def _sources(data_set: DataSet, part: Part) -> dict[str, str]:
    """Id -> SHA-256 of the clip, of all clips of the part."""
    return {row.id: data_set.marker(row)["files"].get(f"{row.id}.npz", "") for row in part.rows}


def _notes_if_current(out: Path, part: Part, sources: dict[str, str]) -> dict[str, Any] | None:
    """The notes of a part that is there and was written from these very clips."""
    path = out / _NOTES / f"{part.name}.json"
    if not path.is_file():
        return None
    try:
        notes = json.loads(path.read_text(encoding="utf-8"))
        current = notes["clips"] == sources and ("unfit" in notes or _is_whole(out / part.name, notes))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return notes if current else None


def _is_whole(path: Path, notes: dict[str, Any]) -> bool:
    """Is the part there, and a file as long as it was?"""
    return path.is_dir() or (path.is_file() and path.stat().st_size == notes["bytes"])


def _write_part(
    out: Path, form: ExportFormat, part: Part, clips: Clips, sources: dict[str, str], settings: Options
) -> dict[str, Any]:
    temporary = out / _PARTIAL / Path(part.name).name
    target = out / part.name
    notes_path = out / _NOTES / f"{part.name}.json"
    with write_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        notes_path.parent.mkdir(parents=True, exist_ok=True)
        # while it is replaced, nothing claims that the part is whole
        notes_path.unlink(missing_ok=True)
        try:
            notes = {"clips": sources, **form.write(clips, temporary, settings)}
            if temporary.is_file():
                notes |= {"bytes": temporary.stat().st_size, "sha256": sha256_of(temporary)}
            replace_folder(temporary, target)
        except Unfit as reason:
            shutil.rmtree(target, ignore_errors=True)
            notes = {"clips": sources, "unfit": str(reason)}
    write_json(notes_path, notes)
    return notes


def _write_index(
    out: Path,
    form: ExportFormat,
    split: str,
    written: Sequence[Written],
    missing: Sequence[str],
    left_out: dict[str, str],
) -> None:
    parts = []
    for w in written:
        entry = {"name": w.part.name, "clips": len(w.part.rows), "ids": [row.id for row in w.part.rows]}
        entry |= {key: w.notes[key] for key in ("bytes", "sha256") if key in w.notes}
        parts.append(entry)
    index = {
        "version": VERSION,
        "format": form.name,
        "split": split,
        "clips": sum(len(w.part.rows) for w in written),
        "annotations": sorted({a for w in written for row in w.part.rows for a in row.annotations}),
        "missing": list(missing),
        "left_out": left_out,
        "parts": parts,
    }
    write_json(out / f"{split}.json", index)
