"""Every field of a request is checked before anything is done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simcraft.errors import UserError
from simcraft.worker_requests import REQUESTS, parse_message, parse_request

WHOLE: dict[str, dict[str, Any]] = {
    "render": {"recording": "r", "out": "v.mp4"},
    "check": {"recording": "r", "out": "v.mp4"},
    "solve": {"recording": "r"},
    "observe": {"recording": "r", "clip": "c.zarr"},
    "generate": {"clip": "c.zarr", "out": "v.mp4"},
    "describe": {},
    "estimate": {"generator": "warp", "size": [64, 48], "frames": 8},
    "session": {"name": "0123456789abcdef"},
    "offer": {"path": "p", "files": [{"path": "a", "bytes": 0, "sha256": "0" * 64}]},
    "write": {"path": "p", "offset": 0, "data": ""},
    "list": {"path": "p"},
    "read": {"path": "p", "offset": 0, "bytes": 1},
}


def parse(kind: str, **fields: Any) -> dict[str, Any]:
    return parse_request({"version": 2, "request": kind, "id": "a", **WHOLE[kind], **fields}).fields


def test_whole_requests_are_taken() -> None:
    assert WHOLE.keys() == REQUESTS.keys()
    for kind, fields in WHOLE.items():
        assert parse(kind).keys() == fields.keys()
    assert parse("render", size=[64, 48], sheet=None) == {
        "recording": Path("r"),
        "out": Path("v.mp4"),
        "size": (64, 48),
    }
    assert "recording" not in parse("check", recording=None, clip="c.zarr")


def test_an_option_may_be_a_file_that_was_sent() -> None:
    options = {"arrows": {"file": "sent/a.json"}, "prompt": "sent/a.json", "steps": 4, "mode": {"path": "sent/a.json"}}
    message = {"version": 2, "request": "generate", **WHOLE["generate"], "options": options}
    placed = parse_request(message, lambda path: Path("/here") / path).fields["options"]
    assert placed == {**options, "arrows": "/here/sent/a.json"}


@pytest.mark.parametrize(
    ("kind", "fields", "words"),
    [
        ("render", {"out": None}, "'out' is missing; it should be a path"),
        ("check", {"recording": None}, "'recording' is missing"),
        ("describe", {"size": [1, 2]}, "Unknown field 'size'"),
        ("render", {"out": ""}, "'out' is ''; it should be a path"),
        ("render", {"out": "a\0b"}, "should be a path"),
        ("render", {"size": [64, True]}, r"should be \[width, height\], each 16 to 16384"),
        ("render", {"size": [64, 8]}, r"should be \[width, height\]"),
        ("render", {"force": 1}, "should be true or false"),
        ("render", {"options": []}, "should be an object"),
        ("estimate", {"frames": 1}, "should be a whole number, 2 to"),
        ("estimate", {"frames": 2.5}, "should be a whole number, 2 to"),
        ("session", {"name": "../../../../../../"}, "should be 16 to 64 digits"),
        ("offer", {"files": [{"path": "a"}]}, "should be a list of"),
        ("write", {"offset": -1}, "should be a whole number, 0 or more"),
        ("read", {"bytes": 2**30}, "should be a whole number, 1 to"),
    ],
)
def test_a_wrong_field_is_named(kind: str, fields: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        parse(kind, **fields)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"rubbish", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"3", "not a JSON object"),
        (b'{"version": 1, "request": "describe"}', "version 2"),
        (b'{"version": 2}', "'request' is None; expected render"),
        (b'{"version": 2, "request": {"a": 1}}', "'request'"),
    ],
)
def test_what_is_no_request_is_refused(line: bytes, words: str) -> None:
    with pytest.raises(UserError, match=words):
        parse_request(parse_message(line))
