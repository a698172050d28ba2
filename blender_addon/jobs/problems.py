"""What has gone wrong with a process, in words that help."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

from .types import Problem

LESS_MEMORY = ("offload", "smaller", "fewer frames", "retry", "open log")
_CRASHES = {
    int(getattr(signal, name)): name
    for name in ("SIGSEGV", "SIGABRT", "SIGBUS", "SIGILL", "SIGFPE")
    if hasattr(signal, name)
}
_KILL = 9
_IN_THE_PREFERENCES = frozenset({"engine", "models"})


class Trouble(Exception):
    """A step has failed."""

    def __init__(self, problem: Problem, exit_code: int = 1) -> None:
        """`exit_code` is that of a command line: 2 for a mistake in what was asked, 1 for everything else."""
        super().__init__(problem.message)
        self.problem, self.exit_code = problem, exit_code


class Stopped(Exception):
    """The job was stopped, as it was asked to be; `kept` says what is kept of it."""

    def __init__(self, kept: str = "") -> None:
        super().__init__(kept)
        self.kept = kept


def cannot_start(name: str, program: str, reason: str, log: Path) -> Problem:
    """The operating system refuses to start the program."""
    return Problem(
        f"{name} cannot be started: {program}: {reason}.",
        "Choose another engine in the preferences, or install it there.",
        ("preferences", "retry"),
        log,
    )


def died(name: str, code: int | None, last_line: str, log: Path, ready: bool) -> Problem:
    """The process has left without an answer. `ready`: had it ever said that it was there?"""
    said = f" Its last words: {last_line}" if last_line else ""
    # shells and ssh tell of a signal by 128 and its number
    killed = 0 if code is None else -code if code < 0 else code - 128 if code > 128 else 0
    if killed == _KILL:
        return Problem(
            f"{name} was killed by the system, most likely because memory ran out.",
            "Let networks wait outside the GPU's memory (offload), make the picture smaller, or use fewer frames.",
            LESS_MEMORY,
            log,
        )
    if killed in _CRASHES:
        return Problem(
            f"{name} has crashed ({_CRASHES[killed]}).{said}",
            "Try again: it is started anew. If it crashes again, try a smaller size, and report it with the log.",
            ("retry", "smaller", "open log"),
            log,
        )
    if not ready:
        return Problem(
            f"{name} did not start (exit code {code}).{said}",
            "Is SimCraft installed there? Test the engine in the preferences.",
            ("preferences", "retry", "open log"),
            log,
        )
    how = "and closed its output" if code is None else f"signal {killed}" if killed else f"exit code {code}"
    return Problem(
        f"{name} has left without an answer ({how}).{said}",
        "Try again: it is started anew. The log says more.",
        ("retry", "open log"),
        log,
    )


def never_ready(name: str, seconds: float, last_line: str, log: Path) -> Problem:
    """The process runs, but has not said that it is there."""
    said = f" Its last words: {last_line}" if last_line else ""
    return Problem(
        f"{name} did not answer within {seconds:.0f} s of its start.{said}",
        "Test the engine in the preferences. Over ssh, can you log in without a password?",
        ("preferences", "retry", "open log"),
        log,
    )


def silent(name: str, seconds: float, log: Path) -> Problem:
    """The process has shown no sign of life for too long."""
    return Problem(
        f"{name} has not shown a sign of life for {seconds:.0f} s and was ended.",
        "Try again: it is started anew. If the computer is short of memory, try a smaller size or fewer frames.",
        ("retry", "smaller", "fewer frames", "open log"),
        log,
    )


def rubbish(name: str, text: str, log: Path) -> Problem:
    """The process prints what is no event."""
    return Problem(
        f"{name} printed something that is not its protocol: {text!r}.",
        "Is the command in the preferences that of SimCraft's engine (simcraft worker)?",
        ("preferences", "retry", "open log"),
        log,
    )


def other_version(name: str, theirs: object, ours: int, log: Path) -> Problem:
    """The process speaks another version of the protocol."""
    return Problem(
        f"{name} speaks protocol version {theirs}, the add-on version {ours}.",
        "Install the same version of both: press Install Engine in the preferences.",
        ("preferences", "open log"),
        log,
    )


def reported(event: dict[str, Any], log: Path) -> Problem:
    """The process has answered with an "error" event."""
    message, fix = str(event.get("message", "It failed.")), str(event.get("fix", ""))
    reason, about = event.get("reason"), tuple(map(str, event.get("about") or ()))
    if reason == "memory":
        return Problem(message, fix or "Use offload, a smaller size or fewer frames.", LESS_MEMORY, log, about)
    actions = ("retry",) if reason == "request" else ("retry", "open log")
    if _IN_THE_PREFERENCES.intersection(about):
        actions = ("preferences", *actions)
    return Problem(message, fix, actions, log, about)


def defect(error: BaseException, log: Path) -> Problem:
    """An error that nobody has thought of."""
    return Problem(
        f"SimCraft has made a mistake ({type(error).__name__}: {error}).",
        "Please report it with the log.",
        ("retry", "open log"),
        log,
    )
