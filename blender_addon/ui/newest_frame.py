"""The newest frame of a running job as a picture in a panel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

_previews: Any = None
_shown: tuple[Path, int] | None = None


def icon_of(path: Path, frame: int) -> int:
    """Blender's number of the picture, which is read when it is new; 0 where it is gone."""
    import bpy.utils.previews

    global _previews, _shown
    if _previews is None:
        _previews = bpy.utils.previews.new()
    if _shown != (path, frame):
        if not path.is_file():
            return 0
        # one picture at a time: the others are seen no more
        _previews.clear()
        picture = _previews.load("newest", str(path), "IMAGE")
        # read now: the file is removed when its video is done
        _ = picture.image_size[:]
        _shown = path, frame
    return int(_previews["newest"].icon_id)


def clear() -> None:
    """Let the picture go."""
    import bpy.utils.previews

    global _previews, _shown
    if _previews is not None:
        bpy.utils.previews.remove(_previews)
    _previews, _shown = None, None
