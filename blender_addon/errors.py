"""What can go wrong while a scene is recorded; both carry one sentence that says what and one that says what to do."""

from __future__ import annotations


class RecordError(Exception):
    """Base of the errors that are shown to the user without a traceback."""

    def __init__(self, message: str, fix: str = "") -> None:
        super().__init__(f"{message} {fix}".strip())
        self.message = message
        self.fix = fix


class SceneError(RecordError):
    """The scene or the request is wrong: no camera, a reversed frame range, frames beyond a cache."""


class RecordFailure(RecordError):
    """The request was right but could not be carried out: the simulation exploded, the disk is full."""


class DiskFull(RecordFailure):
    """No space is left: more of the same would fail the same way."""
