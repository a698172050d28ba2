"""An engine that shares no path with us: files go there and come back through its stdin and stdout."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from blender_addon.jobs import EngineCommand, State, Step
from simcraft.recording import save_recording
from tests.jobs.stand_ins import engine, finish, job, pump_until, queue_of
from tests.scenes import sliding_square

AUDITED = """
import os, sys
ours, log = sys.argv[1], open(sys.argv[2], "a", buffering=1)
def note(event, arguments):
    if event in ("open", "os.listdir", "os.scandir", "os.mkdir", "os.rename", "os.remove", "subprocess.Popen"):
        if ours in repr(arguments):
            log.write(f"{event} {arguments!r}\\n")
sys.addaudithook(note)
from simcraft.worker import main
main()
"""
"""The worker, which notes every use that it makes of a path below our folder."""


class Elsewhere:
    """A stand-in for ssh: starts the worker with another home, another temporary directory, in another folder."""

    def __init__(self, root: Path, ours: Path) -> None:
        self.ours, self.log = ours, root / "touched"
        self.places = {name: root / name for name in ("home", "tmp", "here")}
        for place in self.places.values():
            place.mkdir(parents=True)
        self.log.touch()

    def command(self, python: tuple[str, ...]) -> EngineCommand:
        home, temporary, here = self.places.values()
        change = f'cd "{here}"; exec "$@"'
        clean = ("env", f"HOME={home}", f"TMPDIR={temporary}", f"PYTHONPATH={Path.cwd()}", "sh", "-c", change, "ssh")
        return EngineCommand((*clean, *python), remote=True)

    @property
    def audited(self) -> EngineCommand:
        return self.command((sys.executable, "-c", AUDITED, str(self.ours), str(self.log)))

    @property
    def hidden(self) -> EngineCommand:
        """In a private view of the file system, where an empty folder lies over ours."""
        empty = self.places["here"]
        worker = f'mount --bind "{empty}" "{self.ours}" && exec "{sys.executable}" -m simcraft.worker'
        return self.command(("unshare", "-m", "sh", "-c", worker))


def can_hide() -> bool:
    if shutil.which("unshare") is None:
        return False
    return subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode == 0


@pytest.fixture
def elsewhere(tmp_path: Path) -> Elsewhere:
    return Elsewhere(tmp_path / "elsewhere", tmp_path / "ours")


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    folder = tmp_path / "ours"
    folder.mkdir()
    return folder


def asking(kind: str, **fields: object) -> Step:
    return Step("engine", {"request": kind, **fields})


@pytest.mark.parametrize(
    "way",
    [
        pytest.param("audited", marks=pytest.mark.slow),
        pytest.param("hidden", marks=pytest.mark.skipif(not can_hide(), reason="may not unshare file systems")),
    ],
)
def test_a_video_comes_from_elsewhere(elsewhere: Elsewhere, ours: Path, way: str) -> None:
    recording = save_recording(sliding_square(), ours / "r.recording")
    clip, video, report = ours / "c.zarr", ours / "out" / "v.mp4", ours / "out" / "report.json"
    observe = asking("observe", recording=recording, clip=clip, overlays=ours / "look", size=[64, 48])
    check = asking("check", clip=clip, out=video)
    generate = asking("generate", clip=clip, out=video, report=report)
    queue = queue_of(getattr(elsewhere, way))
    ticket = queue.add(job(ours / "work", observe, check, generate))
    again = queue.add(job(ours / "again", generate))
    changed = pump_until(queue, lambda: again.state.ended)
    assert ticket.state is State.DONE, ticket.problem
    observed, _, made = ticket.results
    assert (observed["clip"], observed["overlays"]) == (str(clip), str(ours / "look"))
    assert (ours / "look" / "flow" / "0006.png").stat().st_size > 50
    assert (made["video"], made["report"]) == (str(video), str(report))
    assert video.stat().st_size > 500 and report.with_suffix(".png").stat().st_size > 500
    # what is there is not replaced unasked, and nothing else was left behind
    assert again.state is State.FAILED and again.problem is not None
    assert str(video) in again.problem.message
    assert sorted(path.name for path in ours.iterdir()) == ["again", "c.zarr", "look", "out", "r.recording", "work"]
    assert elsewhere.log.read_text() == ""
    assert ticket in changed
    session = next(elsewhere.places["tmp"].glob("simcraft-sessions-*/*/"))
    queue.close()
    pump_until(queue, lambda: not session.exists())


def test_arrows_travel_to_where_they_are_read(elsewhere: Elsewhere, ours: Path) -> None:
    good, bad = ours / "good.json", ours / "bad.json"
    good.write_text('{"version": 1, "size": [64, 48], "arrows": []}')
    bad.write_text('{"version": 1, "size": [64, 48], "arrows": [{"kind": "instance"}]}')
    queue = queue_of(elsewhere.audited)
    checks = [
        asking("check", clip=ours / "c.zarr", out=ours / "v.mp4", generator="motion_dreamer",
               options={"arrows": path, "model": "no model"})
        for path in (good, bad)
    ]  # fmt: skip
    tickets = [queue.add(job(ours / path, check)) for path, check in zip("ab", checks, strict=True)]
    finish(queue, *tickets)
    queue.close()
    read, refused = (ticket.problem for ticket in tickets)
    # the model is looked for afterwards; text among the options is as the other machine says
    assert read is not None and "There is no model 'no model'" in read.message
    assert refused is not None and f"{bad}: arrow 1 names no object to move" in refused.message
    assert elsewhere.log.read_text() == ""


def test_a_file_that_is_there_does_not_travel_again_even_to_another_engine(elsewhere: Elsewhere, ours: Path) -> None:
    path = ours / "r.recording"
    path.mkdir()
    (path / "a.bin").write_bytes(bytes(range(256)) * 4096)
    queue = queue_of(elsewhere.audited)
    step = asking("solve", recording=path)  # it is no recording, which is told once it is there
    first = queue.add(job(ours / "1", step))
    sent: dict[int, list[str]] = {1: [], 2: []}

    def note(number: int) -> Callable[[], bool]:
        def watch() -> bool:
            ticket = queue.tickets[number - 1]
            if ticket.stage == "send files" and ticket.detail:
                sent[number].append(ticket.detail)
            return ticket.state.ended

        return watch

    pump_until(queue, note(1))
    for process in psutil.Process().children(recursive=True):
        process.kill()
    second = queue.add(job(ours / "2", step))
    pump_until(queue, note(2))
    assert second.problem is not None and str(path) in second.problem.message
    assert sent[1][-1].endswith("of 1.0 MB")
    assert set(sent[2]) <= {"0.0 of 0.0 MB"}
    assert first.problem is not None and str(path) in first.problem.message
    queue.close()


def test_cancelling_while_files_travel(elsewhere: Elsewhere, ours: Path) -> None:
    path = ours / "r.recording"
    path.mkdir()
    with (path / "large.bin").open("wb") as file:
        file.truncate(400 * 2**20)
    queue = queue_of(elsewhere.audited)
    large = queue.add(job(ours / "large", asking("solve", recording=path)))
    then = queue.add(job(ours / "then", asking("check", recording=path, out=ours / "v.mp4")))
    pump_until(queue, lambda: large.stage == "send files" and large.step > 2)
    queue.cancel(large)
    finish(queue, large, then)
    assert (large.state, then.state) == (State.STOPPED, State.DONE), then.problem
    assert large.step < large.steps
    assert "start engine" not in then.stage  # it was the same one
    queue.close()


EVIL = """
ready()
while True:
    message = hear()
    kind = message["request"]
    files = [{"path": "../../stolen", "bytes": 4, "sha256": "0" * 64}]
    answers = {"offer": {"wanted": []}, "list": {"files": files}}
    say(event="result", id=message["id"], **answers.get(kind, {}))
"""


def test_the_other_side_does_not_decide_where_files_are_written(ours: Path) -> None:
    save_recording(sliding_square(), ours / "r.recording")
    evil = EngineCommand(engine(EVIL).arguments, remote=True)
    queue = queue_of(evil)
    ticket = queue.add(job(ours / "work", asking("render", recording=ours / "r.recording", out=ours / "v.mp4")))
    finish(queue, ticket)
    queue.close()
    assert ticket.state is State.FAILED and ticket.problem is not None
    assert "../../stolen" in ticket.problem.message
    assert not list(ours.parent.rglob("stolen"))


SHOWING = """
ready()
while True:
    message = hear()
    answers = {"offer": {"wanted": []}, "list": {"files": []}}
    if message["request"] == "generate":
        say(event="preview", id=message["id"], frame=1, frames=3, data="UE5H")
    say(event="result", id=message["id"], **answers.get(message["request"], {}))
"""


def test_pictures_of_finished_frames_come_along(ours: Path) -> None:
    (ours / "c.npz").write_bytes(b"clip")
    queue = queue_of(EngineCommand(engine(SHOWING).arguments, remote=True))
    ticket = queue.add(job(ours / "work", asking("generate", clip=ours / "c.npz", out=ours / "v.mp4")))
    finish(queue, ticket)
    queue.close()
    assert ticket.state is State.DONE, ticket.problem
    assert ticket.newest_frame is not None and ticket.newest_frame.read_bytes() == b"PNG"
    assert (ticket.newest_frame.parent.parent, ticket.frame, ticket.frames) == (ours / "work", 1, 3)


def test_a_recording_that_is_gone(elsewhere: Elsewhere, ours: Path) -> None:
    queue = queue_of(EngineCommand(engine(EVIL).arguments, remote=True))
    ticket = queue.add(job(ours / "work", asking("solve", recording=ours / "gone")))
    finish(queue, ticket)
    queue.close()
    assert ticket.problem is not None and f"{ours / 'gone'} does not exist" in ticket.problem.message
