"""Making sets: what is written, what a later run adds, and which rows it makes again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

import simcraft.data.folder
from simcraft.clip import MotionClip
from simcraft.clip.store import load_clip
from simcraft.data.folder import open_set
from simcraft.data.local_pool import LocalPool
from simcraft.data.make import HOPELESS, Report, make_data_set, missing_rows
from simcraft.data.recipe import LoadedRecipe
from simcraft.errors import Cancelled, DiskFull, Failure, UserError
from tests.data import makers
from tests.data.makers import InThisProcess
from tests.data.runs import log
from tests.data.sets import contents, small_recipe


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LoadedRecipe:
    monkeypatch.setattr(simcraft.data.folder, "versions", lambda: {"code": "formulas"})
    return small_recipe(tmp_path)


def make(recipe: LoadedRecipe, count: int, out: Path, make_row: Callable = makers.formula_clip, **more: bool) -> Report:
    return make_data_set(recipe, count, out, pool=InThisProcess(make_row), **more)


def test_a_set_holds_what_its_manifest_says(recipe: LoadedRecipe, tmp_path: Path) -> None:
    report = make(recipe, 7, tmp_path / "set")
    assert (report.clips, report.wanted, report.made, report.failed) == (7, 7, 7, {})
    data_set = open_set(tmp_path / "set")
    for row in data_set.rows:
        marker, data = data_set.marker(row), data_set.clip_path(row).read_bytes()
        assert marker["hash"] == row.hash
        assert marker["files"] == {f"{row.id}.npz": hashlib.sha256(data).hexdigest()}
        clip = data_set.clip(row)
        assert (clip.seed, clip.name, clip.size) == (row.seed, row.family, row.size)
        assert tuple(marker["captions"]) == clip.captions
    names = {path.name for path in (tmp_path / "set").iterdir()}
    assert names == {"dataset.json", "recipe.yaml", "manifest.jsonl", "clips", "done", "failed", "log.jsonl"}


def test_workers_make_the_very_same_set(recipe: LoadedRecipe, tmp_path: Path) -> None:
    make(recipe, 9, tmp_path / "here")
    report = make_data_set(recipe, 9, tmp_path / "there", pool=LocalPool(2, recycle=3, maker=makers.formulas))
    assert contents(tmp_path / "here") == contents(tmp_path / "there")
    made = log(tmp_path / "there", "made")
    assert report.made == len(made) == 9
    # none makes more than three
    processes = [entry["seconds"]["process"] for entry in made]
    assert max(map(processes.count, processes)) <= 3


def test_a_finished_set_is_left_as_it_is(recipe: LoadedRecipe, tmp_path: Path) -> None:
    make(recipe, 4, tmp_path / "set")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "set" / "clips").iterdir()}
    pool = InThisProcess()
    report = make_data_set(recipe, 4, tmp_path / "set", pool=pool)
    assert (report.clips, report.made, pool.asked) == (4, 0, [])
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "set" / "clips").iterdir()}


def test_a_larger_count_grows_the_set(recipe: LoadedRecipe, tmp_path: Path) -> None:
    make(recipe, 3, tmp_path / "grown")
    pool = InThisProcess()
    report = make_data_set(recipe, 8, tmp_path / "grown", pool=pool)
    assert pool.asked == [f"{number:06}" for number in range(3, 8)]
    assert (report.clips, report.made) == (8, 5)
    make(recipe, 8, tmp_path / "at_once")
    assert contents(tmp_path / "grown") == contents(tmp_path / "at_once")


@pytest.mark.parametrize("damage", ["clip missing", "marker damaged", "marker empty", "marker of another row"])
def test_a_row_that_is_not_whole_is_made_again(recipe: LoadedRecipe, tmp_path: Path, damage: str) -> None:
    make(recipe, 4, tmp_path / "set")
    before = contents(tmp_path / "set")
    data_set = open_set(tmp_path / "set")
    row = data_set.rows[2]
    match damage:
        case "clip missing":
            data_set.clip_path(row).unlink()
        case "marker damaged":
            data_set.marker_path(row).write_text(data_set.marker_path(row).read_text()[:50])
        case "marker empty":
            data_set.marker_path(row).write_text("")
        case _:
            data_set.marker_path(row).write_text(data_set.marker_path(data_set.rows[3]).read_text())
    assert missing_rows(data_set) == [row]
    assert make(recipe, 4, tmp_path / "set").made == 1
    assert contents(tmp_path / "set") == before


@pytest.mark.parametrize(
    ("maker", "message"),
    [
        (makers.mistaken, "the gap is negative."),
        (makers.stopped, "The smoke diverged at step 3."),
        (makers.defective, "KeyError: 'nobody thought of this'"),
    ],
)
def test_what_fails_the_same_way_again_is_tried_once(
    recipe: LoadedRecipe, tmp_path: Path, maker: Callable, message: str
) -> None:
    pool = InThisProcess(maker)
    report = make_data_set(recipe, 5, tmp_path / "set", pool=pool)
    assert pool.asked.count(makers.BAD) == 1
    assert (report.clips, report.made, report.tried_again) == (4, 4, ())
    row = open_set(tmp_path / "set").rows[1]
    assert report.failed == {row.id: f"000001 ({row.family}, seed {row.seed}) was not made: {message}"}
    assert report.result["failed"] == 1
    assert report.result["warnings"][0] == report.failed[row.id]
    failure = open_set(tmp_path / "set").failure(row)
    assert (failure["message"], failure["attempts"], failure["hash"]) == (message, 1, row.hash)
    assert [entry["message"] for entry in log(tmp_path / "set", "failed")] == [message]


def test_failed_rows_wait_until_they_are_asked_for(recipe: LoadedRecipe, tmp_path: Path) -> None:
    make(recipe, 4, tmp_path / "set", makers.mistaken)
    pool = InThisProcess()
    report = make_data_set(recipe, 4, tmp_path / "set", pool=pool)
    assert pool.asked == []
    assert list(report.failed) == [makers.BAD]
    report = make(recipe, 4, tmp_path / "set", retry_failed=True)
    assert (report.clips, report.made, report.failed) == (4, 1, {})
    assert not list((tmp_path / "set" / "failed").iterdir())
    make(recipe, 4, tmp_path / "at_once")
    assert contents(tmp_path / "set") == contents(tmp_path / "at_once")


def test_defects_are_explained_in_the_log(recipe: LoadedRecipe, tmp_path: Path) -> None:
    make(recipe, 3, tmp_path / "set", makers.defective)
    (entry,) = log(tmp_path / "set", "failed")
    assert "in defective" in entry["details"]
    assert "log.jsonl" in entry["fix"]


def test_a_run_in_which_everything_fails_ends_early(recipe: LoadedRecipe, tmp_path: Path) -> None:
    def hopeless(row: object) -> None:
        raise UserError("The scene has no camera.", "Add one.")

    pool = InThisProcess(hopeless)
    with pytest.raises(Failure, match=f"first {HOPELESS} clips all failed.*no camera") as caught:
        make_data_set(recipe, 3 * HOPELESS, tmp_path / "set", pool=pool)
    assert caught.value.fix == "Add one."
    assert HOPELESS <= len(pool.asked) <= HOPELESS + pool.capacity
    assert pool.closed


@pytest.mark.parametrize("maker", [makers.out_of_space, makers.out_of_space_by_system])
def test_a_full_disk_ends_the_run_and_keeps_what_is_made(recipe: LoadedRecipe, tmp_path: Path, maker: Callable) -> None:
    pool = InThisProcess(maker)
    with pytest.raises(DiskFull, match="disk is full") as caught:
        make_data_set(recipe, 6, tmp_path / "set", pool=pool)
    assert "space" in caught.value.fix
    assert pool.closed
    data_set = open_set(tmp_path / "set")
    assert [row.id for row in data_set.done()] == ["000000"]
    assert not data_set.has_failed(data_set.rows[1])
    assert make(recipe, 6, tmp_path / "set").made == 5


def test_progress_tells_pace_and_failures(recipe: LoadedRecipe, tmp_path: Path) -> None:
    told: list[tuple[str, int, int, str]] = []

    def progress(stage: str, step: int, steps: int, detail: str = "") -> None:
        told.append((stage, step, steps, detail))

    make_data_set(recipe, 2, tmp_path / "set", pool=InThisProcess())
    make_data_set(recipe, 6, tmp_path / "set", pool=InThisProcess(), progress=progress)
    assert [step for _, step, _, _ in told] == [0, 1, 2, 3, 4]
    assert {(stage, steps) for stage, _, steps, _ in told} == {("make", 4)}
    assert "clips/min" in told[-1][3]
    assert "2 were there" in told[-1][3]
    told.clear()
    make_data_set(recipe, 3, tmp_path / "other", pool=InThisProcess(makers.mistaken), progress=progress)
    assert "1 failed" in told[-1][3]


def test_progress_may_stop_the_run(recipe: LoadedRecipe, tmp_path: Path) -> None:
    def stop(stage: str, step: int, steps: int, detail: str = "") -> None:
        if step == 2:
            raise Cancelled("Stopped.")

    pool = InThisProcess()
    with pytest.raises(Cancelled):
        make_data_set(recipe, 6, tmp_path / "set", pool=pool, progress=stop)
    assert pool.closed
    assert len(open_set(tmp_path / "set").done()) == 2
    assert not (tmp_path / "set" / "work").exists()


def test_clips_of_a_set_are_ordinary_clips(recipe: LoadedRecipe, tmp_path: Path) -> None:
    make(recipe, 1, tmp_path / "set")
    clip = load_clip(tmp_path / "set" / "clips" / "000000.npz")
    assert isinstance(clip, MotionClip)
    assert clip.frame_count == recipe.recipe.frames
