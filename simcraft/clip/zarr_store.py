"""Clips as zarr v3 groups: unsharded, one chunk per frame, so that a loader fetches single frames.

While a clip is being written it lies in `.NAME.partial` beside its final place, with `writing.json` counting the frames
that are whole; the last step renames it. So `NAME` is always complete, and an interrupted writing can resume.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from simcraft.clip.files import PathLike, read_errors, write_errors
from simcraft.clip.header import build_clip, check_header
from simcraft.clip.types import ARRAYS, MotionClip
from simcraft.errors import UserError
from simcraft.progress import Progress, silent, track
from simcraft.recording.format import BeingWritten, only_writer, replace_folder

STATE = "writing.json"
_ATTRIBUTE = "simcraft"


def partial_path(path: PathLike) -> Path:
    """Where the clip lies while it is being written."""
    path = Path(path)
    return path.parent / f".{path.name}.partial"  # `with_name` has none to change where the path is "."


def is_per_frame(name: str) -> bool:
    """Is `name` stored as one chunk per frame (an image sequence), or whole (tracks, cameras, the first frame)?"""
    shape = ARRAYS[name][0]
    return shape[0] in ("T", "T-1") and "H" in shape


class ClipWriter:
    """Writes a clip frame by frame, in order, and continues an interrupted one.

    ::

        with ClipWriter("clip.zarr", header, resume=True) as writer:
            for frame in range(writer.frames_done, writer.frame_count):
                writer.write_frame({"depth": depth_of(frame), ...})
            writer.finish({"image": image, ...})

    `header` is that of `clip_header`; its "arrays" give the shape of every array that will be written. Leaving the
    block without `finish` keeps what was written, ready for `resume=True` with the same source and header.
    """

    frames_done: int
    """So many frames are whole on disk."""
    notes: dict[str, Any]
    """JSON values that are stored with each frame, for whoever resumes."""

    def __init__(
        self, path: PathLike, header: dict[str, Any], *, source: str = "", force: bool = False, resume: bool = False
    ) -> None:
        """Create (or with `resume` reopen) the unfinished clip.

        `source` identifies what the frames are made from. An unfinished clip of another source is worthless and is
        written afresh; one of the same source with another header is refused, since its settings may be the mistake.

        Raises
        ------
        UserError: `path` exists and `force` is false; the folder is not writable; another process is writing this
            clip; or the unfinished clip that was to be resumed has other settings.
        Failure: the disk is full.
        """
        self.path = Path(path)
        self.header = check_header(header, str(path))
        self.frame_count = self.header["arrays"]["flow_forward"][0] + 1
        self.frames_done, self.notes = 0, {}
        self._source = source
        self._folder = partial_path(self.path)
        refuse_overwrite(self.path, force)
        with ExitStack() as held, write_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            _enter_alone(held, self.path)
            if resume and self._has_same_source():
                self._reopen()
            else:
                self._create()
            self._arrays = self._open_arrays()
            self._held = held.pop_all()

    def __enter__(self) -> ClipWriter:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._held.close()

    def write_frame(self, entries: Mapping[str, np.ndarray]) -> None:
        """Write entry `frames_done` of every per-frame array; those of T-1 entries have none for the last frame."""
        frame = self.frames_done
        expected = {n for n, s in self.header["arrays"].items() if is_per_frame(n) and frame < s[0]}
        if set(entries) != expected:
            raise ValueError(f"frame {frame} needs {sorted(expected)}, got {sorted(entries)}")
        with write_errors(self.path):
            for name, value in entries.items():
                self._arrays[name][frame] = value
            self._save_state(frame + 1)

    def finish(self, whole: Mapping[str, np.ndarray]) -> Path:
        """Write the arrays that are not per frame and give the clip its name; returns its path."""
        expected = {n for n in self.header["arrays"] if not is_per_frame(n)}
        if set(whole) != expected:
            raise ValueError(f"the end needs {sorted(expected)}, got {sorted(whole)}")
        if self.frames_done != self.frame_count:
            raise ValueError(f"{self.frames_done} of {self.frame_count} frames are written")
        with write_errors(self.path):
            for name, value in whole.items():
                self._arrays[name][...] = value
            self._save_state(self.frame_count, finished=True)
            replace_folder(self._folder, self.path)
            (self.path / STATE).unlink()
        return self.path

    def _create(self) -> None:
        import zarr
        from zarr.codecs import ZstdCodec

        if self._folder.exists():
            shutil.rmtree(self._folder)
        group = zarr.open_group(str(self._folder), mode="w", zarr_format=3, attributes={_ATTRIBUTE: self.header})
        for name, shape in self.header["arrays"].items():
            group.create_array(
                name,
                shape=shape,
                chunks=[1 if is_per_frame(name) and axis == 0 else max(n, 1) for axis, n in enumerate(shape)],
                dtype=ARRAYS[name][1],
                compressors=ZstdCodec(level=1, checksum=True),  # the checksum tells damaged chunks
            )
        self._save_state(0)

    def _has_same_source(self) -> bool:
        state = self._folder / STATE
        if not state.is_file():  # interrupted before there was anything to keep
            return False
        with read_errors(state, "the state of an unfinished SimCraft clip"):
            return json.loads(state.read_text())["source"] == self._source

    def _reopen(self) -> None:
        import zarr

        with read_errors(self._folder, "an unfinished SimCraft clip"):
            group = zarr.open_group(str(self._folder), mode="r+", zarr_format=3)
            same = dict(group.attrs)[_ATTRIBUTE] == self.header
            state = json.loads((self._folder / STATE).read_text())
            self.frames_done, self.notes = int(state["frames"]), dict(state["notes"])
        if not same or not 0 <= self.frames_done <= self.frame_count:
            raise UserError(
                f"{self._folder} is an unfinished clip made with other settings; it cannot be resumed.",
                "Delete it, or ask for the settings that it was started with.",
            )

    def _open_arrays(self) -> dict[str, Any]:
        import zarr

        # an all-zero chunk that is not written would look like a lost one
        with zarr.config.set({"array.write_empty_chunks": True}):
            group = zarr.open_group(str(self._folder), mode="r+", zarr_format=3)
            return {name: group[name] for name in self.header["arrays"]}

    def _save_state(self, frames: int, finished: bool = False) -> None:
        state = {"frames": frames, "finished": finished, "source": self._source, "notes": self.notes}
        temporary = self._folder / f"{STATE}.new"
        temporary.write_text(json.dumps(state))
        temporary.replace(self._folder / STATE)
        self.frames_done = frames


def _enter_alone(held: ExitStack, path: Path) -> None:
    try:
        held.enter_context(only_writer(path))
    except BeingWritten as error:
        raise UserError(str(error), "Wait until it is done, or choose another name.") from None


def refuse_overwrite(path: Path, force: bool) -> None:
    """Raise `UserError` where `path` exists, unless `force` is set and it is a clip."""
    if not path.exists():
        return
    if not force:
        raise UserError(f"{path} exists.", "Choose another name, or use --force (force=True) to replace it.")
    if path.is_dir() and not (path / "zarr.json").is_file():
        raise UserError(f"{path} is a folder but not a clip; it was left as it is.", "Choose another name.")


def write_zarr(clip: MotionClip, header: dict[str, Any], path: Path, force: bool, progress: Progress) -> Path:
    """Write `clip` as the folder `path`; errors as in `ClipWriter`."""
    arrays = {name: getattr(clip, name) for name in header["arrays"]}
    with ClipWriter(path, header, force=force) as writer:
        for frame in track(range(clip.frame_count), "save clip", clip.frame_count, progress):
            writer.write_frame({n: a[frame] for n, a in arrays.items() if is_per_frame(n) and frame < len(a)})
        return writer.finish({n: a for n, a in arrays.items() if not is_per_frame(n)})


def read_zarr(path: Path, progress: Progress = silent) -> MotionClip:
    """Read the clip in folder `path`.

    Raises `UserError` where it is unfinished, and where an array, a chunk or its content is missing or damaged.
    """
    import zarr

    refuse_unfinished(path)
    with read_errors(path, "a SimCraft clip"):
        group = zarr.open_group(str(path), mode="r", zarr_format=3)
        header = check_header(dict(group.attrs).get(_ATTRIBUTE), str(path))
    arrays = {}
    for name in track(header["arrays"], "load clip", len(header["arrays"]), progress):
        with read_errors(path / name / "zarr.json", f"the zarr array '{name}' of this clip"):
            array = group[name]
            _check_layout(name, array, header["arrays"][name])
        arrays[name] = _read_chunks(array, path / name)
    return build_clip(header, arrays, str(path))


def refuse_unfinished(path: Path) -> None:
    """Raise `UserError` where `path` is, or would be, a clip whose writing was interrupted."""
    folder = path if (path / STATE).is_file() else partial_path(path)
    if (path.exists() and folder != path) or not (folder / STATE).is_file():
        return
    with read_errors(folder / STATE, "the state of an unfinished SimCraft clip"):
        state = json.loads((folder / STATE).read_text())
        frames, finished = int(state["frames"]), state["finished"] is True
    # interrupted after it got its name, all its arrays are whole
    if folder == path and finished:
        return
    raise UserError(
        f"{path} is incomplete: its writing was interrupted after {frames} frames.",
        f"Run the command that made it again; what is there lies in {folder}.",
    )


def _check_layout(name: str, array: Any, shape: list[int]) -> None:
    if list(array.shape) != shape or array.dtype != np.dtype(ARRAYS[name][1]):
        raise ValueError(f"it is {array.dtype} {list(array.shape)}, the clip says {ARRAYS[name][1]} {shape}")


def _read_chunks(array: Any, folder: Path) -> np.ndarray:
    """All of `array`, chunk by chunk: zarr fills in zeros for a missing chunk, and errors do not name the chunk."""
    result = np.empty(array.shape, array.dtype)
    for index in np.ndindex(*array.cdata_shape) if result.size else ():
        chunk = folder / array.metadata.encode_chunk_key(index)
        if not chunk.is_file():
            raise UserError(f"Chunk {chunk} is missing.", "Copy the clip again, or make it again.")
        with read_errors(chunk, f"a chunk of '{folder.name}'"):
            region = tuple(slice(i * n, (i + 1) * n) for i, n in zip(index, array.chunks, strict=True))
            result[region] = array[region]
    return result
