"""Has the open file changed since? Counted by handlers, so that nothing has to be compared.

Changes of the current frame do not count, nor does what is selected, nor anything that is the scene's own, which
`signature.py` looks at instead. Everything else does, needed or not: to simulate once more is better than to paint a
video of how the scene was.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy
from bpy.app.handlers import persistent

from ..results import MARK, VIDEOS

# the scene has its signature; annotations are notes; the others are no data that is rendered
_UNCOUNTED = frozenset({"Scene", "Collection", "GreasePencil", "Annotation", "WindowManager", "Screen", "WorkSpace"})

count = 0
"""How many changes there were since Blender started."""
_held: tuple[int, tuple[int, int] | None] | None = None
"""`count` and the stamp of the file when it was loaded or saved: until the next change it holds what is open."""
_saving: tuple[str, tuple[int, int] | None] = ("", None)
"""The path and the stamp of the open file before something is saved."""


def stamp_of_file() -> tuple[int, int] | None:
    """What the .blend's time and size are, where it holds the scene just as it is; None where no file does."""
    return _held[1] if _held is not None and _held[0] == count else None


def file_stamp(path: str) -> tuple[int, int] | None:
    """(time in nanoseconds, size in bytes) of a file; None where there is none."""
    try:
        status = Path(path).stat()
    except (OSError, ValueError):
        return None
    return status.st_mtime_ns, status.st_size


def before_save() -> None:
    """The open file is about to be saved, or a copy of it."""
    global _saving
    _saving = bpy.data.filepath, file_stamp(bpy.data.filepath)


def after_save() -> str | None:
    """Something was saved. The path that the open file had before, if it was that; None if it was a copy of it."""
    global _held
    now = bpy.data.filepath, file_stamp(bpy.data.filepath)
    if now == _saving:
        return None
    _held = count, now[1]
    return _saving[0]


def file_was_loaded() -> None:
    """Another file is open, and holds what is open."""
    global count, _held
    # its first evaluation would count as a change of everything
    bpy.context.view_layer.update()
    count += 1
    _held = count, file_stamp(bpy.data.filepath)


@persistent
def _after_update(_: Any, depsgraph: Any = None) -> None:
    global count
    count += _counts(depsgraph)


@persistent
def _before_frame(scene: Any, *_: Any) -> None:
    """What was changed and is not yet evaluated will be evaluated with the new frame, and told together with it."""
    global count
    if not bpy.app.is_job_running("RENDER"):
        count += any(_counts(layer.depsgraph) for layer in scene.view_layers)


@persistent
def _after_undo(*_: Any) -> None:
    global count
    count += 1


def _counts(depsgraph: Any) -> bool:
    """Is there a change among the depsgraph's updates that may move or show something?"""
    if depsgraph is None:
        return False
    return any(_matters(update.id) for update in depsgraph.updates)


def _matters(block: Any) -> bool:
    if block.bl_rna.identifier in _UNCOUNTED:
        return False
    return not (MARK in block or VIDEOS in block)


@contextlib.contextmanager
def uncounted() -> Iterator[None]:
    """Changes in this block do not count: what shows motion and videos is no part of what is recorded.

    Blender alone could not tell: a new object or image lets it evaluate all others again.
    """
    global count
    bpy.context.view_layer.update()
    before = count
    try:
        yield
    finally:
        bpy.context.view_layer.update()
        count = before


_HANDLERS = (
    ("depsgraph_update_post", _after_update),
    ("frame_change_pre", _before_frame),
    ("undo_post", _after_undo),
    ("redo_post", _after_undo),
)


def start() -> None:
    """Count from now on."""
    for name, function in _HANDLERS:
        getattr(bpy.app.handlers, name).append(function)


def stop() -> None:
    """Undo `start`."""
    for name, function in _HANDLERS:
        handlers = getattr(bpy.app.handlers, name)
        if function in handlers:
            handlers.remove(function)
