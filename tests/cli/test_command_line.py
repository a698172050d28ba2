"""The command line as a process: help, exit codes, one-line errors."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from simcraft.cli import split_arguments
from tests.cli.conftest import Run

COMMANDS = ("observe", "generate", "generators", "compare", "evaluate", "demo", "counterfactual", "doctor", "worker")
TEACHING = ("simulate", "image-plane")
"""Their help also lists what --set can change, for which it has to read tables."""


@pytest.mark.parametrize("command", ["", *COMMANDS, *TEACHING])
def test_help_teaches_and_loads_nothing_heavy(command: str) -> None:
    heavy = {"torch", "taichi", "cv2", "bpy", "zarr"} | ({"numpy"} if command not in TEACHING else set())
    program = (
        "import sys; from simcraft.cli import app\n"
        f"sys.argv = ['simcraft', *{[command] if command else []}, '--help']\n"
        "try: app()\n"
        "except SystemExit as leaving: assert leaving.code == 0\n"
        f"print(sorted({heavy} & set(sys.modules)))"
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
        (("simulate", "dominoes", "--set", "gap"), "NAME=VALUE"),
        (("simulate", "dominoes", "--set", "typo=3"), "count, gap, push"),
        (("demo", "melting", "--set", "buoyant=3"), "size, turn, arm"),
        (("image-plane", "photo.png"), "MASK"),
        (("simulate", "dominoes", "--set", "gap=9"), "0.02 to 0.8 m"),
        (("simulate", "dominoes", "--set", "gap=1", "--set", "gap=2"), "twice"),
        (("demo", "dominoes", "--set", "count=many"), "3 to 40"),
        (("demo", "nothing"), "dominoes"),
        (("counterfactual", "dominoes", "--set", "push=-1"), "0.3 to 8 m/s"),
        (("image-plane", "a.png", "b.png"), "a.png"),
        (("simulate", "dominoes", "--size", "20000x20000"), "16384"),
        (("observe", "nowhere"), "nowhere"),
        (("generate", "nowhere.zarr"), "nowhere.zarr"),
        (("generate", "nowhere.zarr", "--stray"), "--stray"),
        (("evaluate", "a.mp4", "b.zarr"), "a.mp4"),
        (("demo", "no-such-scene"), "dominoes"),
        (("demo", "roll", "-g", "motioncraft", "--model", "nowhere"), "no checkpoint at nowhere"),
        (("generate", "nowhere.zarr", "-g", "motioncraft", "--model", "org/name"), "--hub yes"),
        (("generate", "nowhere.zarr", "-g", "motioncraft", "--strength", "2"), "expected 1 or less"),
        (("compare", "nowhere.zarr", "-g", "warp", "--vary", "interpolation=nearest,bicubic"), "nowhere.zarr"),
        (("compare", "nowhere.zarr", "-g", "warp", "--vary", "interpolation=nearest,cubic"), "bicubic, bilinear"),
        (("compare", "nowhere.zarr", "-g", "warp", "--vary", "interpolation"), "OPTION=VALUE"),
    ],
)
def test_a_mistake_is_one_clear_error(simcraft: Run, arguments: tuple[str, ...], words: str) -> None:
    done = simcraft(*arguments)
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert "error:" in done.stderr


@pytest.mark.parametrize(
    ("words", "own", "passed"),
    [
        ("clip --out a --steps 3", "clip --out a", "--steps 3"),
        ("--steps 3 clip --force", "clip --force", "--steps 3"),
        ("--steps=3 clip -g warp -q", "clip -g warp -q", "--steps=3"),
        ("--shift -3 clip", "clip", "--shift -3"),
        ("clip --steps", "clip", "--steps"),
        ("--out=a clip", "--out=a clip", ""),
    ],
)
def test_arguments_are_split(words: str, own: str, passed: str) -> None:
    known = {"--out": True, "--force": False, "-g": True, "-q": False}
    assert split_arguments(words.split(), known) == (own.split(), passed.split())


def test_errors_as_json(simcraft: Run) -> None:
    done = simcraft("observe", "nowhere", "--json")
    assert "nowhere" in json.loads(done.stdout)["error"]


def test_unknown_option_of_a_generator_names_the_known_ones(simcraft: Run, moving_clip: Path) -> None:
    done = simcraft("generate", moving_clip, "--no-such-option", "3")
    assert done.returncode == 2
    assert "no_such_option" in done.stderr or "no-such-option" in done.stderr
    assert "interpolation" in done.stderr


def test_generators_are_listed_with_what_they_do_by_themselves(simcraft: Run) -> None:
    listed = simcraft("generators").stdout
    assert {"motioncraft", "warp"} <= set(listed.split())
    strength = listed[listed.index("--strength number") :]
    assert "Default: the model's, or 0.4." in strength.splitlines()[1]


def test_compare_makes_a_table_and_reads_options_of_the_generator(
    simcraft: Run, moving_clip: Path, tmp_path: Path
) -> None:
    words = ("compare", moving_clip, "-g", "warp", "--vary", "interpolation=nearest,bicubic", "--inpaint-radius", "2")
    done = simcraft(*words)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[3].split()[:2] == ["interpolation", "error"]
    assert {"nearest", "bicubic"} <= {line.split()[0] for line in done.stdout.splitlines()[4:]}
    content = json.loads((tmp_path / "moving_interpolation" / "comparison.json").read_text())
    assert content["options"] == {"inpaint_radius": 2}


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


@pytest.mark.parametrize("place", ["first", "last"])
def test_options_of_the_generator_may_stand_anywhere(simcraft: Run, moving_clip: Path, place: str) -> None:
    options = ("--interpolation", "nearest", "--inpaint-radius=2")
    words = (*options, moving_clip) if place == "first" else (moving_clip, *options)
    done = simcraft("generate", *words, "--out", "made.gif")
    assert done.returncode == 0, done.stderr


def test_formats_are_checked_before_any_work(simcraft: Run, moving_clip: Path, tmp_path: Path) -> None:
    for arguments in (("--out", "made.avi"), ("--sheet", "sheet.doc")):
        done = simcraft("generate", moving_clip, *arguments)
        assert done.returncode == 2
        assert "load clip" not in done.stderr
    assert simcraft("evaluate", "made.mp4", moving_clip, "--out", "report.txt").returncode == 2
    assert simcraft("observe", "nowhere", "--out", "clip.foo").returncode == 2
    assert not list(tmp_path.iterdir())


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 200 kB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200k", "none", folder], capture_output=True, check=False
    )
    if mount.returncode:
        pytest.skip("this user may not mount a small disk")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_full_disk_is_a_failure_in_one_line(simcraft: Run, moving_clip: Path, full_disk: Path) -> None:
    with pytest.raises(OSError), (full_disk / "filler").open("wb", buffering=0) as filler:
        while filler.write(bytes(4096)):
            pass
    done = simcraft("generate", moving_clip, "--out", full_disk / "made.mp4")
    assert done.returncode == 1, done.stderr
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in full_disk.iterdir()] == ["filler"]


@pytest.mark.bpy
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_simulation_leaves_nothing_behind(tmp_path: Path, stop: signal.Signals) -> None:
    command = [sys.executable, "-m", "simcraft", "simulate", "dominoes", "--out", "dominoes.recording"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    while not process.stderr.readline().startswith("simulate"):
        assert process.poll() is None
    children = psutil.Process(process.pid).children(recursive=True)
    assert children
    process.send_signal(stop)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert not list(tmp_path.iterdir())
    assert not psutil.wait_procs(children, timeout=5)[1]
