"""The working folder beside an output, which is gone afterwards, however the work ends."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from simcraft.errors import UserError

_SUFFIX = ".partial"
_OWNER = "owner"
"""A file in each working folder, locked for as long as the process lives that works there."""


@contextlib.contextmanager
def working_folder(target: Path) -> Iterator[Path]:
    """A new folder beside `target`, on the same disk, so that a rename completes the work.

    Those that killed processes left for the same target are removed first. Raises `UserError` where `target` is
    something other than a recording, or cannot be written: before minutes of simulation rather than after.
    """
    if target.exists() and not (target / "recording.json").is_file():
        raise UserError(f"{target} exists and is not a recording.", "Choose another output folder.")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(target)
        folder = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=_SUFFIX, dir=target.parent))
    except OSError as error:
        raise UserError(
            f"Nothing can be written to {target.parent}: {error.strerror}.", "Choose another output folder."
        ) from None
    try:
        with _owned(folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _owned(folder: Path) -> Iterator[None]:
    """Hold the lock that tells other processes that somebody works in `folder`, where the file system has locks."""
    with contextlib.ExitStack() as stack:
        # locked under another name: nobody may find it unlocked
        unlocked = folder / "claim"
        with contextlib.suppress(OSError):
            file = stack.enter_context(unlocked.open("w"))
            _lock(file)
            unlocked.rename(folder / _OWNER)
        yield


def _remove_abandoned(target: Path) -> None:
    """Remove the working folders of `target` whose owners are dead."""
    start = f".{target.name}."
    for folder in target.parent.iterdir():
        middle = folder.name.removeprefix(start).removesuffix(_SUFFIX)
        of_target = folder.name == f"{start}{middle}{_SUFFIX}" and "." not in middle
        if of_target and _is_abandoned(folder / _OWNER):
            shutil.rmtree(folder, ignore_errors=True)


def _is_abandoned(owner: Path) -> bool:
    try:
        with owner.open() as file:
            _lock(file)
    except OSError:
        return False
    return True


def _lock(file: IO[str]) -> None:
    """Lock an open file until it is closed. Raises `OSError` where it is locked already or nothing can be locked."""
    try:
        import fcntl
    except ImportError:
        raise OSError("Windows has other locks") from None
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
