"""view: look at clips, recordings and videos, in Rerun's viewer or as files that need none.

`simcraft.view(...)` calls `view`. All of an input's frames go by one at a time, so that long clips need little memory.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from simcraft._verbs import make_callable
from simcraft.progress import Progress, silent

if TYPE_CHECKING:
    from simcraft.view.inputs import Viewable

__all__ = ["view"]


def view(
    *sources: Viewable,
    rrd: str | Path | None = None,
    page: str | Path | None = None,
    sheet: str | Path | None = None,
    size: tuple[int, int] | None = None,
    force: bool = False,
    progress: Progress = silent,
) -> list[str]:
    """Show clips, recordings and videos on one timeline: in Rerun's viewer, or in the files that are named.

    Parameters
    ----------
    sources: at least one MotionClip, Recording or Video, or the path of one. Recordings are observed first.
    rrd: write a file for Rerun's viewer, .rrd, instead of starting it.
    page: write one web page without a server, .html, whose pictures lie inside the file.
    sheet: write a picture of a few moments, .png.
    size: (width, height) in pixels that the pictures are shrunk to fit. Without it, recordings are observed and pages
        are written with at most 512 x 512, everything else in full.
    force: replace files that are there.
    progress: told after each frame.

    Returns notes on what was left out, in words. Files appear when they are complete.

    Raises
    ------
    UserError: nothing to show; a source that is missing, damaged or something else; a file that exists and `force` is
        false, or that has another ending; or Rerun is needed and not installed.
    Failure: the viewer does not start, or the disk is full.
    """
    from simcraft.view.showing import Wanted, show

    wanted = Wanted(*(None if path is None else Path(path) for path in (rrd, page, sheet)))
    return show(sources, wanted, size=size, force=force, progress=progress)


make_callable(__name__, view)
