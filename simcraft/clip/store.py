"""Clips on disk: `save_clip` and `load_clip`, which also reads other people's flow."""

from __future__ import annotations

import json
import zipfile
from io import BytesIO
from pathlib import Path
from typing import IO

import numpy as np

from simcraft.clip.files import PathLike, complete_file, read_errors
from simcraft.clip.header import build_clip, check_header, clip_header
from simcraft.clip.types import ARRAYS, MotionClip
from simcraft.clip.zarr_store import read_zarr, refuse_overwrite, refuse_unfinished, write_zarr
from simcraft.errors import UserError
from simcraft.progress import Progress, silent

_LEVEL = 1
"""Of zlib's compression, 1 to 9."""


def save_clip(clip: MotionClip, path: PathLike, *, force: bool = False, progress: Progress = silent) -> Path:
    """Write `clip` to `path`, which appears only when it is complete.

    Parameters
    ----------
    path: ends in `.zarr` (a folder, one chunk per frame) or `.npz` (one file, for small clips).
    force: replace a clip that is there.

    Raises
    ------
    UserError: another suffix; the path exists and `force` is false; or it may not be written.
    Failure: the disk is full.
    """
    path = Path(path)
    check_clip_path(path)
    header = clip_header(clip)
    if path.suffix == ".zarr":
        return write_zarr(clip, header, path, force, progress)
    return _write_npz(clip, header, path, force)


def check_clip_path(path: Path) -> None:
    """Raise `UserError` where no clip can be saved as `path`. Cheap: call it before the work."""
    if path.suffix not in (".zarr", ".npz"):
        raise UserError(f"A clip cannot be saved as {path}.", "End the name in .zarr or .npz.")


def load_clip(path: PathLike, progress: Progress = silent) -> MotionClip:
    """Read a clip: `.zarr`, `.npz`, or a folder made by Kubric, by BlenderProc, or of `.flo` files and a first frame.

    Raises `UserError` that names the file that is missing, incomplete or damaged.
    """
    path = Path(path)
    refuse_unfinished(path)
    if not path.exists():
        raise UserError(f"There is no clip at {path}.", "Check the path.")
    if path.is_file():
        if path.suffix == ".npz":
            return _read_npz(path)
        raise UserError(
            f"{path} is not a clip.", "Give a .zarr or .npz clip, or a folder of a first frame and .flo files."
        )
    if (path / "zarr.json").exists() or path.suffix == ".zarr":
        return read_zarr(path, progress)
    if any(path.glob("forward_flow_*.png")):
        from simcraft.clip.formats.kubric import read_kubric

        return read_kubric(path, progress)
    if any(path.glob("*.hdf5")):
        from simcraft.clip.formats.blenderproc import read_blenderproc

        return read_blenderproc(path, progress)
    if any(path.glob("*.flo")):
        from simcraft.clip.formats.flo import read_flo_folder

        return read_flo_folder(path)
    raise UserError(
        f"{path} holds no clip that SimCraft knows.",
        "Expected zarr.json, forward_flow_*.png (Kubric), *.hdf5 (BlenderProc) or *.flo with a first frame.",
    )


def npz_bytes(clip: MotionClip) -> bytes:
    """The content of the `.npz` file of `clip`: equal clips give equal bytes, on machines with the same zlib."""
    file = BytesIO()
    _write_arrays(file, clip, clip_header(clip))
    return file.getvalue()


def _write_npz(clip: MotionClip, header: dict, path: Path, force: bool) -> Path:
    refuse_overwrite(path, force)
    with complete_file(path) as temporary:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            _write_arrays(file, clip, header)
    return path


def _write_arrays(file: IO[bytes], clip: MotionClip, header: dict) -> None:
    """As `numpy.savez_compressed`, which packs more slowly and hardly smaller; members bear no time of their own."""
    text = np.frombuffer(json.dumps(header).encode(), np.uint8)
    arrays = {"header": text, **{name: getattr(clip, name) for name in header["arrays"]}}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)


def _read_npz(path: Path) -> MotionClip:
    with read_errors(path, "a SimCraft clip"), np.load(path, allow_pickle=False) as file:
        header = check_header(json.loads(file["header"].tobytes()), str(path))
        arrays = {name: file[name] for name in header["arrays"]}
        for name, value in arrays.items():
            if list(value.shape) != header["arrays"][name] or value.dtype != np.dtype(ARRAYS[name][1]):
                raise UserError(f"{path}: '{name}' is {value.dtype} {value.shape}, which its header contradicts.")
    return build_clip(header, arrays, str(path))
