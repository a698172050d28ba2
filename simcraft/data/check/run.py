"""`check_set`: every row of a data set, one clip in memory at a time and process."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

from simcraft.cores import core_count
from simcraft.data.check.report import CheckReport, ClipReport, Problem
from simcraft.data.check.rows import check_row, state_of
from simcraft.data.folder import DataSet, open_set
from simcraft.data.manifest import Row
from simcraft.data.recipe import Recipe, load_recipe
from simcraft.errors import Failure, UserError
from simcraft.progress import Progress, silent, track

MOST_PICTURES = 300
"""On the page; what is wrong or does not move is shown beyond that."""


def check_set(
    folder: str | os.PathLike[str],
    *,
    sample: int | None = None,
    workers: int | None = 1,
    progress: Progress = silent,
) -> CheckReport:
    """Check a data set: that it is complete, unchanged since it was made, and true to itself.

    Every row is made or has its reason; every file is the one that its marker names; every array has its shape, type
    and range; and flow, visibility, depth, instances, tracks, cameras and pictures agree with each other.

    Parameters
    ----------
    folder: finished or in the making.
    sample: read only so many clips, evenly spread; None for all. Whether rows are made is checked of all.
    workers: processes that read clips; None for as many as there are cores.
    progress: called after each clip.

    Raises
    ------
    UserError: there is no data set, its header or manifest is damaged or was edited, or a parameter is below 1.
    Failure: a process died, mostly for want of memory.
    """
    for name, value in (("sample", sample), ("workers", workers)):
        if value is not None and value < 1:
            raise UserError(f"{name} is {value}; expected 1 or more.")
    workers = workers or core_count()
    data_set = open_set(Path(folder))
    done = data_set.done()
    if sample is not None and sample < len(done):
        done = [done[k * len(done) // sample] for k in range(sample)]
    read = {clip.id: clip for clip in track(_read(data_set, done, workers), "check clips", len(done), progress)}
    wanted, problems = _recipe(data_set)
    return CheckReport(
        folder=data_set.folder,
        name=data_set.name,
        clips=tuple(read[row.id] if row.id in read else state_of(data_set, row) for row in data_set.rows),
        wanted=wanted,
        set_problems=(*problems, *_strangers(data_set)),
    )


def _read(data_set: DataSet, rows: list[Row], workers: int) -> Iterator[ClipReport]:
    """The rows' reports, in order."""
    # the rows of the set need not travel with each task
    alone = replace(data_set, rows=())
    with_picture = {rows[k * len(rows) // MOST_PICTURES].id for k in range(MOST_PICTURES)} if rows else set()
    if workers == 1 or len(rows) < 2:
        for row in rows:
            yield check_row(alone, row, row.id in with_picture)
        return
    waiting: deque[Future[ClipReport]] = deque()
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        try:
            for row in rows:
                waiting.append(pool.submit(check_row, alone, row, row.id in with_picture))
                if len(waiting) >= 4 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenExecutor:
            raise Failure("A process that read clips died.", "Give fewer workers: memory may have run out.") from None
        finally:
            pool.shutdown(cancel_futures=True)


def _recipe(data_set: DataSet) -> tuple[dict[str, dict[str, float]], list[Problem]]:
    """The shares that the recipe gives to families and splits, and what is wrong with it."""
    path = data_set.folder / "recipe.yaml"
    if not path.is_file():
        return {}, [Problem("", "recipe.yaml is missing", "the recipe of the set")]
    try:
        loaded = load_recipe(path)
        digest = json.loads((data_set.folder / "dataset.json").read_text(encoding="utf-8")).get("recipe")
    except (UserError, OSError, ValueError) as error:
        return {}, [Problem("", str(error), "the recipe of the set")]
    if loaded.digest != digest:
        return {}, [Problem("", "recipe.yaml was changed since the set was begun", f"digest {str(digest)[:12]}...")]
    return _shares(loaded.recipe), []


def _shares(recipe: Recipe) -> dict[str, dict[str, float]]:
    """Of all clips, by family and by split; a split may have families of its own."""
    total = sum(split.share for split in recipe.splits.values())
    splits = {name: split.share / total for name, split in recipe.splits.items()}
    families: dict[str, float] = {}
    for name, split in recipe.splits.items():
        wishes = split.families or recipe.families
        weights = sum(wish.weight for wish in wishes.values())
        for family, wish in wishes.items():
            families[family] = families.get(family, 0.0) + splits[name] * wish.weight / weights
    return {"families": families, "splits": splits}


def _strangers(data_set: DataSet) -> Iterator[Problem]:
    """Clips and markers that belong to no row, and clips without a marker."""
    known = {row.id for row in data_set.rows}
    done = {path.stem for path in (data_set.folder / "done").glob("*.json")}
    for id in sorted(done - known):
        yield Problem("", f"done/{id}.json belongs to no row", "markers of the manifest's rows only")
    for path in sorted((data_set.folder / "clips").glob("[!.]*")):
        id = path.name.partition(".")[0]
        if id not in known:
            yield Problem("", f"clips/{path.name} belongs to no row", "files of the manifest's rows only")
        elif id not in done and _settled(data_set.folder, id):
            yield Problem("", f"clips/{path.name} has no marker", "done/ID.json; make the set again to finish it")


def _settled(folder: Path, id: str) -> bool:
    """Is the clip not one that is being written just now? Its marker follows within moments then."""
    return not any((folder / "work").glob("*")) and not (folder / "done" / f"{id}.json").exists()
