"""What a run of real worker processes survives, and what nothing survives but leaves in order."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

import simcraft.data.folder
from simcraft.data import local_pool
from simcraft.data.folder import open_set
from simcraft.data.local_pool import LocalPool
from simcraft.data.make import Report, make_data_set
from simcraft.data.recipe import LoadedRecipe
from simcraft.errors import DiskFull, Failure
from tests.data import makers
from tests.data.runs import drive, log, small_disk, until_made
from tests.data.sets import contents, small_recipe

COUNT = 24


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LoadedRecipe:
    monkeypatch.setattr(simcraft.data.folder, "versions", lambda: {"code": "formulas"})
    return small_recipe(tmp_path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The contents of the set that no run was disturbed in."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simcraft.data.folder, "versions", lambda: {"code": "formulas"})
        make_data_set(small_recipe(folder), COUNT, folder / "set", pool=makers.InThisProcess())
    return contents(folder / "set")


def make(recipe: LoadedRecipe, out: Path, maker: Callable, count: int = 5, time_limit: float = 60.0) -> Report:
    return make_data_set(recipe, count, out, pool=LocalPool(2, time_limit=time_limit, maker=maker))


@pytest.mark.parametrize(
    ("maker", "limit", "message"),
    [
        (makers.crashing_once, 60.0, "The process that made it was killed by SIGABRT."),
        (makers.hanging_once, 2.0, "It was not made within 2 s."),
    ],
)
def test_a_crash_or_a_hang_costs_a_retry(
    recipe: LoadedRecipe, tmp_path: Path, maker: Callable, limit: float, message: str
) -> None:
    report = make(recipe, tmp_path / "set", maker, time_limit=limit)
    assert (report.made, report.failed, report.tried_again) == (5, {}, (makers.BAD,))
    (entry,) = log(tmp_path / "set", "again")
    assert (entry["id"], entry["message"]) == (makers.BAD, message)
    make_data_set(recipe, 5, tmp_path / "undisturbed", pool=makers.InThisProcess())
    assert contents(tmp_path / "set") == contents(tmp_path / "undisturbed")


@pytest.mark.parametrize(
    ("maker", "limit", "message"),
    [
        (makers.crashing, 60.0, "was killed by SIGABRT."),
        pytest.param(makers.hanging_deaf, 1.5, "was not made within 1.5 s.", marks=pytest.mark.slow),
    ],
)
def test_the_second_crash_or_hang_is_a_line_in_the_report(
    recipe: LoadedRecipe, tmp_path: Path, maker: Callable, limit: float, message: str
) -> None:
    report = make(recipe, tmp_path / "set", maker, time_limit=limit)
    assert (report.clips, list(report.failed)) == (4, [makers.BAD])
    assert report.failed[makers.BAD].endswith(message)
    assert "\n" not in report.failed[makers.BAD]
    data_set = open_set(tmp_path / "set")
    assert data_set.failure(data_set.rows[1])["attempts"] == 2
    if maker is makers.crashing:
        assert "Aborted" in log(tmp_path / "set", "failed")[0]["details"]


def test_workers_that_somebody_kills_cost_retries(recipe: LoadedRecipe, tmp_path: Path, whole: dict[str, str]) -> None:
    driver = drive(recipe, tmp_path / "set", "slow_formulas", COUNT)
    for number in (2, 8):
        workers = until_made(driver, number)
        workers[0].kill()
    _, errors = driver.communicate(timeout=60)
    assert driver.returncode == 0, errors
    assert contents(tmp_path / "set") == whole


def test_what_cannot_be_opened_ends_the_run(recipe: LoadedRecipe, tmp_path: Path) -> None:
    with pytest.raises(Failure, match="There is no Blender") as caught:
        make(recipe, tmp_path / "set", makers.unopenable)
    assert caught.value.fix == "Install one."


def test_workers_that_die_as_they_start_end_the_run(recipe: LoadedRecipe, tmp_path: Path) -> None:
    with pytest.raises(Failure, match="do not start: something is missing here"):
        make(recipe, tmp_path / "set", makers.stillborn)


def test_workers_that_never_get_ready_end_the_run(
    recipe: LoadedRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_pool, "START_LIMIT", 0.01)
    with pytest.raises(Failure, match=r"not ready after 0\.01 s"):
        make(recipe, tmp_path / "set", makers.formulas)


def test_workers_are_silent_and_share_the_cores(
    recipe: LoadedRecipe, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    make(recipe, tmp_path / "set", makers.chatterer, count=2)
    assert capfd.readouterr() == ("", "")
    share = max(1, len(os.sched_getaffinity(0)) // 2)
    assert {entry["seconds"]["threads"] for entry in log(tmp_path / "set", "made")} == {share}


def test_a_disk_that_fills_up_ends_the_run_and_loses_nothing(
    recipe: LoadedRecipe, tmp_path: Path, whole: dict[str, str]
) -> None:
    with small_disk(tmp_path / "disk", "300k") as disk:
        with pytest.raises(DiskFull, match="disk is full"):
            make(recipe, disk / "set", makers.formulas, COUNT)
        data_set = open_set(disk / "set")
        done = data_set.done()
        assert 0 < len(done) < COUNT
        assert not any(data_set.has_failed(row) for row in data_set.rows)
        there = contents(disk / "set")
        assert there == {name: digest for name, digest in whole.items() if name in there}
        subprocess.run(["mount", "-o", "remount,size=20m", str(disk)], check=True)
        report = make(recipe, disk / "set", makers.formulas, COUNT)
        assert report.made == COUNT - len(done)
        assert contents(disk / "set") == whole


@pytest.mark.parametrize("stop", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_a_run_that_is_stopped_leaves_no_process_and_goes_on(
    recipe: LoadedRecipe, tmp_path: Path, whole: dict[str, str], stop: signal.Signals
) -> None:
    driver = drive(recipe, tmp_path / "set", "slow_formulas", COUNT)
    workers = until_made(driver, 3)
    # so that Ctrl-C in a terminal reaches the driver alone
    assert os.getpgid(driver.pid) not in {os.getpgid(worker.pid) for worker in workers}
    driver.send_signal(stop)
    _, errors = driver.communicate(timeout=30)
    assert driver.returncode == 130
    assert re.search(rf"error: Stopped. \d+ of {COUNT} clips are made; the same command goes on.", errors)
    assert "Traceback" not in errors
    assert workers
    assert not psutil.wait_procs(workers, timeout=0)[1]
    assert not (tmp_path / "set" / "work").exists()
    before = len(open_set(tmp_path / "set").done())
    assert make(recipe, tmp_path / "set", makers.formulas, COUNT).made == COUNT - before
    assert contents(tmp_path / "set") == whole


def test_a_killed_run_goes_on(recipe: LoadedRecipe, tmp_path: Path, whole: dict[str, str]) -> None:
    driver = drive(recipe, tmp_path / "set", "slow_formulas", COUNT)
    workers = until_made(driver, 2)
    driver.kill()
    driver.communicate()
    assert not psutil.wait_procs(workers, timeout=10)[1]
    before = len(open_set(tmp_path / "set").done())
    assert make(recipe, tmp_path / "set", makers.formulas, COUNT).made == COUNT - before < COUNT
    assert contents(tmp_path / "set") == whole


def test_two_runs_into_one_folder(recipe: LoadedRecipe, tmp_path: Path) -> None:
    first = drive(recipe, tmp_path / "set", "slow_formulas", COUNT)
    until_made(first, 1)
    second = drive(recipe, tmp_path / "set", "slow_formulas", COUNT)
    _, errors = second.communicate(timeout=30)
    assert second.returncode == 2
    assert errors.count("\n") == 1
    assert f"error: Another process is making the data set in {tmp_path / 'set'}." in errors
    assert first.poll() is None
    first.terminate()
    first.communicate(timeout=30)


@pytest.mark.slow
def test_twenty_kills_at_random_moments_lose_nothing(recipe: LoadedRecipe, tmp_path: Path) -> None:
    moments, orphans = random.Random(20), []
    count = 10 * COUNT
    for _ in range(20):
        driver = drive(recipe, tmp_path / "set", "slow_formulas", count)
        # in any stage of its life, and mostly while clips are made
        time.sleep(moments.uniform(0.2, 2.5))
        with_children = psutil.Process(driver.pid).children(recursive=True)
        driver.kill()
        driver.communicate()
        orphans += psutil.wait_procs(with_children, timeout=10)[1]
    assert not orphans
    report = make(recipe, tmp_path / "set", makers.formulas, count)
    assert (report.clips, report.failed) == (count, {})
    make_data_set(recipe, count, tmp_path / "undisturbed", pool=makers.InThisProcess())
    assert contents(tmp_path / "set") == contents(tmp_path / "undisturbed")
    times = Counter(entry["id"] for entry in log(tmp_path / "set", "made"))
    assert max(times.values()) == 1
