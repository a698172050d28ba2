"""What training reads: frames and latent-resolution motion of whole data sets in a few flat, memory-mapped arrays.

DIR/prepared.json              size, factor, number of frames, digest of the sets
DIR/clips.jsonl                a line a clip: where its frames are, split, family, captions
DIR/frames.bin                 (F, H, W, 3) uint8
DIR/warped.bin                 (F, H, W, 3) uint8, see `PreparedSet`
DIR/new.bin                    (F, h, w) uint8
DIR/geometry.bin               (F, 8, h, w) float16
DIR/previous.bin               (F, h, w, 2) float16
DIR/previous_seen.bin          (F, h, w) bool
DIR/frames-latents-DIGEST.bin  (F, C, h, w) float16, of the encoder with that digest, also warped-...; see `latents`
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from simcraft.clip.files import read_errors
from simcraft.errors import UserError
from simcraft.generate.motioncraft.geometry import CHANNELS

FORMAT = 3
TRAIN = "train"
"""The split that is trained on; all others are held out."""


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


@dataclass(frozen=True)
class PreparedSet:
    """A prepared folder. F frames of all clips, one clip after the other; a cell is `factor` x `factor` pixels."""

    folder: Path
    size: tuple[int, int]
    """(width, height) in pixels."""
    factor: int
    digest: str
    """Of what was prepared: the same sets give the same."""
    clips: tuple[PreparedClip, ...]
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

    @property
    def cells(self) -> tuple[int, int]:
        """(w, h) of latents."""
        return self.size[0] // self.factor, self.size[1] // self.factor

    def of_training(self, wanted: bool) -> list[PreparedClip]:
        """The clips of the split `train`, or the held-out ones."""
        return [clip for clip in self.clips if (clip.split == TRAIN) == wanted]


def arrays_of(size: tuple[int, int], factor: int) -> dict[str, tuple[tuple[int, ...], type]]:
    """Name -> shape of a frame's part, and type."""
    cells = (size[1] // factor, size[0] // factor)
    return {
        "frames": ((size[1], size[0], 3), np.uint8),
        "previous": ((*cells, 2), np.float16),
        "previous_seen": (cells, np.bool_),
        "warped": ((size[1], size[0], 3), np.uint8),
        "new": (cells, np.uint8),
        "geometry": ((CHANNELS, *cells), np.float16),
    }


def open_prepared(folder: str | Path) -> PreparedSet:
    """Read a prepared folder. Raises `UserError` where there is none, or it is damaged."""
    folder = Path(folder)
    if not (folder / "prepared.json").is_file():
        raise UserError(
            f"There is no prepared data in {folder}.", "Make it with `simcraft train prepare SET... -o DIR`."
        )
    with read_errors(folder, "prepared training data"):
        header = json.loads((folder / "prepared.json").read_text(encoding="utf-8"))
        if header["format"] != FORMAT:
            raise UserError(f"{folder} has format {header['format']}; this SimCraft reads {FORMAT}.", "Prepare again.")
        lines = (folder / "clips.jsonl").read_text(encoding="utf-8").splitlines()
        clips = tuple(_clip_of(json.loads(line)) for line in lines)
        size = (int(header["size"][0]), int(header["size"][1]))
        arrays = {
            name: map_array(folder / f"{name}.bin", (header["frames"], *shape), kind)
            for name, (shape, kind) in arrays_of(size, header["factor"]).items()
        }
    return PreparedSet(folder, size, header["factor"], header["digest"], clips, **arrays)


def map_array(path: Path, shape: tuple[int, ...], kind: Any) -> np.ndarray:
    """The file as a read-only array; `UserError` where it has another length."""
    expected = int(np.prod(shape)) * np.dtype(kind).itemsize
    found = path.stat().st_size
    if found != expected:
        raise UserError(f"{path} has {found} bytes; expected {expected}.", "Prepare the data again.")
    return np.memmap(path, kind, "r", shape=shape)


def _clip_of(row: dict[str, Any]) -> PreparedClip:
    return PreparedClip(**{**row, "captions": tuple(row["captions"])})
