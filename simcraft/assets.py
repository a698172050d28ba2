"""Where the shipped files are: in the checkout, or inside the installed package."""

from __future__ import annotations

from pathlib import Path

from simcraft.errors import Failure


def asset(relative: str) -> Path:
    """The path of a shipped file or folder such as "scenes" or "blender_addon".

    Raises `Failure` where the installation is damaged.
    """
    package = Path(__file__).resolve().parent
    for root in (package / "_assets", package.parent):
        if (root / relative).exists():
            return root / relative
    raise Failure(f"SimCraft's own '{relative}' is missing from {package}.", "Install SimCraft again.")
