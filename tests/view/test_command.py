"""`simcraft view` on the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from simcraft.cli import app
from simcraft.view.rerun_sinks import rerun_problem
from simcraft.view.showing import has_screen


@pytest.fixture(autouse=True)
def without_a_screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands run in an empty folder, on a machine without a screen."""
    monkeypatch.chdir(tmp_path)
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)


def simcraft(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """`simcraft view ARGUMENTS` in a process of its own."""
    command = [sys.executable, "-m", "simcraft", "view", *map(str, arguments)]
    return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)


def simcraft_here(*arguments: object) -> Result:
    """The same in this process, which is quicker."""
    return CliRunner().invoke(app, ["view", *map(str, arguments)], obj=[])


def test_without_a_screen_files_are_written_and_named(clip_path: Path, tmp_path: Path) -> None:
    done = simcraft(clip_path, "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    files = {"page": "sliding.html", "sheet": "sliding.png"} | ({} if rerun_problem() else {"rrd": "sliding.rrd"})
    assert {name: path for name, path in result.items() if name != "warnings"} == files
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(files.values())
    assert not rerun_problem() or 'pip install -e ".[view]"' in done.stderr
    again = simcraft_here(clip_path)
    assert again.exit_code == 2
    assert "exists" in again.stderr and "--force" in again.stderr
    assert simcraft_here(clip_path, "--force", "-q").exit_code == 0


def test_without_rerun_the_page_is_still_made(clip_path: Path, tmp_path: Path) -> None:
    """A module named rerun that cannot be imported stands before the real one."""
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "rerun.py").write_text("raise ModuleNotFoundError(\"No module named 'rerun'\", name='rerun')\n")
    done = simcraft(clip_path, PYTHONPATH=str(hidden))
    assert done.returncode == 0
    assert "'rerun' is not installed" in done.stderr
    assert 'pip install -e ".[view]"' in done.stderr
    assert (tmp_path / "sliding.html").is_file()
    asked = simcraft(clip_path, "--save", "clip.rrd", PYTHONPATH=str(hidden))
    assert asked.returncode == 2
    assert 'pip install -e ".[view]"' in asked.stderr
    assert not (tmp_path / "clip.rrd").exists()


def test_only_what_is_asked_for(clip_path: Path, tmp_path: Path) -> None:
    done = simcraft_here(clip_path, "--html", "--out", "seen/clip", "--size", "32x32")
    assert done.exit_code == 0, done.stderr
    assert [path.name for path in (tmp_path / "seen").iterdir()] == ["clip.html"]
    assert "32 x 24 pixels" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nothing.zarr"], "nothing.zarr does not exist"),
        (["notes.txt"], "no clip, recording or video"),
        (["notes.txt", "--size", "huge"], "not WIDTHxHEIGHT"),
    ],
)
def test_mistakes_are_one_error_and_exit_code_2(arguments: list[str], says: str, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("")
    done = simcraft_here(*arguments, "--html")
    assert done.exit_code == 2
    assert done.stderr.count("error:") == 1 and says in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_screen_is_known_by_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    assert not has_screen()
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert has_screen()
    monkeypatch.delenv("WAYLAND_DISPLAY")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert has_screen()
