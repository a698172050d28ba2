"""An engine where our paths mean nothing: files go there, and come back, through its stdin and stdout.

Every path in a request becomes "session:FIELD-DIGEST/NAME". What the request reads is sent before it, what it writes is
fetched after it. A file that is there already, and the same, does not travel. Among the options of a generator a `Path`
is a file of ours, which is sent, too; text is left as it is, and names the other machine's files, such as models.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from ..checksum import sha256_of
from .changes import progressed
from .conversation import Talk, ask, ask_all
from .peer import Peer
from .problems import Stopped, Trouble
from .types import Problem

PIECE_BYTES = 256 * 1024
_INPUTS = {"render": ("recording",), "solve": ("recording",), "observe": ("recording",), "generate": ("clip",)}
_OUTPUTS = {
    "render": ("out", "clip", "sheet", "report"),
    "solve": ("recording", "out"),
    "observe": ("clip", "overlays"),
    "generate": ("out", "sheet", "report"),
}
_PATHS = ("recording", "out", "clip", "sheet", "report", "overlays")


@dataclass(frozen=True)
class Place:
    """A file or folder here, and what it is called there."""

    local: Path
    folder: str
    """"session:FIELD-DIGEST", in which it lies alone, but for what is written beside it (a report's picture)."""

    @property
    def remote(self) -> str:
        return f"{self.folder}/{self.local.name}"


def ask_remote(talk: Talk, engine: Peer, request: dict[str, Any], session: str) -> dict[str, Any]:
    """As `conversation.ask`, with paths of ours in the request and in the result.

    Raises `Trouble` also where an output exists and "force" is not set, or a file arrives damaged.
    """
    kind = request["request"]
    places = {name: _place(name, Path(request[name])) for name in _PATHS if request.get(name) is not None}
    options = request.get("options", {})
    given = {name: _place(name, value) for name, value in options.items() if isinstance(value, Path)}
    inputs = [*(places[name] for name in _INPUTS.get(kind, ()) if name in places), *given.values()]
    outputs = [places[name] for name in _OUTPUTS.get(kind, ()) if name in places]
    new = [place for place in outputs if place not in inputs]
    if not request.get("force") and kind != "solve":
        _refuse_existing(new)
    ask(talk, engine, {"request": "session", "name": session})
    try:
        for place in inputs:
            _send(talk, engine, place.remote, place.local)
        for place in new:
            # what an earlier job left there; unfinished work stays, and goes on
            ask(talk, engine, {"request": "offer", "path": place.folder, "files": []})
        renamed = {**request, **{name: place.remote for name, place in places.items()}}
        if given:
            renamed["options"] = {**options, **{name: {"file": place.remote} for name, place in given.items()}}
        result = ask(talk, engine, renamed)
        for place in outputs:
            _fetch(talk, engine, place)
    except Trouble as error:
        raise _localised(error, [*places.values(), *given.values()]) from None
    except Stopped as stopped:
        raise Stopped("Finished frames are kept there; the same job goes on from them." * bool(stopped.kept)) from None
    return _local_names(result, [*places.values(), *given.values()])


def _place(name: str, path: Path) -> Place:
    local = path.absolute()
    return Place(local, f"session:{name}-{hashlib.sha256(str(local).encode()).hexdigest()[:16]}")


def _refuse_existing(outputs: list[Place]) -> None:
    for place in outputs:
        if place.local.exists():
            fix = "Choose another name, or allow it to be replaced."
            raise Trouble(Problem(f"{place.local} exists.", fix, ("retry",)))


def _local_names(value: Any, places: Sequence[Place]) -> Any:
    """JSON values in which what is called so there is called as here."""
    if isinstance(value, str):
        for place in places:
            value = value.replace(place.folder, str(place.local.parent))
        return value
    if isinstance(value, dict):
        return {name: _local_names(entry, places) for name, entry in value.items()}
    return [_local_names(entry, places) for entry in value] if isinstance(value, list) else value


def _localised(error: Trouble, places: Sequence[Place]) -> Trouble:
    problem = error.problem
    message, fix = (_local_names(text, places) for text in (problem.message, problem.fix))
    return Trouble(replace(problem, message=message, fix=fix), error.exit_code)


# -------------------------------------------------------------------------------------------------------------- sending


def _send(talk: Talk, engine: Peer, remote: str, local: Path) -> None:
    """Make the file or folder there what it is here."""
    if not local.exists():
        raise Trouble(Problem(f"{local} does not exist.", "Simulate or observe again.", ("retry",)))
    files = _described(talk, local)
    offered = [{"path": name, "bytes": size, "sha256": digest} for name, (size, digest) in files.items()]
    wanted = ask(talk, engine, {"request": "offer", "path": remote, "files": offered})["wanted"]
    if not set(wanted) <= files.keys():
        raise Trouble(Problem("The engine asked for a file that was not offered.", "", ("open log",), talk.job.log))
    sizes = {name: files[name][0] for name in wanted}
    meter = _Meter(talk, "send files", sum(map(_piece_count, sizes.values())))
    for _ in ask_all(talk, engine, _pieces_to_send(remote, local, sizes)):
        meter.count()


def _described(talk: Talk, local: Path) -> dict[str, tuple[int, str]]:
    """Size and SHA-256 of all files below, by their names; "" is `local` itself."""
    found = {"": local} if local.is_file() else {p.relative_to(local).as_posix(): p for p in sorted(local.rglob("*"))}
    files = {}
    for name, path in found.items():
        if talk.stop.is_set():
            raise Stopped
        if path.is_file() and not any(part.startswith(".") for part in PurePosixPath(name).parts):
            files[name] = path.stat().st_size, sha256_of(path)
    return files


def _pieces_to_send(remote: str, local: Path, sizes: dict[str, int]) -> Iterator[dict[str, Any]]:
    for name, size in sizes.items():
        with (local / name if name else local).open("rb") as file:
            for index in range(_piece_count(size)):
                data = base64.b64encode(file.read(PIECE_BYTES)).decode("ascii")
                path = f"{remote}/{name}" if name else remote
                yield {"request": "write", "path": path, "offset": index * PIECE_BYTES, "data": data}


def _piece_count(size: int) -> int:
    """An empty file is one empty piece."""
    return max(1, -(-size // PIECE_BYTES))


# ------------------------------------------------------------------------------------------------------------- fetching


def _fetch(talk: Talk, engine: Peer, place: Place) -> None:
    """Bring what was written there; each file or folder gets its name here once it is whole."""
    files = ask(talk, engine, {"request": "list", "path": place.folder})["files"]
    parent = place.local.parent
    parent.mkdir(parents=True, exist_ok=True)
    incoming = parent / f".{place.local.name}.{uuid.uuid4().hex[:8]}.incoming"
    try:
        missing = [file for file in files if not _kept(parent, incoming, file)]
        _receive(talk, engine, place.folder, incoming, missing)
        for entry in sorted(incoming.iterdir()) if incoming.exists() else ():
            _replace(entry, parent / entry.name)
    finally:
        shutil.rmtree(incoming, ignore_errors=True)


def _kept(parent: Path, incoming: Path, file: dict[str, Any]) -> bool:
    """Is the file here already, and the same? It is then linked, or copied, to those that come."""
    here, new = _inside(parent, file["path"]), _inside(incoming, file["path"])
    if not here.is_file() or here.stat().st_size != file["bytes"] or sha256_of(here) != file["sha256"]:
        return False
    new.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(here, new)
    except OSError:
        shutil.copy2(here, new)
    return True


def _receive(talk: Talk, engine: Peer, remote: str, incoming: Path, files: list[dict[str, Any]]) -> None:
    pieces = [(file, index) for file in files for index in range(_piece_count(file["bytes"]))]
    requests = (
        {"request": "read", "path": f"{remote}/{f['path']}", "offset": i * PIECE_BYTES, "bytes": PIECE_BYTES}
        for f, i in pieces
    )
    meter = _Meter(talk, "fetch files", len(pieces))
    for (file, index), result in zip(pieces, ask_all(talk, engine, requests), strict=True):
        path = _inside(incoming, file["path"])
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as stream:
            stream.write(base64.b64decode(result["data"]))
        if index == _piece_count(file["bytes"]) - 1 and sha256_of(path) != file["sha256"]:
            raise Trouble(Problem(f"'{file['path']}' has arrived damaged.", "Try again.", ("retry",), talk.job.log))
        meter.count()


def _inside(root: Path, name: str) -> Path:
    """A file below `root`; the other side does not decide where we write."""
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or any(c in name for c in "\\:\0"):
        raise Trouble(Problem(f"The engine names a file '{name}', which lies elsewhere.", "Is it SimCraft's?"))
    return root.joinpath(*parts)


def _replace(new: Path, path: Path) -> None:
    """Give `new` the name `path`; what had it is removed afterwards."""
    if not path.is_dir():
        new.replace(path)
        return
    old = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.replaced")
    path.rename(old)
    try:
        new.rename(path)
    except OSError:
        old.rename(path)
        raise
    shutil.rmtree(old, ignore_errors=True)


class _Meter:
    """Tells how far a transfer is, not too often."""

    def __init__(self, talk: Talk, stage: str, pieces: int) -> None:
        self.talk, self.stage, self.pieces = talk, stage, pieces
        self.begun, self.told, self.done = time.monotonic(), 0.0, 0
        self._tell()

    def count(self) -> None:
        self.done += 1
        if self.done == self.pieces or time.monotonic() - self.told > 0.1:
            self._tell()

    def _tell(self) -> None:
        self.told = time.monotonic()
        megabytes = [count * PIECE_BYTES / 1e6 for count in (self.done, self.pieces)]
        left = (self.told - self.begun) / self.done * (self.pieces - self.done) if self.done else None
        self.talk.tell(
            progressed(
                {
                    "stage": self.stage,
                    "step": self.done,
                    "steps": self.pieces,
                    "eta_seconds": left,
                    "detail": f"{megabytes[0]:.1f} of {megabytes[1]:.1f} MB",
                }
            )
        )
