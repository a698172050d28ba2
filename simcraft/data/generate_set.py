"""A video of every finished clip of a data set, by one generator, each with its report.

OUT/videos.json    the set, the generator and its options
OUT/ID.mp4         the video
OUT/ID.json        its marker: SHA-256 of the clip and the video, and the report of `simcraft evaluate`
OUT/summary.json   the errors by family
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from simcraft.clip.files import complete_file, write_errors, write_json
from simcraft.data.folder import DataSet, open_set
from simcraft.data.make import HOPELESS
from simcraft.data.manifest import Row
from simcraft.data.painting import Job, Painted, Result, paint_here, paint_on_cluster
from simcraft.errors import Cancelled, Failure, UserError
from simcraft.generate.registry import complete_options, find_generator
from simcraft.metrics.report import saved_typical
from simcraft.progress import Progress, silent
from simcraft.recording.format import BeingWritten, only_writer
from simcraft.version import __version__

_ELSEWHERE = "Choose another folder with --out."


@dataclass(frozen=True)
class Errors:
    """How well the videos of one family move, or of all: means over the videos for which the number is known."""

    videos: int
    error: float | None
    """Pixels: end-point error where things move; see `metrics.report.FlowError.typical`."""
    floor: float | None
    """Pixels: the estimator's own on the true frames."""
    standstill: float | None
    """Pixels: of a video that does not move."""
    consistency: float | None
    """-1 to 1; see `metrics.report.Report.motion_consistency`."""
    psnr: float | None
    """Decibels, where the set's frames were rendered."""


@dataclass(frozen=True)
class Report:
    """What a run did, and what is in the folder now."""

    folder: Path
    made: int
    """By this run."""
    there: int
    """Made before."""
    failed: dict[str, str]
    """Row's id -> why there is no video of it, in one line."""
    families: dict[str, Errors]
    """Family -> its errors, and those of all videos as "all"."""

    @property
    def result(self) -> dict[str, Any]:
        """For the command line: figures, a table, and a warning for each clip that failed."""
        table = {"family": "videos  error px  floor px  still px  consistency  PSNR dB"}
        for name, errors in self.families.items():
            table[name] = (
                f"{errors.videos:>6}  {_text(errors.error, 8, 2)}  {_text(errors.floor, 8, 2)}  "
                f"{_text(errors.standstill, 8, 2)}  {_text(errors.consistency, 11, 3)}  {_text(errors.psnr, 7, 1)}"
            )
        return {
            "videos": str(self.folder),
            "made now": self.made,
            "were there": self.there,
            "failed": len(self.failed),
            **(table if self.families else {}),
            "warnings": [f"{row_id} has no video: {why}" for row_id, why in self.failed.items()],
        }


def generate_set(
    folder: str | os.PathLike[str],
    generator: str = "warp",
    options: Mapping[str, Any] | None = None,
    *,
    out: str | os.PathLike[str] | None = None,
    ray: str | None = None,
    progress: Progress = silent,
) -> Report:
    """Make a video of every finished clip of the data set in `folder`, or those that are still missing.

    Parameters
    ----------
    generator: one of `simcraft.generate.generator_names()`; its model is loaded once, or once in each actor.
    options: the generator's own, as text or values.
    out: folder for the videos; by default FOLDER/videos/GENERATOR.
    ray: address of a Ray cluster to make them on, see `ray_cluster.connected`; by default they are made here.

    A run can be ended at any time, and the next one goes on; clips that the set has got, or got anew, since are made,
    too. A clip of which no video can be made is in the report, and is no error.

    Raises
    ------
    UserError: there is no such set, generator or option; the folder holds something else or videos of another set,
        generator or option; another process is writing it; or there is no such cluster.
    DiskFull: of this machine or a node.
    Failure: the generator's model cannot be loaded, or every clip fails.
    Cancelled: by Ctrl-C or SIGTERM.
    """
    data_set = open_set(Path(folder))
    chosen = find_generator(generator)
    complete = complete_options(chosen, options or {})
    target = Path(out) if out is not None else data_set.folder / "videos" / generator
    about = {"set": data_set.name, "generator": generator, "options": complete, "simcraft": __version__}
    with _writing(target, about):
        done = data_set.done()
        missing = {row.id: row for row in done if not _is_made(target, data_set, row)}
        failed: dict[str, str] = {}
        if missing:
            jobs = _jobs(data_set, missing, failed)
            work = (chosen, complete, jobs)
            results = paint_here(*work) if ray is None else paint_on_cluster(ray, *work)
            with contextlib.closing(results):
                _collect(results, data_set, missing, target, failed, progress)
        families = _summary(target, [row for row in done if row.id not in failed])
        write_json(
            target / "summary.json", {name: asdict(errors) for name, errors in families.items()}, allow_nan=False
        )
    return Report(target, len(missing) - len(failed), len(done) - len(missing), failed, families)


def _jobs(data_set: DataSet, rows: Mapping[str, Row], failed: dict[str, str]) -> Iterator[Job]:
    """The rows' clips, read when they are asked for; what is wrong with one goes to `failed`."""
    for row in rows.values():
        try:
            clip = data_set.clip_path(row).read_bytes()
        except OSError as error:
            failed[row.id] = f"{data_set.clip_path(row)} cannot be read: {error.strerror}."
            continue
        if hashlib.sha256(clip).hexdigest() == _clip_digest(data_set, row):
            yield Job(row.id, clip)
        else:
            failed[row.id] = (
                f"{data_set.clip_path(row)} is damaged: remove it, and make the set again, which makes this clip alone."
            )


def _collect(
    results: Iterator[Result],
    data_set: DataSet,
    rows: Mapping[str, Row],
    target: Path,
    failed: dict[str, str],
    progress: Progress,
) -> None:
    """Write down what comes. Raises `DiskFull`, `Cancelled`, and `Failure` where nothing succeeds."""
    made = 0
    progress("generate", 0, len(rows))
    try:
        for row_id, result in results:
            if isinstance(result, Painted):
                _write(target, data_set, rows[row_id], result)
                made += 1
            elif result.disk_full:
                raise result.error()
            else:
                failed[row_id] = result.message
                if not made and len(failed) >= HOPELESS:
                    raise Failure(f"The first {len(failed)} clips all failed, the last one so: {result.message}")
            progress("generate", made + len(failed), len(rows), f"{len(failed)} failed" if failed else "")
    except KeyboardInterrupt:
        raise Cancelled(f"Stopped: {made} videos were made now.", "The same command goes on.") from None


def _write(target: Path, data_set: DataSet, row: Row, painted: Painted) -> None:
    """The video, and then its marker."""
    with complete_file(target / f"{row.id}.mp4") as path:
        path.write_bytes(painted.video)
    marker = {
        "id": row.id,
        "family": row.family,
        "clip": _clip_digest(data_set, row),
        "video": hashlib.sha256(painted.video).hexdigest(),
        "report": painted.report,
    }
    write_json(target / f"{row.id}.json", marker, allow_nan=False)


def _is_made(target: Path, data_set: DataSet, row: Row) -> bool:
    """Is there a video of the clip that the set has now?"""
    marker = _read_json(target / f"{row.id}.json")
    return marker.get("clip") == _clip_digest(data_set, row) and (target / f"{row.id}.mp4").exists()


def _clip_digest(data_set: DataSet, row: Row) -> str:
    return data_set.marker(row)["files"][f"{row.id}.npz"]


# ------------------------------------------------------------------------------------------------------- the folder


@contextlib.contextmanager
def _writing(target: Path, about: dict[str, Any]) -> Iterator[None]:
    """Begin or go on with a folder of videos, alone; the docstring of `generate_set` tells what is refused."""
    index = target / "videos.json"
    with write_errors(target):
        if target.is_dir() and not index.exists() and any(not p.name.startswith(".") for p in target.iterdir()):
            raise UserError(f"{target} holds something else.", _ELSEWHERE)
        target.mkdir(parents=True, exist_ok=True)
    try:
        with only_writer(index):
            if index.exists():
                _check_same(index, about)
            write_json(index, about, allow_nan=False)
            for leftover in target.glob(".*.partial*"):
                leftover.unlink(missing_ok=True)
            yield
    except BeingWritten:
        raise UserError(f"Another process is writing videos to {target}.", f"Wait for it. {_ELSEWHERE}") from None


def _check_same(index: Path, about: dict[str, Any]) -> None:
    before = _read_json(index)
    for name, value in about.items():
        if before.get(name) != value:
            raise UserError(
                f"The videos in {index.parent} were begun with the {name} {before.get(name)}, not {value}.", _ELSEWHERE
            )


def _read_json(path: Path) -> dict[str, Any]:
    """{} where it is missing or damaged: what it tells of is then made again."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


# ------------------------------------------------------------------------------------------------------- the summary


def _summary(target: Path, rows: list[Row]) -> dict[str, Errors]:
    reports: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        reports.setdefault(row.family, []).append(_read_json(target / f"{row.id}.json")["report"])
    families = {name: _errors(reports[name]) for name in sorted(reports)}
    return {**families, "all": _errors([report for of_one in reports.values() for report in of_one])} if rows else {}


def _errors(reports: list[dict[str, Any]]) -> Errors:
    return Errors(
        videos=len(reports),
        error=_mean(saved_typical(report["end_point_error"]) for report in reports),
        floor=_mean(saved_typical(report["floor"]) for report in reports),
        standstill=_mean(report["standstill_error"] for report in reports),
        consistency=_mean(report["motion_consistency"] for report in reports),
        psnr=_mean((report["likeness"] or {}).get("psnr") for report in reports),
    )


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _text(value: float | None, width: int, digits: int) -> str:
    return f"{'-' if value is None else format(value, f'.{digits}f'):>{width}}"
