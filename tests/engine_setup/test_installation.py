"""Real installations without a network, of an engine of a few bytes: whole, interrupted, damaged, impossible."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from blender_addon.engine_setup import layout, repair, space
from blender_addon.engine_setup.errors import SetupError
from blender_addon.engine_setup.installation import STAGES, install
from blender_addon.engine_setup.locking import locked
from blender_addon.engine_setup.request import Installation, parse
from tests.engine_setup.stand_ins import ENGINE_VERSION, Recorder, Stopped, Wheels, write_wheel, write_wheels

Made = tuple[Installation, dict[str, Any], Recorder]
ROOT = Path(__file__).resolve().parents[2]


def imported(request: Installation, expression: str) -> str:
    """What an expression is in the installed environment."""
    python = layout.environment_python(request.folder)
    done = subprocess.run(
        [str(python), "-P", "-c", f"print(({expression}))"], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_an_installation_without_a_network_is_whole(installed: Made) -> None:
    request, said, recorder = installed
    assert [stage.split(": ")[1] for stage in recorder.stages] == list(STAGES)
    assert (said["simcraft"], said["device"], said["best"]) == (ENGINE_VERSION, "a stand-in", "no models")
    assert layout.read_installed(request.folder) == layout.Installed(ENGINE_VERSION, "3.11.7", "")
    assert imported(request, "__import__('tiny_one').value") == "1"  # the pinned version, not the newest
    assert not layout.cache_folder(request.folder).exists()


@pytest.mark.slow
def test_a_stopped_installation_goes_on(wheels: Wheels, without_uv: None, tmp_path: Path) -> None:
    request = Installation(tmp_path / "engine", wheels.engine, wheels.pins, wheel_folder=wheels.folder)
    with pytest.raises(Stopped):
        install(request, Recorder(stop_at=STAGES[2]))
    assert layout.read_installed(request.folder) is None
    made = (layout.environment_folder(request.folder) / "pyvenv.cfg").stat().st_mtime_ns
    install(request, Recorder())
    assert layout.read_installed(request.folder) is not None
    assert (layout.environment_folder(request.folder) / "pyvenv.cfg").stat().st_mtime_ns == made


@pytest.mark.parametrize("stage", [3, pytest.param(5, marks=pytest.mark.slow)])
def test_while_it_is_changed_it_does_not_count_as_installed(copied: Callable[..., Installation], stage: int) -> None:
    request = copied()
    with pytest.raises(Stopped):
        install(request, Recorder(stop_at=STAGES[stage]))
    assert layout.read_installed(request.folder) is None
    install(request, Recorder())
    assert layout.read_installed(request.folder) is not None


def test_half_written_packages_are_written_again(copied: Callable[..., Installation]) -> None:
    request = copied()
    packages = layout.site_packages(request.folder)
    assert packages is not None
    (packages / "tiny_one-1.1.dist-info/RECORD").unlink()
    (packages / "tiny_two.py").write_text("")
    (packages / "~iny_two").mkdir()
    (packages / "tiny_one.py").unlink()
    install(request, Recorder())
    assert imported(request, "__import__('tiny_one').value, __import__('tiny_two').value") == "(1, 3)"
    assert not (packages / "~iny_two").exists()
    assert all(repair.is_whole(folder) for folder in packages.glob("tiny*.dist-info"))


@pytest.mark.slow
def test_a_half_made_environment_is_made_anew(copied: Callable[..., Installation]) -> None:
    request = copied()
    layout.environment_python(request.folder).unlink()
    assert layout.read_installed(request.folder) is None
    install(request, Recorder())
    assert layout.read_installed(request.folder) is not None


def test_another_version_replaces_the_one_before(copied: Callable[..., Installation], tmp_path: Path) -> None:
    newer = write_wheel(
        tmp_path, "simcraft_video", "0.2.0",
        {"simcraft/__init__.py": "", "simcraft/worker.py": 'print(\'{"event": "ready", "version": 2}\')'},
        needs=["tiny-two"],
    )  # fmt: skip
    request = copied(wheel=newer)
    with pytest.raises(SetupError, match="does not start"):  # it leaves before it has said what it is
        install(request, Recorder())
    assert layout.read_installed(request.folder) is None
    assert imported(request, "__import__('importlib.metadata').metadata.version('simcraft-video')") == "0.2.0"


def test_an_engine_that_says_another_version_is_refused(
    copied: Callable[..., Installation], tmp_path: Path, wheels: Wheels
) -> None:
    worker = (layout.site_packages(copied().folder) or tmp_path) / "simcraft/worker.py"
    files = {"simcraft/__init__.py": "", "simcraft/worker.py": worker.read_text()}
    wrong = write_wheel(tmp_path, "simcraft_video", "0.3.0", files, needs=["tiny-two"])
    request = Installation(tmp_path / "engine", wrong, wheels.pins, wheel_folder=wheels.folder)
    with pytest.raises(SetupError, match=r"says that it is version 0\.1\.0, and 0\.3\.0 was installed"):
        install(request, Recorder())


def test_a_wheel_that_is_missing_is_named(copied: Callable[..., Installation], tmp_path: Path) -> None:
    needy = write_wheel(tmp_path, "simcraft_video", ENGINE_VERSION, {"simcraft.py": ""}, needs=["not-there>=2"])
    with pytest.raises(SetupError, match="The wheel folder has no not-there") as refused:
        install(copied(wheel=needy), Recorder())
    assert "pip download" in refused.value.fix


def test_a_python_that_the_engine_does_not_run_on_is_refused(wheels: Wheels, tmp_path: Path) -> None:
    newer = write_wheel(tmp_path, "simcraft_video", "9.0", {"simcraft.py": ""}, python=">=3.98,<3.99")
    request = Installation(tmp_path / "engine", newer, wheels.pins)
    with pytest.raises(SetupError, match=r"No Python 3\.98 was found"):
        install(request, Recorder())
    with pytest.raises(SetupError, match=r"is Python 3\.\d+\. The engine needs Python 3\.98"):
        install(replace(request, python=Path(sys.executable)), Recorder())


def test_two_at_once_do_not_meet(copied: Callable[..., Installation]) -> None:
    request = copied()
    with locked(request.folder / ".lock"), pytest.raises(SetupError, match="Another Blender is installing"):
        install(request, Recorder())


def test_a_folder_that_cannot_be_written_is_named(wheels: Wheels, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SetupError, match="Nothing can be written to"):
        install(Installation(tmp_path / "file/engine", wheels.engine, wheels.pins), Recorder())


@pytest.mark.skipif(os.name != "posix" or not shutil.which("unshare") or os.geteuid() != 0, reason="needs root")
def test_a_full_disk_is_told_before_anything_is_done(wheels: Wheels, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    request = Installation(disk / "engine", wheels.engine, wheels.pins, wheel_folder=wheels.folder)
    program = (
        "import json, sys; from blender_addon.engine_setup import installation, request\n"
        "try: installation.install(request.parse(json.loads(sys.argv[1])), lambda *_: None)\n"
        "except Exception as error: print(error.message)"
    )
    install_there = f"exec {sys.executable} -c '{program}' '{json.dumps(request.message())}'"
    inside = f"mount -t tmpfs -o size=30m none {disk} && {install_there}"
    done = subprocess.run(["unshare", "-m", "sh", "-c", inside], capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode:
        pytest.skip(f"no private mount namespace here: {done.stderr.strip()}")
    assert "GB left; the engine takes 4 GB" in done.stdout


def test_space_for_the_rest_is_less(copied: Callable[..., Installation]) -> None:
    request = copied()
    packages = layout.site_packages(request.folder)
    assert packages is not None
    for number in range(space.MANY):
        (packages / f"many{number}-1.dist-info").mkdir()
    assert layout.packages_there(request.folder) >= space.MANY
    space.check_space(request.folder, "cuda13")


PARENT = """
import json, sys, time
from pathlib import Path
from blender_addon.engine_setup import plans, request
from blender_addon.jobs import JobQueue
asked = request.parse(json.loads(sys.argv[1]))
queue = JobQueue(None, lambda _: plans.installer(""))
ticket = queue.add(plans.installation_job(asked))
while not ticket.state.ended:
    queue.pump()
    if sys.argv[2] in ticket.stage:
        print("there", flush=True)
        if sys.argv[3] == "cancel":
            queue.cancel(ticket)
    time.sleep(0.01)
print(ticket.state.name, ticket.problem, flush=True)
queue.close()
"""


def started(request: Installation, stage: int, then: str) -> subprocess.Popen[str]:
    """A process that installs as a Blender does, and has arrived at a stage."""
    command = [sys.executable, "-c", PARENT, json.dumps(request.message()), STAGES[stage], then]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    assert process.stdout.readline() == "there\n"
    return process


def all_gone(processes: list[psutil.Process], seconds: float) -> bool:
    """Have all of them left?"""
    return not psutil.wait_procs(processes, timeout=seconds)[1]


def test_no_process_stays_where_blender_is_killed(copied: Callable[..., Installation]) -> None:
    request = copied()
    parent = started(request, 2, "wait")
    children = psutil.Process(parent.pid).children(recursive=True)
    assert children
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert all_gone(children, 10)
    assert install(request, Recorder())["simcraft"] == ENGINE_VERSION


def test_a_click_on_cancel_ends_it(copied: Callable[..., Installation]) -> None:
    request = copied()
    parent = started(request, 2, "cancel")
    children = psutil.Process(parent.pid).children(recursive=True)
    output = parent.communicate()[0]
    assert output.splitlines()[-1] == "STOPPED None"
    assert all_gone(children, 10)
    assert layout.read_installed(request.folder) is None
    assert "tiny-one" in (request.folder / "log.txt").read_text()


def test_the_child_that_is_killed_leaves_a_problem_and_a_log(copied: Callable[..., Installation]) -> None:
    request = copied()
    parent = started(request, 2, "wait")
    for child in psutil.Process(parent.pid).children():
        child.kill()
    assert parent.communicate()[0].splitlines()[-1].startswith("FAILED Problem(")
    time.sleep(0.2)
    assert install(request, Recorder())["simcraft"] == ENGINE_VERSION


def test_a_request_travels_unchanged(installed: Made) -> None:
    assert parse(json.loads(json.dumps(installed[0].message()))) == installed[0]


def test_every_stand_in_is_whole(tmp_path: Path) -> None:
    """What the other tests damage is whole before."""
    wheels = write_wheels(tmp_path)
    with pytest.raises(SetupError, match="cannot be read"):
        install(Installation(tmp_path / "engine", wheels.pins, wheels.pins), Recorder())
