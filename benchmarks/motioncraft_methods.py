"""What the benchmark of MotionCraft compares: each method makes a video of a case, and says what that took."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.motioncraft_cases import Case, cut_clip
from benchmarks.motioncraft_zero import text_to_video_zero
from benchmarks.sources import model_digest
from simcraft.generate.motioncraft.loading import load_pipeline
from simcraft.generate.motioncraft.pictures import decode_latents, encode_image, resized, working_size
from simcraft.generate.motioncraft.pipeline import MotionCraftPipeline
from simcraft.generate.warp import warp

PLAIN, INPAINT = "plain", "inpaint"
"""The two models: Stable Diffusion's layout, and that of its inpainting models."""
EVERYWHERE = ("scenes", "twelve", "physion")
WHERE_FEW = ("scenes", "twelve")


@dataclass(frozen=True)
class Made:
    """A method's video of a case."""

    frames: np.ndarray
    """(T, H, W, 3) uint8."""
    evaluations: int = 0
    """Samples that went through the UNet for all frames but the first, which is given."""
    first_evaluations: int = 0
    """And for the first one."""


@dataclass(frozen=True)
class Model:
    """A checkpoint, loaded when it is first used."""

    folder: Path

    @cached_property
    def pipeline(self) -> MotionCraftPipeline:
        """On the GPU where there is one."""
        return load_pipeline(str(self.folder))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of its weights, configuration and vocabulary."""
        return model_digest(self.folder)


Paint = Callable[[Case, MotionCraftPipeline | None, dict[str, Any]], Made]


@dataclass(frozen=True)
class Method:
    """One row of the tables."""

    name: str
    paint: Paint
    model: str | None = None
    """`PLAIN`, `INPAINT`, or None where no network is used."""
    settings: dict[str, Any] = field(default_factory=dict)
    """What `paint` is given."""
    groups: tuple[str, ...] = EVERYWHERE
    part: str = "methods"
    """The table that it stands in: "methods", "controls" or "ablations"."""
    needs_truth: bool = False
    """Can it do nothing where there are no true frames?"""


def methods(quick: bool = False) -> list[Method]:
    """All of them, in the order of the tables; `quick`: with few steps."""
    reference_steps, fast_steps, turbo_steps, zero_steps = (2, 2, 1, 8) if quick else (80, None, None, 50)
    published = {"mode": "reference", "strength": 0.4, "guidance": 7.5, "steps": reference_steps}
    fast = {"mode": "fast", "steps": fast_steps}
    turbo = {"mode": "turbo", "steps": turbo_steps}
    return [
        Method("the truth", truth, part="controls", needs_truth=True),
        Method("standing still", still, part="controls"),
        Method("truth through the autoencoder", truth_through_autoencoder, PLAIN, part="controls", needs_truth=True),
        Method("warp through the autoencoder", warp_through_autoencoder, PLAIN, part="controls"),
        Method("warp", warped),
        Method("Text2Video-Zero", zero, PLAIN, {"steps": zero_steps}),
        Method("reference", motioncraft, PLAIN, published, WHERE_FEW),
        Method("reference, suited guidance", motioncraft_guided, PLAIN, published, ("twelve",)),
        Method("fast", motioncraft, PLAIN, {**fast, "composite": False}),
        Method("fast, composited", motioncraft, PLAIN, {**fast, "composite": True}, WHERE_FEW),
        Method("turbo", motioncraft, PLAIN, {**turbo, "composite": False}),
        Method("inpaint", motioncraft, INPAINT, {**fast, "composite": False}),
        Method("inpaint, composited", motioncraft, INPAINT, {**fast, "composite": True}),
        *ablations({**fast, "composite": False}),
    ]


def ablations(settings: dict[str, Any]) -> list[Method]:
    """One part of the fast mode changed at a time, on the plain model; the first row is what they are changes of."""
    whole = {"attention": "both", "source": "picture", "eta": 1.0, "invert": True}
    changes: dict[str, dict[str, Any]] = {
        "all of it": {},
        "attention: first": {"attention": "first"},
        "attention: previous": {"attention": "previous"},
        "attention: none": {"attention": "none"},
        "source: first": {"source": "first"},
        "source: previous": {"source": "previous"},
        "eta 0": {"eta": 0.0},
        "not inverted": {"invert": False},
    }
    return [
        Method(name, motioncraft, PLAIN, {**settings, **whole, **change}, ("twelve",), "ablations")
        for name, change in changes.items()
    ]


# --------------------------------------------------------------------------------------------------- how each paints


def truth(case: Case, pipeline: MotionCraftPipeline | None, settings: dict[str, Any]) -> Made:
    """The true frames."""
    return Made(_true_frames(case))


def still(case: Case, pipeline: MotionCraftPipeline | None, settings: dict[str, Any]) -> Made:
    """The first frame, again and again."""
    return Made(np.repeat(case.clip.image[None], case.clip.frame_count, 0))


def warped(case: Case, pipeline: MotionCraftPipeline | None, settings: dict[str, Any]) -> Made:
    """The generator `warp`."""
    return Made(warp(case.clip).frames)


def truth_through_autoencoder(case: Case, pipeline: MotionCraftPipeline | None, settings: dict[str, Any]) -> Made:
    """What no raw output of the model can be better than: the true frames, encoded and decoded."""
    return Made(_through_autoencoder(pipeline, _true_frames(case)))


def warp_through_autoencoder(case: Case, pipeline: MotionCraftPipeline | None, settings: dict[str, Any]) -> Made:
    """What raw output starts from: the frames of `warp`, encoded and decoded."""
    return Made(_through_autoencoder(pipeline, warp(case.clip).frames))


def motioncraft(case: Case, pipeline: MotionCraftPipeline | None, settings: dict[str, Any]) -> Made:
    """`MotionCraftPipeline` with `settings`, and the clip's caption."""
    assert pipeline is not None
    chosen = pipeline.settings(**{**settings, "prompt": case.prompt})
    frames = [case.clip.image, *(made.image for made in pipeline.stream(case.clip, chosen))]
    return Made(np.stack(frames), pipeline.evaluations - pipeline.first_evaluations, pipeline.first_evaluations)


def motioncraft_guided(case: Case, pipeline: MotionCraftPipeline | None, settings: dict[str, Any]) -> Made:
    """The same with the guidance that suits the checkpoint's fast mode: 7.5 is what suits Stable Diffusion 1.5."""
    assert pipeline is not None
    return motioncraft(case, pipeline, {**settings, "guidance": pipeline.settings().guidance})


def zero(case: Case, pipeline: MotionCraftPipeline | None, settings: dict[str, Any]) -> Made:
    """Text2Video-Zero, which makes all frames in one batch: its evaluations are shared among those it is asked for."""
    assert pipeline is not None
    frames, evaluations = text_to_video_zero(pipeline, case.clip, case.prompt, **settings)
    return Made(frames, evaluations)


def painted(method: Method, case: Case, model: Model | None) -> tuple[Made, float]:
    """The method's video of a case, and the wall seconds that it took, without loading the model."""
    pipeline = None if model is None else model.pipeline
    start = time.perf_counter()
    with torch.no_grad():
        made = method.paint(case, pipeline, method.settings)
    return made, time.perf_counter() - start


def warm_up(case: Case, model: Model | None) -> None:
    """Run everything once on two frames of a case, so that what the first run costs counts for none."""
    clip = cut_clip(case.clip, 2)
    warp(clip)
    if model is not None:
        for _ in model.pipeline.stream(clip, model.pipeline.settings(steps=1)):
            pass


def _true_frames(case: Case) -> np.ndarray:
    assert case.truth is not None
    return case.truth


def _through_autoencoder(pipeline: MotionCraftPipeline | None, frames: np.ndarray) -> np.ndarray:
    assert pipeline is not None
    back = frames.shape[2], frames.shape[1]
    size = working_size(back, None, pipeline.factor, pipeline.unet)
    latents = (encode_image(pipeline.vae, resized(f, size), pipeline.device, torch.float32) for f in frames)
    return np.stack([resized(decode_latents(pipeline.vae, z), back) for z in latents])
