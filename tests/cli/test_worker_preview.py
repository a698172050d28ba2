"""What the worker tells while frames are made one after the other, and how it goes on when it was stopped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from simcraft.recording import save_recording
from simcraft.video import load_video
from simcraft.worker import Mailbox, carry_out
from tests.generate.checkpoints import save_checkpoint
from tests.scenes import sliding_square


def test_finished_frames_are_told_and_a_cancelled_job_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_checkpoint(tmp_path / "models" / "simcraft-image")
    monkeypatch.setenv("SIMCRAFT_MODELS", str(tmp_path / "models"))
    recording = save_recording(sliding_square(frames=4), tmp_path / "r.recording")
    message = {
        "version": 2,
        "request": "render",
        "id": "a",
        "recording": str(recording),
        "out": str(tmp_path / "v.mp4"),
        "size": [32, 24],
        "preview": True,
        "generator": "motioncraft",
        "options": {"model": "simcraft-image", "steps": 1, "guidance": 1.0},
    }
    mailbox, events = Mailbox(), []

    def send(**event: Any) -> None:
        events.append(event)
        if event["event"] == "preview":
            assert load_video(Path(event["path"]).parent).size == (32, 24)
            if event["frame"] == 2 and "a" not in mailbox.cancelled:
                mailbox.cancelled.add("a")

    stopped = carry_out(message, "a", mailbox, send)
    assert stopped["event"] == "error" and stopped["exit_code"] == 130
    assert "2 finished frames are kept" in stopped["fix"]
    previews = [event for event in events if event["event"] == "preview"]
    assert [(event["id"], event["frame"], event["frames"]) for event in previews] == [("a", 1, 4), ("a", 2, 4)]

    def send_on(**event: Any) -> None:
        events.append(event)

    events.clear()
    done = carry_out(message, "a", Mailbox(), send_on)
    assert done["event"] == "result" and done["generator"] == "motioncraft"
    assert [event["frame"] for event in events if event["event"] == "preview"] == [3]
    assert "goes on after frame 2 of 3" in [event.get("detail") for event in events]
    assert not Path(previews[0]["path"]).exists()


def test_a_generator_of_all_frames_at_once_tells_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "default.json").write_text(json.dumps({"generator": "warp", "why": "it is the fastest"}))
    monkeypatch.setenv("SIMCRAFT_MODELS", str(tmp_path))
    recording = save_recording(sliding_square(frames=3), tmp_path / "r.recording")
    message = {"version": 2, "request": "render", "recording": str(recording), "out": str(tmp_path / "v.mp4")}
    events: list[dict[str, Any]] = []
    done = carry_out(
        {**message, "size": [32, 24], "preview": True, "generator": "auto"},
        "b",
        Mailbox(),
        lambda **event: events.append(event),
    )
    assert done["event"] == "result" and {event["event"] for event in events} == {"progress"}
    assert done["chosen"] == "warp: it is the fastest"
