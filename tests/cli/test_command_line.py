"""The command line as a process: help, exit codes, one-line errors."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Run

COMMANDS = ("simulate", "observe", "generate", "generators", "evaluate", "demo", "doctor", "worker")


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_teaches_and_loads_nothing_heavy(command: str) -> None:
    program = (
        "import sys; from simcraft.cli import app\n"
        f"sys.argv = ['simcraft', *{[command] if command else []}, '--help']\n"
        "try: app()\n"
        "except SystemExit as leaving: assert leaving.code == 0\n"
        "print(sorted({'torch', 'taichi', 'cv2', 'numpy', 'bpy', 'zarr'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]")
    assert "Usage" in done.stdout


def test_import_loads_nothing_heavy() -> None:
    program = "import sys, simcraft; print(sorted({'torch', 'taichi', 'cv2', 'numpy', 'bpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_demo_list_prints_scene_names(simcraft: Run) -> None:
    done = simcraft("demo", "--list")
    assert done.returncode == 0
    assert done.stdout.split()[0] == "dominoes"
    assert {"dominoes", "tower", "link", "roll", "contain", "collide", "support", "drop"} <= set(done.stdout.split())


def test_version(simcraft: Run) -> None:
    assert simcraft("--version").stdout.startswith("simcraft 0.")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("simulate", "missing.blend"), "missing.blend"),
        (("simulate", "dominoes", "--frames", "9:1"), "1:9"),
        (("simulate", "dominoes", "--size", "0x0"), "16"),
        (("simulate", "dominoes", "--size", "20000x20000"), "16384"),
        (("observe", "nowhere"), "nowhere"),
        (("generate", "nowhere.zarr"), "nowhere.zarr"),
        (("generate", "nowhere.zarr", "stray"), "stray"),
        (("evaluate", "a.mp4", "b.zarr"), "a.mp4"),
        (("demo", "no-such-scene"), "dominoes"),
    ],
)
def test_a_mistake_is_one_clear_error(simcraft: Run, arguments: tuple[str, ...], words: str) -> None:
    done = simcraft(*arguments)
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert "error:" in done.stderr


def test_errors_as_json(simcraft: Run) -> None:
    done = simcraft("observe", "nowhere", "--json")
    assert "nowhere" in json.loads(done.stdout)["error"]


def test_unknown_option_of_a_generator_names_the_known_ones(simcraft: Run, moving_clip: Path) -> None:
    done = simcraft("generate", moving_clip, "--no-such-option", "3")
    assert done.returncode == 2
    assert "no_such_option" in done.stderr or "no-such-option" in done.stderr
    assert "interpolation" in done.stderr


def test_generate_and_evaluate(simcraft: Run, moving_clip: Path, tmp_path: Path) -> None:
    done = simcraft("generate", moving_clip, "--out", "made.mp4", "--sheet", "sheet.png", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["video"].endswith("made.mp4")
    assert (tmp_path / "sheet.png").stat().st_size > 1000
    assert simcraft("generate", moving_clip, "--out", "made.mp4").returncode == 2  # exists, no --force
    done = simcraft("evaluate", "made.mp4", moving_clip)
    assert done.returncode == 0, done.stderr
    assert "median error" in done.stdout
    assert (tmp_path / "made.report.json").is_file()


def test_read_only_output_is_said_before_any_work(simcraft: Run, moving_clip: Path) -> None:
    done = simcraft("generate", moving_clip, "--out", "/proc/made.mp4")
    assert done.returncode == 2, done.stderr
    assert "/proc" in done.stderr


def test_full_disk_is_a_failure_in_one_line(simcraft: Run, moving_clip: Path, tmp_path: Path) -> None:
    (tmp_path / "full").symlink_to("/dev/full")
    done = simcraft("evaluate", "--out", "full.json", moving_clip, moving_clip)
    assert done.returncode == 2  # a clip is not a video
    assert "Traceback" not in done.stderr


@pytest.mark.bpy
def test_control_c_exits_130_and_leaves_nothing_half_done(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "simcraft", "simulate", "dominoes", "--out", "dominoes.recording"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, env=dict(os.environ))
    assert process.stderr is not None
    process.stderr.readline()  # the first progress line: Blender is at work
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert not (tmp_path / "dominoes.recording").exists()
