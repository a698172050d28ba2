"""The jobs that set an engine up: what a `JobQueue` is given, and how its child process is started."""

from __future__ import annotations

import sys
from pathlib import Path

from ..jobs.types import BlenderCommand, Job, Step
from .errors import SetupError
from .request import PINS, Installation

CHILD = Path(__file__).resolve().with_name("child.py")
LOG = "log.txt"
INSTALLATION = "Install engine"


def installation_job(request: Installation) -> Job:
    """Install an engine; the result is what it says of itself. The folder's log is begun anew."""
    (request.folder / LOG).unlink(missing_ok=True)
    step = Step("blender", {"request": "install", **request.message()})
    return Job(INSTALLATION, (step,), request.folder)


def test_job(work: Path) -> Job:
    """Start the engine and ask what it is."""
    return Job("Test engine", (Step("engine", {"request": "describe"}),), work)


def installer(blender: str) -> BlenderCommand:
    """The process that installs: a Blender in the background, or this Python where Blender is a package of it.

    It never installs into itself; it only starts uv, pip and the like.
    """
    if not blender:
        return BlenderCommand((sys.executable, str(CHILD)))
    return BlenderCommand((blender, "-b", "--factory-startup", "--python-exit-code", "1", "-P", str(CHILD)))


def find_wheel(addon: Path) -> tuple[Path, Path]:
    """(the engine's wheel, its pins) that the add-on carries. Raises `SetupError` where it carries none."""
    wheels, pins = sorted((addon / "wheels").glob("simcraft_video-*.whl")), addon / PINS
    if wheels and pins.is_file():
        return wheels[-1], pins
    raise SetupError(
        "This add-on does not carry the engine.",
        "Install the add-on from its zip. In a checkout, run make demo: the engine in .venv is then used.",
    )
