"""What the commands of the larger benchmarks share."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

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
    """Do what the command line says; a mistake ends it with one line."""
    try:
        work(options())
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


def put_into(page: Path | None, tables: str) -> None:
    """Put tables into a page, where one is given; raises `UserError` where it has no place for them."""
    if page is not None:
        write_bytes(page_with(page.read_text(encoding="utf-8"), tables).encode(), page)
