"""What the benchmark of Motion Dreamer compares: each row makes a video of a case, or predicts its motion, or both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.dreamer_cases import Case
from benchmarks.sources import model_digest
from simcraft.clip import MotionClip
from simcraft.errors import UserError
from simcraft.generate.correspondence import first_frame
from simcraft.generate.motion_dreamer.arrows import InstanceFlow, kept
from simcraft.generate.motion_dreamer.clips import clip_of
from simcraft.generate.motion_dreamer.conditions import Conditions, conditions_of
from simcraft.generate.motion_dreamer.loading import load_pipeline
from simcraft.generate.motion_dreamer.moved import Moved, moved
from simcraft.generate.motion_dreamer.pipeline import STAGES, MotionDreamerPipeline
from simcraft.generate.motion_dreamer.representation import Representation
from simcraft.generate.motion_dreamer.settings import Settings
from simcraft.generate.motion_dreamer.stage_one import Beginning, predict_representation
from simcraft.generate.motion_dreamer.stage_two import decoded_frames, encode_known, paint_latents
from simcraft.generate.motioncraft.composite import Warped
from simcraft.generate.motioncraft.pictures import working_size
from simcraft.generate.warp import warp
from simcraft.train.dreamer_samples import Sample, without
from simcraft.train.layout import FACTOR

PAINTING, REASONING = "painting", "reasoning"
"""Models: stage two and stage one;"""
SMALL_PAINTING, SMALL, NO_ENHANCEMENT, ONE = "small painting", "small", "no enhancement", "one stage"
"""of equal, small budgets the same two, stage one without eq. 11 and 12, and the one-stage model;"""
MOTIONCRAFT = "motioncraft"
"""and the embedded inpainting model."""
_NETWORKS = (*STAGES, "one_stage")
MOVED = "the first frame moved, in place of stage one"
"""The row of what stage one adds to."""
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
    network: str | None = None
    """The one of Motion Dreamer's that is used: results stay valid when others come to lie beside it."""
    load: Callable[[str], Any] = load_pipeline

    @property
    def pipeline(self) -> Any:
        """A `MotionDreamerPipeline` (or that of `load`), on the GPU where there is one."""
        return _loaded(self.load, self.folder)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of its files."""
        return model_digest(self.folder, [] if self.network is None else [n for n in _NETWORKS if n != self.network])


@lru_cache(maxsize=4)
def _loaded(load: Callable[[str], Any], folder: Path) -> Any:
    return load(str(folder))


Models = Mapping[str, Model]
Predicted = tuple[Representation, MotionClip]
"""What stage one predicts, as R and as a clip."""
Reason = Callable[[Case, MotionDreamerPipeline], Predicted]


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
        Row(f"{both}, sparse flow", partial(dreamt, reason=with_pixels), (PAINTING, REASONING)),
        Row(f"{both}, no arrows", partial(dreamt, reason=with_nothing), (PAINTING, REASONING)),
        # stage two's model stands in the place of stage one's, which nobody asks
        Row(MOVED, partial(dreamt, reason=without_network, stages=(PAINTING, PAINTING)), (PAINTING,)),
        Row("stage one, painted by warp", warped_prediction, (REASONING,)),
        *(
            Row(name, partial(dreamt, stages=(stage_one, SMALL_PAINTING)), (stage_one, SMALL_PAINTING))
            for name, stage_one in (
                (f"{both}, small budget", SMALL),
                (f"{both}, small budget, no enhancement loss", NO_ENHANCEMENT),
            )
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
    return Made(painted(models[PAINTING].pipeline, case.clip, given(case, case.conditions, hidden)))


def dreamt(
    case: Case,
    models: Models,
    hidden: str | None = None,
    reason: Reason | None = None,
    stages: tuple[str, str] = (REASONING, PAINTING),
) -> Made:
    """Stage one and then stage two of these models; `reason` is `with_arrows`, or what does otherwise."""
    reasoning, painting = (models[name] for name in stages)
    motion, clip = _reasoned(case, reasoning, reason or with_arrows)
    conditions = given(case, conditions_of(clip, clip.size, painting.pipeline.factor), hidden)
    return Made(painted(painting.pipeline, clip, conditions), motion, clip)


def warped_prediction(case: Case, models: Models) -> Made:
    """The generator `warp`, on the motion that stage one predicts."""
    motion, clip = _reasoned(case, models[REASONING], with_arrows)
    return Made(warp(clip).frames, motion, clip)


def at_once(case: Case, models: Models) -> Made:
    """The paper's one-stage model."""
    poses = case.clip.camera_to_world
    return Made(models[ONE].pipeline.dream_at_once(case.scene, case.arrows, camera_to_world=poses).frames)


# ----------------------------------------------------------------------------------------------------------- stage one


def with_arrows(case: Case, pipeline: MotionDreamerPipeline) -> Predicted:
    """Stage one, given the arrows of all instances."""
    return reasoned(case, pipeline, case.arrows)


def with_pixels(case: Case, pipeline: MotionDreamerPipeline) -> Predicted:
    """Stage one, given the motion of a pixel of each instance; what it adds to would give the whole instance away."""
    return reasoned(case, pipeline, sparse(case), AtRest)


def with_nothing(case: Case, pipeline: MotionDreamerPipeline) -> Predicted:
    """Stage one, given no arrow."""
    return reasoned(case, pipeline, nothing(case))


def without_network(case: Case, pipeline: MotionDreamerPipeline) -> Predicted:
    """What stage one adds to, and no stage one: each instance goes on along its arrow."""
    poses = case.clip.camera_to_world
    assert poses is not None
    begin = Beginning(case.clip.image, case.motion.first, case.arrows, case.scene.intrinsics)
    found = begin.moved(poses).representation
    return found, clip_of(found, case.scene, camera_to_world=poses, fps=case.clip.fps)


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


class AtRest(Beginning):
    """Of which nothing goes along with its arrow: that is told to the network, and in no other way."""

    def moved(self, poses: np.ndarray) -> Moved:
        """The first frame as the camera alone moves it."""
        return moved(self.known.first, kept(self.flow, np.zeros_like(self.flow.known)), poses, self.intrinsics)


@torch.no_grad()
def reasoned(
    case: Case, pipeline: MotionDreamerPipeline, arrows: InstanceFlow, start: type[Beginning] = Beginning
) -> Predicted:
    """What stage one predicts of a case of the network's own size.

    As `MotionDreamerPipeline.predict` gives it, but that arrows need not fill their instances. Raises `UserError` for a
    model of another size.
    """
    unet, chosen = pipeline.stage_one, pipeline.settings("stage_one")
    poses = case.clip.camera_to_world
    assert poses is not None
    _check_size(case.clip, pipeline, unet, chosen)
    channels, size = unet.config["out_channels"], case.clip.size
    source = torch.Generator().manual_seed(chosen.seed)

    def noise_of(frames: int) -> torch.Tensor:
        shape = (1, frames, channels, size[1] // pipeline.factor, size[0] // pipeline.factor)
        return torch.randn(shape, generator=source).to(pipeline.device)

    begin = start(case.clip.image, case.motion.first, scaled(arrows, chosen.delta), case.scene.intrinsics)
    found = predict_representation(unet, pipeline.encoders(), case.scene, begin, poses, noise_of, chosen)
    return found, clip_of(found, case.scene, camera_to_world=poses, fps=case.clip.fps)


@lru_cache(maxsize=128)
def _reasoned(case: Case, model: Model, reason: Reason) -> Predicted:
    """What several rows paint; kept for the clips of a group."""
    return reason(case, model.pipeline)


def scaled(arrows: InstanceFlow, delta: float) -> InstanceFlow:
    """All arrows times `delta` (eq. 4)."""
    return InstanceFlow(arrows.flow * np.float32(delta), arrows.known)


# ----------------------------------------------------------------------------------------------------------- stage two


def given(case: Case, conditions: Conditions, hidden: str | None) -> Conditions:
    """What stage two is given, without the modality `hidden`, as training hides it."""
    if hidden is None:
        return conditions
    sample = without(_as_sample(case, conditions), **{hidden: True})
    return Conditions(sample.hint, sample.new, sample.representation, sample.geometry, sample.camera)


@torch.no_grad()
def painted(pipeline: MotionDreamerPipeline, clip: MotionClip, conditions: Conditions) -> np.ndarray:
    """(T, H, W, 3) uint8, what stage two paints of conditions of a clip of the network's own size.

    As calling the pipeline gives it, but that things may be hidden. Raises `UserError` for a model of another size.
    """
    unet, encoders, chosen = pipeline.stage_two, pipeline.encoders(), pipeline.settings("stage_two")
    _check_size(clip, pipeline, unet, chosen)
    known = encode_known(encoders, conditions)
    noise = torch.randn(known.hint.shape, generator=torch.Generator().manual_seed(chosen.seed)).to(known.hint)
    latents = paint_latents(unet, known, noise, chosen)
    first = first_frame(clip)
    if conditions.new.all():  # flow is hidden
        first = replace(first, seen=np.zeros_like(first.seen))
    shown = Warped(conditions.hint, first)
    return np.stack(list(decoded_frames(unet, encoders, clip, shown, known, latents, chosen.composite)))


def _check_size(clip: MotionClip, pipeline: MotionDreamerPipeline, unet: Any, settings: Settings) -> None:
    size = working_size(clip.size, settings.resolution, pipeline.factor, unet)
    if size != clip.size or pipeline.factor != FACTOR:
        raise UserError(
            f"The model works at {size[0]}x{size[1]} with {pipeline.factor} pixels a cell; the clips of the benchmark "
            f"are {clip.size[0]}x{clip.size[1]}, prepared for {FACTOR}.",
            "Give a model that was trained on clips of their size.",
        )


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
