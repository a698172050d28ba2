"""What `simcraft.view` does: check what is asked for, open the inputs, make each thing that is wanted."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from simcraft.errors import UserError
from simcraft.pipeline import check_output
from simcraft.progress import Progress, silent
from simcraft.view.inputs import Viewable, kind_of, opened
from simcraft.view.page import save_page
from simcraft.view.rerun_sinks import require_rerun, save_rrd, show_in_viewer
from simcraft.view.sheet import save_overview


@dataclass(frozen=True)
class Wanted:
    """The files to write; where there are none, the viewer is started."""

    rrd: Path | None = None
    page: Path | None = None
    sheet: Path | None = None

    @property
    def files(self) -> dict[str, Path]:
        """What is written where, by name."""
        named = {"rrd": self.rrd, "page": self.page, "sheet": self.sheet}
        return {name: path for name, path in named.items() if path is not None}


ENDINGS = {"rrd": ".rrd", "page": ".html", "sheet": ".png"}


def show(
    sources: Sequence[Viewable],
    wanted: Wanted,
    *,
    size: tuple[int, int] | None = None,
    force: bool = False,
    progress: Progress = silent,
) -> list[str]:
    """Implementation of `simcraft.view.view`."""
    check(sources, wanted, force)
    notes: list[str] = []
    with opened(sources, size, progress) as inputs:
        if not wanted.files:
            show_in_viewer(inputs, size=size, progress=progress)
        if wanted.rrd is not None:
            save_rrd(inputs, wanted.rrd, size=size, progress=progress)
        if wanted.page is not None:
            notes += save_page(inputs, wanted.page, size=size, progress=progress)
        if wanted.sheet is not None:
            save_overview(inputs, wanted.sheet)
    return notes


def check(sources: Sequence[Viewable], wanted: Wanted, force: bool) -> None:
    """Raise `UserError` for everything that can be known to be wrong before any work."""
    if not sources:
        raise UserError("There is nothing to view.", "Give at least one clip, recording or video.")
    for source in sources:
        kind_of(source)
    for name, path in wanted.files.items():
        if path.suffix.lower() != ENDINGS[name]:
            raise UserError(f"The {name} cannot be written as {path}.", f"End the name in {ENDINGS[name]}.")
        check_output(path, force)
    if wanted.rrd is not None or not wanted.files:
        require_rerun()


def has_screen() -> bool:
    """Can a window be opened?"""
    if sys.platform.startswith(("win", "darwin")):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
