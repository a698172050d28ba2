"""The errors that a user can act on.

A `UserError` is a mistake in what was asked or given (exit code 2); a `Failure` is something that went wrong
while doing it (exit code 1). Both carry one sentence that says what, and one that says what to do. The command
line, the worker and Blender show them without a traceback. `fix` speaks as the command line does; what it is about
is told by name as well, so that Blender's panel can say the same in the words that stand on it.
"""

from __future__ import annotations


class SimcraftError(Exception):
    """Base of every error that SimCraft raises on purpose.

    `message` names the file, field or object and what was expected; `fix` says what to do about it (may be empty), and
    `about` what would have to be other than it is, where the command line calls that by a name that nobody else knows:
    options, "models" (their folder), "engine" (what is installed) and "disk" (its free space).
    """

    exit_code = 1

    def __init__(self, message: str, fix: str = "", about: tuple[str, ...] = ()) -> None:
        super().__init__(message, fix, about)
        self.message = message
        self.fix = fix
        self.about = about

    def __str__(self) -> str:
        return f"{self.message} {self.fix}".rstrip()


class UserError(SimcraftError, ValueError):
    """The request or its input is wrong: a missing file, a reversed frame range, a wrong magic number."""

    exit_code = 2


class Failure(SimcraftError, RuntimeError):
    """The request was right but could not be carried out: a full disk, an exploded simulation, a dead child."""

    exit_code = 1


class DiskFull(Failure):
    """No space is left: more of the same work would fail the same way."""


class Cancelled(SimcraftError):
    """The user stopped the work (Ctrl-C, or cancel in Blender). What was finished stays on disk."""

    exit_code = 130
