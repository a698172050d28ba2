"""Batches drawn ahead, in threads, while a GPU works on those before."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from simcraft.train.stage import Batch


class Ahead:
    """The batches of steps in a row; what they hold depends on the step alone, so it is the same as without."""

    def __init__(self, draw: Callable[[int], Batch], threads: int) -> None:
        """`draw` gives the batch of a step and may run in several threads at once; with none it runs when asked."""
        self.draw, self.threads = draw, threads
        self._pool = ThreadPoolExecutor(threads) if threads else None
        self._begun: dict[int, Future[Batch]] = {}

    def batch(self, step: int) -> Batch:
        """That of `step`; those after it are begun."""
        if self._pool is None:
            return self.draw(step)
        for number in range(step, step + self.threads + 1):
            if number not in self._begun:
                self._begun[number] = self._pool.submit(self.draw, number)
        return self._begun.pop(step).result()

    def close(self) -> None:
        """Draw no more."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
