"""What is kept between jobs, and who may have it."""

from __future__ import annotations

import multiprocessing
import shutil
from pathlib import Path

from blender_addon.control.kept import Result
from blender_addon.control.stores import UNSAVED, MotionStore, ResultStore, read_facts
from tests.control.orders import SCENE, facts_of


def test_a_finished_motion_is_found_again(tmp_path: Path) -> None:
    store = MotionStore(tmp_path)
    folder = store.new("falling cubes: 2")
    assert "falling-cubes-2" in folder.name
    assert store.find(SCENE) is None
    facts = facts_of(stamp=(12, 34), warnings=("Slow.",))
    store.finish(folder, facts)
    assert store.find(SCENE) == (folder, facts)
    assert read_facts(folder) == facts
    store.close()
    assert MotionStore(tmp_path).find(SCENE) == (folder, facts)
    assert MotionStore(tmp_path).find("another|Scene") is None


def test_of_two_motions_the_newer_one_is_found(tmp_path: Path) -> None:
    store = MotionStore(tmp_path)
    folders = [store.new("fall") for _ in range(3)]
    for folder, made in zip(folders, (1.0, 3.0, 2.0), strict=True):
        store.finish(folder, facts_of(made=made))
    assert sorted(store.others(folders[1])) == sorted((folders[0], folders[2]))
    store.close()
    found = MotionStore(tmp_path).find(SCENE)
    assert found is not None
    assert found[0] == folders[1]


def _finds(folder: Path, answers: multiprocessing.Queue) -> None:
    store = MotionStore(folder)
    found = store.find(SCENE)
    answers.put(None if found is None else str(found[0]))


def _ask_another_process(folder: Path) -> str | None:
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    process = context.Process(target=_finds, args=(folder, answers))
    process.start()
    answer = answers.get(timeout=60)
    process.join()
    return answer


def test_a_motion_belongs_to_one_process_at_a_time(tmp_path: Path) -> None:
    store = MotionStore(tmp_path)
    folder = store.new("fall")
    store.finish(folder, facts_of())
    assert _ask_another_process(tmp_path) is None
    store.close()
    assert _ask_another_process(tmp_path) == str(folder)


def test_what_died_or_cannot_be_found_is_swept(tmp_path: Path) -> None:
    first = MotionStore(tmp_path)
    half, unsaved, whole = first.new("half"), first.new("unsaved"), first.new("whole")
    first.finish(unsaved, facts_of(scene=f"{UNSAVED} 1a2b|Scene"))
    first.finish(whole, facts_of())
    alive = MotionStore(tmp_path)
    alive.new("another")
    assert half.is_dir()  # somebody is at work there
    first.close()
    MotionStore(tmp_path).new("yet another")
    assert (half.exists(), unsaved.exists(), whole.exists()) == (False, False, True)


def test_saving_under_another_name_takes_the_motion_along(tmp_path: Path) -> None:
    store = MotionStore(tmp_path)
    folder = store.new("fall")
    store.finish(folder, facts_of())
    store.rename(SCENE, "/films/fall2.blend|Scene", (7, 8))
    assert store.find(SCENE) is None
    found = store.find("/films/fall2.blend|Scene")
    assert found is not None
    assert (found[0], found[1].stamp) == (folder, (7, 8))


def test_damaged_facts_are_no_motion(tmp_path: Path) -> None:
    store = MotionStore(tmp_path)
    folder = store.new("fall")
    for text in ("", "{", "[]", '{"scene": 1}'):
        (folder / "motion.json").write_text(text)
        assert read_facts(folder) is None
        assert store.find(SCENE + text) is None


def test_videos_that_are_gone_are_no_results(tmp_path: Path) -> None:
    store = ResultStore(tmp_path / "results")
    assert store.find(SCENE) is None
    for number in range(3):
        video = tmp_path / f"{number}.mp4"
        video.touch()
        result = Result(video, "warp", "", number, "It moves.", None, None, float(number), (1, 4))
        store.finish(store.new("fall"), SCENE, result)
    newest = store.find(SCENE)
    assert newest is not None
    assert (newest.seed, newest.frames) == (2, (1, 4))
    assert [result.seed for result in newest.earlier] == [1, 0]
    newest.video.unlink()
    store.forget()
    newest = store.find(SCENE)
    assert newest is not None
    assert (newest.seed, newest.video, len(newest.earlier)) == (1, tmp_path / "1.mp4", 1)
    shutil.rmtree(tmp_path / "results")
    assert ResultStore(tmp_path / "results").find(SCENE) is None
