"""Finding Blender, and running the child process that records scenes in it."""

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
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from simcraft.cores import usable_cores
from simcraft.errors import DiskFull, Failure, UserError
from simcraft.progress import Progress
from simcraft.sim.blender_child import PREFIX

CHILD = Path(__file__).with_name("blender_child.py")
# variables that point a Python or a loader at the parent's environment and would break Blender's own
_FOREIGN = ("PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "LD_LIBRARY_PATH", "LD_PRELOAD", "OCIO", "VIRTUAL_ENV")
_GRACE = 20.0
"""Seconds in which a child that has said its last word must leave."""
_START = "start"
"""The stage of a child that has not said anything yet."""


@dataclass(frozen=True)
class Blender:
    """A Blender that can run the child script: an executable, or the bpy package of this Python."""

    executable: Path | None
    """None for the bpy package."""

    def command(self, folder: Path) -> list[str]:
        """The command line of a child that waits for requests and has this folder for temporary files."""
        cores = ",".join(str(core) for core in sorted(usable_cores()))
        if self.executable is None:
            return [sys.executable, "-P", str(CHILD), cores, str(folder)]
        options = ["-b", "--factory-startup", "--disable-autoexec", "-noaudio", "--python-exit-code", "1"]
        return [str(self.executable), *options, "-P", str(CHILD), "--", cores, str(folder)]


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


def blender_version(executable: Path) -> str:
    """What the executable says of itself, such as "Blender 3.4.1"."""
    answer = subprocess.run([str(executable), "--version"], capture_output=True, text=True, check=False, timeout=60)
    return answer.stdout.strip().splitlines()[0] if answer.stdout.strip() else "a Blender that does not answer"


def clean_environment() -> dict[str, str]:
    """This process's environment without what would make Blender load the wrong libraries or modules."""
    return {k: v for k, v in os.environ.items() if k not in _FOREIGN and not k.startswith("DYLD_")}


class BlenderSession:
    """One Blender after another, each of which records scene after scene: starting one costs more than a small scene.

    A Blender is started when it is needed, and anew after a crash, after an error, and when it has recorded `recycle`
    scenes, because its memory grows. `blender_session` makes a session that ends by itself.
    """

    def __init__(self, blender: Blender, recycle: int = 50, threads: int = 0) -> None:
        self.scenes = 0
        """How many were recorded."""
        self._blender = blender
        self._recycle = recycle
        self._threads = threads
        self._child: _Child | None = None

    def run(
        self, request: dict[str, Any], log: Path, progress: Progress, solve: Callable[[Path], Path] | None = None
    ) -> Path:
        """Carry out one request (see `blender_child`) and return the folder that it made last.

        Parameters
        ----------
        log: the file that gets everything Blender says.
        solve: from the folder of a recording to that of the same one with its effects simulated; needed where the
            request has `images`. It runs while the child waits, and what it raises ends the child.

        Raises
        ------
        UserError, Failure: as the child reported them.
        ChildCrash: the child died; the text names the signal and the stage it was in.
        """
        child = self._ready()
        try:
            answer, stage = _converse(child, request, log, progress, solve)
            if answer.get("event") == "done":
                child.scenes += 1
                self.scenes += 1
                return Path(answer["path"])
            if answer.get("event") == "error":
                kind = {"user": UserError, "disk full": DiskFull}.get(answer["kind"], Failure)
                raise kind(answer["message"], answer["fix"])
            if stage == _START and child.scenes:
                # it died between two scenes and never began with this one
                self.close()
                return self.run(request, log, progress, solve)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.process.wait(_GRACE)
            raise _crash(child.process.returncode, stage, child.folder, log)
        except BaseException:
            self._child = None
            _end(child, grace=0.0)
            raise

    def close(self) -> None:
        """Let the child leave; a later `run` starts another."""
        child, self._child = self._child, None
        if child is not None:
            _end(child, _GRACE)

    def _ready(self) -> _Child:
        """A child that waits for a request."""
        if self._child is not None and self._child.scenes >= self._recycle:
            self.close()
        if self._child is None:
            self._child = _start(self._blender, self._threads)
        return self._child


@contextlib.contextmanager
def blender_session(
    blender: str | os.PathLike[str] | None = None, *, recycle: int = 50, threads: int = 1
) -> Iterator[BlenderSession]:
    """A `BlenderSession` for `simulate(..., session=session)`, which ends with the block.

    Parameters
    ----------
    blender: as for `find_blender`, whose errors it raises.
    recycle: the number of scenes after which a fresh Blender is started.
    threads: so many does Blender work with; 0 for as many as there are cores. With one it does everything in the same
        order each time, so that a scene comes out the same to the last bit. With several it does not: where keyframes
        carry a body that Bullet takes over, their order is left to chance (seen in 1 run of 20, last bits, and after
        collisions more).
    """
    session = BlenderSession(find_blender(blender), recycle, threads)
    try:
        yield session
    finally:
        session.close()


def run_child(
    blender: Blender,
    request: dict[str, Any],
    log: Path,
    progress: Progress,
    solve: Callable[[Path], Path] | None = None,
) -> Path:
    """`BlenderSession.run` in a session of this one scene, of one thread where nothing is rendered."""
    # threads gain nothing but in rendering, and with several, bodies that leave their keyframes may move otherwise
    options = request.get("options", {})
    renders = not options.get("preview") or options.get("true_frames")
    session = BlenderSession(blender, threads=0 if renders else 1)
    try:
        return session.run(request, log, progress, solve)
    finally:
        session.close()


@dataclass
class _Child:
    """A running Blender."""

    process: subprocess.Popen[str]
    folder: Path
    """For its temporary files."""
    scenes: int = 0
    """How many it recorded."""


def _start(blender: Blender, threads: int) -> _Child:
    """A child in its own process group.

    Should this process be killed, its end of the child's stdin closes with it, and the child leaves by itself.
    """
    folder = Path(tempfile.mkdtemp(prefix="simcraft-blender-"))
    command = blender.command(folder)
    try:
        with _fewer_cores(threads):
            process = subprocess.Popen(
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
        shutil.rmtree(folder, ignore_errors=True)
        raise Failure(f"{command[0]} could not be started: {error.strerror}.") from None
    return _Child(process, folder)


@contextlib.contextmanager
def _fewer_cores(count: int) -> Iterator[None]:
    """What is started in the block finds `count` cores to run on; all of them where that is 0.

    Blender's scheduler asks for their number once, when it starts, and then works with so many threads. (Its own option
    `-t 1` leaves it two, and the bpy package has none.) The child goes back to all cores when it has started, or every
    session's Blender would share the first.
    """
    cores = usable_cores()
    if count == 0 or not cores:
        yield
        return
    os.sched_setaffinity(0, sorted(cores)[:count])
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def _end(child: _Child, grace: float) -> None:
    """Tell the child to leave, and after `grace` seconds make it, with everything that it started."""
    process = child.process
    assert process.stdin is not None and process.stdout is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
    try:
        process.wait(grace)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    shutil.rmtree(child.folder, ignore_errors=True)


def _converse(
    child: _Child,
    request: dict[str, Any],
    log: Path,
    progress: Progress,
    solve: Callable[[Path], Path] | None,
) -> tuple[dict[str, Any], str]:
    """Send the request and pass on what the child says; returns its answer, {} where it died, and its last stage."""
    stage = _START
    with log.open("w", encoding="utf-8") as log_file:
        _tell(child.process, request)
        for event in _events(child.process, log_file):
            if event["event"] == "progress":
                stage = event["stage"]
                progress(stage, event["step"], event["steps"])
            elif event["event"] == "recorded" and solve is not None:
                _tell(child.process, {"solved": str(solve(Path(event["path"])))})
            else:
                return event, stage
    return {}, stage


def _tell(child: subprocess.Popen[str], message: dict[str, Any]) -> None:
    """Write one line to the child, which may have died meanwhile: that its stdout has ended says so."""
    assert child.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        # numpy's whole numbers are as good as Python's
        child.stdin.write(json.dumps(message, default=operator.index) + "\n")
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
        return DiskFull(f"The disk of {log.parent} is full.", "Free space, or choose another folder.")
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
