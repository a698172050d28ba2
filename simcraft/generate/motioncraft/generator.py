"""The generator `motioncraft`: its options, and a function that loads a model once and paints any number of clips."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from simcraft.clip.types import MotionClip
from simcraft.errors import Failure
from simcraft.generate.motioncraft.kept import Kept
from simcraft.generate.motioncraft.loading import EMBEDDED, load_pipeline
from simcraft.generate.motioncraft.pipeline import STEPS, MotionCraftPipeline, Settings
from simcraft.progress import Progress, silent
from simcraft.video import Video, save_video

LOADING = ("model", "device", "dtype", "offload", "hub", "model_config")
"""Options that choose and place the model; the others, but for `keep`, are `Settings`."""


def motioncraft(**options: Any) -> Callable[..., Video]:
    """Load the model; returns `(clip, *, progress) -> Video`.

    Parameters are those of `options.GENERATOR`. Raises `UserError` for a model that is missing or unsafe.
    """
    loading = {name: options.pop(name) for name in LOADING}
    keep = options.pop("keep")
    pipeline = load_pipeline(config=loading.pop("model_config"), **loading)

    name = str(loading["model"] or EMBEDDED.name)

    def paint(clip: MotionClip, *, progress: Progress = silent) -> Video:
        prompt = options["prompt"] if options["prompt"] is not None else (clip.captions or ("",))[0]
        settings = Settings(**{**options, "prompt": prompt})
        return paint_clip(pipeline, clip, settings, model=name, keep=keep, progress=progress)

    return paint


def paint_clip(
    pipeline: MotionCraftPipeline,
    clip: MotionClip,
    settings: Settings,
    *,
    model: str = "",
    keep: str | None = None,
    progress: Progress = silent,
) -> Video:
    """The clip's video; frame 0 is its image.

    Parameters
    ----------
    model: what to call the model in the video's description.
    keep: a folder where finished frames are kept; where it has some of the same clip, model and settings, the work
        goes on from the last one.
    progress: counts denoising steps; the detail names the frame.

    Raises
    ------
    Failure: out of memory; the finished frames are in the folder that it names.
    UserError: `keep` has frames of something else.
    """
    kept = None if keep is None else Kept(Path(keep), clip, {"model": model, **asdict(settings)})
    frames = [clip.image] if kept is None else kept.frames()
    after = None if kept is None else kept.last()
    steps = pipeline.schedule(settings).steps
    total = steps * (clip.frame_count - 1)
    done = steps * (len(frames) - 1)
    made_by = _made_by(clip, settings, model)

    def step_done(_: Any, step: int, timestep: int, values: dict[str, Any]) -> None:
        nonlocal done
        done += 1
        progress("motioncraft", done, total, f"frame {len(frames)} of {clip.frame_count - 1}")

    progress("motioncraft", done, total)
    resumed = len(frames)
    with _out_of_memory(frames, clip.fps, made_by, keep):
        for made in pipeline.stream(clip, settings, callback_on_step_end=step_done, after=after):
            frames.append(made.image)
            if kept is not None:
                kept.add(made)
    made_by["evaluations_per_frame"] = round(pipeline.evaluations_per_frame(clip.frame_count - resumed + 1), 3)
    made_by["evaluations_first_frame"] = pipeline.first_evaluations
    return Video(np.stack(frames), clip.fps, made_by)


@contextmanager
def _out_of_memory(frames: list[np.ndarray], fps: float, made_by: dict[str, Any], keep: str | None) -> Iterator[None]:
    """Turn running out of memory into a `Failure` that keeps the frames and says what to try."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        text = str(error).lower()
        if isinstance(error, RuntimeError) and not ("out of memory" in text or "not enough memory" in text):
            raise
        torch.cuda.empty_cache()
        folder = keep
        if folder is None:
            folder = str(Path(tempfile.mkdtemp(prefix="simcraft-motioncraft-")) / "frames")
            save_video(Video(np.stack(frames), fps, made_by), folder)
        raise Failure(
            f"Out of memory at frame {len(frames)}; the {len(frames)} frames before are in {folder}.",
            "Try --offload model, a smaller --resolution, --dtype bfloat16, or --guidance 1 (half the batch).",
        ) from error


def _made_by(clip: MotionClip, settings: Settings, model: str) -> dict[str, Any]:
    from simcraft import __version__

    options = {**asdict(settings), "steps": settings.steps or STEPS[settings.mode]}
    return {
        "generator": "motioncraft",
        "options": options,
        "model": model,
        "clip": clip.name,
        "seed": clip.seed,
        "simcraft": __version__,
    }
