"""The installation of an engine, stage by stage; each begins with what is already there.

Interrupted anywhere, by a click, a crash or a power cut, it goes on when it is called again: the environment stays,
what was fetched lies in the cache, and packages that were half-written are written again.
"""

from __future__ import annotations

import errno
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import commands, layout, models, repair, troubles
from .errors import SetupError
from .examination import examine_engine
from .locking import locked
from .packages import Packages
from .request import Engine, Installation, read_engine
from .running import run
from .space import check_space, sizes
from .tools import Tools, find_tools

Progress = Callable[..., None]
"""`progress(stage, step, steps, detail)`: raises what ends the installation."""

STAGES = (
    "Looking for Python",
    "Making the environment",
    "Installing packages",
    "Installing the engine",
    "Fetching models",
    "Testing the engine",
)


def install(request: Installation, progress: Progress) -> dict[str, Any]:
    """Make `request.folder` the folder of a whole engine, and return what the engine says of itself.

    Whatever `progress` raises ends it within a second. Raises `SetupError` that says what to do.
    """
    try:
        request.folder.mkdir(parents=True, exist_ok=True)
        with locked(request.folder / ".lock"):
            return _install(request, progress)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise troubles.disk_full(request.folder) from None
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR):
            raise SetupError(
                f"Nothing can be written to {request.folder}.", "Choose another folder in the preferences."
            ) from None
        raise


def _install(request: Installation, progress: Progress) -> dict[str, Any]:
    engine = read_engine(request.wheel)
    build = commands.chosen_build(request.build)
    check_space(request.folder, build)
    (layout.cache_folder(request.folder) / "tmp").mkdir(parents=True, exist_ok=True)
    tools = find_tools(request, engine, _within(progress, 0))
    _make_environment(tools, request, engine, progress)
    layout.forget_installed(request.folder)
    _install_packages(tools, request, engine, build, progress)
    run(commands.install_engine(tools, request), request, _within(progress, 3))
    models.install_models(request, _within(progress, 4))
    said = examine_engine(request.folder, engine.version, _within(progress, 5))
    layout.write_installed(request.folder, layout.Installed(engine.version, said["python"], said["torch"]))
    shutil.rmtree(layout.cache_folder(request.folder), ignore_errors=True)
    return said


def stage_name(number: int) -> str:
    """The stage, for people."""
    return f"{number + 1} of {len(STAGES)}: {STAGES[number]}"


def _within(progress: Progress, stage: int) -> Callable[[int, int, str], None]:
    """Report what is done of one stage."""

    def report(done: int, of: int, detail: str) -> None:
        progress(stage_name(stage), done, of, detail)

    report(0, 0, "")
    return report


def _make_environment(tools: Tools, request: Installation, engine: Engine, progress: Progress) -> None:
    """Make the environment, unless there is one that runs; forget what was half-written in it."""
    report = _within(progress, 1)
    if _environment_runs(request, engine):
        found = layout.site_packages(request.folder)
        if found is not None and (damaged := repair.remove_damaged(found)):
            print(f"Half-written, and so installed again: {', '.join(damaged)}", file=sys.stderr, flush=True)
        return
    layout.forget_installed(request.folder)
    run(commands.make_environment(tools, request), request, report)
    if not _environment_runs(request, engine):
        raise SetupError(
            f"The environment in {request.folder} does not start.", f"Name another {engine.pythons} in the preferences."
        )


def _environment_runs(request: Installation, engine: Engine) -> bool:
    """Is there a Python in the environment that starts, and that the engine runs on?"""
    python = layout.environment_python(request.folder)
    question = "import encodings, sys; print(*sys.version_info[:2])"
    try:
        done = subprocess.run(
            [str(python), "-I", "-c", question],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            stdin=subprocess.DEVNULL,
            env=commands.environment(request),
        )
        major, minor = map(int, done.stdout.split())
    except (OSError, ValueError, subprocess.SubprocessError):
        return False
    return engine.runs_on((major, minor))


def _install_packages(tools: Tools, request: Installation, engine: Engine, build: str, progress: Progress) -> None:
    """Install all that the engine needs; the detail says which package, and how much of it all is there."""
    packages = Packages(expected=_pins(request.pins))
    report = _within(progress, 2)
    bytes_there = sizes([layout.cache_folder(request.folder), layout.environment_folder(request.folder)])

    def tick(_done: int, _of: int, _detail: str) -> None:
        there = layout.packages_there(request.folder)
        report(packages.done(there), 2 * packages.expected, packages.sentence(next(bytes_there)))

    run(commands.install(tools, request, commands.requirements(request, engine, build)), request, tick, packages.read)


def _pins(pins: Path) -> int:
    return sum("==" in line for line in pins.read_text(encoding="utf-8").splitlines())
