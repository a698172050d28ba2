"""Makers for real worker processes whose clips follow from formulas, fast: well-behaved ones, and others."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from simcraft.clip.store import save_clip
from simcraft.data.folder import Made
from simcraft.data.manifest import Row
from simcraft.data.pool import MakeRow
from tests.data.sets import analytic_clip


def formula_clip(row: Row) -> Made:
    """The row's clip by formula."""
    clip = analytic_clip(row)
    with tempfile.TemporaryDirectory() as folder:
        data = save_clip(clip, Path(folder) / "clip.npz").read_bytes()
    return Made({".npz": data}, clip.captions, {"seed": row.seed}, {"formula": 0.01})


@contextlib.contextmanager
def formulas(recycle: int) -> Iterator[MakeRow]:
    """Makes every row."""
    yield formula_clip
