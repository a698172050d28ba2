"""A driver to kill: `python -m tests.data.drive RECIPE COUNT OUT MAKER` makes a set by the maker of that name.

"scenes" is the maker of real data sets; the others are those of `makers`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import simcraft.data.folder
from simcraft.console import explain, line_reporter
from simcraft.data.local_pool import LocalPool
from simcraft.data.make import make_data_set
from simcraft.data.pool import clips_of_scenes
from simcraft.data.recipe import load_recipe
from tests.data import makers


def main(recipe: str, count: str, out: str, maker: str) -> int:
    """Make the set; returns the exit code of the command line."""
    # somebody may be editing the code while its tests run
    simcraft.data.folder.versions = lambda: {"code": "formulas"}  # type: ignore[assignment]
    pool = LocalPool(2, recycle=8, maker=clips_of_scenes if maker == "scenes" else getattr(makers, maker))
    try:
        make_data_set(load_recipe(recipe), int(count), Path(out), pool=pool, progress=line_reporter(0.0))
    except (Exception, KeyboardInterrupt) as error:
        known = explain(error)
        if known is None:
            raise
        print(f"error: {known}", file=sys.stderr)
        return known.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
