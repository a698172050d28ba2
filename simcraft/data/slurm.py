"""A `Pool` of Slurm jobs, through submitit: each makes a slice of the rows with the processes of one node.

A job leaves what it makes in the set's `work/`, on the file system that all nodes share; the driver, who waits where
the command was given, takes it from there and alone writes the set. A job whose driver is gone finds no folder, and
ends.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

from simcraft.clip.files import complete_file
from simcraft.data.local_pool import LocalPool
from simcraft.data.manifest import Row
from simcraft.data.pool import Outcome, pack_outcome, unpack_outcome
from simcraft.errors import Failure, UserError


class SlurmPool:
    """Jobs on a partition that make rows; see `pool.Pool` for the methods. What a job cannot finish goes to others.

    There are `slices` jobs at a time, in each of which `pool` makes the rows; after `hours` Slurm may end one.
    `cluster` is submitit's name of the system: "local" has the jobs run on this machine.
    """

    capacity = 10**9  # all rows at once: there must be something to deal out

    def __init__(self, partition: str, slices: int, pool: LocalPool, hours: float = 24, cluster: str = "slurm") -> None:
        self._slices, self._pool, self._cluster = slices, pool, cluster
        self._wishes = {"slurm_partition": partition, "timeout_min": int(60 * hours), "cpus_per_task": pool.workers}
        self._waiting: list[Row] = []
        self._unfinished: dict[str, Row] = {}
        self._jobs: dict[Any, list[Row]] = {}

    def start(self, work: Path) -> None:
        """Find Slurm. Raises `UserError` where it or submitit is missing."""
        try:
            import submitit

            self._executor = submitit.AutoExecutor(work / "jobs", cluster=self._cluster)
        except ModuleNotFoundError:
            raise UserError("submitit is not installed.", 'pip install -e ".[slurm]"') from None
        except RuntimeError:
            raise UserError("There is no Slurm here: srun is not on PATH.", "Run this on a login node.") from None
        self._executor.update_parameters(**self._wishes)
        self._exchange = work / "made"
        self._exchange.mkdir()

    def submit(self, row: Row) -> None:
        """It is made by one of the next jobs, which start when those that run have ended."""
        self._waiting.append(row)

    def next_finished(self, timeout: float) -> Outcome | None:
        """See `Pool.next_finished`. Raises `Failure` where a job ends and has made nothing."""
        end = time.monotonic() + timeout
        if self._waiting and not self._jobs:
            self._deal_out()
        while True:
            ended = [job for job in self._jobs if job.done()]  # all that these have made is there now
            for path in self._exchange.glob("[0-9]*.outcome"):
                outcome = unpack_outcome(path.read_bytes(), self._unfinished)
                path.unlink()
                if outcome is not None:  # of no row that is waited for where Slurm has run a job twice
                    del self._unfinished[outcome.row.id]
                    return outcome
            for job in ended:
                self._take_back(job, self._jobs.pop(job))
            if time.monotonic() >= end:
                return None
            time.sleep(0.5)

    def close(self) -> None:
        """Cancel the jobs."""
        for job in self._jobs:
            job.cancel()

    def _deal_out(self) -> None:
        slices = [rows for i in range(self._slices) if (rows := self._waiting[i :: self._slices])]
        make = partial(make_slice, pool=self._pool, exchange=self._exchange)
        try:
            self._jobs = dict(zip(self._executor.map_array(make, slices), slices, strict=True))
        except (RuntimeError, OSError) as error:
            raise UserError(f"Slurm takes no jobs: {error}", "Is that the name of a partition?") from None
        self._unfinished, self._waiting = {row.id: row for row in self._waiting}, []

    def _take_back(self, job: Any, rows: list[Row]) -> None:
        lost = [row for row in rows if row.id in self._unfinished]
        if len(lost) == len(rows):
            words = (job.stderr() or "").strip().splitlines() or ["it says no why."]
            raise Failure(f"The Slurm job {job.job_id} has made no clip: {words[-1]}", "Does it get enough --hours?")
        self._waiting += lost


def make_slice(rows: list[Row], pool: LocalPool, exchange: Path) -> None:
    """What a job does: make the rows, and leave each outcome as a file in `exchange`."""
    with tempfile.TemporaryDirectory() as work, contextlib.closing(pool):
        pool.start(Path(work))
        for row in rows:
            pool.submit(row)
        for _ in rows:
            while (outcome := pool.next_finished(timeout=60.0)) is None:
                pass
            with complete_file(exchange / f"{outcome.row.id}.outcome") as path:
                path.write_bytes(pack_outcome(outcome))
