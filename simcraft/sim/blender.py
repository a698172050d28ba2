"""Finding Blender, and running the child process that records a scene in it."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import operator
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from simcraft.errors import Failure, UserError
from simcraft.progress import Progress
from simcraft.sim.blender_child import PREFIX

CHILD = Path(__file__).with_name("blender_child.py")
# variables that point a Python or a loader at the parent's environment and would break Blender's own
_FOREIGN = ("PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "LD_LIBRARY_PATH", "LD_PRELOAD", "OCIO", "VIRTUAL_ENV")
_GRACE = 20.0
"""Seconds in which a child that has said its last word must leave."""


@dataclass(frozen=True)
class Blender:
    """A Blender that can run the child script: an executable, or the bpy package of this Python."""

    executable: Path | None
    """None for the bpy package."""

    def command(self, request: Path) -> list[str]:
        """The command line that carries out the request in this file."""
        if self.executable is None:
            return [sys.executable, "-P", str(CHILD), str(request)]
        options = ["-b", "--factory-startup", "--disable-autoexec", "-noaudio", "--python-exit-code", "1"]
        return [str(self.executable), *options, "-P", str(CHILD), "--", str(request)]


class ChildCrash(Failure):
    """Blender died without a word, by a signal or an abort of its own."""

    def __init__(self, message: str, fix: str, stage: str, killed: bool) -> None:
        super().__init__(message, fix)
        self.stage = stage
        self.killed = killed
        """By somebody else, such as a system short of memory: the same again would end the same."""


def find_blender(blender: str | os.PathLike[str] | None = None) -> Blender:
    """The Blender to use: `blender` if given, else SIMCRAFT_BLENDER, else the bpy package, else the one on PATH.

    Raises `UserError` where the named one is no executable file, and where there is none at all.
    """
    if blender is not None:
        return _executable(blender, "blender")
    if named := os.environ.get("SIMCRAFT_BLENDER"):
        return _executable(named, "SIMCRAFT_BLENDER")
    if importlib.util.find_spec("bpy") is not None:
        return Blender(None)
    if on_path := shutil.which("blender"):
        return Blender(Path(on_path))
    raise UserError(
        "No Blender was found: the bpy package is not installed and no 'blender' is on PATH.",
        "pip install bpy==4.5.15, or install Blender 3.4 or newer, or set SIMCRAFT_BLENDER to its executable.",
    )


def _executable(path: str | os.PathLike[str], source: str) -> Blender:
    found = shutil.which(os.fspath(path))
    if found is None:
        raise UserError(f"{source} names {path}, which is not an executable file.", "Give the path of Blender itself.")
    return Blender(Path(found))


def clean_environment() -> dict[str, str]:
    """This process's environment without what would make Blender load the wrong libraries or modules."""
    return {k: v for k, v in os.environ.items() if k not in _FOREIGN and not k.startswith("DYLD_")}


def run_child(
    blender: Blender,
    request: dict[str, Any],
    folder: Path,
    log: Path,
    progress: Progress,
    solve: Callable[[Path], Path] | None = None,
) -> Path:
    """Run one request (see `blender_child`) in a child process and return the folder that it made last.

    Parameters
    ----------
    folder: an existing folder for the request file and Blender's temporary files.
    log: the file that gets everything Blender says.
    solve: from the folder of a recording to that of the same one with its effects simulated; needed where the request
        has `images`. It runs while the child waits, and what it raises ends the child.

    Raises
    ------
    UserError, Failure: as the child reported them.
    ChildCrash: the child died; the text names the signal and the stage it was in.
    """
    request_file = folder / "request.json"
    # numpy's whole numbers are as good as Python's
    request_file.write_text(json.dumps(request, default=operator.index), encoding="utf-8")
    answer: dict[str, Any] = {}
    stage = "start"
    with log.open("w", encoding="utf-8") as log_file, _child(blender.command(request_file), folder) as child:
        for event in _events(child, log_file):
            if event["event"] == "progress":
                stage = event["stage"]
                progress(stage, event["step"], event["steps"])
            elif event["event"] == "recorded" and solve is not None:
                _tell(child, {"solved": str(solve(Path(event["path"])))})
            else:
                answer = event
                break
        with contextlib.suppress(subprocess.TimeoutExpired):
            # what it said counts, even where Blender hangs at exit
            child.communicate(timeout=_GRACE)
        code = child.returncode
    if answer.get("event") == "done":
        return Path(answer["path"])
    if answer.get("event") == "error":
        kind = UserError if answer["kind"] == "user" else Failure
        raise kind(answer["message"], answer["fix"])
    raise _crash(code, stage, folder, log)


@contextlib.contextmanager
def _child(command: list[str], folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A child in its own process group, which is gone when the block is left, whatever the reason.

    Should this process be killed, its end of the child's stdin closes with it, and the child leaves by itself.
    """
    try:
        child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=clean_environment() | {"TMPDIR": str(folder)},
            start_new_session=True,
        )
    except OSError as error:
        raise Failure(f"{command[0]} could not be started: {error.strerror}.") from None
    try:
        yield child
    finally:
        if child.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe:
                pipe.close()


def _tell(child: subprocess.Popen[str], message: dict[str, Any]) -> None:
    """Write one line to the child, which may have died meanwhile: that its stdout has ended says so."""
    assert child.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        child.stdin.write(json.dumps(message) + "\n")
        child.stdin.flush()


def _events(child: subprocess.Popen[str], log: IO[str]) -> Iterator[dict[str, Any]]:
    """The child's events in order; every line also goes to the log."""
    assert child.stdout is not None
    for line in child.stdout:
        log.write(line)
        if line.startswith(PREFIX):
            log.flush()
            yield json.loads(line[len(PREFIX) :])


def _crash(code: int | None, stage: str, folder: Path, log: Path) -> Failure:
    """What to say when the child died without an answer; Blender's own crash report is added to the log."""
    if code == -signal.SIGBUS:
        return Failure(f"The disk of {folder.parent} is full.", "Free space, or choose another folder.")
    for report in folder.glob("*.crash.txt"):
        with log.open("a", encoding="utf-8") as file:
            file.write(report.read_text(encoding="utf-8", errors="replace"))
    death = (
        f"was killed by {signal.Signals(-code).name}"
        if code is not None and code < 0
        else f"left with exit code {code} and without a result"
    )
    fix = f"Its last words are in {log}."
    if stage == "open":
        fix = f"Was the file saved by a newer Blender than this one? {fix}"
    return ChildCrash(
        f"Blender {death} at the stage '{stage}'.", fix, stage, code in (-signal.SIGKILL, -signal.SIGTERM)
    )
