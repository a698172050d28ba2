"""The generator `motion_dreamer`: a function that loads a model once, and one that paints any number of clips."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import Any

import torch

from simcraft.clip.types import MotionClip, require
from simcraft.generate.motion_dreamer.checkpoints import find_model
from simcraft.generate.motion_dreamer.given_arrows import arrows_from_option, frame_numbers
from simcraft.generate.motion_dreamer.loading import load_pipeline
from simcraft.generate.motion_dreamer.pipeline import MotionDreamerPipeline
from simcraft.generate.placing import loading_memory, painting_memory
from simcraft.generate.prediction import Asked, asked
from simcraft.progress import Progress, silent
from simcraft.video import Video


def motion_dreamer(*, model: str | None, device: str, dtype: str, offload: str, hub: bool) -> Callable[..., Video]:
    """Load the model; returns `(clip, *, progress, **painting) -> Video`.

    Parameters are `options.LOADING`, those of the result `options.PAINTING`.

    Raises `UserError` for a model that is missing or unsafe, `Failure` where there is no memory for it.
    """
    name = find_model(model, hub=hub).name
    with loading_memory(name):
        pipeline = load_pipeline(model, device=device, dtype=dtype, offload=offload, hub=hub)

    def paint(clip: MotionClip, *, progress: Progress = silent, **painting: Any) -> Video:
        return paint_clip(pipeline, clip, model=name, progress=progress, **painting)

    return paint


def paint_clip(
    pipeline: MotionDreamerPipeline,
    clip: MotionClip,
    *,
    arrows: str | None = None,
    partial: bool = False,
    model: str = "",
    progress: Progress = silent,
    **settings: Any,
) -> Video:
    """The clip's video; frame 0 is its image.

    Parameters
    ----------
    arrows: see `arrows_from_option`; None: the clip moves as it does.
    partial: see `MotionDreamerPipeline.__call__`.
    model: what the video's description calls the model.
    progress: counts denoising steps, of the stages "predict" and "paint".
    settings: as in `MotionDreamerPipeline.settings`.

    Raises `UserError` for a clip that lacks what is needed and for arrows that move nothing, `Failure` where memory
    runs out.
    """
    stages = ["stage_two"] if arrows is None else ["stage_one", "stage_two"]
    made_by = _made_by(pipeline, clip, stages, arrows, model, settings)
    with _evaluations(pipeline, stages) as evaluated:
        if arrows is not None:
            if not partial:
                require(clip, "Motion Dreamer (without --partial yes)", "depth", "instances")
            what = asked(clip, arrows_from_option(arrows), progress=progress)
            clip = predict_asked(pipeline, what, progress=progress, **settings)
        report = counted("paint", pipeline.settings("stage_two", **settings).steps, progress)
        with painting_memory(pipeline, _memory_advice):
            painted = pipeline(clip, partial=partial, callback_on_step_end=report, **settings)
    made_by["evaluations_per_frame"] = round(evaluated() / clip.frame_count, 3)
    return Video(painted.frames, clip.fps, made_by)


def predict_asked(
    pipeline: MotionDreamerPipeline, what: Asked, *, progress: Progress = silent, **settings: Any
) -> MotionClip:
    """What stage one predicts of what is asked; raises as `MotionDreamerPipeline.predict`, and `Failure`.

    Name, captions, origin of the picture and frame numbers are those of the clip that the first frame is of.
    """
    steps = pipeline.reasoning_steps(what.frames, **settings)
    with painting_memory(pipeline, _memory_advice):
        made = pipeline.predict(
            what.scene,
            what.arrows,
            frames=what.frames,
            fps=what.fps,
            camera_to_world=what.camera_to_world,
            callback_on_step_end=counted("predict", steps, progress),
            **settings,
        )
    if what.clip is None:
        return made
    numbers = frame_numbers(what.clip, what.frames)
    return replace(
        made,
        name=what.clip.name,
        captions=what.clip.captions,
        image_source=what.clip.image_source,
        metadata=made.metadata | ({} if numbers is None else {"frame_numbers": numbers}),
    )


def counted(stage: str, steps: int, progress: Progress) -> Callable[..., None]:
    """A `callback_on_step_end` that reports how many of `steps` denoising steps are done."""
    done = 0

    def step_done(*_: Any) -> None:
        nonlocal done
        done += 1
        progress(stage, done, steps)

    progress(stage, 0, steps)
    return step_done


@contextmanager
def _evaluations(pipeline: MotionDreamerPipeline, stages: list[str]) -> Iterator[Callable[[], int]]:
    """A function that says how many frames have gone through the stages' networks within the block.

    A window of 14 frames counts 14, so that figures compare with those of networks that see single frames.
    """
    frames = 0

    def count(_: Any, inputs: tuple[torch.Tensor, ...]) -> None:
        nonlocal frames
        frames += inputs[0].shape[:2].numel()

    networks = [getattr(pipeline, stage) for stage in stages]
    hooks = [network.register_forward_pre_hook(count) for network in networks if network is not None]
    try:
        yield lambda: frames
    finally:
        for hook in hooks:
            hook.remove()


def _memory_advice(saving: str) -> tuple[str, str]:
    """See `painting_memory`."""
    return "Out of memory in Motion Dreamer.", f"Try {saving}, or a smaller --resolution."


def _made_by(
    pipeline: MotionDreamerPipeline,
    clip: MotionClip,
    stages: list[str],
    arrows: str | None,
    model: str,
    settings: dict[str, Any],
) -> dict[str, Any]:
    from simcraft import __version__

    chosen = {stage: asdict(pipeline.settings(stage, **settings)) for stage in stages}
    return {
        "generator": "motion_dreamer",
        "options": {**chosen["stage_two"], **({} if arrows is None else {"arrows": arrows})},
        **({} if arrows is None else {"predicted_with": chosen["stage_one"]}),
        "model": model,
        "clip": clip.name,
        "seed": clip.seed,
        "simcraft": __version__,
    }
