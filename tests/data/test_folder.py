"""The folder of a data set: who may write in it, what is refused and why, and what a kill may leave behind."""

from __future__ import annotations

import ast
import dataclasses
import errno
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

import simcraft.data.folder
from simcraft.data.folder import (
    Made,
    commit,
    give_up,
    marker_of,
    open_set,
    versions,
    write_log,
    writing,
)
from simcraft.data.manifest import expand, write_manifest
from simcraft.data.recipe import LoadedRecipe, load_recipe
from simcraft.errors import DiskFull, Failure, UserError
from tests.data.sets import contents, small_recipe

MADE = Made({".npz": b"a clip", ".preview.npz": b"another"}, ("One.", "Another."), {"motion": 1.5}, {"all": 0.1})


@pytest.fixture(autouse=True)
def stable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simcraft.data.folder, "versions", lambda: {"simcraft": "1.0", "code": "abc"})


@pytest.fixture
def recipe(tmp_path: Path) -> LoadedRecipe:
    return small_recipe(tmp_path)


@pytest.fixture
def folder(recipe: LoadedRecipe, tmp_path: Path) -> Path:
    """Of three rows, of which the first is made."""
    with writing(tmp_path / "set", recipe, 3) as data_set:
        commit(data_set, data_set.rows[0], MADE)
    return tmp_path / "set"


def refused(recipe: LoadedRecipe, folder: Path, count: int = 3) -> str:
    """The reason for which the folder is not written in; it stays as it was, and the reason is one line."""
    before = contents(folder) if folder.is_dir() else {}
    with pytest.raises(UserError) as caught, writing(folder, recipe, count):
        pytest.fail("it was not refused")
    assert before == (contents(folder) if folder.is_dir() else {})
    assert "\n" not in str(caught.value)
    assert caught.value.fix
    return str(caught.value)


def test_a_committed_row_is_told_by_its_marker(folder: Path) -> None:
    data_set = open_set(folder)
    first, second, _ = data_set.rows
    assert data_set.done() == [first]
    assert (data_set.is_done(first), data_set.is_done(second)) == (True, False)
    marker = data_set.marker(first)
    assert marker == marker_of(first, MADE)
    assert set(marker["files"]) == {"000000.npz", "000000.preview.npz"}
    assert data_set.clip_path(first).read_bytes() == b"a clip"
    assert data_set.clip_path(first, ".preview.npz").read_bytes() == b"another"
    assert not (folder / "work").exists()


def test_a_failure_is_told_until_the_row_is_made(recipe: LoadedRecipe, folder: Path) -> None:
    with writing(folder, recipe, 3) as data_set:
        row = data_set.rows[1]
        give_up(data_set, row, Failure("It broke.", "Mend it."), 2)
        assert data_set.has_failed(row)
        told = data_set.failure(row)
        assert (told["message"], told["fix"], told["attempts"]) == ("It broke.", "Mend it.", 2)
        commit(data_set, row, MADE)
        assert not data_set.has_failed(row)
        assert data_set.is_done(row)


def test_a_row_that_cannot_be_made_again_is_done_no_more(recipe: LoadedRecipe, folder: Path) -> None:
    with writing(folder, recipe, 3) as data_set:
        row = data_set.rows[0]
        data_set.clip_path(row).unlink()
        give_up(data_set, row, Failure("It broke.", "Mend it."), 1)
        assert data_set.done() == []
        assert not data_set.is_done(row)


@pytest.mark.parametrize("interrupted", ["000001.npz", "000001.preview.npz", "000001.json"])
def test_no_moment_of_a_kill_leaves_a_row_both_done_and_failed(
    recipe: LoadedRecipe, folder: Path, monkeypatch: pytest.MonkeyPatch, interrupted: str
) -> None:
    def killed(self: Path, target: Path) -> Path:
        result = replace(self, target)
        if target.name == interrupted:
            raise KeyboardInterrupt
        return result

    replace = Path.replace
    with writing(folder, recipe, 3) as data_set:
        row = data_set.rows[1]
        give_up(data_set, row, Failure("It broke.", "Mend it."), 1)
        monkeypatch.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            commit(data_set, row, MADE)
        assert (data_set.is_done(row), data_set.has_failed(row)) != (True, True)


def test_the_log_grows_by_lines(recipe: LoadedRecipe, folder: Path) -> None:
    data_set = open_set(folder)
    write_log(data_set, event="one")
    write_log(data_set, event="two", id="000001")
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert [line["event"] for line in lines] == ["one", "two"]
    assert all("time" in line for line in lines)


def test_one_writer_at_a_time(recipe: LoadedRecipe, folder: Path) -> None:
    with writing(folder, recipe, 3) as data_set:
        with (
            pytest.raises(UserError, match=r"Another process is making the data set"),
            writing(folder, recipe, 3),
        ):
            pytest.fail("two write")
        # the second one has disturbed nothing
        assert (folder / "work").is_dir()
        commit(data_set, data_set.rows[1], MADE)
    with writing(folder, recipe, 3) as data_set:
        assert len(data_set.done()) == 2


def test_other_contents_are_left_alone(recipe: LoadedRecipe, tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("All of it.")
    assert "holds something else" in refused(recipe, tmp_path / "thesis")
    assert "is a file" in refused(recipe, tmp_path / "thesis" / "chapter.txt")
    assert "cannot be written" in refused(recipe, Path("/proc/nowhere/set"))
    # whose subfolders happen to have the names of those of a set
    (tmp_path / "film" / "work").mkdir(parents=True)
    (tmp_path / "film" / "work" / "cut.txt").write_text("Months of it.")
    assert "holds something else" in refused(recipe, tmp_path / "film")


def test_a_folder_in_which_nothing_can_be_made_is_told(recipe: LoadedRecipe, tmp_path: Path) -> None:
    (tmp_path / "film").mkdir()
    (tmp_path / "film" / "clips").write_text("1 to 9")
    assert "cannot be written: File exists" in refused(recipe, tmp_path / "film")


def test_another_recipe_is_refused(tmp_path: Path, folder: Path) -> None:
    other = small_recipe(tmp_path, annotations=("depth",))
    assert "begun with another recipe" in refused(other, folder)


def test_a_recipe_may_be_written_otherwise(tmp_path: Path, recipe: LoadedRecipe, folder: Path) -> None:
    again = tmp_path / "again.yaml"
    again.write_text("# the same, with a remark\n" + recipe.text)
    with writing(folder, load_recipe(again), 3) as data_set:
        assert len(data_set.done()) == 1


def test_a_set_has_one_size(recipe: LoadedRecipe, folder: Path, tmp_path: Path) -> None:
    larger = load_recipe(recipe.path, size=(96, 64))
    assert "or another size of it" in refused(larger, folder)
    with writing(tmp_path / "larger", larger, 3) as data_set:
        commit(data_set, data_set.rows[0], MADE)
    assert "or another size of it" in refused(recipe, tmp_path / "larger")
    with writing(tmp_path / "larger", larger, 4) as data_set:
        assert ([row.size for row in data_set.rows], len(data_set.done())) == ([(96, 64)] * 4, 1)
    # the set's own copy of its recipe makes more of it
    with writing(tmp_path / "larger", load_recipe(tmp_path / "larger/recipe.yaml"), 5) as data_set:
        assert len(data_set.done()) == 1


def test_fewer_clips_are_refused(recipe: LoadedRecipe, folder: Path) -> None:
    assert "is to hold 3 clips, and -n asks for 2" in refused(recipe, folder, 2)


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        ({"simcraft": "1.1", "code": "abc"}, "begun with simcraft 1.0, and here it is 1.1"),
        ({"simcraft": "1.0", "code": "def"}, "begun with simcraft's source code abc, and here it is def"),
        ({"simcraft": "1.0", "code": "abc", "bpy": "5.2"}, "begun with bpy none, and here it is 5.2"),
    ],
)
def test_other_versions_are_refused(
    recipe: LoadedRecipe, folder: Path, monkeypatch: pytest.MonkeyPatch, now: dict[str, str], reason: str
) -> None:
    monkeypatch.setattr(simcraft.data.folder, "versions", lambda: now)
    assert reason in refused(recipe, folder)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def change_seed(folder: Path) -> None:
    seed = open_set(folder).rows[1].seed
    edit(folder / "manifest.jsonl", f'"seed": {seed}', '"seed": 7')


def change_seed_and_hash(folder: Path) -> None:
    rows = list(open_set(folder).rows)
    rows[1] = dataclasses.replace(rows[1], seed=7)
    (folder / "manifest.jsonl").write_text(write_manifest(rows))


def drop_line(folder: Path) -> None:
    lines = (folder / "manifest.jsonl").read_text().splitlines(keepends=True)
    (folder / "manifest.jsonl").write_text("".join(lines[:-1]))


def repeat_line(folder: Path) -> None:
    lines = (folder / "manifest.jsonl").read_text().splitlines(keepends=True)
    (folder / "manifest.jsonl").write_text("".join([*lines, lines[0]]))


def cut_manifest(folder: Path) -> None:
    (folder / "manifest.jsonl").write_text((folder / "manifest.jsonl").read_text()[:-40])


def cut_header(folder: Path) -> None:
    (folder / "dataset.json").write_text((folder / "dataset.json").read_text()[:60])


def drop_key(folder: Path) -> None:
    edit(folder / "dataset.json", '"count"', '"number"')


def raise_format(folder: Path) -> None:
    edit(folder / "dataset.json", '"format": 1', '"format": 2')


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (change_seed, "manifest.jsonl, line 2: the row 000001 was changed"),
        (change_seed_and_hash, "the row 000001 is not what the recipe asks for"),
        (drop_line, "manifest.jsonl has 2 rows; there were 3"),
        (repeat_line, "manifest.jsonl, line 4: the id 000000 is there twice"),
        (cut_manifest, "manifest.jsonl, line 3 is damaged"),
        (lambda folder: (folder / "manifest.jsonl").unlink(), "manifest.jsonl cannot be read"),
        (cut_header, "dataset.json is damaged"),
        (drop_key, "dataset.json is damaged: it has no 'count'"),
        (raise_format, "has format 2; this SimCraft writes 1"),
    ],
)
def test_what_was_edited_or_damaged_is_refused(
    recipe: LoadedRecipe, folder: Path, change: Callable[[Path], None], reason: str
) -> None:
    change(folder)
    assert reason in refused(recipe, folder)


@pytest.mark.parametrize("change", [change_seed, drop_line, cut_manifest, cut_header, drop_key, raise_format])
def test_what_was_edited_or_damaged_is_not_read(folder: Path, change: Callable[[Path], None]) -> None:
    change(folder)
    with pytest.raises(UserError, match=str(folder)):
        open_set(folder)


def test_a_folder_without_a_set_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is no data set"):
        open_set(tmp_path)


def test_a_damaged_marker_is_named(folder: Path) -> None:
    data_set = open_set(folder)
    data_set.marker_path(data_set.rows[0]).write_text('{"id": "000000"')
    with pytest.raises(UserError, match=r"done/000000.json is damaged"):
        data_set.marker(data_set.rows[0])


def test_what_a_killed_run_leaves_is_removed(recipe: LoadedRecipe, folder: Path) -> None:
    whole = contents(folder)
    (folder / "work" / "worker").mkdir(parents=True)
    (folder / "clips" / ".1234abcd.partial.npz").write_bytes(b"half")
    (folder / "done" / ".1234abcd.partial.json").write_bytes(b"{")
    (folder / ".1234abcd.partial.jsonl").write_bytes(b"{")
    with writing(folder, recipe, 3):
        assert not any((folder / "work").iterdir())
    assert contents(folder) == whole


@pytest.mark.parametrize("written", [(), ("recipe.yaml",), ("recipe.yaml", "manifest.jsonl")])
def test_a_run_killed_before_it_had_begun(
    recipe: LoadedRecipe, tmp_path: Path, folder: Path, written: tuple[str, ...]
) -> None:
    started = tmp_path / "started"
    (started / "clips").mkdir(parents=True)
    (started / ".set.lock").touch()
    for name in written:
        (started / name).write_text((folder / name).read_text()[:100])
    with writing(started, recipe, 3) as data_set:
        commit(data_set, data_set.rows[0], MADE)
    assert contents(started) == contents(folder)


def test_a_run_killed_as_it_made_the_set_larger(recipe: LoadedRecipe, folder: Path) -> None:
    (folder / "manifest.jsonl").write_text(write_manifest(expand(recipe, 9)))
    with writing(folder, recipe, 5) as data_set:
        assert len(data_set.rows) == 5
        assert len(data_set.done()) == 1
    assert len(open_set(folder).rows) == 5


def test_nothing_half_written_has_a_name(recipe: LoadedRecipe, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def half(path: Path, data: bytes) -> int:
        with path.open("wb") as file:
            file.write(data[: len(data) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = contents(folder)
    with writing(folder, recipe, 3) as data_set:
        monkeypatch.setattr(Path, "write_bytes", half)
        with pytest.raises(DiskFull, match=r"disk is full: .*000001.npz could not be written"):
            commit(data_set, data_set.rows[1], MADE)
    assert contents(folder) == before


def test_versions_name_what_clips_depend_on(monkeypatch: pytest.MonkeyPatch) -> None:
    from simcraft.version import __version__

    found = versions()
    assert found["simcraft"] == __version__
    assert {"python", "numpy", "taichi", "scipy", "code"} <= set(found)
    assert len(found["code"]) == 12
    assert int(found["code"], 16) >= 0


def test_the_version_of_an_executable_counts_and_not_its_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = []
    for place, number in (("a", "3.4.1"), ("b", "3.4.1"), ("b", "4.2.0")):
        script = tmp_path / place
        script.write_text(f"#!/bin/sh\necho Blender {number}\n")
        script.chmod(0o755)
        monkeypatch.setenv("SIMCRAFT_BLENDER", str(script))
        found.append(versions.__wrapped__())
    assert found[0] == found[1]
    assert found[2] == {**found[0], "blender": "Blender 4.2.0"}
    assert "bpy" not in found[0]


def test_the_version_covers_all_code_that_decides_over_a_clip() -> None:
    """Whatever the maker of clips imports, at its top or within its functions, but for what cannot change a byte."""
    package = Path(simcraft.data.folder.__file__).parents[1]
    covered = [package / place for place in simcraft.data.folder._CODE]
    harmless = {
        *("__init__.py", "_verbs.py", "assets.py", "cores.py", "errors.py", "progress.py", "version.py"),
        # the row and the recipe are compared themselves
        *(
            "parameters.py",
            "data/__init__.py",
            "data/folder.py",
            "data/manifest.py",
            "data/choices.py",
            "data/recipe.py",
        ),
    }
    waiting, seen = [package / "data" / "clips.py"], set()
    while waiting:
        path = waiting.pop()
        if path in seen or path.relative_to(package).as_posix() in harmless:
            continue
        seen.add(path)
        assert any(path.is_relative_to(place) for place in covered), path
        waiting += imported(path, package)
    assert {package / "flowing.py", package / "taichi_runtime.py", package / "observe" / "raster.py"} <= seen


def imported(path: Path, package: Path) -> list[Path]:
    """The modules of this package that the one at `path` imports."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = path.parents[node.level - 1].relative_to(package.parent).parts if node.level else ()
            module = ".".join([*above, *filter(None, [node.module])])
            names |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    places = [package.parent.joinpath(*name.split(".")) for name in names if name.startswith("simcraft.")]
    files = [place / "__init__.py" if place.is_dir() else place.with_suffix(".py") for place in places]
    return [file for file in files if file.is_file()]


def test_another_line_of_code_is_another_version(tmp_path: Path) -> None:
    (tmp_path / "sim").mkdir()
    (tmp_path / "sim" / "solver.py").write_text("dt = 0.1\n")
    before = simcraft.data.folder._digest([tmp_path / "sim"])
    (tmp_path / "sim" / "notes.txt").write_text("dt should be smaller\n")
    assert simcraft.data.folder._digest([tmp_path / "sim"]) == before
    (tmp_path / "sim" / "solver.py").write_text("dt = 0.2\n")
    assert simcraft.data.folder._digest([tmp_path / "sim"]) != before
