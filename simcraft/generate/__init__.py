"""From what the camera saw to a video: one module a generator, one call for all of them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from simcraft._verbs import make_callable
from simcraft.clip.types import MotionClip
from simcraft.generate.embedded import choose
from simcraft.generate.registry import Generator as Generator
from simcraft.generate.registry import Option as Option
from simcraft.generate.registry import complete_options, find_generator
from simcraft.generate.registry import generator_names as generator_names
from simcraft.generate.registry import register as register
from simcraft.generate.shipped import SHIPPED
from simcraft.generate.streaming import FrameDone, opened, streaming_arguments
from simcraft.progress import Progress, silent

if TYPE_CHECKING:
    from simcraft.video import Video

for _generator in SHIPPED:
    register(_generator)


def generate(
    clip: MotionClip | str | os.PathLike[str],
    generator: str = "warp",
    *,
    keep: str | os.PathLike[str] | None = None,
    frame_done: FrameDone | None = None,
    progress: Progress = silent,
    **options: Any,
) -> Video:
    """Paint the motion of `clip`.

    Parameters
    ----------
    clip: the motion, or the path of a saved clip.
    generator: one of `generator_names()`, or "auto" for the one that scored best, see `embedded.choose`.
    keep: a folder in which every finished frame is a PNG as soon as it is made; called again with the same clip and
        options, the work goes on after the last one. Only for generators that make frame after frame (`streams`).
    frame_done: called as `(index, image)` with each of these frames, (H, W, 3) uint8. Likewise.
    progress: called with stage, step and steps.
    options: what the generator takes (`find_generator(name).options`); text is converted.

    Raises
    ------
    UserError: an unknown generator or option, a value out of range, a clip that lacks what the generator needs, or
        `keep` and `frame_done` where it makes all frames at once.
    OtherWork: `keep` has frames of another clip or of other options.
    """
    choice = choose(generator, options)
    chosen = find_generator(choice.generator)
    complete = complete_options(chosen, choice.options)
    streaming = streaming_arguments(chosen, keep, frame_done)
    if not isinstance(clip, MotionClip):
        from simcraft.clip.store import load_clip

        clip = load_clip(clip)
    painter = opened(chosen, complete, progress)
    return painter(clip, progress=progress, **streaming, **chosen.split(complete)[1])


def __getattr__(name: str) -> Any:
    """`MotionCraftPipeline`, imported on first use: it brings torch and diffusers along."""
    if name == "MotionCraftPipeline":
        from simcraft.generate.motioncraft.pipeline import MotionCraftPipeline

        return MotionCraftPipeline
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


make_callable(__name__, generate)
