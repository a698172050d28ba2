"""Files through the worker's pipe: only inside the session's folder, whole or not at all, and none twice."""

from __future__ import annotations

import base64
import hashlib
import os
import time
from pathlib import Path
from typing import Any

import pytest

from simcraft import worker_files
from simcraft.errors import Failure, UserError
from simcraft.worker import JobProgress, Mailbox, carry_out
from simcraft.worker_files import Session
from simcraft.worker_tasks import Desk

NAME = "0123456789abcdef"


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    monkeypatch.setattr(worker_files.tempfile, "gettempdir", lambda: str(tmp_path))
    return Session(NAME)


def described(name: str, content: bytes) -> dict[str, Any]:
    return {"path": name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def text(content: bytes) -> str:
    return base64.b64encode(content).decode()


@pytest.mark.parametrize(
    "path",
    ["session:", "session:/etc/passwd", "session:..", "session:a/../../b", "session:a\\b", "session:c:d", "session:a/.",
     "/etc/passwd", "a.mp4", "session:../0123456789abcdef.other/x"],
)  # fmt: skip
def test_no_path_leaves_the_folder(session: Session, path: str) -> None:
    with pytest.raises(UserError):
        session.place(path)


def test_no_link_leads_out_of_it(session: Session, tmp_path: Path) -> None:
    (session.folder / "way").symlink_to(tmp_path)
    with pytest.raises(UserError, match="would leave"):
        session.place("session:way/x")


def test_pieces_become_a_file(session: Session) -> None:
    folder, content = session.place("session:in/r"), b"0123456789"
    offered = [described("a/b.bin", content), described("empty", b"")]
    assert session.offer(folder, offered) == {"wanted": ["a/b.bin", "empty"]}
    target = folder / "a" / "b.bin"
    session.write(target, 0, text(content[:4]))
    assert not target.exists()
    session.write(target, 4, text(content[4:]))
    session.write(folder / "empty", 0, "")
    assert target.read_bytes() == content
    assert session.offer(folder, offered) == {"wanted": []}
    assert session.list_files(folder) == {"files": offered}
    assert session.read(target, 2, 5) == {"data": text(content[2:7])}
    # what is not offered any more goes, unfinished work stays
    (folder / ".video.frames").mkdir()
    (folder / ".video.frames" / "1.png").touch()
    session.offer(folder, offered[1:])
    assert sorted(path.name for path in folder.rglob("*")) == [".video.frames", "1.png", "a", "empty"]


def test_a_single_file(session: Session) -> None:
    path = session.place("session:clip/c.npz")
    assert session.offer(path, [described("", b"abc")]) == {"wanted": [""]}
    session.write(path, 0, text(b"abc"))
    assert session.list_files(path) == {"files": [described("", b"abc")]}


def test_what_does_not_fit_is_refused(session: Session) -> None:
    path = session.place("session:in/a")
    with pytest.raises(UserError, match="not been offered"):
        session.write(path, 0, "")
    session.offer(path.parent, [described("a", b"abcd")])
    with pytest.raises(UserError, match="does not follow"):
        session.write(path, 2, text(b"cd"))
    with pytest.raises(UserError, match="does not follow"):
        session.write(path, 0, text(b"abcde"))
    with pytest.raises(UserError, match="base64"):
        session.write(path, 0, "*")
    with pytest.raises(Failure, match="damaged"):
        session.write(path, 0, text(b"abcX"))
    assert not path.exists()
    with pytest.raises(UserError, match="would leave"):
        session.offer(path.parent, [described("../../x", b"")])


def test_sessions_are_private_and_do_not_stay(session: Session, tmp_path: Path) -> None:
    base = session.folder.parent
    assert base.stat().st_mode & 0o777 == 0o700
    old = base / "fedcba9876543210"
    old.mkdir()
    os.utime(old, (time.time() - worker_files.KEPT_SECONDS - 9,) * 2)
    other = Session("ffffffffffffffff")
    assert not old.exists() and session.folder.exists()
    session.remove()
    other.remove()
    assert list(base.iterdir()) == []
    base.chmod(0o777)
    with pytest.raises(Failure, match="somebody else"):
        Session(NAME)


def test_finished_frames_are_told_with_their_picture(session: Session) -> None:
    picture = session.folder / "frame_0001.png"
    picture.write_bytes(b"PNG")
    for desk, expected in (
        (Desk(session=session), {"data": text(b"PNG")}),
        (Desk(), {"path": str(picture)}),
    ):
        events: list[dict[str, Any]] = []
        JobProgress("a", Mailbox(), lambda events=events, **event: events.append(event), desk).preview(1, 3, picture)
        assert events == [{"event": "preview", "id": "a", "frame": 1, "frames": 3, **expected}]


def test_requests_of_a_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_files.tempfile, "gettempdir", lambda: str(tmp_path))
    desk = Desk()

    def ask(**fields: Any) -> dict[str, Any]:
        return carry_out({"version": 2, "id": "a", **fields}, "a", Mailbox(), lambda **_: None, desk)

    assert "No session" in ask(request="list", path="x")["message"]
    assert ask(request="session", name=NAME) == {"event": "result"}
    assert "another session" in ask(request="session", name="f" * 16)["message"]
    assert ask(request="offer", path="session:a", files=[])["wanted"] == []
    assert "is no path of this session" in ask(request="check", recording="/r", out="/v.mp4")["message"]
    assert ask(request="check", recording="session:r", out="session:out/v.mp4") == {"event": "result"}
    # paths in errors are named as the caller names them
    assert "session:r/x" in ask(request="render", recording="session:r/x", out="session:out/v.mp4")["message"]
