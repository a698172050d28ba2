"""A video as Blender plays it: which files, from which frame of the scene on."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from ..errors import SceneError
from ..results import marked

VIDEO_FILES = frozenset({".mp4", ".webm", ".gif", ".mkv", ".mov", ".avi"})
SHOWN = "simcraft_shown"
"""The custom property of images that were loaded to show footage: where it lies."""


@dataclass(frozen=True)
class Footage:
    """A video file, or the numbered pictures of a folder, and when it plays."""

    path: Path
    """The video file, or the folder."""
    files: tuple[Path, ...]
    """The video file, or the pictures in their order."""
    start: int
    """The frame of the scene that its first picture belongs to."""

    @property
    def is_movie(self) -> bool:
        """Is it one file for all frames?"""
        return self.files[0].suffix.lower() in VIDEO_FILES

    @property
    def first_number(self) -> int:
        """What Blender calls the first picture: the number in its file's name, 1 in a video file."""
        return 1 if self.is_movie else _number(self.files[0])


def find_footage(path: str | os.PathLike[str], start: int) -> Footage:
    """The video file or folder of numbered PNGs at `path`, from frame `start` of the scene on.

    Raises `SceneError` where it is gone, no video, or has gaps.
    """
    path = Path(path)
    if path.is_dir():
        files = tuple(sorted((f for f in path.glob("*.png") if _digits(f)), key=_number))
        numbers = [_number(f) for f in files]
        if not files or numbers != list(range(numbers[0], numbers[0] + len(files))):
            raise SceneError(f"The folder {path} does not hold the numbered pictures of a video.", "Make it again.")
        return Footage(path, files, start)
    if not path.is_file():
        raise SceneError(f"The video {path} is gone.", "It was moved or removed: generate it again.")
    if path.suffix.lower() not in VIDEO_FILES:
        raise SceneError(f"{path} is no video.", f"Choose a file that ends in {', '.join(sorted(VIDEO_FILES))}.")
    return Footage(path, (path,), start)


@dataclass(frozen=True)
class Loaded:
    """Footage that Blender has an image of."""

    footage: Footage
    image: Any
    size: tuple[int, int]
    """(width, height) in pixels."""
    count: int
    """How many pictures it has."""


def load(footage: Footage) -> Loaded:
    """Blender's image of the footage: the one that was loaded before, read again, or a new one.

    Raises `SceneError` where Blender cannot read the file.
    """
    image = next((i for i in bpy.data.images if i.get(SHOWN) == str(footage.path)), None)
    if image is None:
        image = load_file(footage.files[0], footage.path)
    else:
        image.filepath = portable(footage.files[0])
    image.source = "MOVIE" if footage.is_movie else "FILE"
    image.reload()
    # asked before it is a sequence: Blender looks for the size of one in the file number 0
    size = tuple(image.size)
    if not all(size):
        bpy.data.images.remove(image)
        raise SceneError(f"Blender cannot read {footage.files[0]}.", "Is the file complete? Generate it again.")
    if footage.is_movie:
        return Loaded(footage, image, size, max(1, image.frame_duration))
    image.source = "SEQUENCE"
    return Loaded(footage, image, size, len(footage.files))


def load_file(file: Path, shown: Path) -> Any:
    """A new image of a file, which says that it shows `shown`. Raises `SceneError` where Blender cannot read it."""
    try:
        image = marked(bpy.data.images.load(portable(file), check_existing=False))
    except RuntimeError as error:
        raise SceneError(f"Blender cannot read {file}: {error}".strip(), "Generate it again.") from None
    image[SHOWN], image.name = str(shown), shown.name
    return image


def play(user: Any, loaded: Loaded) -> None:
    """Let an image user follow the timeline: the footage starts in its frame of the scene, and stops at its end."""
    user.frame_duration = loaded.count
    user.frame_start = loaded.footage.start
    user.frame_offset = loaded.footage.first_number - 1
    user.use_cyclic = False
    user.use_auto_refresh = True


def portable(path: Path) -> str:
    """`path` as Blender writes it: relative to a saved .blend where the preferences ask for that."""
    if bpy.data.filepath and bpy.context.preferences.filepaths.use_relative_paths:
        try:
            return str(bpy.path.relpath(str(path)))
        except ValueError:
            # another drive
            pass
    return str(path)


def _digits(path: Path) -> str:
    """The digits at the end of a file's name."""
    found = re.search(r"(\d+)$", path.stem)
    return found[1] if found else ""


def _number(path: Path) -> int:
    return int(_digits(path))
