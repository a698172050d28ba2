"""One installation in a folder at a time, also of two Blenders."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from .errors import SetupError


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the file's lock, which the operating system releases when the process dies.

    Raises `SetupError` where another process holds it.
    """
    with path.open("a+b") as file:
        try:
            _lock(file.fileno())
        except OSError:
            raise SetupError(
                f"Another Blender is installing an engine in {path.parent}.", "Wait for it to end, or cancel it there."
            ) from None
        yield


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
