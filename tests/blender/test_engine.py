"""The add-on's client of the worker: every way in which an engine can be wrong ends in one clear sentence."""

import os
import stat
import sys
from pathlib import Path

import pytest

from blender_addon.engine import Engine, EngineError, find_engine_python
from blender_addon.jobs.environment import clean_environment


def program(path: Path, text: str) -> Path:
    """An executable stand-in for the engine's Python: it gets `-m simcraft.worker` and runs `text` instead."""
    path.write_text(f"#!{sys.executable}\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


READY = 'import json, sys, os\nprint(json.dumps({"event": "ready", "version": 2}), flush=True)\n'


def test_the_real_worker_answers(tmp_path: Path) -> None:
    with Engine(Path(sys.executable), tmp_path) as engine, pytest.raises(EngineError, match="nowhere") as caught:
        engine.run(request="render", recording="nowhere", out="v.mp4")
    assert caught.value.exit_code == 2
    assert caught.value.fix
    assert engine.peer.process.returncode is not None


def test_a_script_is_told_of_flags(tmp_path: Path) -> None:
    with Engine(Path(sys.executable), tmp_path) as engine, pytest.raises(EngineError, match="/proc") as caught:
        engine.run(request="check", recording="nowhere", out="/proc/v.mp4")
    assert caught.value.fix == "Write elsewhere with --out."


def test_a_given_engine_must_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EngineError, match="nothing-here") as caught:
        find_engine_python(str(tmp_path / "nothing-here"))
    assert caught.value.exit_code == 2
    monkeypatch.setenv("SIMCRAFT_PYTHON", str(tmp_path / "also-not"))
    with pytest.raises(EngineError, match="SIMCRAFT_PYTHON"):
        find_engine_python()
    monkeypatch.setenv("SIMCRAFT_PYTHON", sys.executable)
    assert find_engine_python() == Path(sys.executable)


def test_a_python_without_simcraft(tmp_path: Path) -> None:
    bare = program(tmp_path / "python", "import sys; sys.exit('No module named simcraft')")
    with pytest.raises(EngineError, match=r"exit code 1.*No module named simcraft") as caught:
        Engine(bare, tmp_path)
    assert "simcraft" in caught.value.fix
    assert caught.value.exit_code == 2


def test_an_engine_of_another_version(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="version 9"):
        Engine(program(tmp_path / "python", READY.replace('"version": 2', '"version": 9')), tmp_path)


def test_an_engine_that_is_killed_in_the_middle(tmp_path: Path) -> None:
    text = READY + "sys.stdin.readline(); os.kill(os.getpid(), 9)"
    python = program(tmp_path / "python", text)
    with Engine(python, tmp_path) as engine, pytest.raises(EngineError, match="killed by the system"):
        engine.run(request="render")


def test_an_engine_that_prints_rubbish(tmp_path: Path) -> None:
    text = READY + "sys.stdin.readline(); print('hello', flush=True); sys.stdin.readline()"
    python = program(tmp_path / "python", text)
    with Engine(python, tmp_path) as engine, pytest.raises(EngineError, match="hello"):
        engine.run(request="render")


def test_progress_is_shown_once_each(tmp_path: Path) -> None:
    python = program(
        tmp_path / "python",
        READY
        + "identity = json.loads(sys.stdin.readline())['id']\n"
        + "def say(**event): print(json.dumps({'id': identity, **event}), flush=True)\n"
        + "say(event='progress', stage='paint', step=1, steps=2, eta_seconds=None, detail='x')\n"
        + "say(event='preview', frame=1, frames=2, path='p.png')\n"
        + "say(event='result', video='v.mp4')\n"
        + "sys.stdin.readline()",
    )
    shown = []
    with Engine(python, tmp_path) as engine:
        assert engine.run(lambda *progress: shown.append(progress), request="render") == {"video": "v.mp4"}
    assert shown == [("paint", 1, 2, "x")]


def test_the_environment_is_cleaned(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PYTHONHOME", "PYTHONPATH", "LD_LIBRARY_PATH", "DYLD_INSERT_LIBRARIES", "OCIO"):
        monkeypatch.setenv(name, "x")
    assert not {"PYTHONHOME", "PYTHONPATH", "LD_LIBRARY_PATH", "DYLD_INSERT_LIBRARIES", "OCIO"} & set(
        clean_environment()
    )
    assert clean_environment()["PATH"] == os.environ["PATH"]
