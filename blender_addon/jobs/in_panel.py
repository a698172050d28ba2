"""What the engine advises, in the panel's words.

The engine speaks as on the command line ("Write elsewhere with --out.") and says beside it what that is about
("out"): see `simcraft/errors.py`. Scripts show the former; who has a panel before them, and perhaps has never seen a
command line, is told where to look in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .types import Problem

ADVICE = {
    "device": "Choose another 'Device' in 'Size and Output'.",
    "disk": "Free some space.",
    "engine": "Install the engine again, in the preferences.",
    "frames": "Let the scene end earlier.",
    "generator": "Choose another 'Generator'.",
    "model": "Choose another 'Model' in 'Painting'.",
    "models": "Choose the folder that has them as 'Models' in the preferences.",
    "offload": "Choose another 'Offload' in 'Size and Output'.",
    "out": "Choose another 'Output' in 'Size and Output', or another 'Work Folder' in the preferences.",
    "size": "Make the video smaller.",
    "solver": "Choose another 'Solver' for the 'Active Object'.",
}
"""What to do, for each name that can be changed in Blender; what stands in quotation marks is called so there."""


def advice(fix: str, about: Sequence[str]) -> str:
    """`fix` as it is said in the panel; as it is where it is `about` nothing that can be changed there."""
    return " ".join(ADVICE[name] for name in about if name in ADVICE) or fix


def in_the_panel(problem: Problem) -> Problem:
    """The same problem, with its fix in the panel's words."""
    return replace(problem, fix=advice(problem.fix, problem.about))
