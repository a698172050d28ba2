"""Motion Dreamer's stages as the training loop takes them: what they are given, what they denoise, and the loss.

- "1", motion reasoning: from the first frame, its R and arrows to R of all frames (arXiv 2412.00547, eq. 5 to 12);
- "2", painting: from the first frame and R to the frames (eq. 13);
- "one", the paper's one-stage model: from what stage one is given to the frames.

All diffuse what is to be added to a hint, in units of `residual_scale`: stage two to what `warp` paints, the others to
the first frame (or its R), moved as far as it is known to move. They begin by handing on the hint.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from simcraft.errors import UserError
from simcraft.generate.motion_dreamer.conditions import first_features
from simcraft.generate.motion_dreamer.inputs import (
    denoised_channels,
    known_channels,
    painting_channels,
    reasoning_channels,
    time_ids,
)
from simcraft.generate.motion_dreamer.layouts import Layout, build_unet
from simcraft.generate.motion_dreamer.palette import palette
from simcraft.generate.motion_dreamer.pictures import to_pictures
from simcraft.generate.motion_dreamer.preconditioning import Given
from simcraft.train.dreamer_loss import DreamerLoss, Encoded, Options, draw_sigmas
from simcraft.train.dreamer_parts import Parts
from simcraft.train.dreamer_prepared import PreparedDreamer
from simcraft.train.dreamer_samples import NOTHING_HIDDEN, Hiding, Sample, drawn, read_sample
from simcraft.train.pictures import spread
from simcraft.train.prepared import PreparedClip
from simcraft.train.stage import Batch

_SCALED = 64
"""Clips, spread over all, that the scale of residuals is taken from."""


@dataclass
class DreamerStage(ABC):
    """What the stages share: all training clips, T frames each."""

    data: PreparedDreamer
    layout: Layout
    parts: Parts
    options: Options = field(default_factory=Options)
    seed: int = 0
    start: Path | None = None
    """Folder of a network of the same layout whose weights are where the training starts."""
    checkpointing: bool = False
    """Compute activations again on the way back, and hold fewer: slower, for large networks."""

    threads: ClassVar[int] = 8
    kind: ClassVar[str]
    """"1", "2" or "one"."""
    prediction: ClassVar[str]
    # half above 9, as `diffusion.late_timesteps` has half above 800 of 1000: few steps from there are to say all
    noise: ClassVar[tuple[float, float]] = (2.2, 1.6)
    """Mean and deviation of the logarithm of sigma in training, P_mean and P_std of Karras et al. 2022."""
    largest: ClassVar[float] = 80.0
    """sigma that sampling starts from."""
    steps: ClassVar[int]
    """Of an evaluation's sampling, and what suits the model."""

    def __post_init__(self) -> None:
        self.name = f"dreamer-{self.kind}"
        self.clips, self.held_out = self.data.of_training(True), self.data.of_training(False)
        self.examples = len(self.clips)
        self.layout = replace(self.layout, size=self.data.size, frames=self.data.length)
        _check_size(self.layout)
        torch.manual_seed(self.seed)
        unet = build_unet(
            self.layout,
            self.channels + known_channels(self.kind, *self.parts.channels),
            self.channels,
            prediction=self.prediction,
            residual_scale=self._residual_scale(),
            first=self.kind != "2",
        )
        if self.start is not None:
            load_weights(unet, self.start)
        if self.checkpointing:
            unet.enable_gradient_checkpointing()
        self.module = DreamerLoss(unet, self.encoded, self.weights())

    @property
    def channels(self) -> int:
        """Of what is denoised."""
        return denoised_channels(self.kind, *self.parts.channels)

    def identity(self) -> dict[str, Any]:
        """See `stage.Stage`."""
        from simcraft.train.latents import digest_of

        return {
            "layout": asdict(self.layout),
            "data": self.data.digest,
            **self.parts.identity(),
            "options": asdict(self.options),
            "noise": self.noise,
            "residual_scale": self.module.unet.config["residual_scale"],
            "start": None if self.start is None else digest_of(self.module.unet),
        }

    def batch(self, indices: np.ndarray, generator: torch.Generator) -> Batch:
        """Clips, mirrored or not, with things hidden, in colours drawn at random."""
        seeds = torch.randint(2**62, (len(indices),), generator=generator).tolist()
        examples = [self._example(self.clips[i], seed) for i, seed in zip(indices, seeds, strict=True)]
        return {
            **stacked(examples),
            "noise": self.fresh_noise(len(examples), generator),
            "sigma": draw_sigmas(len(examples), *self.noise, generator),
        }

    def fresh_noise(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """(count, T, C, h, w)."""
        width, height = self.data.cells
        return torch.randn(count, self.data.length, self.channels, height, width, generator=generator)

    @abstractmethod
    def weights(self) -> torch.Tensor:
        """(C) of the channels' errors in the loss."""

    @abstractmethod
    def read(self, clip: PreparedClip) -> Sample:
        """All that is known of a clip."""

    @abstractmethod
    def tensors(self, sample: Sample, colours: np.ndarray) -> Batch:
        """What the network is trained on, of one clip; `colours` of its instances from `palette`."""

    @abstractmethod
    def encoded(self, batch: Batch) -> Encoded:
        """A batch of `tensors` as latents."""

    @abstractmethod
    def evaluate(self, sheet: Path) -> dict[str, float]:
        """See `stage.Stage`."""

    def save(self, out: Path) -> None:
        """Write the model as far as it is trained: this stage's network, and what is frozen."""
        from simcraft.train.dreamer_export import save_stage

        save_stage(out, self.kind, self.module.unet, self.parts, suits=self.suits())

    def suits(self) -> dict[str, Any]:
        """How to sample with the trained model."""
        return {"steps": self.steps, "largest": self.largest, "delta": self.options.delta}

    def _hiding(self) -> Hiding:
        return self.options.hiding

    def _example(self, clip: PreparedClip, seed: int) -> Batch:
        rng = np.random.default_rng(seed)
        sample = drawn(self.read(clip), self._hiding(), rng)
        return self.tensors(sample, palette(len(sample.representation.ids), rng))

    @torch.no_grad()
    def _residual_scale(self) -> float:
        """Root mean square of what the hint lacks, in training clips with nothing hidden."""
        squares = []
        for i in spread(len(self.clips), _SCALED):
            sample = drawn(self.read(self.clips[i]), NOTHING_HIDDEN, np.random.default_rng(int(i)))
            encoded = self.encoded(self._to_device(stacked([self.tensors(sample, _colours(sample))])))
            squares.append(float((encoded.target - encoded.hint).square().mean()))
        # two digits: sums differ in their last ones from machine to machine
        return float(f"{np.sqrt(np.mean(squares)):.2g}")

    def _to_device(self, batch: Batch) -> Batch:
        device = next(self.parts.vae.parameters()).device
        return {name: value.to(device) for name, value in batch.items()}


@dataclass
class _Reasoning(DreamerStage):
    """What "1" and "one" share: they are given the first frame, its R and arrows."""

    prediction = "x0"
    steps = 1

    def read(self, clip: PreparedClip) -> Sample:
        return read_sample(self.data, clip, decodable=True)

    def tensors(self, sample: Sample, colours: np.ndarray) -> Batch:
        first, arrows, there = sample.representation.first, sample.arrows, sample.moved()
        return {
            "image": torch.from_numpy(np.ascontiguousarray(sample.frames[0])),
            "moved_image": torch.from_numpy(there.picture(sample.frames[0])),
            "moved": torch.from_numpy(to_pictures(there.representation, colours)),
            "features": torch.from_numpy(first_features(sample.frames[0], first, arrows, colours)),
            "instance_flow": torch.from_numpy(np.ascontiguousarray(arrows.flow.transpose(2, 0, 1))),
            "camera": torch.from_numpy(sample.camera),
        }

    def _hiding(self) -> Hiding:
        # the flow is what is to be found, and geometry is of frames that are not known yet
        return replace(self.options.hiding, flow=0, geometry=0)

    def _given(self, batch: Batch, moved: torch.Tensor) -> Given:
        first = self.parts.frames(batch["image"])
        return Given(
            channels=reasoning_channels(first, moved),
            embedding=self.parts.image_encoder(first),
            time_ids=time_ids(len(first), first.device),
            first=batch["features"],
            instance_flow=batch["instance_flow"],
            camera=batch["camera"],
        )


@dataclass
class ReasoningStage(_Reasoning):
    """Stage one: R of all frames."""

    kind = "1"

    def weights(self) -> torch.Tensor:
        return self.parts.representation.pixel_weights()

    def tensors(self, sample: Sample, colours: np.ndarray) -> Batch:
        known = sample.representation
        threshold = self.options.threshold * known.size[0]
        moving = np.hypot(known.flow[..., 0], known.flow[..., 1]) > threshold  # eq. 11
        return {
            **super().tensors(sample, colours),
            "pictures": torch.from_numpy(to_pictures(known, colours)),
            "moving": torch.from_numpy(moving.astype(np.float32)),
        }

    def encoded(self, batch: Batch) -> Encoded:
        target, hint = self.parts.encode(batch["pictures"]), self.parts.encode(batch["moved"])
        moving = functional.avg_pool2d(batch["moving"], self.layout.factor)
        return Encoded(target, hint, self._given(batch, hint), 1 + (self.options.enhancement - 1) * moving)

    def evaluate(self, sheet: Path) -> dict[str, float]:
        from simcraft.train.dreamer_evaluate import evaluate_reasoning

        return evaluate_reasoning(self, sheet)


@dataclass
class OneStage(_Reasoning):
    """The one-stage model: frames, of what stage one is given."""

    kind = "one"

    def weights(self) -> torch.Tensor:
        return self.parts.vae.pixel_weights()

    def tensors(self, sample: Sample, colours: np.ndarray) -> Batch:
        return {
            **super().tensors(sample, colours),
            "frames": torch.from_numpy(np.ascontiguousarray(sample.frames)),
        }

    def encoded(self, batch: Batch) -> Encoded:
        target, hint = self.parts.frames(batch["frames"]), self.parts.frames(batch["moved_image"])
        return Encoded(target, hint, self._given(batch, self.parts.encode(batch["moved"])))

    def evaluate(self, sheet: Path) -> dict[str, float]:
        from simcraft.train.dreamer_evaluate import evaluate_one_stage

        return evaluate_one_stage(self, sheet)


@dataclass
class PaintingStage(DreamerStage):
    """Stage two: frames, of the first one and R."""

    kind = "2"
    prediction = "v"
    steps = 1

    def weights(self) -> torch.Tensor:
        return self.parts.vae.pixel_weights()

    def read(self, clip: PreparedClip) -> Sample:
        return read_sample(self.data, clip, decodable=False)

    def tensors(self, sample: Sample, colours: np.ndarray) -> Batch:
        return {
            "frames": torch.from_numpy(np.ascontiguousarray(sample.frames)),
            "hint": torch.from_numpy(np.ascontiguousarray(sample.hint)),
            "new": torch.from_numpy(np.ascontiguousarray(sample.new)),
            "pictures": torch.from_numpy(to_pictures(sample.representation, colours)),
            "geometry": torch.from_numpy(sample.geometry),
            "camera": torch.from_numpy(sample.camera),
        }

    def encoded(self, batch: Batch) -> Encoded:
        target, hint = self.parts.frames(batch["frames"]), self.parts.frames(batch["hint"])
        first = target[:, 0]
        representation = self.parts.encode(batch["pictures"])
        given = Given(
            channels=painting_channels(first, hint, batch["new"], representation, batch["geometry"]),
            embedding=self.parts.image_encoder(first),
            time_ids=time_ids(len(first), first.device),
            camera=batch["camera"],
        )
        return Encoded(target, hint, given)

    def evaluate(self, sheet: Path) -> dict[str, float]:
        from simcraft.train.dreamer_evaluate import evaluate_painting

        return evaluate_painting(self, sheet)


STAGES: dict[str, type[DreamerStage]] = {stage.kind: stage for stage in (ReasoningStage, PaintingStage, OneStage)}


def stacked(examples: list[Batch]) -> Batch:
    """One batch of examples."""
    return {name: torch.stack([example[name] for example in examples]) for name in examples[0]}


def load_weights(unet: nn.Module, folder: Path) -> None:
    """Give a network the weights of a trained one; `UserError` where `folder` has none that fit."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        unet.load_state_dict(load_file(folder / "diffusion_pytorch_model.safetensors"))
    except (OSError, RuntimeError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(
            f"{folder} is no network of this layout ({reason}).", "Start from one that was trained with the same."
        ) from None


def _colours(sample: Sample) -> np.ndarray:
    return palette(len(sample.representation.ids))


def _check_size(layout: Layout) -> None:
    multiple = layout.factor * 2 ** (len(layout.channels) - 1)
    if layout.size[0] % multiple or layout.size[1] % multiple:
        raise UserError(
            f"The pictures are {layout.size[0]}x{layout.size[1]}; this layout takes multiples of {multiple}.",
            f"Make a set with another size, such as {multiple * 4}x{multiple * 4}.",
        )
