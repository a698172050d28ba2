"""What the commands of the larger benchmarks share."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from benchmarks.tables import page_with
from simcraft.cores import core_count
from simcraft.errors import SimcraftError, UserError
from simcraft.picture import write_bytes


class Named(Protocol):
    """A row of a table, or what else people choose by name."""

    @property
    def name(self) -> str: ...


AnyNamed = TypeVar("AnyNamed", bound=Named)


def run(work: Callable[[argparse.Namespace], None], options: Callable[[], argparse.Namespace]) -> None:
    """Do what the command line says; a mistake ends it with one line, a page without a place for tables at once."""
    try:
        given = options()
        put_into(given.page, None)
        work(given)
    except SimcraftError as error:
        sys.exit(f"{error.message} {error.fix}")


def parser(about: str | None, folder: Path) -> argparse.ArgumentParser:
    """With the options that all of them have; results are kept in `folder` by default."""
    made = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--page", type=Path, help="a Markdown page to put the tables into, between its two marks")
    made.add_argument("--threads", type=int, default=core_count(), help="of torch and OpenCV")
    made.add_argument("--folder", type=Path, default=folder, help=f"where everything is kept; {folder} by default")
    return made


def use_threads(count: int) -> None:
    """So many in torch and OpenCV."""
    import cv2
    import torch

    torch.set_num_threads(count)
    cv2.setNumThreads(count)


def chosen(known: Sequence[AnyNamed], names: Sequence[str] | None, what: str) -> list[AnyNamed]:
    """Those of the `names`, or all; raises `UserError` that lists them for a name that no `what` has."""
    unknown = sorted(set(names or ()) - {each.name for each in known})
    if unknown:
        listed = ", ".join(repr(each.name) for each in known)
        raise UserError(f"There is no {what} '{unknown[0]}'.", f"Choose from: {listed}.")
    return [each for each in known if names is None or each.name in names]


def put_into(page: Path | None, tables: str | None) -> None:
    """Put tables into a page, where one is given; None: only look at it.

    Raises `UserError` where it cannot be read or has no place for them.
    """
    if page is None:
        return
    try:
        content = page_with(page.read_text(encoding="utf-8"), tables or "")
    except OSError as error:
        raise UserError(f"The page {page} cannot be read: {error.strerror}.", "Give a page that is there.") from error
    if tables is not None:
        write_bytes(content.encode(), page)


def write_json(content: Any, path: Path) -> None:
    """Write numbers; what is not finite becomes null, as JSON has no word for it."""
    write_bytes(json.dumps(_finite(content), indent=1, allow_nan=False).encode(), path)


def _finite(content: Any) -> Any:
    if isinstance(content, dict):
        return {name: _finite(value) for name, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content
