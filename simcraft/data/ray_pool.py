"""A `Pool` that is a Ray cluster: rows are tasks of one core each, clips come back through Ray's object store.

So the nodes share no file system: the one driver writes everything down. Each of Ray's worker processes keeps a
`LocalPool` of one process: time limit, recycling, crashes and the Blender that stays open are as on one machine, and
whatever a scene does, Ray's own process lives. A row whose node died is given to another one, as often as it takes; it
costs time and counts as no try.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from simcraft.data.folder import versions
from simcraft.data.local_pool import LocalPool
from simcraft.data.manifest import Row
from simcraft.data.pool import Maker, Outcome, Problem, clips_of_scenes
from simcraft.data.ray_cluster import Unfit, connected, failed, node_name, node_unlike
from simcraft.errors import SimcraftError

_POLL = 1.0
"""Seconds between two looks of a worker at whether it is to stop."""


class RayPool:
    """A Ray cluster that makes rows; see `pool.Pool` for the methods.

    Parameters
    ----------
    address: of the cluster; see `ray_cluster.connected`.
    time_limit, recycle, maker: as of `LocalPool`.
    """

    def __init__(
        self, address: str, *, time_limit: float = 300.0, recycle: int = 50, maker: Maker = clips_of_scenes
    ) -> None:
        self._address = address
        self._engine_options = (time_limit, recycle, maker)
        self._held = contextlib.ExitStack()
        self._running: dict[Any, Row] = {}
        self._ray: ModuleType
        self._task: Any

    @property
    def capacity(self) -> int:
        """One row for each core of the cluster, and one to go on with; more as nodes join."""
        return 2 * max(1, int(self._ray.cluster_resources().get("CPU", 0)))

    def start(self, work: Path) -> None:
        """Join the cluster. Raises `UserError` where that is not possible."""
        self._ray = self._held.enter_context(connected(self._address))
        # Ray would try again after any death; only that of a node is to cost nothing
        self._task = self._ray.remote(num_cpus=1, max_retries=0)(make_on_node)

    def submit(self, row: Row) -> None:
        """The next core that is free makes it."""
        self._running[self._task.remote(row, versions(), *self._engine_options)] = row

    def next_finished(self, timeout: float) -> Outcome | None:
        """See `Pool.next_finished`. Raises `UserError` that names the node which has other versions or no Blender."""
        end = time.monotonic() + timeout
        while True:
            left = max(0.0, end - time.monotonic())
            ready, _ = self._ray.wait(list(self._running), timeout=left) if self._running else ([], [])
            if not ready:
                return None
            outcome = self._outcome(ready[0], self._running.pop(ready[0]))
            if outcome is not None:
                return outcome

    def close(self) -> None:
        """Stop all tasks and leave the cluster."""
        with self._held:
            for task in self._running:
                self._ray.cancel(task, force=True)
            self._running.clear()

    def _outcome(self, task: Any, row: Row) -> Outcome | None:
        """What a finished task has made; None where its node died and the row is on its way again."""
        errors = self._ray.exceptions
        try:
            result = self._ray.get(task)
        except (errors.NodeDiedError, errors.ObjectLostError, errors.LocalRayletDiedError):
            self.submit(row)
            return None
        except (errors.WorkerCrashedError, errors.OutOfMemoryError) as error:
            message = "Ray's process on its node died, perhaps for want of memory."
            return Outcome(row, problem=Problem(message, "", again=True, details=str(error)))
        except errors.RayError as error:
            raise failed(error) from None
        if isinstance(result, Unfit):
            raise result.error()
        return result


# ------------------------------------------------------------------------------------------------------- on the nodes


def make_on_node(row: Row, expected: dict[str, str], time_limit: float, recycle: int, maker: Maker) -> Outcome | Unfit:
    """Make the row on this node, unless it has other versions than `expected` or can make nothing at all."""
    try:
        if (unlike := node_unlike(expected, versions())) is not None:
            return unlike
        engine = _engine(time_limit, recycle, maker)
        engine.submit(row)
        while (outcome := engine.next_finished(_POLL)) is None:
            pass
    except SimcraftError as error:
        return Unfit(f"The node {node_name()} can make no clips: {error.message}", error.fix)
    if outcome.problem is not None and outcome.problem.disk_full:
        message = f"On the node {node_name()}: {outcome.problem.message}"
        return replace(outcome, problem=replace(outcome.problem, message=message))
    return outcome


@cache
def _engine(time_limit: float, recycle: int, maker: Maker) -> LocalPool:
    """The one process that makes this worker's rows, one after another; it ends with this process."""
    pool = LocalPool(1, threads=1, time_limit=time_limit, recycle=recycle, maker=maker)
    pool.start(_work_folder())
    return pool


def _work_folder() -> Path:
    """An empty folder for this process; those of processes that are gone are removed, for Ray kills its own."""
    parent = Path(tempfile.gettempdir()) / f"simcraft-ray-{os.getuid()}"
    own = parent / str(os.getpid())
    for folder in parent.glob("[0-9]*"):
        if folder == own or not _is_running(int(folder.name)):
            shutil.rmtree(folder, ignore_errors=True)
    own.mkdir(parents=True)
    return own


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # somebody else's
    return True
