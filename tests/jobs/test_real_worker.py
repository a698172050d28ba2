"""The queue with the real engine, on a small recording."""

from __future__ import annotations

from pathlib import Path

from blender_addon.jobs import State, Step
from blender_addon.jobs.in_panel import ADVICE
from simcraft.recording import save_recording
from tests.jobs.stand_ins import REAL, finish, job, queue_of
from tests.scenes import sliding_square


def test_a_recording_becomes_a_video(tmp_path: Path) -> None:
    recording = save_recording(sliding_square(), tmp_path / "r.recording")
    request = {"request": "render", "recording": recording, "out": tmp_path / "v.mp4", "size": [64, 48]}
    queue = queue_of(REAL)
    good = queue.add(job(tmp_path / "good", Step("engine", request)))
    again = queue.add(job(tmp_path / "again", Step("engine", request)))
    elsewhere = queue.add(job(tmp_path / "elsewhere", Step("engine", {**request, "out": "/proc/v.mp4"})))
    finish(queue, good, again, elsewhere)
    queue.close()
    assert good.state is State.DONE, good.problem
    assert good.results[0]["video"] == str(tmp_path / "v.mp4")
    assert (tmp_path / "v.mp4").stat().st_size > 500
    assert again.state is State.FAILED and again.problem is not None
    assert "exists" in again.problem.message
    assert elsewhere.problem is not None and "/proc" in elsewhere.problem.message
    assert elsewhere.problem.fix == ADVICE["out"]
