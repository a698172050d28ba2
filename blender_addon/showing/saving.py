"""A copy of a video, somewhere else."""

from __future__ import annotations

import errno
import shutil
import uuid
from pathlib import Path

from ..errors import DiskFull, SceneError
from .footage import VIDEO_FILES


def copy_video(source: Path, to: Path) -> Path:
    """Copy a video file, or a folder of pictures, as `to`; it appears when it is complete. Returns where it is.

    A file that is there is replaced, a folder is not. Where `to` has not the video's own extension, that is added; a
    folder has none. Raises `SceneError` and `DiskFull`.
    """
    if to.suffix.lower() in VIDEO_FILES and to.suffix.lower() != source.suffix.lower():
        to = to.with_suffix("")
    if to.suffix.lower() != source.suffix.lower():
        to = to.with_name(to.name + source.suffix)
    if not source.exists():
        raise SceneError(f"The video {source} is gone.", "It was moved or removed: generate it again.")
    if to.exists() and to.samefile(source):
        raise SceneError(f"{to} is the video itself.", "Choose another name.")
    if to.is_dir():
        raise SceneError(f"{to} is a folder that is there already.", "Choose another name.")
    temporary = to.with_name(f".{to.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, temporary)
        else:
            shutil.copyfile(source, temporary)
        temporary.replace(to)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(f"The disk of {to.parent} is full.", "Free space, or choose another folder.") from None
        raise SceneError(f"{to} cannot be written: {error.strerror or error}.", "Choose another folder.") from None
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)
    return to
