"""What the stages "unet" and "inpaint" share: latents, texts, the network with its text encoder, and the loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from safetensors import SafetensorError
from torch import nn

from simcraft.errors import UserError
from simcraft.generate.motioncraft.attention import Frames, Pattern, install
from simcraft.progress import Progress, silent
from simcraft.train.export import load_autoencoder, save_pipeline
from simcraft.train.latents import digest_of, ensure_latents
from simcraft.train.layout import Layout, build_scheduler, build_text_encoder, build_unet
from simcraft.train.prepared import PreparedClip, PreparedSet
from simcraft.train.stage import Batch
from simcraft.train.tokenizer import load_tokenizer, token_ids, train_tokenizer

_NO_TEXT = 0.1
"""Share of examples without a caption (Ho and Salimans 2021)."""


@dataclass(frozen=True)
class Material:
    """What both stages learn from."""

    data: PreparedSet
    layout: Layout
    autoencoder: Any
    latents: np.ndarray
    """(F, C, h, w) float16, of the true frames."""
    warped: np.ndarray
    """(F, C, h, w) float16, of what the generator `warp` paints."""
    tokenizer: Any

    def identity(self) -> dict[str, Any]:
        """JSON values that a run cannot change on its way."""
        return {
            "layout": asdict(self.layout),
            "data": self.data.digest,
            "encoder": digest_of(self.autoencoder.encoder),
        }


@dataclass(frozen=True)
class Pair:
    """A frame that has one before it."""

    clip: int
    """Number in `PreparedSet.clips`."""
    frame: int
    """1 and up, in the clip."""


class Denoising(nn.Module):
    """A UNet and its text encoder, trained together, and the loss of what they predict."""

    levels: torch.Tensor
    """(1000) cumulative products of the alphas: 1 is clean."""
    weights: torch.Tensor
    """(C, 1, 1) of the channels' errors, 1 in the mean."""

    def __init__(
        self,
        unet: Any,
        text_encoder: Any,
        min_snr: float | None,
        prediction: str = "v_prediction",
        weights: torch.Tensor | None = None,
    ) -> None:
        super().__init__()
        self.unet, self.text_encoder, self.min_snr, self.prediction = unet, text_encoder, min_snr, prediction
        self.adds_known = unet.config.in_channels > unet.config.out_channels
        """Is what the network says added to the known latents that it is given?"""
        install(unet)
        self.register_buffer("levels", build_scheduler().alphas_cumprod.clone(), persistent=False)
        even = torch.ones(unet.config.out_channels)
        self.register_buffer("weights", (even if weights is None else weights)[:, None, None], persistent=False)

    def forward(self, batch: Batch) -> Batch:
        """Weighted squared error of v or z_0, for frames of a batch (B, n, ...) that attend to each other.

        `z`, `noise` (B, n, C, h, w); `t` (B) timesteps, one for all n; `tokens` (B, 77); `attended` (n, k), the frames
        that each one attends to; `condition` (B, n, D, h, w), further input channels, of a width D that may be 0.
        """
        z, noise, t = batch["z"].float(), batch["noise"], batch["t"]
        count = z.shape[1]
        level = self.levels[t][:, None, None, None, None]
        noisy = level.sqrt() * z + (1 - level).sqrt() * noise
        wanted = z if self.prediction == "sample" else level.sqrt() * noise - (1 - level).sqrt() * z
        text = self.text_encoder(batch["tokens"]).last_hidden_state.repeat_interleave(count, 0)
        pattern: Pattern = tuple(map(tuple, batch["attended"].tolist()))
        predicted = self.predict(
            noisy.flatten(0, 1),
            batch["condition"].flatten(0, 1),
            t.repeat_interleave(count),
            text,
            cross_attention_kwargs={"frames": Frames(pattern)},
        )
        error = (predicted.float().unflatten(0, (-1, count)) - wanted).pow(2).mul(self.weights).mean((2, 3, 4))
        weighted = error * snr_weight(self.levels[t], self.min_snr)[:, None]
        losses = {"loss": weighted.mean()}
        if count > 1:
            losses |= {"others": error[:, :-1].mean(), "target": error[:, -1].mean()}
        return losses

    def predict(
        self, noisy: torch.Tensor, condition: torch.Tensor, t: torch.Tensor, text: torch.Tensor, **options: Any
    ) -> torch.Tensor:
        """What the model predicts (B, C, h, w) for noisy latents (B, C, h, w), `condition` (B, D, h, w) beside them."""
        given = torch.cat([noisy, condition], 1)
        output = self.unet(given, t, encoder_hidden_states=text, return_dict=False, **options)[0]
        return output.float() + condition[:, 1 : 1 + noisy.shape[1]] if self.adds_known else output


def snr_weight(level: torch.Tensor, most: float | None) -> torch.Tensor:
    """min(SNR, most) / (SNR + 1), SNR = a / (1 - a), for v (Hang et al. 2023, section 3.4); 1 where `most` is None.

    With zero terminal SNR this leaves out pure noise, from which texts alone are painted.
    """
    if most is None:
        return torch.ones_like(level)
    snr = level / (1 - level)
    return snr.clamp(max=most) / (snr + 1)


def load_material(
    data: PreparedSet,
    layout: Layout,
    autoencoder: Path,
    start: Path | None = None,
    *,
    device: Any = "cpu",
    progress: Progress = silent,
) -> Material:
    """Latents by a trained autoencoder, and a vocabulary of the training captions, or that of the model `start`.

    Raises `UserError` for an autoencoder that does not fit, and where `start` has no vocabulary.
    """
    loaded = load_autoencoder(autoencoder).to(device)
    channels = loaded.config.latent_channels
    if channels != layout.latent_channels:
        raise UserError(
            f"{autoencoder} has {channels} latent channels; the layout has {layout.latent_channels}.",
            "Choose the layout that it was trained with.",
        )
    if start is None:
        captions = [caption for clip in data.of_training(True) for caption in clip.captions]
        tokenizer = train_tokenizer(captions, layout.vocabulary, layout.tokens)
    else:
        tokenizer = load_tokenizer(start / "tokenizer")  # weights know the entries by their numbers
    true, warped = (ensure_latents(data, loaded, of, progress=progress) for of in ("frames", "warped"))
    return Material(data, layout, loaded, true, warped, tokenizer)


def fresh_module(
    material: Material,
    inpaint: bool,
    min_snr: float | None,
    seed: int,
    start: Path | None = None,
    prediction: str = "v_prediction",
) -> Denoising:
    """The network with random weights, the same for the same seed, or with those of the model in the folder `start`.

    What an inpainting network sees beside noisy latents begins with weights of 0, where `start` does not.

    Raises `UserError` where `start` is no model of this layout.
    """
    torch.manual_seed(seed)
    unet = build_unet(material.layout, inpaint)
    text_encoder = build_text_encoder(material.layout, material.tokenizer)
    if start is not None:
        load_start(unet, text_encoder, start)
    if inpaint:
        # it begins by handing on what it is given
        nn.init.zeros_(unet.conv_out.weight)
        nn.init.zeros_(unet.conv_out.bias)
    return Denoising(unet, text_encoder, min_snr, prediction, material.autoencoder.pixel_weights())


def load_start(unet: Any, text_encoder: Any, start: Path) -> None:
    """Give the networks the weights of a trained model; see `fresh_module`.

    Further inputs than the trained one's begin at 0; those that it has and `unet` lacks are cut off.
    """
    from safetensors.torch import load_file

    try:
        weights = load_file(start / "unet" / "diffusion_pytorch_model.safetensors")
        texts = load_file(start / "text_encoder" / "model.safetensors")
        further = unet.conv_in.in_channels - weights["conv_in.weight"].shape[1]
        weights["conv_in.weight"] = nn.functional.pad(weights["conv_in.weight"], (0, 0, 0, 0, 0, further))
        unet.load_state_dict(weights)
        text_encoder.load_state_dict(texts)
    except (OSError, KeyError, RuntimeError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(
            f"{start} is no model of this layout ({reason}).",
            "Start from one that was trained with the same layout.",
        ) from error


def pairs_of(clips: Sequence[PreparedClip], chosen: Sequence[PreparedClip]) -> list[Pair]:
    """All frames of the `chosen` ones of `clips` that have one before them."""
    numbers = {clip.id: number for number, clip in enumerate(clips)}
    return [Pair(numbers[clip.id], frame) for clip in chosen for frame in range(1, clip.frames)]


def numbers_of(material: Material, pairs: Sequence[Pair]) -> np.ndarray:
    """(n) numbers of the pairs' frames among all frames."""
    return np.array([material.data.clips[pair.clip].start + pair.frame for pair in pairs])


@dataclass
class PairStage:
    """What stages share whose examples are the frames that have one before them."""

    material: Material
    min_snr: float | None = None
    seed: int = 0
    start: Path | None = None
    """Folder of a model whose weights are where the training starts."""
    threads: ClassVar[int] = 1  # tokenizers are for one at a time
    inpaint: ClassVar[bool]
    """Is the network given a mask and known latents?"""
    prediction: ClassVar[str] = "v_prediction"
    """What it predicts, "v_prediction" or "sample"."""

    def __post_init__(self) -> None:
        self.module = fresh_module(self.material, self.inpaint, self.min_snr, self.seed, self.start, self.prediction)
        self.begun_with = None if self.start is None else digest_of(self.module.unet)
        data = self.material.data
        self.pairs = pairs_of(data.clips, data.of_training(True))
        self.held_out = pairs_of(data.clips, data.of_training(False))
        self.examples = len(self.pairs)

    def identity(self) -> dict[str, Any]:
        """See `stage.Stage`."""
        return {
            **self.material.identity(),
            "min_snr": self.min_snr,
            "start": self.begun_with,
            "prediction": self.prediction,
        }


def draw_captions(clips: Sequence[PreparedClip], generator: torch.Generator) -> list[str]:
    """One caption of each clip at random, or none at all."""
    texts = []
    for clip in clips:
        place, without = torch.rand(2, generator=generator).tolist()
        texts.append("" if without < _NO_TEXT or not clip.captions else clip.captions[int(place * len(clip.captions))])
    return texts


def draw_timesteps(count: int, generator: torch.Generator) -> torch.Tensor:
    """(count) uniform training timesteps, spread so that a batch covers all noise levels (Kingma et al. 2021, I.1)."""
    return _timesteps(stratified(count, generator))


def late_timesteps(count: int, generator: torch.Generator) -> torch.Tensor:
    """(count) training timesteps of which half are above 800, for a network that is to say all in one step."""
    return _timesteps(stratified(count, generator) ** (1 / 3))


def stratified(count: int, generator: torch.Generator) -> torch.Tensor:
    """(count) numbers from 0 to 1, evenly spread, in random order."""
    offset = torch.rand((), generator=generator)
    return ((torch.arange(count) + offset) / count)[torch.randperm(count, generator=generator)]


def _timesteps(share: torch.Tensor) -> torch.Tensor:
    return (share * 1000).long().clamp(max=999)


def latents_of(material: Material, frames: np.ndarray) -> torch.Tensor:
    """(..., C, h, w) float32 latents of true frames by number."""
    return torch.from_numpy(material.latents[frames].astype(np.float32))


def warped_latents_of(material: Material, frames: np.ndarray) -> torch.Tensor:
    """(..., C, h, w) float32 latents of warped frames by number."""
    return torch.from_numpy(material.warped[frames].astype(np.float32))


def places_of(displacement: np.ndarray) -> torch.Tensor:
    """(B, h, w, 2) float32 places in cells, of displacements (B, h, w, 2) relative to each cell."""
    height, width = displacement.shape[1:3]
    y, x = np.mgrid[:height, :width] + 0.5
    return torch.from_numpy((displacement.astype(np.float32) + np.stack([x, y], -1)).astype(np.float32))


def nothing_added(z: torch.Tensor) -> torch.Tensor:
    """A condition of no channels for latents (B, n, C, h, w)."""
    return z.new_zeros(*z.shape[:2], 0, *z.shape[3:])


def tokens_of(material: Material, texts: list[str]) -> torch.Tensor:
    """(B, 77) int64."""
    return token_ids(material.tokenizer, texts)


def save_model(
    material: Material,
    module: Denoising,
    out: Path,
    suits: dict[str, Any],
    *,
    pipeline: type | None = None,
    painted_hint: bool = False,
) -> None:
    """Write the whole model: autoencoder, vocabulary, text encoder and UNet.

    `suits` and `painted_hint` are those of `MotionCraftPipeline`; `pipeline` is the stock class for the model.
    """
    save_pipeline(
        out,
        vae=material.autoencoder,
        text_encoder=module.text_encoder,
        tokenizer=material.tokenizer,
        unet=module.unet,
        scheduler=build_scheduler(module.prediction),
        pipeline=pipeline,
        index={"painted_hint": painted_hint, "suits": suits},
    )
