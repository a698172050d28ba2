"""The environment of an engine: without what belongs to Blender's own Python and libraries."""

from __future__ import annotations

import os

# what Blender, or a shell around it, sets for its own Python and libraries, and the engine's must not inherit
FOREIGN_VARIABLES = (
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "OCIO",
    "VIRTUAL_ENV",
)


def clean_environment() -> dict[str, str]:
    """The environment without what belongs to Blender's own Python."""
    return {k: v for k, v in os.environ.items() if k not in FOREIGN_VARIABLES and not k.startswith("DYLD_")}
