"""What the worker can be asked, field by field; light, and everything that is wrong is said in one sentence."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simcraft.errors import UserError
from simcraft.options import LARGEST, SMALLEST

VERSION = 2
"""Of the protocol: an add-on and an engine that do not agree on it do not talk to each other."""
MOST_FRAMES = 1_000_000
_PATHS = ("recording", "out", "clip", "sheet", "report", "overlays", "path")
_PAINTING = ("generator", "options", "sheet", "report", "force")


@dataclass(frozen=True)
class Shape:
    """Which fields a request has, beside "version", "request" and "id"."""

    needed: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


REQUESTS: dict[str, Shape] = {
    "render": Shape(("recording", "out"), ("size", "clip", "preview", *_PAINTING)),
    "check": Shape(("out",), ("recording", "size", "clip", "preview", *_PAINTING)),
    "solve": Shape(("recording",), ("out",)),
    "observe": Shape(("recording", "clip"), ("overlays", "size", "preview", "force")),
    "generate": Shape(("clip", "out"), _PAINTING),
    "describe": Shape(),
    "estimate": Shape(("generator", "size", "frames"), ("options",)),
    "session": Shape(("name",)),
    "offer": Shape(("path", "files")),
    "write": Shape(("path", "offset", "data")),
    "list": Shape(("path",)),
    "read": Shape(("path", "offset", "bytes")),
}


@dataclass(frozen=True)
class Request:
    """A request whose fields are what they should be."""

    kind: str
    """One of `REQUESTS`."""
    fields: dict[str, Any]
    """Those that were given: paths are `Path`s, a size is a tuple."""


def parse_message(line: bytes) -> dict[str, Any]:
    """The message in one line; what is none has the field "problem", and is refused by `parse_request`."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return {"problem": "This line is not JSON."}
    return message if isinstance(message, dict) else {"problem": "This line is not a JSON object."}


def parse_request(message: Mapping[str, Any], place: Callable[[str], Path] = Path) -> Request:
    """What a message asks for; `place` says where the path in a field is.

    Raises `UserError` that names the field and what it should be.
    """
    if "problem" in message:
        raise UserError(str(message["problem"]), "Send one JSON object a line.")
    if message.get("version") != VERSION or isinstance(message.get("version"), bool):
        raise UserError(
            f"Field 'version' is {message.get('version')!r}; this engine speaks version {VERSION}.",
            "Install the same version of the add-on and the engine.",
        )
    kind = message.get("request")
    if not isinstance(kind, str) or kind not in REQUESTS:
        raise UserError(f"Field 'request' is {kind!r}; expected {', '.join(REQUESTS)}, cancel or quit.")
    fields = {k: v for k, v in message.items() if k not in ("version", "request", "id") and v is not None}
    shape = REQUESTS[kind]
    needed = (*shape.needed, "recording") if kind == "check" and "clip" not in fields else shape.needed
    known = {*shape.needed, *shape.others}
    if unknown := sorted(set(fields) - known):
        raise UserError(f"Unknown field '{unknown[0]}'.", f"Known: {', '.join(sorted(known)) or 'none'}.")
    for name in needed:
        if name not in fields:
            raise UserError(f"Field '{name}' is missing; it should be {_FIELDS[name].words}.")
    return Request(kind, {name: _checked(name, value, place) for name, value in fields.items()})


def _checked(name: str, value: Any, place: Callable[[str], Path]) -> Any:
    field = _FIELDS[name]
    if not field.good(value):
        raise UserError(f"Field '{name}' is {_short(value)}; it should be {field.words}.")
    if name in _PATHS:
        return place(value)
    if name == "options":
        return {option: _placed(given, place) for option, given in value.items()}
    return tuple(value) if name == "size" else value


def _placed(value: Any, place: Callable[[str], Path]) -> Any:
    """The value of an option. {"file": PATH} is a file that the caller has sent: its name is the value."""
    if isinstance(value, dict) and value.keys() == {"file"} and _is_path(value["file"]):
        return str(place(value["file"]))
    return value


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}..."


# --------------------------------------------------------------------------------------------------------- the fields


@dataclass(frozen=True)
class _Field:
    words: str
    good: Callable[[Any], bool]


def _whole(value: Any, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _is_path(value: Any) -> bool:
    return isinstance(value, str) and value != "" and "\0" not in value


def _is_size(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(_whole(n, SMALLEST, LARGEST) for n in value)


def _is_digest(value: Any, low: int = 64) -> bool:
    return isinstance(value, str) and re.fullmatch(rf"[0-9a-f]{{{low},64}}", value) is not None


def _are_files(value: Any) -> bool:
    """A list of {"path": relative to the folder, or "" for the thing itself; "bytes"; "sha256"}."""
    return isinstance(value, list) and all(
        isinstance(file, dict)
        and file.keys() == {"path", "bytes", "sha256"}
        and isinstance(file["path"], str)
        and _whole(file["bytes"], 0, 2**50)
        and _is_digest(file["sha256"])
        for file in value
    )


_FIELDS: dict[str, _Field] = {
    **{name: _Field("a path", _is_path) for name in _PATHS},
    "size": _Field(f"[width, height], each {SMALLEST} to {LARGEST}", _is_size),
    "generator": _Field("a name", lambda value: isinstance(value, str) and value != ""),
    "options": _Field("an object", lambda value: isinstance(value, dict)),
    "preview": _Field("true or false", lambda value: isinstance(value, bool)),
    "force": _Field("true or false", lambda value: isinstance(value, bool)),
    "frames": _Field(f"a whole number, 2 to {MOST_FRAMES}", lambda value: _whole(value, 2, MOST_FRAMES)),
    "name": _Field("16 to 64 digits of 0 to 9 and a to f", lambda value: _is_digest(value, 16)),
    "files": _Field('a list of {"path", "bytes", "sha256"}', _are_files),
    "offset": _Field("a whole number, 0 or more", lambda value: _whole(value, 0, 2**50)),
    "bytes": _Field("a whole number, 1 to 4194304", lambda value: _whole(value, 1, 2**22)),
    "data": _Field("text in base64", lambda value: isinstance(value, str)),
}
