"""What makes clips in the tests of the driver: formulas, in real worker processes or in this one, well-behaved or not.

The makers that misbehave do so for the row "000001" and make the others; those that do it `once` leave a note of it in
the folder for temporary files, which all workers of a run share.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

from simcraft.clip.store import save_clip
from simcraft.data.folder import Made
from simcraft.data.manifest import Row
from simcraft.data.pool import MakeRow, Outcome, make_outcome
from simcraft.errors import DiskFull, UserError
from simcraft.sim.solver import SimulationStopped
from tests.data.sets import analytic_clip

BAD = "000001"


def formula_clip(row: Row) -> Made:
    """The row's clip by formula; the "seconds" name the process, and its limit of threads."""
    clip = analytic_clip(row)
    with tempfile.TemporaryDirectory() as folder:
        data = save_clip(clip, Path(folder) / "clip.npz").read_bytes()
    seconds = {"process": float(os.getpid()), "threads": float(os.environ.get("OMP_NUM_THREADS", 0))}
    return Made({".npz": data}, clip.captions, {"seed": row.seed}, seconds)


class InThisProcess:
    """A `Pool` that makes a row when it is asked for the next one."""

    capacity = 3

    def __init__(self, make: MakeRow = formula_clip) -> None:
        self.make = make
        self.asked: list[str] = []
        self.waiting: deque[Row] = deque()
        self.closed = False

    def start(self, work: Path) -> None:
        assert work.is_dir()

    def submit(self, row: Row) -> None:
        assert len(self.waiting) < self.capacity
        self.asked.append(row.id)
        self.waiting.append(row)

    def next_finished(self, timeout: float) -> Outcome | None:
        return make_outcome(self.make, self.waiting.popleft()) if self.waiting else None

    def close(self) -> None:
        self.closed = True


@contextlib.contextmanager
def formulas(recycle: int) -> Iterator[MakeRow]:
    """Makes every row."""
    yield formula_clip


@contextlib.contextmanager
def slow_formulas(recycle: int) -> Iterator[MakeRow]:
    """Takes its time, so that a run can be interrupted."""

    def make(row: Row) -> Made:
        time.sleep(0.1)
        return formula_clip(row)

    yield make


@contextlib.contextmanager
def chatterer(recycle: int) -> Iterator[MakeRow]:
    """Says much."""
    print("ready to go")

    def make(row: Row) -> Made:
        print("chatter")
        os.system("echo chatter; echo chatter >&2")
        print("chatter", file=sys.stderr)
        return formula_clip(row)

    yield make


def _bad(row: Row, deed: Callable[[], object], *, once: bool = False) -> Made:
    note = Path(tempfile.gettempdir()) / "done.once"
    if row.id == BAD and not (once and note.exists()):
        note.touch()
        deed()
    return formula_clip(row)


def _raise(error: Exception) -> None:
    raise error


def _hang() -> None:
    threading.Event().wait()


def _hang_deaf() -> None:
    """As a kernel does: no signal handler gets a turn."""
    import ctypes

    ctypes.PyDLL(None).sleep(600)


@contextlib.contextmanager
def crashing_once(recycle: int) -> Iterator[MakeRow]:
    yield lambda row: _bad(row, os.abort, once=True)


@contextlib.contextmanager
def crashing(recycle: int) -> Iterator[MakeRow]:
    yield lambda row: _bad(row, os.abort)


@contextlib.contextmanager
def hanging_once(recycle: int) -> Iterator[MakeRow]:
    yield lambda row: _bad(row, _hang, once=True)


@contextlib.contextmanager
def hanging_deaf(recycle: int) -> Iterator[MakeRow]:
    yield lambda row: _bad(row, _hang_deaf)


@contextlib.contextmanager
def unopenable(recycle: int) -> Iterator[MakeRow]:
    raise UserError("There is no Blender.", "Install one.")
    yield formula_clip


@contextlib.contextmanager
def stillborn(recycle: int) -> Iterator[MakeRow]:
    print("something is missing here", file=sys.stderr, flush=True)
    os._exit(3)
    yield formula_clip


def mistaken(row: Row) -> Made:
    return _bad(row, lambda: _raise(UserError("the gap is negative.", "Give a positive one.")))


def stopped(row: Row) -> Made:
    return _bad(row, lambda: _raise(SimulationStopped("The smoke diverged at step 3.", "Give a smaller time step.")))


def defective(row: Row) -> Made:
    return _bad(row, lambda: _raise(KeyError("nobody thought of this")))


def out_of_space(row: Row) -> Made:
    return _bad(row, lambda: _raise(DiskFull("The disk is full.", "Free some space.")))


def out_of_space_by_system(row: Row) -> Made:
    return _bad(row, lambda: _raise(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))))
