"""What the tables of the benchmarks share: comparisons clip by clip, and Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from simcraft.errors import UserError

MARKS = ("<!-- tables -->", "<!-- end of tables -->")
MARGIN = 0.1
""""Not worse" is told from "worse" by a margin, in dB: nobody sees less."""
FEWEST = 10
"""Clips that a verdict needs."""
_SAMPLES = 10_000
"""Of the bootstrap."""


@dataclass(frozen=True)
class Paired:
    """Two methods on the clips that both have a value of: a - b."""

    clips: int
    mean: float
    low: float
    """Of the mean's 95 % interval, by bootstrap over clips."""
    high: float
    better: float
    """Share of the clips in which a is above b."""

    def text(self, digits: int = 2) -> str:
        """Mean, interval and share, for a cell."""
        return f"{self.mean:+.{digits}f} [{self.low:+.{digits}f}, {self.high:+.{digits}f}] ({self.better:.0%} higher)"


def paired(ours: Mapping[str, float], theirs: Mapping[str, float]) -> Paired | None:
    """Compare values of two methods, by clip; None where no clip has both."""
    both = sorted(ours.keys() & theirs.keys())
    if not both:
        return None
    differences = np.array([ours[case] - theirs[case] for case in both])
    low, high = np.percentile(differences[drawn(len(both), _SAMPLES)].mean(1), [2.5, 97.5])
    return Paired(len(both), float(differences.mean()), float(low), float(high), float((differences > 0).mean()))


def drawn(count: int, samples: int) -> np.ndarray:
    """(samples, count) indices of clips, drawn with replacement; always the same."""
    return np.random.default_rng(0).integers(count, size=(samples, count))


def mean_text(values: Sequence[float | None], digits: int) -> str:
    """The mean of what is known; in brackets of how many, where that is not all."""
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    text = f"{np.mean(known):.{digits}f}"
    return text if len(known) == len(values) else f"{text} ({len(known)})"


def verdict(holds: bool, clips: int) -> str:
    """Of a claim; none from fewer than `FEWEST` clips."""
    if clips < FEWEST:
        return "TOO FEW CLIPS TO TELL"
    return "HOLDS" if holds else "DOES NOT HOLD"


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def page_with(page: str, tables: str) -> str:
    """A Markdown page whose text between `MARKS` is `tables`; raises `UserError` where it has not both, in order."""
    before, first, rest = page.partition(MARKS[0])
    _, second, after = rest.partition(MARKS[1])
    if not first or not second:
        raise UserError(f"The page has no place for tables: it needs the lines {MARKS[0]} and {MARKS[1]}.")
    return f"{before}{first}\n\n{tables}\n\n{second}{after}"
