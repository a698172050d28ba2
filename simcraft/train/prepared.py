"""What training reads: whole data sets in a few flat, memory-mapped arrays.

DIR/prepared.json              format, size, factor, number of frames, digest of the sets
DIR/clips.jsonl                a line a clip: where its frames are, split, family, captions
DIR/NAME.bin                   an array each: `fields_of` of the class that the folder is opened as
DIR/frames-latents-DIGEST.bin  (F, C, h, w) float16, of the encoder with that digest, also warped-...; see `latents`
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np

from simcraft.clip.files import read_errors
from simcraft.errors import UserError
from simcraft.generate.motioncraft.geometry import CHANNELS

TRAIN = "train"
"""The split that is trained on; all others are held out."""
Size = tuple[int, int]
"""(width, height)."""


@dataclass(frozen=True)
class PreparedClip:
    """One clip, as a stretch of the arrays."""

    id: str
    """NAME/000012: of its set, and in it."""
    split: str
    family: str
    start: int
    """Of its first frame."""
    frames: int
    captions: tuple[str, ...]

    @property
    def stretch(self) -> slice:
        """Its frames among all frames."""
        return slice(self.start, self.start + self.frames)


@dataclass(frozen=True)
class Field:
    """One array of a prepared folder."""

    shape: tuple[int, ...]
    """Of a frame's part, or of a clip's."""
    kind: type
    each: Literal["frame", "clip"] = "frame"


@dataclass(frozen=True)
class Prepared(ABC):
    """A prepared folder. F frames of all N clips, one clip after the other; a cell is `factor` x `factor` pixels."""

    FORMAT: ClassVar[int | str]
    """What the folder's header must say."""
    COMMAND: ClassVar[str]
    """That makes such a folder."""

    folder: Path
    size: Size
    """(width, height) in pixels."""
    factor: int
    digest: str
    """Of what was prepared: the same sets give the same."""
    clips: tuple[PreparedClip, ...]

    @staticmethod
    @abstractmethod
    def fields_of(size: Size, factor: int) -> dict[str, Field]:
        """Name of an array, which is also an attribute -> what it holds."""

    @property
    def cells(self) -> Size:
        """(w, h) of latents."""
        return self.size[0] // self.factor, self.size[1] // self.factor

    def of_training(self, wanted: bool) -> list[PreparedClip]:
        """The clips of the split `train`, or the held-out ones."""
        return [clip for clip in self.clips if (clip.split == TRAIN) == wanted]


AnyPrepared = TypeVar("AnyPrepared", bound=Prepared)


@dataclass(frozen=True)
class PreparedSet(Prepared):
    """What the image model learns from: frames, and motion at the resolution of latents."""

    FORMAT = 3
    COMMAND = "simcraft train prepare SET... -o DIR"

    frames: np.ndarray
    """(F, H, W, 3) uint8."""
    previous: np.ndarray
    """(F, h, w, 2) float16, in cells: where a cell's content was a frame ago, relative to it; 0 in first frames."""
    previous_seen: np.ndarray
    """(F, h, w) bool: most of the cell was seen one frame ago; true in first frames."""
    warped: np.ndarray
    """(F, H, W, 3) uint8, what the generator `warp` paints: the clip's first frame, moved along its motion."""
    new: np.ndarray
    """(F, h, w) uint8, 255 times the share of a cell that the clip's first frame did not show."""
    geometry: np.ndarray
    """(F, 8, h, w) float16, see `simcraft.generate.motioncraft.geometry`."""

    @staticmethod
    def fields_of(size: Size, factor: int) -> dict[str, Field]:
        picture, cells = (size[1], size[0], 3), (size[1] // factor, size[0] // factor)
        return {
            "frames": Field(picture, np.uint8),
            "previous": Field((*cells, 2), np.float16),
            "previous_seen": Field(cells, np.bool_),
            "warped": Field(picture, np.uint8),
            "new": Field(cells, np.uint8),
            "geometry": Field((CHANNELS, *cells), np.float16),
        }


def open_prepared(folder: str | Path, of: type[AnyPrepared]) -> AnyPrepared:
    """Read a prepared folder. Raises `UserError` where there is none of that kind, or it is damaged."""
    folder = Path(folder)
    if not (folder / "prepared.json").is_file():
        raise UserError(f"There is no prepared data in {folder}.", f"Make it with `{of.COMMAND}`.")
    with read_errors(folder, "prepared training data"):
        header = json.loads((folder / "prepared.json").read_text(encoding="utf-8"))
        if header["format"] != of.FORMAT:
            raise UserError(
                f"{folder} has format {header['format']}; expected {of.FORMAT}.", f"Prepare again with `{of.COMMAND}`."
            )
        lines = (folder / "clips.jsonl").read_text(encoding="utf-8").splitlines()
        clips = tuple(_clip_of(json.loads(line)) for line in lines)
        size = (int(header["size"][0]), int(header["size"][1]))
        counts = {"frame": header["frames"], "clip": len(clips)}
        arrays = {
            name: map_array(folder / f"{name}.bin", (counts[field.each], *field.shape), field.kind)
            for name, field in of.fields_of(size, header["factor"]).items()
        }
    return of(folder, size, header["factor"], header["digest"], clips, **arrays)


def open_for_training(folder: str | Path, of: type[AnyPrepared]) -> AnyPrepared:
    """`open_prepared`, and `UserError` where there are no clips to train on, or none held out to measure on."""
    data = open_prepared(folder, of)
    for training, purpose in ((True, f"of the split '{TRAIN}'"), (False, "held out to measure on")):
        if not data.of_training(training):
            raise UserError(f"{folder} has no clips {purpose}.", f"Make more clips, and prepare again: `{of.COMMAND}`.")
    return data


def map_array(path: Path, shape: tuple[int, ...], kind: Any) -> np.ndarray:
    """The file as a read-only array; `UserError` where it has another length."""
    expected = int(np.prod(shape)) * np.dtype(kind).itemsize
    found = path.stat().st_size
    if found != expected:
        raise UserError(f"{path} has {found} bytes; expected {expected}.", "Prepare the data again.")
    return np.memmap(path, kind, "r", shape=shape)


def _clip_of(row: dict[str, Any]) -> PreparedClip:
    return PreparedClip(**{**row, "captions": tuple(row["captions"])})
