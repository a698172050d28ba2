"""Arrows as people give them: a mapping in Python, words on a command line, or the JSON of docs/arrows.md."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from simcraft.clip.files import read_errors
from simcraft.clip.types import MotionClip
from simcraft.errors import UserError
from simcraft.generate.motion_dreamer.arrows import Arrow, Point

VERSION = 1
"""Of the JSON."""
_KINDS = ("instance", "drag")
_NUMBER = r"\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?\s*"
_PAIR = re.compile(f"({_NUMBER}),({_NUMBER})")

Given = Mapping[str | int, Sequence[float]] | Iterable[str | Arrow] | str | os.PathLike[str]


def given_arrows(given: Given, size: tuple[int, int], frames: tuple[int, int] | None = None) -> tuple[Arrow, ...]:
    """The arrows that `given` means.

    Parameters
    ----------
    given: `{instance: (dx, dy)}` with names or ids; a list of `Arrow` and of texts as `arrow_from_text` takes them; or
        the path of a JSON as `read_arrows` takes it.
    size, frames: as in `read_arrows`; what is no file is in pixels of the first frame already.

    Raises `UserError` that names the arrow and what is wrong with it.
    """
    if isinstance(given, Mapping):
        return tuple(_arrow_to(target, displacement) for target, displacement in given.items())
    if isinstance(given, (str, os.PathLike)):
        return read_arrows(given, size, frames)
    return tuple(arrow if isinstance(arrow, Arrow) else arrow_from_text(arrow) for arrow in given)


def arrow_from_text(text: str) -> Arrow:
    """`"ball=40,-5"`: in the whole clip the instance "ball" moves 40 pixels to the right and 5 up.

    Before the last "=" stand a name, an id, or a point "x,y" of the first frame, and what is there moves.
    """
    target, equals, displacement = text.rpartition("=")
    target, match = target.strip(), _PAIR.fullmatch(displacement)
    if not equals or not target or match is None:
        raise UserError(f"Arrow '{text}' is not INSTANCE=DX,DY.", "Write for example --arrow ball=40,-5 (pixels).")
    offset = (float(match[1]), float(match[2]))
    point = _PAIR.fullmatch(target)
    if point is not None:
        return Arrow(None, (offset,), (float(point[1]), float(point[2])))
    return Arrow(target, (offset,))


def frame_numbers(clip: MotionClip, frames: int) -> list[int] | None:
    """A clip's first `frames` frames as its scene numbers them, and on by its last step where it has fewer.

    None where the clip does not say, and for fewer than two frames.
    """
    numbers = clip.metadata.get("frame_numbers")
    if not isinstance(numbers, list) or min(frames, len(numbers)) < 2:
        return None
    step = int(numbers[-1]) - int(numbers[-2])
    beyond = range(1, frames - len(numbers) + 1)
    return [*map(int, numbers[:frames]), *(int(numbers[-1]) + step * k for k in beyond)]


def arrows_from_option(text: str) -> list[str] | Path:
    """What an option of a generator says, for `given_arrows`: "ball=40,-5; cube=0,8", or the name of a .json file."""
    if text.strip().lower().endswith(".json"):
        return Path(text.strip())
    return [part for part in text.split(";") if part.strip()]


def read_arrows(
    path: str | os.PathLike[str], size: tuple[int, int], frames: tuple[int, int] | None = None
) -> tuple[Arrow, ...]:
    """The arrows of a JSON file as docs/arrows.md describes it.

    Parameters
    ----------
    size: (width, height) of the first frame, to which the file's pixels are scaled.
    frames: first and last frame of the clip, as the scene numbers them: of an arrow that is longer only the part
        within counts, as far as it gets at constant speed. None: every arrow has arrived when the clip ends.

    Raises `UserError` that names the file, and the arrow where one is wrong.
    """
    path = Path(path)
    with read_errors(path, "a JSON file of arrows"):
        document = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(document, dict) or document.get("version") != VERSION:
        version = document.get("version") if isinstance(document, dict) else None
        raise UserError(
            f"{path} is no file of arrows of version {VERSION} (version: {version!r}).",
            "Write it with SimCraft's panel Motion Arrows, or as docs/arrows.md says.",
        )
    pixels = _pair(document.get("size"))
    rows = document.get("arrows")
    if pixels is None or min(pixels) <= 0 or not isinstance(rows, list):
        raise UserError(f"{path} lacks 'size', [width, height] in pixels, or 'arrows', a list.")
    factors = np.divide(size, pixels)
    return tuple(_arrow_of(row, f"{path}: arrow {number}", factors, frames) for number, row in enumerate(rows, 1))


def _arrow_to(target: str | int, displacement: Any) -> Arrow:
    pair = _pair(displacement)
    if pair is None:
        raise UserError(f"The arrow of '{target}' is {displacement!r}; expected (dx, dy) in pixels.")
    return Arrow(target, (pair,))


def _arrow_of(row: Any, where: str, factors: np.ndarray, frames: tuple[int, int] | None) -> Arrow:
    """One row of the file; `factors` (2,) scale its pixels."""
    row = row if isinstance(row, dict) else {}
    name, target, kind = (row.get(key) for key in ("name", "object", "kind"))
    if isinstance(name, str) and name:
        where = f"{where}, '{name}',"
    if kind not in _KINDS:
        raise UserError(f"{where} is of kind {kind!r}.", f"Known: {', '.join(_KINDS)}.")
    if not (target is None or (isinstance(target, str) and target)):
        raise UserError(f"{where} has object {target!r}; expected a name or null.")
    if target is None and kind == "instance":
        raise UserError(f"{where} names no object to move.", "Name it, or make the arrow a drag.")
    span = _pair(row.get("frames"))
    if span is None or span[1] <= span[0]:
        raise UserError(f"{where} has frames {row.get('frames')!r}; expected [first, last], in this order.")
    listed = row.get("points")
    points = [_pair(point) for point in listed] if isinstance(listed, list) else []
    if len(points) < 2 or None in points:
        raise UserError(f"{where} has points {_short(listed)}; expected two or more of [x, y] in pixels.")
    line = np.array(points, np.float64) * factors
    if frames is not None:
        first, last = ((frame - span[0]) / (span[1] - span[0]) for frame in frames)
        if first >= 1 or last <= 0:
            a, b = span
            raise UserError(
                f"{where} moves in frames {a:g} to {b:g}, but the clip has {frames[0]} to {frames[1]}.",
                "Change its frames, or take it away.",
            )
        line = part_of_line(line, max(first, 0.0), min(last, 1.0))
    offsets: tuple[Point, ...] = tuple((float(x), float(y)) for x, y in line[1:] - line[0])
    start = (float(line[0, 0]), float(line[0, 1]))
    return Arrow(target, offsets, start, name if isinstance(name, str) else "")


def part_of_line(line: np.ndarray, first: float, last: float) -> np.ndarray:
    """The part of a line (P, 2) between two shares, 0 to 1, of its length; its corners are kept."""
    lengths = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    low, high = first * lengths[-1], last * lengths[-1]
    inside = lengths[(lengths > low) & (lengths < high)]
    places = np.concatenate([[low], inside, [high]])
    return np.stack([np.interp(places, lengths, line[:, axis]) for axis in (0, 1)], -1)


def _pair(value: Any) -> Point | None:
    """Two finite numbers, or None for anything else."""
    if isinstance(value, (str, bytes, Mapping)):
        return None
    try:
        first, second = value
        pair = (float(first), float(second))
    except (TypeError, ValueError, OverflowError):
        return None
    is_number = not any(isinstance(part, (bool, str)) for part in (first, second))
    return pair if is_number and all(map(math.isfinite, pair)) else None


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
