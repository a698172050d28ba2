"""How long-running functions tell where they are.

Every function that can take over a second accepts `progress`, a callable `(stage, step, steps, detail="") -> None`.
It may raise `simcraft.errors.Cancelled` to stop the work at the next safe point. `silent` is the default; the command
line draws bars from it, the worker writes JSON lines.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

Item = TypeVar("Item")


class Progress(Protocol):
    """Called with the name of the stage, the number of finished steps and of all steps, and perhaps a few figures."""

    def __call__(self, stage: str, step: int, steps: int, detail: str = "") -> None: ...


def silent(stage: str, step: int, steps: int, detail: str = "") -> None:
    """Report nothing."""


class Pace:
    """How long stages still take, judged by the steps that were done since each was first heard of.

    Work that goes on where it once stopped begins in the middle: what was done before took no time now.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.begun: dict[str, tuple[float, int]] = {}

    def seconds_left(self, stage: str, step: int, steps: int) -> float | None:
        """After `step` of `steps`; None before the first one is done."""
        start, before = self.begun.setdefault(stage, (self.clock(), step))
        if step <= before:
            return None
        return (self.clock() - start) / (step - before) * (steps - step)


def track(items: Iterable[Item], stage: str, steps: int, progress: Progress) -> Iterator[Item]:
    """Yield `items`, reporting 0 of `steps` before the first and one step more after each."""
    progress(stage, 0, steps)
    for done, item in enumerate(items, start=1):
        yield item
        progress(stage, done, steps)
