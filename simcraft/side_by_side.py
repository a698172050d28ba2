"""Several videos of one clip beside each other: as a video, and as a picture of a few moments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simcraft.picture import draw_text, resize, save_png, text_size
from simcraft.progress import Progress, silent, track
from simcraft.video import Video, save_video

_PAPER, _INK, _FAINT = (18, 20, 24), (236, 238, 242), (150, 156, 168)
_GAP, _HEADER, _LABEL = 10, 40, 44
_WIDEST = 1920
"""Pixels of a row of videos."""
_LARGEST, _SMALLEST = 384, 160
"""Pixels: no cell is wider, or less wide where more rows can prevent that."""


@dataclass(frozen=True)
class Column:
    """One of the videos."""

    label: str
    note: str
    """A few figures below the label; may be empty."""
    frames: np.ndarray
    """(T, H, W, 3) uint8; all of one shape."""


@dataclass(frozen=True)
class Layout:
    """Where the cells of one moment are."""

    cell: tuple[int, int]
    """(width, height) of a video, pixels."""
    across: int
    """Cells in a row."""
    rows: int

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the whole, pixels; even, as video codecs want it."""
        width = _GAP + self.across * (self.cell[0] + _GAP)
        height = _HEADER + self.rows * (_LABEL + self.cell[1] + _GAP)
        return width + width % 2, height + height % 2

    def corner(self, number: int) -> tuple[int, int]:
        """(x, y) of the upper left pixel of a cell."""
        row, column = divmod(number, self.across)
        return _GAP + column * (self.cell[0] + _GAP), _HEADER + row * (_LABEL + self.cell[1] + _GAP) + _LABEL


def layout(count: int, size: tuple[int, int]) -> Layout:
    """For `count` videos of `size` (width, height): one row, or as many as keep cells recognisable."""
    across = count
    while across > 1 and _cell_width(across) < min(_SMALLEST, size[0]):
        across -= 1
    rows = -(-count // across)
    across = -(-count // rows)
    # small videos grow by a whole factor, so that their pixels stay as they are
    width = _cell_width(across)
    width = size[0] * max(1, width // size[0]) if width >= size[0] else width
    return Layout((width, max(1, round(size[1] * width / size[0]))), across, rows)


def save_side_by_side(
    columns: Sequence[Column], title: str, fps: float, *, video: Path, picture: Path, progress: Progress = silent
) -> None:
    """Write the `video` in which all columns move together, and the `picture` of four moments, one below the other.

    Raises `Failure` where they cannot be written.
    """
    count, height, width = columns[0].frames.shape[:3]
    place = layout(len(columns), (width, height))
    canvas = _canvas(columns, title, place)
    moments = range(count)
    frames = np.stack([_moment(canvas, columns, t, fps, place) for t in track(moments, "draw", count, progress)])
    save_video(Video(frames, fps, {"comparison": title}), video, progress)
    save_png(_still(frames, place), picture)


def _still(frames: np.ndarray, place: Layout) -> np.ndarray:
    """Four of the `frames`, one below the other; not the first one, which is the same for all."""
    count = len(frames)
    first, *others = (frames[t] for t in np.unique(np.linspace(0, count - 1, 5).round().astype(int)[1:]))
    if place.rows > 1:
        return np.concatenate([first, *others])
    # labels once; the moment stays, and has its line to itself
    moments = [np.concatenate([_without_title(frame[:_HEADER]), frame[_HEADER + _LABEL :]]) for frame in others]
    return np.concatenate([first, *moments])


def _without_title(header: np.ndarray) -> np.ndarray:
    """The lower part of a header, with what stands on the right of it."""
    part = header[10:34].copy()
    part[:, : part.shape[1] // 2] = _PAPER
    return part


def _canvas(columns: Sequence[Column], title: str, place: Layout) -> np.ndarray:
    """(H, W, 3) uint8: everything but the videos."""
    width, height = place.size
    canvas = np.full((height, width, 3), _PAPER, np.uint8)
    canvas = draw_text(canvas, title, (_GAP, 10), 18, _INK)
    for number, column in enumerate(columns):
        x, y = place.corner(number)
        canvas = draw_text(canvas, _cut(column.label, place.cell[0], 15), (x, y - _LABEL + 4), 15, _INK)
        canvas = draw_text(canvas, _cut(column.note, place.cell[0], 12), (x, y - _LABEL + 25), 12, _FAINT)
    return canvas


def _moment(canvas: np.ndarray, columns: Sequence[Column], t: int, fps: float, place: Layout) -> np.ndarray:
    """A copy of `canvas` with frame `t` of every video in its cell."""
    text = f"frame {t}  ·  {t / fps:.2f} s"
    canvas = draw_text(canvas, text, (canvas.shape[1] - _GAP - text_size(text, 13)[0], 13), 13, _FAINT)
    for number, column in enumerate(columns):
        x, y = place.corner(number)
        canvas[y : y + place.cell[1], x : x + place.cell[0]] = _scaled(column.frames[t], place.cell)
    return canvas


def _scaled(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    factor = size[0] // image.shape[1]
    if factor > 1 and size == (image.shape[1] * factor, image.shape[0] * factor):
        return image.repeat(factor, 0).repeat(factor, 1)
    return resize(np.asarray(image), size)


def _cell_width(across: int) -> int:
    return min(_LARGEST, (_WIDEST - _GAP) // across - _GAP)


def _cut(text: str, width: int, size: float) -> str:
    """As much of `text` as fits `width` pixels."""
    while len(text) > 1 and text_size(text, size)[0] > width:
        text = text[:-2] + "…"
    return text
