"""The child Blender: records what it is asked, says what is wrong, and leaves with whoever has started it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from blender_addon.jobs.types import PROTOCOL_VERSION
from simcraft.assets import asset
from simcraft.recording import load_recording
from tests.blender.conftest import BLENDERS, blender_executable

CHILD = asset("blender_addon/child.py")
DOMINOES = asset("scenes/dominoes.blend")


def start(kind: str) -> subprocess.Popen[bytes]:
    executable = blender_executable(kind)
    command = [sys.executable, "-P"] if executable is None else [executable, "-b", "-noaudio", "-P"]
    return subprocess.Popen(
        [*command, str(CHILD)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def events(child: subprocess.Popen[bytes]) -> Any:
    """What it says, without the words of a Blender that starts."""
    assert child.stdout is not None
    for line in child.stdout:
        if line.startswith(b"{"):
            yield json.loads(line)


def tell(child: subprocess.Popen[bytes], **request: Any) -> None:
    assert child.stdin is not None
    message = {"version": PROTOCOL_VERSION, "id": "1", **request}
    child.stdin.write((json.dumps(message, default=str) + "\n").encode())
    child.stdin.flush()


def answer(kind: str, **request: Any) -> tuple[dict[str, Any], list[str]]:
    """The last event of a child that is asked one thing, and the stages that it went through."""
    child = start(kind)
    tell(child, **request)
    said = list(events(child))
    child.wait(60)
    stages = dict.fromkeys(event["stage"] for event in said if event["event"] == "progress")
    return said[-1], list(stages)


def record(recording: Path, **changes: Any) -> dict[str, Any]:
    return {"request": "record", "blend": DOMINOES, "scene": "dominoes", "recording": recording, "size": [64, 64],
            "frames": [1, 4], "preview": True, **changes}  # fmt: skip


@pytest.mark.parametrize("kind", BLENDERS)
def test_a_scene_is_recorded(kind: str, tmp_path: Path) -> None:
    last, stages = answer(kind, **record(tmp_path / "recording"))
    assert last == {"id": "1", "event": "result", "recording": str(tmp_path / "recording"), "warnings": []}
    assert stages == ["open", "simulate", "save"]
    recording = load_recording(tmp_path / "recording")
    assert recording.size == (64, 64)
    assert list(recording.frame_numbers) == [1, 2, 3, 4]
    assert recording.image is None


@pytest.mark.bpy
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"scene": "Nowhere"}, "no scene 'Nowhere'"),
        ({"blend": "/nowhere.blend"}, "/nowhere.blend"),
        ({"request": "dance"}, "dance"),
        ({"frames": [1, 400]}, "cache"),
        ({"version": 0}, "version 0"),
    ],
)
def test_what_is_wrong_is_said(changes: dict[str, Any], words: str, tmp_path: Path) -> None:
    last, _ = answer("bpy", **record(tmp_path / "recording", **changes))
    assert last["event"] == "error"
    assert words in last["message"]
    assert not (tmp_path / "recording").exists()


@pytest.mark.bpy
def test_a_first_frame_needs_a_recording(tmp_path: Path) -> None:
    request = {"request": "first_frame", "blend": DOMINOES, "scene": "dominoes", "recording": tmp_path / "none"}
    last, _ = answer("bpy", **request)
    assert last["event"] == "error"
    assert "none" in last["message"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", BLENDERS)
def test_it_leaves_with_its_parent_in_the_middle_of_a_render(kind: str, tmp_path: Path) -> None:
    child = start(kind)
    request = record(tmp_path / "recording", preview=False, samples=4096, size=[2048, 2048], frames=[1, 2])
    tell(child, **request)
    for event in events(child):
        if event.get("stage") == "render":
            break
    time.sleep(1.0)  # it is rendering now
    assert child.stdin is not None
    child.stdin.close()
    begun = time.monotonic()
    child.wait(60)
    assert time.monotonic() - begun < 30
    with pytest.raises(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
