"""Files that travel through the worker's stdin and stdout, where the caller's paths mean nothing: a session's folder.

A caller on another machine opens a session by a name of its own, and from then on writes paths as "session:NAME/...".
They lie in one folder of the temporary directory, which nobody else can read, and nothing outside it can be named. The
session of a caller that died stays for some days: with the same name the work goes on, and no file travels twice.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import os
import shutil
import stat
import tempfile
import time
from pathlib import Path, PurePosixPath
from typing import Any

from simcraft.clip.files import sha256_of
from simcraft.errors import Failure, UserError
from simcraft.recording.format import BeingWritten, only_writer

PREFIX = "session:"
KEPT_SECONDS = 3 * 24 * 3600.0
"""Sessions that nobody has opened for so long are removed."""
_WAIT_SECONDS = 10.0
"""For the worker before this one, which has just been killed, to let go of the session."""


class Session:
    """One caller's folder. Raises `Failure` where another worker is using it, or where no private folder can be."""

    def __init__(self, name: str) -> None:
        """`name` is 16 to 64 hexadecimal digits."""
        base = _private_folder(Path(tempfile.gettempdir()).resolve() / f"simcraft-sessions-{_user()}")
        _remove_old(base, name)
        self.folder = base / name
        self._lock = contextlib.ExitStack()
        self._acquire()
        self.folder.mkdir(mode=0o700, exist_ok=True)
        os.utime(self.folder)
        self._offered: dict[Path, tuple[int, str]] = {}

    def _acquire(self) -> None:
        last = time.monotonic() + _WAIT_SECONDS
        while True:
            try:
                self._lock.enter_context(only_writer(self.folder))
                return
            except BeingWritten:
                if time.monotonic() > last:
                    raise Failure("Another engine is using this session.", "Wait for it, or end it.") from None
                time.sleep(0.2)

    def remove(self) -> None:
        """The caller needs nothing of it any more."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._lock.close()

    # ----------------------------------------------------------------------------------------------------------- paths

    def place(self, text: str) -> Path:
        """Where "session:NAME/..." is. Raises `UserError` for every other text, and for what would leave the folder."""
        if not text.startswith(PREFIX):
            raise UserError(f"'{text}' is no path of this session.", f"Write {PREFIX}NAME/..., and send the files.")
        return self._inside(self.folder, text[len(PREFIX) :], text)

    def _inside(self, root: Path, relative: str, named: str) -> Path:
        parts = PurePosixPath(relative).parts
        odd = {"..", "."} & set(relative.split("/")) or any(c in relative for c in "\\:\0")
        if not parts or parts[0] == "/" or odd or not (path := root.joinpath(*parts)).resolve().is_relative_to(root):
            raise UserError(f"'{named}' would leave the session's folder.", "Name files inside it.")
        return path

    def outward(self, value: Any) -> Any:
        """JSON values in which paths of the session are written as the caller writes them."""
        if isinstance(value, str):
            return value.replace(f"{self.folder.as_posix()}/", PREFIX)
        if isinstance(value, dict):
            return {name: self.outward(entry) for name, entry in value.items()}
        return [self.outward(entry) for entry in value] if isinstance(value, list) else value

    # ----------------------------------------------------------------------------------------------------------- files

    def offer(self, path: Path, files: list[dict[str, Any]]) -> dict[str, Any]:
        """The caller has these files below `path` (or `path` itself, where "path" is ""), and wants no others there.

        What is there and not in the list is removed, but for names with a dot, which are unfinished work. Returns
        {"wanted": [...]}, the "path"s of those that are not here yet, to be sent by `write`.
        """
        offered = {
            path if file["path"] == "" else self._inside(path, file["path"], file["path"]): (
                file["bytes"],
                file["sha256"],
                file["path"],
            )
            for file in files
        }
        for there in _files_below(path):
            if there not in offered:
                there.unlink()
        self._offered |= {there: (size, digest) for there, (size, digest, _) in offered.items()}
        return {"wanted": [name for there, (size, digest, name) in offered.items() if not _is(there, size, digest)]}

    def write(self, path: Path, offset: int, data: str) -> dict[str, Any]:
        """The next piece of an offered file, which gets its name once it is whole and its digest right."""
        if path not in self._offered:
            raise UserError(f"'{self.outward(str(path))}' has not been offered.", "Send 'offer' first.")
        try:
            piece = base64.b64decode(data, validate=True)
        except (binascii.Error, ValueError):
            raise UserError("Field 'data' is not base64.") from None
        size, digest = self._offered[path]
        partial = path.with_name(f".{path.name}.partial")
        partial.parent.mkdir(parents=True, exist_ok=True)
        there = partial.stat().st_size if offset and partial.exists() else 0
        if offset != there or offset + len(piece) > size:
            raise UserError(f"A piece at {offset} does not follow what is there ({there} of {size} bytes).")
        with partial.open("ab" if offset else "wb") as file:
            file.write(piece)
        if offset + len(piece) == size:
            if sha256_of(partial) != digest:
                partial.unlink()
                raise Failure(f"'{self.outward(str(path))}' has arrived damaged.", "Try again.")
            partial.replace(path)
        return {}

    def list_files(self, path: Path) -> dict[str, Any]:
        """What is below `path`, as `offer` describes it, without names with a dot."""
        return {
            "files": [
                {
                    "path": "" if there == path else there.relative_to(path).as_posix(),
                    "bytes": there.stat().st_size,
                    "sha256": sha256_of(there),
                }
                for there in _files_below(path)
            ]
        }

    def read(self, path: Path, offset: int, count: int) -> dict[str, Any]:
        """Up to `count` bytes of a file from `offset` on; {"data": base64}."""
        with path.open("rb") as file:
            file.seek(offset)
            return {"data": base64.b64encode(file.read(count)).decode("ascii")}


def _files_below(path: Path) -> list[Path]:
    """Files at or below `path`, sorted, without those that have a name with a dot in their way."""
    if path.is_file():
        return [path]
    below = sorted(path.rglob("*"))
    return [p for p in below if p.is_file() and not any(n.startswith(".") for n in p.relative_to(path).parts)]


def _is(path: Path, size: int, digest: str) -> bool:
    return path.is_file() and path.stat().st_size == size and sha256_of(path) == digest


def _user() -> str:
    return str(os.getuid()) if hasattr(os, "getuid") else hashlib.sha256(str(Path.home()).encode()).hexdigest()[:12]


def _private_folder(path: Path) -> Path:
    """Make the folder for this user alone; one that somebody else has put there is refused."""
    path.mkdir(mode=0o700, exist_ok=True)
    state = path.lstat()
    foreign = hasattr(os, "getuid") and (state.st_uid != os.getuid() or state.st_mode & 0o077)
    if not stat.S_ISDIR(state.st_mode) or foreign:
        raise Failure(f"{path} belongs to somebody else.", "Name another temporary directory in TMPDIR.")
    return path


def _remove_old(base: Path, but: str) -> None:
    for folder in base.iterdir():
        if not folder.is_dir() or folder.name == but or time.time() - folder.stat().st_mtime < KEPT_SECONDS:
            continue
        with contextlib.suppress(BeingWritten, OSError), only_writer(folder):
            shutil.rmtree(folder)
