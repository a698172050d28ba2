"""What is this machine's, not the scene's: how the engine and a child Blender are started."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import bpy

from .. import preferences
from ..jobs.types import BlenderCommand, EngineCommand, Problem

CHILD = Path(__file__).resolve().parent.parent / "child.py"


def engine_command() -> EngineCommand | Problem:
    """How the engine is started, as the preferences say."""
    return preferences.engine_command()


def blender_command(_: dict[str, Any]) -> BlenderCommand:
    """How a child of this very Blender is started, with the user's preferences, which say what renders."""
    if getattr(bpy.app, "module", False):
        return BlenderCommand((sys.executable, "-P", str(CHILD)))
    return BlenderCommand((bpy.app.binary_path, "-b", "-noaudio", "-P", str(CHILD)))
