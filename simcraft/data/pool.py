"""What makes rows, as the driver of a data set sees it: a `Pool`, and the `Outcome` of each row given to one.

`local_pool.LocalPool` is processes of this machine; others are clusters. All of them run `make_outcome` somewhere, with
a `Maker` that is opened once in each process and makes row after row.
"""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import traceback
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from simcraft.data.folder import Made
from simcraft.data.manifest import Row
from simcraft.errors import DiskFull, Failure, SimcraftError

MakeRow = Callable[[Row], Made]
Maker = Callable[[int], AbstractContextManager[MakeRow]]
"""Opens what makes rows, given the number of scenes after which a fresh Blender is started. A function at the top of
its module: other processes import it by its name."""


@dataclass(frozen=True)
class Problem:
    """Why a row could not be made, in a form that any process can hand to another."""

    message: str
    fix: str = ""
    again: bool = False
    """Another try may end otherwise: a crash, a time-out, a lost process."""
    disk_full: bool = False
    """More rows would fail the same way."""
    details: str = ""
    """For the log: a traceback, or a process's last words."""

    def error(self) -> SimcraftError:
        """The problem as an error to raise."""
        return DiskFull(self.message, self.fix) if self.disk_full else Failure(self.message, self.fix)


@dataclass(frozen=True)
class Outcome:
    """What became of a row: it was made, or there is a problem."""

    row: Row
    made: Made | None = None
    problem: Problem | None = None
    """None exactly where `made` is not."""


class Pool(Protocol):
    """Makes rows, several at a time, in any order. All its methods are called by one thread."""

    @property
    def capacity(self) -> int:
        """So many rows, submitted and not yet finished, keep it busy; it may change as a cluster grows."""

    def start(self, work: Path) -> None:
        """Called first. `work` is an absolute path of a folder for temporary files, on this machine.

        Raises `UserError` or `Failure` where rows cannot be made at all.
        """

    def submit(self, row: Row) -> None:
        """Have the row made, once; never waits."""

    def next_finished(self, timeout: float) -> Outcome | None:
        """The outcome of one submitted row, any of them; None where none has finished within `timeout` seconds.

        Each submitted row has exactly one outcome, whatever happens to the process that makes it. Raises `UserError` or
        `Failure` where nothing can be made any more.
        """

    def close(self) -> None:
        """Called last, also after an error: end at once whatever still runs, and return when it has ended."""


def pack_outcome(outcome: Outcome) -> bytes:
    """An outcome for a file: a zip archive of `outcome.json` and the clip's files, for `unpack_outcome`."""
    made, problem = outcome.made, outcome.problem
    told = {
        "id": outcome.row.id,
        "problem": None if problem is None else asdict(problem),
        "made": None
        if made is None
        else {"captions": made.captions, "statistics": made.statistics, "seconds": made.seconds},
    }
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:  # clips are compressed already
        archive.writestr("outcome.json", json.dumps(told))
        for suffix, content in ({} if made is None else made.files).items():
            archive.writestr(f"clip{suffix}", content)
    return data.getvalue()


def unpack_outcome(data: bytes, rows: Mapping[str, Row]) -> Outcome | None:
    """The outcome in `data`, of one of the `rows` by id; None where it is of no such row."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        told = json.loads(archive.read("outcome.json"))
        if told["id"] not in rows:
            return None
        row = rows[told["id"]]
        if told["problem"] is not None:
            return Outcome(row, problem=Problem(**told["problem"]))
        files = {n.removeprefix("clip"): archive.read(n) for n in archive.namelist() if n != "outcome.json"}
    captions = tuple(told["made"].pop("captions"))
    return Outcome(row, made=Made(files, captions, **told["made"]))


def make_outcome(make: MakeRow, row: Row) -> Outcome:
    """Make one row; whatever is raised becomes the outcome's problem."""
    try:
        return Outcome(row, made=make(row))
    except Exception as error:
        return Outcome(row, problem=problem_of(error))


def problem_of(error: Exception) -> Problem:
    """What to tell of an error, and whether to try again.

    The same row fails the same way again, except where the machine had a part in it.
    """
    from simcraft.console import explain
    from simcraft.sim.blender import ChildCrash

    text = " ".join(f"{type(error).__name__}: {error}".split())
    known = explain(error) or Failure(text, "This is a defect: report it with log.jsonl.")
    # Blender tells of it in words
    full = isinstance(error, DiskFull) or os.strerror(errno.ENOSPC) in text or os.strerror(errno.EDQUOT) in text
    if full:
        return Problem(known.message, known.fix, disk_full=True)
    again = isinstance(error, ChildCrash | MemoryError | OSError)
    details = "" if isinstance(error, SimcraftError) else "".join(traceback.format_exception(error))
    return Problem(known.message, known.fix, again, details=details)


@contextlib.contextmanager
def clips_of_scenes(recycle: int) -> Iterator[MakeRow]:
    """The `Maker` of data sets: scenes recorded by one Blender after another, and observed in this process."""
    from functools import partial

    from simcraft.data.clips import make_row
    from simcraft.sim.blender import blender_session

    with blender_session(recycle=recycle) as session:
        yield partial(make_row, session=session)
