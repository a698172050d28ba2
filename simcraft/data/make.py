"""Making a data set: one driver hands rows to a pool, and alone writes down what comes back."""

from __future__ import annotations

import contextlib
import os
import platform
import signal
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from simcraft.data.folder import DataSet, commit, give_up, write_log, writing
from simcraft.data.local_pool import LocalPool
from simcraft.data.manifest import Row
from simcraft.data.pool import Outcome, Pool, Problem
from simcraft.data.recipe import LoadedRecipe
from simcraft.errors import Cancelled, Failure, UserError
from simcraft.progress import Progress, silent

TRIES = 2
"""A row whose process crashed, hung or was lost is tried again once."""
HOPELESS = 20
"""When so many rows have failed and none was made, the others would fail as well."""


@dataclass(frozen=True)
class Report:
    """What a run did."""

    folder: Path
    clips: int
    """In the set now."""
    wanted: int
    """Rows of the set."""
    made: int
    """By this run."""
    tried_again: tuple[str, ...]
    """Rows that this run tried twice, by id."""
    failed: dict[str, str]
    """Row's id -> why it could not be made, in one line; those of earlier runs as well."""
    seconds: float
    """How long this run took."""

    @property
    def result(self) -> dict[str, Any]:
        """For the command line: figures by name, and a warning for each row that failed."""
        fix = "Give --retry-failed to try them again."
        return {
            "set": str(self.folder),
            "clips": f"{self.clips} of {self.wanted}",
            "made now": self.made,
            "minutes": round(self.seconds / 60, 2),
            "clips a minute": round(60 * self.made / self.seconds, 1),
            "tried again": len(self.tried_again),
            "failed": len(self.failed),
            "warnings": [*self.failed.values(), *([fix] if self.failed else [])],
        }


def make_data_set(
    recipe: LoadedRecipe,
    count: int,
    out: str | os.PathLike[str],
    *,
    pool: Pool | None = None,
    retry_failed: bool = False,
    progress: Progress = silent,
) -> Report:
    """Make the first `count` clips of a recipe in the folder `out`, or those that are still missing there.

    Parameters
    ----------
    recipe: from `recipe.load_recipe`.
    count: number of clips of the whole set; may be larger than in an earlier run, and never smaller.
    out: the folder; only one process at a time may make a set in it.
    pool: what makes the clips; by default `LocalPool()`, a process for each core. It is started here, and closed.
    retry_failed: try the rows again, too, that earlier runs failed to make.

    The run can be ended in any way and at any time: what was made stays, and the next run goes on. Rows that could not
    be made are in the report, and are no error.

    Raises
    ------
    UserError: the recipe is wrong, or `folder.writing` refuses the folder.
    DiskFull: of the set or of a machine that makes clips.
    Failure: clips cannot be made at all.
    Cancelled: by Ctrl-C or SIGTERM.
    """
    began = time.monotonic()
    out = Path(out).absolute()
    with _interrupted_by_sigterm(), writing(out, recipe, count) as data_set:
        rows = missing_rows(data_set, retry_failed)
        tally = _Tally(data_set, len(rows), count - len(rows), began)
        write_log(data_set, event="begin", host=platform.node(), process=os.getpid(), rows=len(rows))
        try:
            if rows:
                with contextlib.closing(pool or LocalPool()) as running:
                    running.start(out / "work")
                    _make_rows(rows, running, tally, progress)
        except KeyboardInterrupt:
            there = len(data_set.done())
            raise Cancelled(
                f"Stopped: {there} of {count} clips are made.",
                f"{there} of {count} clips are made; the same command goes on.",
            ) from None
        write_log(data_set, event="end", made=tally.made, failed=len(tally.failed))
        return tally.report()


def missing_rows(data_set: DataSet, retry_failed: bool = False) -> list[Row]:
    """The rows to make: those without a marker of their own, or of which a file is missing, in the manifest's order.

    Of the others failed ones are left out unless `retry_failed`.
    """
    files = {path.name for path in (data_set.folder / "clips").iterdir()}
    done = {row.id for row in data_set.done() if _is_whole(data_set, row, files)}
    return [row for row in data_set.rows if row.id not in done and (retry_failed or not data_set.has_failed(row))]


def _is_whole(data_set: DataSet, row: Row, files: set[str]) -> bool:
    try:
        marker = data_set.marker(row)
    except UserError:
        return False  # damaged: making the row again heals it
    return marker["hash"] == row.hash and files.issuperset(marker["files"])


@dataclass
class _Tally:
    """What the run has done so far."""

    data_set: DataSet
    rows: int
    """To make in this run."""
    before: int
    """Rows with which this run has nothing to do: made, or failed, by earlier ones."""
    began: float
    made: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    tries: Counter[str] = field(default_factory=Counter)

    def show(self, progress: Progress) -> None:
        """Tell how far the run is; in rows of this run alone, for those set the pace."""
        minutes = (time.monotonic() - self.began) / 60
        figures = [f"{self.made / minutes:.1f} clips/min"]
        figures += [f"{len(self.failed)} failed"] * bool(self.failed)
        figures += [f"{self.before} were there"] * bool(self.before)
        progress("make", self.made + len(self.failed), self.rows, detail=", ".join(figures))

    def report(self) -> Report:
        """The run's report."""
        data_set = self.data_set
        failed = {
            row.id: _line(row, data_set.failure(row)["message"]) for row in data_set.rows if data_set.has_failed(row)
        }
        again = tuple(sorted(row for row, tries in self.tries.items() if tries > 1))
        return Report(
            folder=data_set.folder,
            clips=len(data_set.done()),
            wanted=len(data_set.rows),
            made=self.made,
            tried_again=again,
            failed=failed,
            seconds=time.monotonic() - self.began,
        )


def _make_rows(rows: list[Row], pool: Pool, tally: _Tally, progress: Progress) -> None:
    """Keep the pool busy until every row is made or has failed."""
    waiting, in_flight = deque(rows), 0
    tally.show(progress)
    while waiting or in_flight:
        while waiting and in_flight < pool.capacity:
            row = waiting.popleft()
            tally.tries[row.id] += 1
            pool.submit(row)
            in_flight += 1
        outcome = pool.next_finished(timeout=1.0)
        if outcome is not None:
            in_flight -= 1
            if _settle(outcome, tally):
                waiting.append(outcome.row)
            tally.show(progress)


def _settle(outcome: Outcome, tally: _Tally) -> bool:
    """Write down what became of a row; is it to be tried again?

    Raises `DiskFull`, and `Failure` where nothing succeeds.
    """
    data_set, row = tally.data_set, outcome.row
    tries = tally.tries[row.id]
    if outcome.made is not None:
        commit(data_set, row, outcome.made)
        write_log(data_set, event="made", id=row.id, tries=tries, seconds=outcome.made.seconds)
        tally.made += 1
        return False
    problem = outcome.problem
    assert problem is not None
    if problem.disk_full:
        raise problem.error()
    again = problem.again and tries < TRIES
    write_log(data_set, event="again" if again else "failed", id=row.id, tries=tries, **_logged(problem))
    if again:
        return True
    give_up(data_set, row, problem.error(), tries)
    tally.failed[row.id] = problem.message
    if not tally.made and len(tally.failed) >= HOPELESS:
        raise Failure(f"The first {HOPELESS} clips all failed, the last one so: {problem.message}", problem.fix)
    return False


def _logged(problem: Problem) -> dict[str, str]:
    told = {"message": problem.message, "fix": problem.fix, "details": problem.details}
    return {name: text for name, text in told.items() if text}


def _line(row: Row, message: str) -> str:
    return f"{row.id} ({row.family}, seed {row.seed}) was not made: {' '.join(message.split())}"


@contextlib.contextmanager
def _interrupted_by_sigterm() -> Iterator[None]:
    """Within the block SIGTERM does what Ctrl-C does, where this is the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
