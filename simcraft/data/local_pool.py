"""A `Pool` of processes of this machine, each with a Blender of its own.

Every worker has its own pipe and nothing is shared between them, no queue and no lock: whenever and however one dies,
by itself or killed, it costs the row that it was making and nothing else. Workers are started as commands, not by
`multiprocessing`, so that limits of threads are in the environment before any library loads, and so that a script that
makes a data set is not imported again by each of them.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections import deque
from dataclasses import dataclass
from itertools import count
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path

from simcraft.cores import core_count
from simcraft.data.manifest import Row
from simcraft.data.pool import Maker, Outcome, Problem, clips_of_scenes
from simcraft.data.worker_process import GRACE, READY
from simcraft.errors import Failure

START_TRIES = 3
"""When so many workers in a row die before they are ready, there is no use in starting more."""
START_LIMIT = 120.0
"""Seconds for a worker to get ready."""
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")


@dataclass
class _Worker:
    """A running process."""

    process: subprocess.Popen[bytes]
    connection: Connection
    log: Path
    """What it and its libraries say on stderr."""
    deadline: float
    """By `time.monotonic`: when it must be ready, or done with its row."""
    ready: bool = False
    row: Row | None = None
    """What it is making."""
    rows: int = 0
    """How many it was given."""


class LocalPool:
    """Processes of this machine that make rows; see `pool.Pool` for the methods.

    Parameters
    ----------
    workers: number of processes; by default as many as there are cores for this process.
    threads: of each process; by default they share the cores evenly.
    time_limit: seconds for one row. A worker that takes longer is ended, with its Blender.
    recycle: a worker, and its Blender, is replaced by a fresh one after so many rows.
    maker: what opens the function that makes rows, in each worker.
    """

    def __init__(
        self,
        workers: int | None = None,
        *,
        threads: int | None = None,
        time_limit: float = 300.0,
        recycle: int = 50,
        maker: Maker = clips_of_scenes,
    ) -> None:
        self.workers = workers or core_count()
        self.time_limit = time_limit
        self._threads = threads or max(1, core_count() // self.workers)
        self._maker = maker
        self._recycle = recycle
        self._work = Path()
        self._waiting: deque[Row] = deque()
        self._finished: deque[Outcome] = deque()
        self._running: list[_Worker] = []
        self._leaving: list[_Worker] = []
        self._numbers = count(1)
        self._failed_starts = 0

    @property
    def capacity(self) -> int:
        """One row for each worker, and one to go on with."""
        return 2 * self.workers

    def start(self, work: Path) -> None:
        """Workers have their temporary files and logs in `work`; they start with the first rows."""
        self._work = work

    def submit(self, row: Row) -> None:
        """The next worker that is free makes it."""
        self._waiting.append(row)
        self._hand_out()

    def next_finished(self, timeout: float) -> Outcome | None:
        """See `Pool.next_finished`. Raises `Failure` where no worker gets ready, or what its start raises."""
        end = time.monotonic() + timeout
        while not self._finished:
            until = min([end, *(w.deadline for w in self._running)])
            by_connection = {w.connection: w for w in self._running}
            for connection in wait(list(by_connection), max(0.0, until - time.monotonic())):
                self._hear(by_connection[connection])  # type: ignore[index]
            for worker in [w for w in self._running if w.deadline < time.monotonic()]:
                self._stop_hanging(worker)
            self._hand_out()
            if time.monotonic() >= end:
                break
        return self._finished.popleft() if self._finished else None

    def close(self) -> None:
        """End all workers and their Blenders."""
        everybody = self._running + self._leaving
        self._running, self._leaving = [], []
        self._waiting.clear()
        _end(everybody)

    def _hand_out(self) -> None:
        """Give waiting rows to workers that are free, and start workers for the others."""
        for worker in self._running:
            if self._waiting and worker.ready and worker.row is None:
                worker.row = self._waiting.popleft()
                worker.rows += 1
                worker.deadline = time.monotonic() + self.time_limit
                with contextlib.suppress(BrokenPipeError):  # it died meanwhile, and is heard of soon
                    worker.connection.send(worker.row)
        starting = sum(not w.ready for w in self._running)
        for _ in range(min(len(self._waiting) - starting, self.workers - len(self._running))):
            self._running.append(self._new_worker())
        self._leaving = [w for w in self._leaving if w.process.poll() is None]

    def _new_worker(self) -> _Worker:
        log = self._work / f"worker-{next(self._numbers)}.log"
        ours, theirs = Pipe()
        with log.open("wb") as errors, theirs:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "simcraft.data.worker_process", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env=self._environment(),
                pass_fds=[theirs.fileno()],
                # Ctrl-C in a terminal is for the driver alone, who ends the workers
                start_new_session=True,
            )
        with contextlib.suppress(BrokenPipeError):
            ours.send((self._maker, self._recycle))
        return _Worker(process, ours, log, time.monotonic() + START_LIMIT)

    def _environment(self) -> dict[str, str]:
        path = os.pathsep.join(folder or str(Path.cwd()) for folder in sys.path)
        own = {"TMPDIR": str(self._work), "PYTHONPATH": path, "PYTHONFAULTHANDLER": "1"}
        return {**os.environ, **own, **dict.fromkeys(_THREADS, str(self._threads))}

    def _hear(self, worker: _Worker) -> None:
        """Take what a worker sends, or notice that it has died."""
        try:
            message = worker.connection.recv()
        except (EOFError, OSError):
            self._lose(worker)
            return
        if isinstance(message, Problem):
            raise message.error()
        if message == READY:
            worker.ready = True
            self._failed_starts = 0
        else:
            self._finished.append(message)
            worker.row = None
            if worker.rows >= self._recycle:
                self._running.remove(worker)
                self._leaving.append(worker)
                with contextlib.suppress(BrokenPipeError):
                    worker.connection.send(None)
                return
        worker.deadline = float("inf")

    def _lose(self, worker: _Worker) -> None:
        """A worker has died by itself."""
        self._running.remove(worker)
        _end([worker])
        message = f"The process that made it {_death(worker.process.returncode)}."
        if worker.row is not None:
            self._give_back(worker, message)
        elif not worker.ready:
            self._failed_starts += 1
            if self._failed_starts >= START_TRIES:
                words = _last_words(worker.log).strip().splitlines()
                # below the cause of a crash Python lists its stack and modules
                fatal = [line for line in words if line.startswith("Fatal Python error")]
                why = f": {(fatal or words)[-1]}" if words else ""
                raise Failure(f"The processes that make clips do not start{why}.", "`simcraft doctor` may know why.")

    def _stop_hanging(self, worker: _Worker) -> None:
        self._running.remove(worker)
        _end([worker])
        if worker.row is None:
            raise Failure(f"A process that makes clips was not ready after {START_LIMIT:g} s.", "Use fewer --workers.")
        self._give_back(worker, f"It was not made within {self.time_limit:g} s.")

    def _give_back(self, worker: _Worker, message: str) -> None:
        """The row of a worker that is gone has this problem."""
        assert worker.row is not None
        problem = Problem(message, "", again=True, details=_last_words(worker.log))
        self._finished.append(Outcome(worker.row, problem=problem))


def _end(workers: list[_Worker]) -> None:
    """Have all these workers end their Blenders and leave, and make those leave that do not; returns when they have."""
    for worker in workers:
        worker.process.terminate()
    late = time.monotonic() + GRACE + 1.0
    for worker in workers:
        try:
            worker.process.wait(max(0.0, late - time.monotonic()))
        except subprocess.TimeoutExpired:
            worker.process.kill()
            worker.process.wait()
        worker.connection.close()


def _death(code: int) -> str:
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"left with exit code {code}"


def _last_words(log: Path) -> str:
    with contextlib.suppress(OSError):
        return log.read_text(encoding="utf-8", errors="replace")[-4000:]
    return ""
