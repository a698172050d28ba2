"""What the benchmark of Motion Dreamer compares: each row makes a video of a case, or predicts its motion, or both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.dreamer_cases import Case
from benchmarks.sources import model_digest
from simcraft.clip import MotionClip
from simcraft.generate.motion_dreamer.arrows import InstanceFlow, kept
from simcraft.generate.motion_dreamer.clips import clip_of
from simcraft.generate.motion_dreamer.conditions import Conditions, conditions_of
from simcraft.generate.motion_dreamer.loading import load_pipeline
from simcraft.generate.motion_dreamer.pipeline import MotionDreamerPipeline
from simcraft.generate.motion_dreamer.representation import Representation
from simcraft.generate.motion_dreamer.stage_one import Beginning, predict_representation
from simcraft.generate.motion_dreamer.stage_two import encode_known, paint_latents
from simcraft.generate.motioncraft.composite import composited
from simcraft.generate.warp import warp
from simcraft.train.dreamer_samples import Sample, without

PAINTING, REASONING, SMALL, NO_ENHANCEMENT, ONE = "painting", "reasoning", "small", "no enhancement", "one stage"
"""Models: stage two and stage one; and of equal, small budgets stage one, the same without eq. 11 and 12, and the
one-stage model."""
MOTIONCRAFT = "motioncraft"
MODALITIES = ("segmentation", "depth", "flow")


@dataclass(frozen=True)
class Made:
    """What a row made of a case."""

    frames: np.ndarray | None = None
    """(T, H, W, 3) uint8."""
    motion: Representation | None = None
    """R, predicted."""
    clip: MotionClip | None = None
    """The same as a clip."""


@dataclass(frozen=True)
class Model:
    """A model's folder, loaded when it is first used."""

    folder: Path
    load: Callable[[str], Any] = load_pipeline

    @cached_property
    def pipeline(self) -> Any:
        """A `MotionDreamerPipeline` (or that of `load`), on the GPU where there is one."""
        return self.load(str(self.folder))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of its files."""
        return model_digest(self.folder)


Models = Mapping[str, Model]


@dataclass(frozen=True)
class Row:
    """One row of the tables."""

    name: str
    make: Callable[[Case, Models], Made]
    models: tuple[str, ...] = ()
    """Those that it needs."""


def rows() -> list[Row]:
    """All of them, in the order of the tables."""
    both = "two stages"
    return [
        Row("the truth", lambda case, models: Made(case.frames, case.motion, case.clip)),
        Row("standing still", still),
        Row("warp", lambda case, models: Made(warp(case.clip).frames)),
        Row("motioncraft", motioncraft, (MOTIONCRAFT,)),
        Row("simulation in place of stage one", simulated, (PAINTING,)),
        *(Row(f"simulation, without {name}", partial(simulated, hidden=name), (PAINTING,)) for name in MODALITIES),
        Row(both, dreamt, (PAINTING, REASONING)),
        *(Row(f"{both}, without {name}", partial(dreamt, hidden=name), (PAINTING, REASONING)) for name in MODALITIES),
        Row(f"{both}, sparse flow", partial(dreamt, arrows=sparse), (PAINTING, REASONING)),
        Row(f"{both}, no arrows", partial(dreamt, arrows=nothing), (PAINTING, REASONING)),
        Row("stage one, painted by warp", warped_prediction, (REASONING,)),
        Row(f"{both}, small budget", partial(dreamt, stage_one=SMALL), (PAINTING, SMALL)),
        Row(
            f"{both}, small budget, no enhancement loss",
            partial(dreamt, stage_one=NO_ENHANCEMENT),
            (PAINTING, NO_ENHANCEMENT),
        ),
        Row("one stage, small budget", at_once, (ONE,)),
    ]


# ---------------------------------------------------------------------------------------------------------------- rows


def still(case: Case, models: Models) -> Made:
    """The first frame for ever."""
    return Made(np.repeat(case.frames[:1], len(case.frames), 0))


def motioncraft(case: Case, models: Models) -> Made:
    """MotionCraft as the generator paints by default, with the embedded inpainting model."""
    pipeline = models[MOTIONCRAFT].pipeline
    chosen = pipeline.settings(prompt=case.clip.captions[0] if case.clip.captions else "")
    return Made(np.stack([case.clip.image, *(made.image for made in pipeline.stream(case.clip, chosen))]))


def simulated(case: Case, models: Models, hidden: str | None = None) -> Made:
    """Stage two, given the simulation's motion, or that without the modality `hidden`."""
    return Made(painted(models[PAINTING].pipeline, given(case, case.conditions, hidden)))


def dreamt(
    case: Case,
    models: Models,
    hidden: str | None = None,
    arrows: Callable[[Case], InstanceFlow] | None = None,
    stage_one: str = REASONING,
) -> Made:
    """Stage one of the model `stage_one`, given arrows (by default those of all instances), then stage two."""
    if arrows is None:
        motion, clip = _with_all_arrows(case, models[stage_one])
    else:
        motion, clip = reasoned(case, models[stage_one].pipeline, arrows(case))
    conditions = conditions_of(clip, clip.size, models[PAINTING].pipeline.factor)
    return Made(painted(models[PAINTING].pipeline, given(case, conditions, hidden)), motion, clip)


def warped_prediction(case: Case, models: Models) -> Made:
    """The generator `warp`, on the motion that stage one predicts."""
    motion, clip = _with_all_arrows(case, models[REASONING])
    return Made(warp(clip).frames, motion, clip)


def at_once(case: Case, models: Models) -> Made:
    """The paper's one-stage model."""
    poses = case.clip.camera_to_world
    return Made(models[ONE].pipeline.dream_at_once(case.scene, case.arrows, camera_to_world=poses).frames)


# -------------------------------------------------------------------------------------------------------------- pieces


def sparse(case: Case) -> InstanceFlow:
    """The motion of each instance, told in the pixel nearest to its middle alone."""
    flow, labels = case.arrows, case.scene.instances
    known = np.zeros_like(flow.known)
    for label in np.unique(labels[flow.known]):
        y, x = np.nonzero(flow.known & (labels == label))
        nearest = np.argmin((x - x.mean()) ** 2 + (y - y.mean()) ** 2)
        known[y[nearest], x[nearest]] = True
    return kept(flow, known)


def nothing(case: Case) -> InstanceFlow:
    """No arrows: what moves is left to the network."""
    return kept(case.arrows, np.zeros_like(case.arrows.known))


@torch.no_grad()
def reasoned(case: Case, pipeline: MotionDreamerPipeline, arrows: InstanceFlow) -> tuple[Representation, MotionClip]:
    """What stage one predicts of a case of the network's own size, as R and as a clip.

    As `MotionDreamerPipeline.predict` gives it, but that arrows need not fill their instances.
    """
    unet, chosen = pipeline.stage_one, pipeline.settings("stage_one")
    poses = case.clip.camera_to_world
    assert poses is not None
    channels, size = unet.config["out_channels"], case.clip.size
    source = torch.Generator().manual_seed(chosen.seed)

    def noise_of(frames: int) -> torch.Tensor:
        shape = (1, frames, channels, size[1] // pipeline.factor, size[0] // pipeline.factor)
        return torch.randn(shape, generator=source).to(pipeline.device)

    begin = Beginning(case.clip.image, case.motion.first, arrows, case.scene.intrinsics)
    found = predict_representation(unet, pipeline.encoders(), case.scene, begin, poses, noise_of, chosen)
    return found, clip_of(found, case.scene, camera_to_world=poses, fps=case.clip.fps)


@lru_cache(maxsize=128)
def _with_all_arrows(case: Case, model: Model) -> tuple[Representation, MotionClip]:
    """`reasoned`, which several rows paint; kept for the clips of a group."""
    return reasoned(case, model.pipeline, case.arrows)


def given(case: Case, conditions: Conditions, hidden: str | None) -> Conditions:
    """What stage two is given, without the modality `hidden`, as training hides it."""
    if hidden is None:
        return conditions
    sample = without(_as_sample(case, conditions), **{hidden: True})
    return Conditions(sample.hint, sample.new, sample.representation, sample.geometry, sample.camera)


@torch.no_grad()
def painted(pipeline: MotionDreamerPipeline, conditions: Conditions) -> np.ndarray:
    """(T, H, W, 3) uint8, what stage two paints of conditions of the network's own size, composited."""
    unet, encoders, chosen = pipeline.stage_two, pipeline.encoders(), pipeline.settings("stage_two")
    known = encode_known(encoders, conditions)
    noise = torch.randn(known.hint.shape, generator=torch.Generator().manual_seed(chosen.seed)).to(known.hint)
    latents = paint_latents(unet, known, noise, chosen)
    frames = [conditions.hint[0]]
    for t in range(1, len(conditions.hint)):
        image, lossy = encoders.frame(latents[0, t]), encoders.frame(known.hint[0, t])
        frames.append(composited(image, conditions.hint[t], lossy, np.zeros(image.shape[:2], bool)))
    return np.stack(frames)


def _as_sample(case: Case, conditions: Conditions) -> Sample:
    frames = np.repeat(conditions.hint[:1], len(conditions.hint), 0)
    return Sample(
        frames=frames,
        hint=conditions.hint,
        new=conditions.new,
        geometry=conditions.geometry,
        representation=conditions.representation,
        camera=conditions.camera,
        intrinsics=case.scene.intrinsics,
        arrows=case.arrows,
    )
