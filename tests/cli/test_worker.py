"""The worker as Blender sees it: JSON lines, clean stdout, errors with a fix, and no orphan."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from simcraft.recording import Recording, save_recording
from tests.scenes import sliding_square

Worker = subprocess.Popen[str]


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "simcraft.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        yield process
        process.kill()
        process.wait()


def read(worker: Worker) -> dict:
    """The next event that is more than a sign of life."""
    assert worker.stdout is not None
    while (event := json.loads(worker.stdout.readline())) == {"event": "alive"}:
        pass
    return event


def send(worker: Worker, text: str) -> None:
    assert worker.stdin is not None
    worker.stdin.write(text + "\n")
    worker.stdin.flush()


def last_event(worker: Worker) -> dict:
    while (event := read(worker))["event"] == "progress":
        assert 0 <= event["step"] <= event["steps"]
    return event


def render_request(recording: Recording, folder: Path, **fields: object) -> str:
    path = save_recording(recording, folder / "r.recording")
    request = {"version": 2, "request": "render", "id": "a", "recording": str(path), "out": str(folder / "v.mp4")}
    return json.dumps({**request, **fields})


def test_render_request_makes_a_video(worker: Worker, tmp_path: Path) -> None:
    assert read(worker)["event"] == "ready"
    report = tmp_path / "report.json"
    send(worker, render_request(sliding_square(), tmp_path, size=[64, 48], report=str(report), preview=True))
    event = last_event(worker)
    assert event["event"] == "result", event
    assert event["id"] == "a"
    assert Path(event["video"]).stat().st_size > 500
    assert json.loads(report.read_text())


def test_nothing_moves_is_said_with_a_fix(worker: Worker, tmp_path: Path) -> None:
    read(worker)
    send(worker, render_request(sliding_square(speed=0.0), tmp_path, preview=True))
    event = last_event(worker)
    assert event["event"] == "error"
    assert "Nothing moves" in event["message"]
    assert event["fix"]
    assert event["exit_code"] == 2


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("rubbish", "not JSON"),
        ("[1]", "object"),
        ('{"version": 7, "request": "render", "id": "x"}', "version"),
        ('{"version": 2, "request": "dance"}', "dance"),
        ('{"version": 2, "request": "render", "recording": "r"}', "out"),
        ('{"version": 2, "request": "render", "recording": "r", "out": "o.mp4", "colour": 1}', "colour"),
        ('{"version": 2, "request": "render", "recording": "r", "out": "o.mp4", "size": "big"}', "size"),
        ('{"version": 2, "request": "render", "recording": "nowhere", "out": "o.mp4"}', "nowhere"),
        ('{"version": 2, "request": "render", "recording": "r", "out": "o.mp4", "clip": 5}', "clip"),
        ('{"version": 2, "request": "render", "recording": "r", "out": "o.mp4", "generator": ["x"]}', "generator"),
        ('{"version": 2, "request": "check", "recording": "r", "out": "o.avi"}', "o.avi"),
        ('{"version": 2, "request": "check", "recording": "r", "out": "o.mp4", "sheet": "o.mp4"}', "o.mp4"),
        ('{"version": 2, "request": "check", "recording": "r", "out": "o.mp4", "generator": "magic"}', "magic"),
        ('{"version": 2, "request": "check", "recording": "r", "out": "o.mp4", "clip": "o.ZARR"}', "o.ZARR"),
    ],
)
def test_a_bad_request_is_an_error_and_the_worker_lives(worker: Worker, line: str, words: str) -> None:
    read(worker)
    send(worker, line)
    event = read(worker)
    assert event["event"] == "error"
    assert words in event["message"]
    send(worker, "also rubbish")
    assert read(worker)["event"] == "error"


def test_cancel_stops_the_job_and_the_next_one_runs(worker: Worker, tmp_path: Path) -> None:
    read(worker)
    request = render_request(sliding_square(frames=200), tmp_path, preview=True, size=[256, 192])
    send(worker, request)
    read(worker)
    send(worker, '{"version": 2, "request": "cancel", "id": "a"}')
    event = last_event(worker)
    assert event["event"] == "error"
    assert event["exit_code"] == 130
    # the same id may come again, and resume
    send(worker, render_request(sliding_square(), tmp_path, preview=True, size=[64, 48]))
    assert last_event(worker)["event"] == "result"


def test_check_reads_and_writes_nothing(worker: Worker, tmp_path: Path) -> None:
    read(worker)
    request = {"version": 2, "request": "check", "id": "c", "recording": "nowhere", "out": str(tmp_path / "v.mp4")}
    send(worker, json.dumps(request))
    assert read(worker) == {"event": "result", "id": "c"}
    assert not list(tmp_path.glob("v*"))


def test_what_exists_is_replaced_only_on_request(worker: Worker, tmp_path: Path) -> None:
    read(worker)
    (tmp_path / "v.mp4").write_text("precious")
    request = render_request(sliding_square(), tmp_path, preview=True, size=[64, 48])
    send(worker, request)
    assert "exists" in last_event(worker)["message"]
    assert (tmp_path / "v.mp4").read_text() == "precious"
    send(worker, json.dumps({**json.loads(request), "force": True}))
    assert last_event(worker)["event"] == "result"


def test_the_worker_leaves_when_its_caller_dies(worker: Worker, tmp_path: Path) -> None:
    read(worker)
    send(worker, render_request(sliding_square(frames=200), tmp_path, preview=True, size=[256, 192]))
    read(worker)
    assert worker.stdin is not None
    worker.stdin.close()
    # 0 where the job has noticed in time, 1 where it was in the middle of something long
    assert worker.wait(timeout=20) in (0, 1)
    assert not (tmp_path / "v.mp4").exists()
