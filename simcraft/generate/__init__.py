"""From what the camera saw to a video: one module a generator, one call for all of them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from simcraft._verbs import make_callable
from simcraft.clip.types import MotionClip
from simcraft.generate.registry import Generator as Generator
from simcraft.generate.registry import Option as Option
from simcraft.generate.registry import complete_options, find_generator
from simcraft.generate.registry import generator_names as generator_names
from simcraft.generate.registry import register as register
from simcraft.progress import Progress, silent

if TYPE_CHECKING:
    from simcraft.video import Video


def generate(
    clip: MotionClip | str | os.PathLike[str],
    generator: str = "warp",
    *,
    progress: Progress = silent,
    **options: Any,
) -> Video:
    """Paint the motion of `clip`.

    Parameters
    ----------
    clip: the motion, or the path of a saved clip.
    generator: one of `generator_names()`.
    progress: called with stage, step and steps.
    options: what the generator takes (`find_generator(name).options`); text is converted.

    Raises `UserError` for an unknown generator or option, a value out of range, or a clip that lacks what it needs.
    """
    chosen = find_generator(generator)
    complete = complete_options(chosen, options)
    if not isinstance(clip, MotionClip):
        from simcraft.clip.store import load_clip

        clip = load_clip(clip)
    return chosen.load(complete)(clip, progress=progress)


def __getattr__(name: str) -> Any:
    """`MotionCraftPipeline`, imported on first use: it brings torch and diffusers along."""
    if name == "MotionCraftPipeline":
        from simcraft.generate.motioncraft.pipeline import MotionCraftPipeline

        return MotionCraftPipeline
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


make_callable(__name__, generate)
