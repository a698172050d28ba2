"""What can go wrong while an engine is set up."""

from __future__ import annotations


class SetupError(Exception):
    """One sentence that says what, and one that says what to do about it."""

    def __init__(self, message: str, fix: str = "") -> None:
        super().__init__(f"{message} {fix}".strip())
        self.message, self.fix = message, fix
