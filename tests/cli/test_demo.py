"""The main job, as a process: a shipped .blend becomes a video, a sheet and a report."""

import json
from pathlib import Path

import numpy as np
import pytest

import simcraft as sc
from simcraft.video import load_video
from tests.cli.conftest import Run


@pytest.mark.bpy
def test_demo_makes_video_sheet_clip_and_report(simcraft: Run, tmp_path: Path) -> None:
    done = simcraft("demo", "roll", "--size", "128x96", "--preview", "--out", "made", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    made = tmp_path / "made"
    video, clip = load_video(made / "roll.mp4"), sc.load_clip(made / "roll.zarr")
    assert video.frames.shape == clip.frames.shape == (clip.frame_count, 96, 128, 3)
    ids = {info.name: info.id for info in clip.instance_table}
    ball, floor = clip.instances[4] == ids["ball"], clip.instances[4] == ids["floor"]
    assert np.abs(clip.flow_forward[4][floor]).max() < 1e-3  # the camera stands still
    assert clip.flow_forward[4][ball].mean(axis=0)[0] > 0.5  # the ball rolls to the right
    assert (made / "roll_sheet.png").stat().st_size > 10_000
    report = json.loads((made / "roll_report.json").read_text())
    assert report["summary"] == result["summary"]
    assert "median error" in result["summary"]
