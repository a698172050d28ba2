"""A recording's folder: `recording.json` and one `.npy` an array."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import json
import os
import shutil
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np

from .check import check_recording, require, wrong
from .folders import only_writer, replace_folder, temporary_sibling
from .types import BODY_TYPES, NESTED, ROWS, Recording, RecordingError

FORMAT = "simcraft-recording"
VERSION = 1


def open_array(folder: Path, name: str, shape: tuple[int, ...], dtype: Any) -> np.memmap:
    """A new array, backed by `folder/name.npy`: long recordings are filled frame by frame, outside memory.

    Raises `OSError` where the disk has no room for it.
    """
    path = Path(folder) / f"{name}.npy"
    # plain integers: numpy 2 would write its own into the header as text that nobody can read back
    array = np.lib.format.open_memmap(str(path), mode="w+", dtype=dtype, shape=tuple(int(n) for n in shape))
    if hasattr(os, "posix_fallocate"):
        # writing to a mapped page that the disk has no room for would kill the process
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return array


def save_recording(
    recording: Recording, path: str | os.PathLike[str], work: Path | None = None, *, bodies_checked: bool = False
) -> Path:
    """Write `recording` as the folder `path`, replacing a recording that is there.

    Parameters
    ----------
    recording: what to write; it is checked first.
    path: the folder to make.
    work: a temporary folder beside `path` in which arrays of `open_array` lie already; they are not written again.
    bodies_checked: `check_recording` has seen these very bodies already; everything else is checked all the same.

    Raises
    ------
    RecordingError: the recording contradicts itself, `path` is something other than a recording, or another process is
        writing it.
    OSError: the disk is full or not writable; `path` is then as it was.
    """
    check_recording(recording, bodies=not bodies_checked)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with only_writer(path):
        if path.exists() and not (path / "recording.json").is_file():
            raise RecordingError(f"{path} exists and is not a recording; it was left as it is.")
        temporary = work or temporary_sibling(path)
        temporary.mkdir(exist_ok=True)
        try:
            tree = {"format": FORMAT, "version": VERSION, **_pack(recording, temporary, "", {})}
            (temporary / "recording.json").write_text(json.dumps(tree, indent=1), encoding="utf-8")
            replace_folder(temporary, path)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
    return path


def load_recording(path: str | os.PathLike[str]) -> Recording:
    """Read the recording in folder `path`; big arrays are mapped, not copied.

    Raises `RecordingError` that names the file, the field and what was expected of it.
    """
    path = Path(path)
    index = path / "recording.json"
    if not index.is_file():
        raise RecordingError(f"{path} is not a recording: it has no recording.json.")
    try:
        tree = json.loads(index.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecordingError(f"{index} cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError) as error:
        raise RecordingError(f"{index} is not valid JSON: {error}.") from None
    if not isinstance(tree, dict) or tree.get("format") != FORMAT:
        raise RecordingError(f"{index}: field 'format' should be '{FORMAT}'.")
    if tree.get("version") != VERSION:
        raise RecordingError(f"{index}: version {tree.get('version')!r}; this SimCraft reads version {VERSION}.")
    try:
        recording = _unpack(Recording, tree, path, "")
        check_recording(recording)
    except RecordingError as error:
        raise RecordingError(f"{index}: {error}") from None
    return recording


def _pack(value: Any, folder: Path, prefix: str, written: dict[bytes, str]) -> Any:
    """JSON of a dataclass tree; arrays become {"array": file name}, and equal ones (copies of a mesh) one file."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        tree = {"kind": value.kind} if hasattr(value, "kind") else {}
        for f in dataclasses.fields(value):
            tree[f.name] = _pack(getattr(value, f.name), folder, f"{prefix}{f.name}.", written)
        return tree
    if isinstance(value, np.ndarray):
        return {"array": _write_array(value, folder, f"{prefix[:-1]}.npy", written)}
    if isinstance(value, (list, tuple)):
        return [_pack(v, folder, f"{prefix}{i}.", written) for i, v in enumerate(value)]
    if isinstance(value, dict):
        return {name: v.item() if isinstance(v, np.generic) else v for name, v in value.items()}
    if isinstance(value, np.generic):
        return value.item()
    return value


def _write_array(array: np.ndarray, folder: Path, name: str, written: dict[bytes, str]) -> str:
    """Write `array` as `folder/name` unless it, or an equal one, lies there; returns the file's name."""
    backing = getattr(array, "filename", None)
    if backing is not None and Path(backing).resolve().parent == folder.resolve() and _is_whole_file(array):
        array.flush()  # type: ignore[attr-defined]
        return Path(backing).name
    array = np.ascontiguousarray(array)
    key = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode() + array.tobytes()).digest()
    if key not in written:
        try:
            np.save(folder / name, array, allow_pickle=False)
        except OSError as error:
            if error.errno is None:  # numpy's own words for what it could write only in part
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder / name)) from error
            raise
        written[key] = name
    return written[key]


def _is_whole_file(array: Any) -> bool:
    """A slice of a mapped array knows the file's name too."""
    return Path(array.filename).stat().st_size == array.offset + array.nbytes


def _unpack(cls: type, tree: Any, folder: Path, where: str) -> Any:
    """The inverse of `_pack`, guided by the dataclass's fields; what a field holds is checked afterwards."""
    if not isinstance(tree, dict):
        raise wrong(where.rstrip("."), "an object", tree)
    values: dict[str, Any] = {}
    for f in dataclasses.fields(cls):
        name, kind = f"{where}{f.name}", str(f.type)
        if f.name not in tree:
            optional = f.default is not dataclasses.MISSING or f.default_factory is not dataclasses.MISSING
            require(optional, f"field {name} is missing.")
            continue
        value = tree[f.name]
        if kind in NESTED:
            value = _unpack(NESTED[kind], value, folder, f"{name}.")
        elif kind in ROWS:
            if not isinstance(value, list):
                raise wrong(name, "a list", value)
            value = tuple(_unpack_entry(kind, entry, folder, f"{name}[{i}].") for i, entry in enumerate(value))
        elif "np.ndarray" in kind and isinstance(value, dict):
            value = _load_array(folder, name, value.get("array"))
        elif isinstance(value, list):
            value = tuple(value)
        values[f.name] = value
    return cls(**values)


def _unpack_entry(row: str, tree: Any, folder: Path, where: str) -> Any:
    """An entry of the row's only type, or a body of the type that its `kind` names."""
    if row != "tuple[Body, ...]":
        return _unpack(ROWS[row][0], tree, folder, where)
    kind = tree.get("kind") if isinstance(tree, dict) else None
    cls = BODY_TYPES.get(kind) if isinstance(kind, str) else None
    if cls is None:
        raise wrong(f"{where}kind", f"one of {', '.join(BODY_TYPES)}", kind)
    return _unpack(cls, tree, folder, where)


def _load_array(folder: Path, field_name: str, name: Any) -> np.ndarray:
    """The array in file `name` of `folder`; a big one is mapped."""
    plain = isinstance(name, str) and Path(name).name == name == PureWindowsPath(name).name
    require(plain and name.endswith(".npy"), f"{field_name}: {name!r} is not the name of a .npy file in this folder.")
    path = folder / name
    try:
        # an empty array cannot be mapped
        if path.stat().st_size > 4096:
            return np.lib.format.open_memmap(str(path), mode="r")
        with path.open("rb") as file:
            return np.lib.format.read_array(file, allow_pickle=False)
    except FileNotFoundError:
        raise RecordingError(f"{path} is missing: the recording is incomplete.") from None
    except Exception as error:  # a damaged header is evaluated, and fails as whatever it happens to look like
        raise RecordingError(f"{path} is not a readable .npy array: {error}.") from None
