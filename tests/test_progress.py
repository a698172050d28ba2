"""How long work still takes, also where it goes on in the middle."""

from __future__ import annotations

import pytest

from simcraft.console import line_reporter
from simcraft.progress import Pace


def test_the_time_left_is_judged_by_the_steps_done_now() -> None:
    now = 0.0
    pace = Pace(lambda: now)
    assert pace.seconds_left("paint", 60, 100) is None  # goes on after 60 steps of an earlier run
    now = 10.0
    assert pace.seconds_left("paint", 70, 100) == 30
    assert pace.seconds_left("save", 0, 5) is None
    now = 12.0
    assert pace.seconds_left("save", 5, 5) == 0


def test_every_stage_is_told_at_its_start(capsys: pytest.CaptureFixture[str]) -> None:
    report = line_reporter(every=1000)
    report("load", 0, 1)
    report("paint", 60, 100, "goes on after frame 3 of 5")
    report("paint", 61, 100)
    report("paint", 100, 100)
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["load: 0 of 1", "paint: 60 of 100 (goes on after frame 3 of 5)", "paint: 100 of 100"]
