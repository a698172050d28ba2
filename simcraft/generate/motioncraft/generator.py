"""The generator `motioncraft`: a function that loads a model once, and one that paints any number of clips with it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from simcraft.clip.types import MotionClip
from simcraft.generate.motioncraft.checkpoints import find_checkpoint
from simcraft.generate.motioncraft.kept import Kept, kept_frames
from simcraft.generate.motioncraft.loading import load_pipeline
from simcraft.generate.motioncraft.pipeline import MotionCraftPipeline
from simcraft.generate.motioncraft.settings import STEPS, Settings
from simcraft.generate.placing import loading_memory, painting_memory
from simcraft.generate.streaming import FrameDone
from simcraft.progress import Progress, silent
from simcraft.video import Video, save_video


def motioncraft(
    *, model: str | None, device: str, dtype: str, offload: str, compile: bool, hub: bool, model_config: str | None
) -> Callable[..., Video]:
    """Load the model; returns `(clip, *, keep=None, frame_done=None, progress, **painting) -> Video`.

    Parameters are `options.LOADING`, those of the result `options.PAINTING`.

    Raises `UserError` for a model that is missing or unsafe, `Failure` where there is no memory for it.
    """
    checkpoint = find_checkpoint(model, hub=hub, config=model_config)
    with loading_memory(checkpoint.name):
        pipeline = load_pipeline(
            model, device=device, dtype=dtype, offload=offload, hub=hub, config=model_config, compiled=compile
        )

    def paint(
        clip: MotionClip,
        *,
        keep: Path | None = None,
        frame_done: FrameDone | None = None,
        progress: Progress = silent,
        **painting: Any,
    ) -> Video:
        settings = settings_for(pipeline, clip, painting)
        about = {"name": checkpoint.name, "weights": checkpoint.stamp()}
        return paint_clip(pipeline, clip, settings, model=about, keep=keep, frame_done=frame_done, progress=progress)

    return paint


def settings_for(pipeline: MotionCraftPipeline, clip: MotionClip, painting: dict[str, Any]) -> Settings:
    """The settings for a clip: what is None the checkpoint chooses, and the prompt is the clip's caption."""
    prompt = painting.get("prompt")
    return pipeline.settings(**{**painting, "prompt": (clip.captions or ("",))[0] if prompt is None else prompt})


def paint_clip(
    pipeline: MotionCraftPipeline,
    clip: MotionClip,
    settings: Settings,
    *,
    model: dict[str, str] | None = None,
    keep: Path | None = None,
    frame_done: FrameDone | None = None,
    progress: Progress = silent,
) -> Video:
    """The clip's video; frame 0 is its image.

    Parameters
    ----------
    model: "name" is what the video's description calls it, "weights" tells one state of its files from another.
    keep: a folder where finished frames are kept; where it has some of the same clip, model and settings, the work
        goes on from the last one.
    frame_done: called with the index of each finished frame and the frame, which `keep` has by then.
    progress: counts denoising steps; the detail names the frame.

    Raises
    ------
    Failure: out of memory; the finished frames are in the folder that it names.
    OtherWork: `keep` has frames of something else.
    """
    model = model or {"name": "", "weights": ""}
    made_by = _made_by(clip, settings, model["name"])
    work = {"model": model, "settings": asdict(settings), "simcraft": made_by["simcraft"]}
    frames = np.empty((clip.frame_count, *clip.image.shape), np.uint8)
    frames[0] = clip.image
    with nullcontext() if keep is None else kept_frames(keep, clip, work) as kept:
        after = _resume(kept, frames)
        first = 1 if after is None else after.index + 1
        count = _StepCounter(pipeline.schedule(settings).steps, first, clip.frame_count, progress)
        done = first
        with painting_memory(pipeline, lambda saving: _told_of_memory(frames[:done], clip.fps, made_by, keep, saving)):
            for made in pipeline.stream(clip, settings, callback_on_step_end=count.step_done, after=after):
                frames[made.index] = made.image
                if kept is not None:
                    kept.add(made)
                if frame_done is not None:
                    frame_done(made.index, made.image)
                done = count.frame = made.index + 1
    made_by["evaluations_per_frame"] = round(pipeline.evaluations_per_frame(clip.frame_count - first + 1), 3)
    made_by["evaluations_first_frame"] = pipeline.first_evaluations
    if after is not None:
        made_by["resumed_after_frame"] = after.index
    return Video(frames, clip.fps, made_by)


def _resume(kept: Kept | None, frames: np.ndarray) -> Any:
    """The last kept frame, None where there is none; it and those before it are put into `frames`."""
    last = None if kept is None else kept.last()
    if kept is not None and last is not None:
        for t in range(1, last.index + 1):
            frames[t] = kept.frame(t)
    return last


class _StepCounter:
    """Counts the denoising steps of all frames, from the frame `first` on, and reports them."""

    def __init__(self, steps: int, first: int, frame_count: int, progress: Progress) -> None:
        self.frame, self.last, self.progress = first, frame_count - 1, progress
        self.done, self.total = steps * (first - 1), steps * self.last
        self._report("" if first == 1 else f"goes on after frame {first - 1} of {self.last}")

    def step_done(self, *_: Any) -> None:
        self.done += 1
        self._report(f"frame {self.frame} of {self.last}")

    def _report(self, detail: str) -> None:
        self.progress("motioncraft", self.done, self.total, detail)


def _told_of_memory(
    finished: np.ndarray, fps: float, made_by: dict[str, Any], keep: Path | None, saving: str
) -> tuple[str, str]:
    """See `placing.painting_memory`; the `finished` frames are written to a folder where `keep` does not have them."""
    folder, other = keep, "a smaller --resolution or --guidance 1 (half the batch)"
    if folder is None:
        folder = Path(tempfile.mkdtemp(prefix="simcraft-motioncraft-")) / "frames"
        save_video(Video(finished, fps, made_by), folder)
    count = len(finished)
    message = f"Out of memory at frame {count}; the {count} frames before are in {folder}."
    if keep is None:
        return message, f"Try {saving}, {other}."
    return message, f"With {saving} the same command goes on from them; with {other} it begins anew."


def _made_by(clip: MotionClip, settings: Settings, model: str) -> dict[str, Any]:
    from simcraft import __version__

    return {
        "generator": "motioncraft",
        "options": asdict(replace(settings, steps=settings.steps or STEPS[settings.mode])),
        "model": model,
        "clip": clip.name,
        "seed": clip.seed,
        "simcraft": __version__,
    }
