"""Generators for tests: their "model" is a note in a folder, which tells how often it was loaded, and by whom."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from simcraft.clip import MotionClip
from simcraft.errors import UserError
from simcraft.generate.registry import Generator, Option
from simcraft.generate.warp import warp
from simcraft.progress import Progress, silent
from simcraft.video import Video

NOTES = Option("notes", str, "", "Folder of the notes.", loading=True)


def load_counted(notes: str) -> Callable[..., Video]:
    """Notes its process, once a load, and then shows the first frame for ever."""
    note(notes, "loaded")
    return lambda clip, *, progress: still(clip, progress=progress)


def load_dying_once(notes: str) -> Callable[..., Video]:
    """The first process that comes to a clip of the family "tower" is killed there."""

    def generate(clip: MotionClip, *, progress: Progress = silent) -> Video:
        if clip.name == "tower" and not any(Path(notes).glob("died.*")):
            note(notes, "died")
            os.kill(os.getpid(), signal.SIGKILL)
        return still(clip, progress=progress)

    note(notes, "loaded")
    return generate


def load_slow(notes: str) -> Callable[..., Video]:
    """Takes its time, so that a node can die meanwhile."""

    def generate(clip: MotionClip, *, progress: Progress = silent) -> Video:
        time.sleep(0.5)
        return still(clip, progress=progress)

    note(notes, "loaded")
    return generate


def load_nothing(notes: str) -> Callable[..., Video]:
    """Its weights are missing."""
    raise UserError(f"{notes} holds no model.", "Give another --notes.")


def squeamish(clip: MotionClip, *, progress: Progress = silent) -> Video:
    """Fails for the family "tower"."""
    if clip.name == "tower":
        raise UserError("A tower is too tall.", "Give a lower one.")
    return warp(clip, progress=progress)


def still(clip: MotionClip, *, progress: Progress = silent) -> Video:
    return Video(np.repeat(clip.image[None], clip.frame_count, 0), clip.fps, {"generator": "still"})


def note(notes: str, what: str) -> None:
    number = len(list(Path(notes).iterdir()))
    (Path(notes) / f"{what}.{os.getpid()}.{number}").touch()


COUNTED = Generator("counted", "For tests.", f"{__name__}:load_counted", (NOTES,), loads=True)
DYING_ONCE = Generator("dying-once", "For tests.", f"{__name__}:load_dying_once", (NOTES,), loads=True)
SLOW = Generator("slow", "For tests.", f"{__name__}:load_slow", (NOTES,), loads=True)
NOTHING = Generator("nothing", "For tests.", f"{__name__}:load_nothing", (NOTES,), loads=True)
SQUEAMISH = Generator("squeamish", "For tests.", f"{__name__}:squeamish")
ALL = (COUNTED, DYING_ONCE, SLOW, NOTHING, SQUEAMISH)
