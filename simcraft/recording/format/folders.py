"""Folders that are whole or not there: written under another name, renamed in one step, by one writer at a time."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from .types import BeingWritten


def temporary_sibling(path: Path) -> Path:
    """An unused name beside `path`, on the same file system, so that a rename completes the writing."""
    path = Path(path)
    return path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.partial")


def replace_folder(new: Path, path: Path) -> None:
    """Give the folder `new` the name `path`, on the same file system; what had that name is removed afterwards.

    Raises `OSError` where that is not possible; both are then as they were. At no time is there neither.
    """
    old = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.replaced")
    replaces = os.path.lexists(path)
    if replaces:
        path.rename(old)
    try:
        new.rename(path)
    except BaseException:
        if replaces:
            old.rename(path)
        raise
    if replaces and old.is_dir() and not old.is_symlink():
        shutil.rmtree(old, ignore_errors=True)
    elif replaces:
        old.unlink()


@contextlib.contextmanager
def only_writer(path: Path) -> Iterator[None]:
    """While the block runs, nobody else gets into an `only_writer` of the same `path`.

    The operating system's lock of `.NAME.lock` beside `path` ends with the process, however that ends. Raises
    `BeingWritten`, and `OSError` where the folder of `path` is missing or may not be written.
    """
    lock = path.with_name(f".{path.name}.lock")
    file = _locked_file(lock)
    if file is None:
        raise BeingWritten(f"Another process is writing {path}.")
    with file:
        try:
            yield
        finally:
            # Windows removes no open file; the next writer finds it unlocked
            with contextlib.suppress(OSError):
                lock.unlink()


def _locked_file(lock: Path) -> IO[bytes] | None:
    """The file `lock`, open and locked; None where it is locked by somebody else."""
    while True:
        file = lock.open("ab")
        if not _take_lock(file.fileno()):
            file.close()
            return None
        # who had it may have removed the file after it was opened here
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file.fileno()), lock.stat()):
                return file
        file.close()


def _take_lock(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        # any other error: a file system that knows no locks
        return error.errno not in (errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK)
    return True
