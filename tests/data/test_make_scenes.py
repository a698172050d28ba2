"""Sets of real scenes, made by workers with Blenders of their own, and what happens when those die."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from pathlib import Path

import psutil
import pytest

import simcraft.data.folder
from simcraft.data.folder import open_set
from simcraft.data.local_pool import LocalPool
from simcraft.data.make import make_data_set, missing_rows
from simcraft.data.recipe import LoadedRecipe, load_recipe
from simcraft.errors import DiskFull
from simcraft.sim.blender_child import __file__ as child_script
from tests.data.runs import drive, log, small_disk, until_made
from tests.data.sets import contents

pytestmark = [pytest.mark.slow, pytest.mark.bpy]

RECIPE = """\
name: tiny
size: 32x32
frames: 3
first: 1..4
every: 2
tracks: 8
families: [drop, roll]
"""
COUNT = 8


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> LoadedRecipe:
    path = tmp_path_factory.mktemp("recipe") / "tiny.yaml"
    path.write_text(RECIPE)
    return load_recipe(path)


@pytest.fixture(autouse=True)
def stable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody may be editing the code while its tests run."""
    monkeypatch.setattr(simcraft.data.folder, "versions", lambda: {"code": "formulas"})


@pytest.fixture(scope="module")
def whole(recipe: LoadedRecipe, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The contents of the set that no run was disturbed in, made by one process."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simcraft.data.folder, "versions", lambda: {"code": "formulas"})
        report = make_data_set(recipe, COUNT, folder, pool=LocalPool(1))
    assert (report.made, report.failed, report.tried_again) == (COUNT, {}, ())
    return contents(folder)


def blenders(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those of the processes that run Blender's child script, each in a session of its own."""
    found = []
    for process in processes:
        # a fork, on its way to becoming something else, may have gone
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
            script = any(Path(child_script).name in word for word in process.cmdline())
            if script and os.getsid(process.pid) == process.pid:
                found.append(process)
    return found


def test_several_processes_make_the_very_same_clips(
    recipe: LoadedRecipe, tmp_path: Path, whole: dict[str, str]
) -> None:
    report = make_data_set(recipe, COUNT, tmp_path / "set", pool=LocalPool(2, recycle=3))
    assert (report.made, report.failed, report.tried_again) == (COUNT, {}, ())
    assert contents(tmp_path / "set") == whole
    data_set = open_set(tmp_path / "set")
    for row in data_set.rows:
        clip = data_set.clip(row)
        assert (clip.size, clip.frame_count, clip.seed) == (row.size, row.frames, row.seed)


def test_a_blender_that_dies_costs_a_retry(recipe: LoadedRecipe, tmp_path: Path, whole: dict[str, str]) -> None:
    driver = drive(recipe, tmp_path / "set", "scenes", COUNT)
    for number in (1, 4):
        blenders(until_made(driver, number))[0].kill()
    _, errors = driver.communicate(timeout=120)
    assert driver.returncode == 0, errors
    assert contents(tmp_path / "set") == whole
    again = log(tmp_path / "set", "again")
    # one that dies between two scenes costs nothing
    assert len(again) <= 2
    assert all("Blender was killed by SIGKILL" in entry["message"] for entry in again)


def test_a_blender_that_hangs_costs_a_retry(recipe: LoadedRecipe, tmp_path: Path, whole: dict[str, str]) -> None:
    hanging: list[psutil.Process] = []

    def progress(stage: str, step: int, steps: int, detail: str = "") -> None:
        if step == 1 and not hanging:
            hanging.extend(blenders(psutil.Process().children(recursive=True)))
            for blender in hanging:
                blender.suspend()

    report = make_data_set(recipe, COUNT, tmp_path / "set", pool=LocalPool(1, time_limit=15), progress=progress)
    assert (report.made, report.failed, len(report.tried_again)) == (COUNT, {}, 1)
    (again,) = log(tmp_path / "set", "again")
    assert again["message"] == "It was not made within 15 s."
    assert len(hanging) == 1
    assert not psutil.wait_procs(hanging, timeout=0)[1]
    assert contents(tmp_path / "set") == whole


def test_a_stopped_run_takes_its_blenders_with_it(recipe: LoadedRecipe, tmp_path: Path) -> None:
    driver = drive(recipe, tmp_path / "set", "scenes", COUNT)
    below = until_made(driver, 2)
    assert blenders(below)
    driver.send_signal(signal.SIGTERM)
    _, errors = driver.communicate(timeout=30)
    assert driver.returncode == 130, errors
    assert not psutil.wait_procs(below, timeout=2)[1]
    assert not (tmp_path / "set" / "work").exists()


def test_a_disk_without_room_for_the_work_ends_the_run(recipe: LoadedRecipe, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "400k") as disk:
        with pytest.raises(DiskFull, match="is full") as caught:
            make_data_set(recipe, COUNT, disk / "set", pool=LocalPool(1))
        assert "ree s" in caught.value.fix  # free some space
        data_set = open_set(disk / "set")
        assert not any(data_set.has_failed(row) for row in data_set.rows)
        assert len(missing_rows(data_set)) == COUNT
        assert not (disk / "set" / "work").exists()


def test_kills_at_random_moments_lose_nothing(recipe: LoadedRecipe, tmp_path: Path, whole: dict[str, str]) -> None:
    moments = random.Random(4)
    for kills in range(4):
        if kills and not missing_rows(open_set(tmp_path / "set")):
            break  # a fast machine
        driver = drive(recipe, tmp_path / "set", "scenes", COUNT)
        until_made(driver, min(kills, 1))
        time.sleep(moments.uniform(0.0, 1.0))
        below = psutil.Process(driver.pid).children(recursive=True)
        driver.kill()
        driver.communicate()
        assert not psutil.wait_procs(below, timeout=10)[1]
    report = make_data_set(recipe, COUNT, tmp_path / "set", pool=LocalPool(2))
    assert report.failed == {}
    assert contents(tmp_path / "set") == whole
    made = [entry["id"] for entry in log(tmp_path / "set", "made")]
    assert len(made) == len(set(made))
