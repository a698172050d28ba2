"""The worker simulates what a recording asks for beside Blender's own physics."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from simcraft.recording import Effect, Instances, load_recording, save_recording
from simcraft.sim import effects
from simcraft.worker import Mailbox, carry_out
from tests.cli.test_worker import Worker, last_event, read, send, worker
from tests.scenes import sliding_square
from tests.sim.test_solver import falling

__all__ = ["worker"]


def with_flock(folder: Path, frames: int = 3, **settings: object) -> Path:
    box = np.diag([4.0, 4.0, 4.0, 1.0])
    square = sliding_square(frames=frames)
    return save_recording(replace(square, effects=(Effect("flock", "Flock", box, settings),)), folder / "recording")


def test_solving_adds_the_results_to_the_recording(worker: Worker, tmp_path: Path) -> None:
    path = with_flock(tmp_path, count=5)
    before = load_recording(path)
    assert read(worker)["event"] == "ready"
    send(worker, f'{{"version": 2, "request": "solve", "id": "s", "recording": "{path}"}}')
    assert last_event(worker) == {"event": "result", "id": "s", "warnings": []}
    solved = load_recording(path)
    assert solved.effects[0].solved
    birds = [b for b in solved.bodies if isinstance(b, Instances) and not b.part_of]
    assert sum(b.transforms.shape[1] for b in birds) == 5
    np.testing.assert_array_equal(solved.bodies[0].transforms, before.bodies[0].transforms)


def test_the_frames_before_a_divergence_are_kept_beside_the_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = falling()
    broken = replace(
        whole, step=lambda state, dt: replace(whole.step(state, dt), speed=np.nan if state.time > 0.1 else 0.0)
    )
    monkeypatch.setattr(effects, "solver_of", lambda *_: broken)
    path = with_flock(tmp_path / "gone", frames=8)
    message = {"version": 2, "request": "solve", "recording": str(path), "out": str(tmp_path / "video")}
    event = carry_out(message, "s", Mailbox(), lambda **_: None)
    kept = tmp_path / "video.until_it_diverged.recording"
    assert event["event"] == "error" and event["exit_code"] == 1
    assert str(kept) in event["message"]
    assert 1 < load_recording(kept).frame_count < 8
    assert not load_recording(path).effects[0].solved


def test_a_solve_that_cannot_be_is_an_error(worker: Worker, tmp_path: Path) -> None:
    assert read(worker)["event"] == "ready"
    for fields, words in (
        ("", "Field 'recording' is missing"),
        (', "recording": "nowhere"', "nowhere"),
        (', "recording": "nowhere", "clip": "c.npz"', "Unknown field 'clip'"),
    ):
        send(worker, f'{{"version": 2, "request": "solve", "id": "s"{fields}}}')
        event = last_event(worker)
        assert event["event"] == "error"
        assert event["exit_code"] == 2
        assert words in event["message"]
