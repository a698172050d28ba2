"""Commits: there always is a whole old or a whole new folder, and one writer at a time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from simcraft.recording import load_recording, save_recording
from simcraft.recording.format import BeingWritten, only_writer, replace_folder
from tests.scenes import sliding_square

from .test_format import same


def folder(path: Path, text: str) -> Path:
    path.mkdir()
    (path / "text").write_text(text)
    return path


@pytest.fixture
def second_rename_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """The old folder can be moved aside, but the new one does not get its name."""
    rename, calls = Path.rename, []

    def fail_once(self: Path, target: Path) -> Path:
        calls.append(self)
        if len(calls) == 2:
            raise OSError("no")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail_once)


def test_the_new_folder_takes_the_name_of_the_old(tmp_path: Path) -> None:
    replace_folder(folder(tmp_path / "first", "1"), tmp_path / "name")
    replace_folder(folder(tmp_path / "second", "2"), tmp_path / "name")
    assert [p.name for p in tmp_path.iterdir()] == ["name"]
    assert (tmp_path / "name/text").read_text() == "2"


@pytest.mark.usefixtures("second_rename_fails")
def test_where_replacing_fails_both_folders_are_as_they_were(tmp_path: Path) -> None:
    new, old = folder(tmp_path / "new", "new"), folder(tmp_path / "old", "old")
    with pytest.raises(OSError, match="no"):
        replace_folder(new, old)
    assert {p.name: (p / "text").read_text() for p in tmp_path.iterdir()} == {"new": "new", "old": "old"}


def test_a_save_that_cannot_be_completed_leaves_the_old_recording(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    path = save_recording(sliding_square(), tmp_path / "a")
    request.getfixturevalue("second_rename_fails")
    with pytest.raises(OSError, match="no"):
        save_recording(sliding_square(speed=0.2), path)
    assert same(load_recording(path), sliding_square())
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with only_writer(path):
        with pytest.raises(BeingWritten, match=f"Another process is writing {path}"), only_writer(path):
            pass
        with pytest.raises(BeingWritten):
            save_recording(sliding_square(), path)
        with only_writer(tmp_path / "b"):
            pass
    save_recording(sliding_square(), path)
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


@pytest.mark.skipif(os.name == "nt", reason="kills with a POSIX signal")
def test_a_dead_writer_holds_nobody_up(tmp_path: Path) -> None:
    path = tmp_path / "a"
    script = (
        "import sys, pathlib; from simcraft.recording.format import only_writer\n"
        "with only_writer(pathlib.Path(sys.argv[1])): print('in', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None and child.stdout.readline() == "in\n"
        with pytest.raises(BeingWritten), only_writer(path):
            pass
        child.kill()
    with only_writer(path):
        pass
    assert list(tmp_path.iterdir()) == []
