"""Clips of a recipe that benchmarks measure on; made once, and kept."""

from __future__ import annotations

from pathlib import Path

from simcraft.data.folder import is_data_set, open_set
from simcraft.data.local_pool import LocalPool
from simcraft.data.make import make_data_set
from simcraft.data.recipe import load_recipe
from simcraft.errors import Failure


def held_out_clips(recipe: str, folder: Path, count: int, workers: int) -> list[tuple[str, Path]]:
    """Names and files of the first `count` clips of a recipe; raises `Failure` where one cannot be made.

    A name is family and number: "dominoes 000004".
    """
    loaded = load_recipe(recipe)
    # another recipe makes another set; a set of another length is another folder, for sets never shrink
    out = folder / f"{recipe}-{count}-{loaded.digest[:12]}"
    if not _is_complete(out):
        report = make_data_set(loaded, count, out, pool=LocalPool(workers))
        if report.failed:
            raise Failure(f"{len(report.failed)} clips could not be made: {next(iter(report.failed.values()))}")
    data_set = open_set(out)
    return [(f"{row.family} {row.id}", data_set.clip_path(row)) for row in data_set.rows]


def _is_complete(folder: Path) -> bool:
    """Is everything there? Then it serves, whatever versions of the simulators made it."""
    if not is_data_set(folder):
        return False
    data_set = open_set(folder)
    return len(data_set.done()) == len(data_set.rows)
