"""Where a recording grows, and what to say when the file system refuses."""

from __future__ import annotations

import contextlib
import errno
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ._format import recording_format as fmt
from .errors import DiskFull, SceneError


@contextlib.contextmanager
def work_folders(out: Path) -> Iterator[tuple[Path, Path]]:
    """(where the recording grows, where vertices wait), both beside `out` and gone afterwards.

    Turns errors of the file system into `SceneError` and `DiskFull`.
    """
    if out.exists() and not (out / "recording.json").is_file():
        raise SceneError(f"{out} exists and is not a recording.", "Choose another output folder.")
    work = fmt.temporary_sibling(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        work.mkdir()
        with tempfile.TemporaryDirectory(prefix=f".{out.name}.", suffix=".spool", dir=out.parent) as spool:
            yield work, Path(spool)
    except fmt.BeingWritten as error:
        raise SceneError(str(error), "Wait for it to end, or choose another output folder.") from None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(f"The disk of {out.parent} is full.", "Free space, or choose another folder.") from None
        if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM, errno.ENOTDIR, errno.ENOENT):
            raise SceneError(f"Nothing can be written to {out.parent}.", "Choose another output folder.") from None
        raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
