"""Clips that are read one frame at a time, so that a long one is shown in little memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from simcraft.clip.files import read_errors
from simcraft.clip.header import build_clip, check_header
from simcraft.clip.store import load_clip
from simcraft.clip.types import ARRAYS, MotionClip
from simcraft.clip.zarr_store import is_per_frame, refuse_unfinished
from simcraft.errors import UserError
from simcraft.progress import Progress, silent


class StoredFrames:
    """A per-frame array of a zarr clip: a frame, or a slice of frames, is read from the disk when it is asked for."""

    def __init__(self, array: Any, folder: Path) -> None:
        self._array, self._folder = array, folder
        self.shape: tuple[int, ...] = tuple(array.shape)
        self.dtype: np.dtype = array.dtype
        self.ndim = len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: int | np.integer | slice) -> np.ndarray:
        """Raises `UserError` that names the chunk that is missing or damaged."""
        if isinstance(index, slice):
            chosen = range(len(self))[index]
            result = np.empty((len(chosen), *self.shape[1:]), self.dtype)
            for k, t in enumerate(chosen):
                result[k] = self[t]
            return result
        frame = range(len(self))[index]
        chunk = self._folder / self._array.metadata.encode_chunk_key((frame,) + (0,) * (self.ndim - 1))
        if not chunk.is_file():  # zarr would give zeros
            raise UserError(f"Chunk {chunk} is missing.", "Copy the clip again, or make it again.")
        with read_errors(chunk, f"a chunk of '{self._folder.name}'"):
            return np.asarray(self._array[frame])


def open_clip(path: Path, progress: Progress = silent) -> MotionClip:
    """The clip at `path`; the frames of one in the zarr format stay on the disk until they are asked for.

    Its per-frame arrays are then `StoredFrames`, which take a whole number or a slice as their only index. All other
    formats are loaded as a whole. Raises `UserError` as `simcraft.load_clip` does; a chunk that is missing or damaged
    is told when it is read.
    """
    if not (path / "zarr.json").is_file():
        return load_clip(path, progress)
    import zarr

    refuse_unfinished(path)
    with read_errors(path, "a SimCraft clip"):
        group = zarr.open_group(str(path), mode="r", zarr_format=3)
        header = check_header(dict(group.attrs).get("simcraft"), str(path))
    arrays: dict[str, Any] = {}
    for name, shape in header["arrays"].items():
        with read_errors(path / name / "zarr.json", f"the zarr array '{name}' of this clip"):
            array = group[name]
            if list(array.shape) != shape or array.dtype != np.dtype(ARRAYS[name][1]):
                raise ValueError(f"it is {array.dtype} {list(array.shape)}, the clip says {ARRAYS[name][1]} {shape}")
            framewise = is_per_frame(name) and tuple(array.chunks) == (1, *shape[1:])
            arrays[name] = StoredFrames(array, path / name) if framewise else np.asarray(array[...])
    return build_clip(header, arrays, str(path))
