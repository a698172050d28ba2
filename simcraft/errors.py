"""The errors that a user can act on.

A `UserError` is a mistake in what was asked or given (exit code 2); a `Failure` is something that went wrong
while doing it (exit code 1). Both carry one sentence that says what, and one that says what to do. The command
line, the worker and Blender show them without a traceback.
"""


class SimcraftError(Exception):
    """Base of every error that SimCraft raises on purpose.

    `message` names the file, field or object and what was expected; `fix` says what to do about it (may be empty).
    """

    exit_code = 1

    def __init__(self, message: str, fix: str = "") -> None:
        super().__init__(message, fix)
        self.message = message
        self.fix = fix

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
