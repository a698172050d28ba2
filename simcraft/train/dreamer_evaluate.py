"""What a stage of Motion Dreamer can do so far, on held-out clips: figures, and pictures to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from simcraft.generate.motion_dreamer.palette import palette
from simcraft.generate.motion_dreamer.preconditioning import denoiser, latents_of, residual_of
from simcraft.generate.motion_dreamer.representation import Representation
from simcraft.generate.motion_dreamer.settings import Settings
from simcraft.generate.motion_dreamer.stage_one import changed
from simcraft.generate.motion_dreamer.windows import sample as sample_latents
from simcraft.observe.colour import depth_to_colour, flow_to_wheel, instances_to_colour
from simcraft.train.dreamer import DreamerStage, stacked
from simcraft.train.dreamer_loss import Encoded
from simcraft.train.dreamer_samples import Sample, without
from simcraft.train.pictures import psnr, save_sheet, spread, to_pictures
from simcraft.train.stage import Batch

_CLIPS = 16
"""Held-out clips that are measured, of as many as there are."""
_SHOWN = 6
"""Of them, those on the sheet."""
_AT_ONCE = 8
"""Clips in a batch."""

Predicted = dict[str, list[Representation]]
"""What said so -> R of each clip."""


def evaluate_reasoning(stage: DreamerStage, sheet: Path) -> dict[str, float]:
    """Predicted R of held-out clips, with all arrows and with none, beside two predictions without a network.

    "still" holds the first frame; "moved" is what the network adds to, see `moved.moved`. In pixels: "flow", the
    end-point error of all flow after the first frame, and of what moves. "labels": intersection over union of the first
    frame's instances, their mean. "depth": the mean error of nearness, in hundredths.
    """
    samples = _held_out(stage)
    truth = [sample.representation for sample in samples]
    found: Predicted = {
        "arrows": predicted(stage, samples),
        "no arrows": predicted(stage, [without(sample, arrows=True) for sample in samples]),
        "still": [held_still(each) for each in truth],
        "moved": [sample.moved().representation for sample in samples],
    }
    threshold = stage.options.threshold * stage.data.size[0]
    figures: dict[str, float] = {}
    for name, clips in found.items():
        figures |= {f"{what}, {name}": value for what, value in errors_of(clips, truth, threshold).items()}
    save_sheet(_motion_rows(samples, found), sheet)
    return figures


def evaluate_painting(stage: DreamerStage, sheet: Path) -> dict[str, float]:
    """Held-out frames painted from noise, in dB: where the first frame did not show them, elsewhere, and all.

    "warp" is the picture that the network is given; "composited" is that picture with what decoding the painted
    latents, and not those of the picture, adds to it; "autoencoder" is the true frame, encoded and decoded.
    """
    samples = _held_out(stage)
    parts, rows = stage.parts, []
    for encoded, latents in _sampled(stage, samples):
        raw, lossy, best = (parts.pictures(z[:, 1:]) for z in (latents, encoded.hint, encoded.target))
        rows.append((raw, lossy, best))
    raw, lossy, best = (torch.cat(each) for each in zip(*rows, strict=True))
    truth, warped = (
        to_frames(np.stack([getattr(sample, name)[1:] for sample in samples])).to(raw) for name in ("frames", "hint")
    )
    pictures = {"warp": warped, "painted": raw, "composited": warped + raw - lossy, "autoencoder": best}
    new = torch.from_numpy(np.stack([sample.new[1:] for sample in samples])).to(raw)
    mask = functional.interpolate(new, truth.shape[-2:], mode="nearest")[:, :, None] > 0.5
    figures: dict[str, float] = {}
    for where, pixels in (("new", mask), ("elsewhere", ~mask), ("all", None)):
        flat = None if pixels is None else pixels.flatten(0, 1)
        for name, images in pictures.items():
            figures[f"{name}, {where}"] = psnr(images.flatten(0, 1), truth.flatten(0, 1), flat)
    shown = {"truth": truth, "new": mask.float().expand_as(truth) * 2 - 1, **pictures}
    save_sheet([(label, to_pictures(_two_frames(images))) for label, images in shown.items()], sheet)
    return figures


def evaluate_one_stage(stage: DreamerStage, sheet: Path) -> dict[str, float]:
    """Held-out frames painted from the first one and arrows, PSNR in dB, beside that frame, held still and moved."""
    samples = _held_out(stage)
    truth = to_frames(np.stack([sample.frames for sample in samples]))
    moved = to_frames(np.stack([sample.moved().picture(sample.frames[0]) for sample in samples]))
    pictures = {"still": truth[:, :1].expand_as(truth)[:, 1:], "moved": moved[:, 1:]}
    for name, given in (("arrows", samples), ("no arrows", [without(sample, arrows=True) for sample in samples])):
        painted = [stage.parts.pictures(latents[:, 1:]) for _, latents in _sampled(stage, given)]
        pictures[name] = torch.cat(painted).cpu()
    truth = truth[:, 1:]
    figures = {name: psnr(images.flatten(0, 1), truth.flatten(0, 1)) for name, images in pictures.items()}
    shown = {"truth": truth, **pictures}
    save_sheet([(label, to_pictures(_two_frames(images))) for label, images in shown.items()], sheet)
    return figures


def predicted(stage: DreamerStage, samples: Sequence[Sample]) -> list[Representation]:
    """R of the samples by stage one, always from the same noise."""
    found = []
    for (encoded, latents), chunk in zip(_sampled(stage, samples), _chunks(samples), strict=True):
        pictures, lossy = (stage.parts.decode(z).cpu().numpy() for z in (latents, encoded.hint))
        for sample, made, hint in zip(chunk, pictures, lossy, strict=True):
            found.append(changed(sample.moved().representation, made, hint, sample.representation.first))
    return found


def held_still(truth: Representation) -> Representation:
    """The first frame of R for ever."""
    assert truth.segmentation is not None and truth.depth is not None
    return replace(
        truth,
        flow=np.zeros_like(truth.flow),
        segmentation=np.broadcast_to(truth.segmentation[:1], truth.segmentation.shape),
        depth=np.broadcast_to(truth.depth[:1], truth.depth.shape),
    )


def errors_of(found: Sequence[Representation], truth: Sequence[Representation], threshold: float) -> dict[str, float]:
    """Means of `motion_errors` over clips."""
    rows = [motion_errors(a, b, threshold) for a, b in zip(found, truth, strict=True)]
    return {name: float(np.nanmean([row[name] for row in rows])) for name in rows[0]}


def motion_errors(
    found: Representation, truth: Representation, threshold: float, among: np.ndarray | None = None
) -> dict[str, float]:
    """What `evaluate_reasoning` says of one clip, of the first frame's size; NaN for what the clip does not have.

    `threshold`: pixels a frame of what moves. `among` (T, H, W) bool: the pixels whose flow counts; all by default.
    """
    valid = truth.flow_valid[1:] if among is None else truth.flow_valid[1:] & among[1:]
    length = np.hypot(truth.flow[1:, ..., 0], truth.flow[1:, ..., 1])
    error = np.hypot(*np.moveaxis(found.flow[1:] - truth.flow[1:], -1, 0))
    moving = valid & (length > threshold)
    result = {"flow": _mean(error[valid]), "flow of what moves": _mean(error[moving])}
    assert truth.segmentation is not None and found.segmentation is not None
    overlaps = []
    for label in np.unique(truth.segmentation[0]):
        here, there = found.segmentation[1:] == label, truth.segmentation[1:] == label
        if label and (here | there).any():
            overlaps.append((here & there).sum() / (here | there).sum())
    result["labels"] = _mean(np.array(overlaps))
    assert truth.depth is not None and found.depth is not None
    near, true_near = (truth.usual_depth / (truth.usual_depth + depth[1:]) for depth in (found.depth, truth.depth))
    return {**result, "depth": 100 * _mean(np.abs(near - true_near))}


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else float("nan")


def _held_out(stage: DreamerStage) -> list[Sample]:
    """With nothing hidden."""
    return [stage.read(stage.held_out[i]) for i in spread(len(stage.held_out), _CLIPS)]


def _chunks(samples: Sequence[Sample]) -> list[Sequence[Sample]]:
    return [samples[start : start + _AT_ONCE] for start in range(0, len(samples), _AT_ONCE)]


def _sampled(stage: DreamerStage, samples: Sequence[Sample]) -> list[tuple[Encoded, torch.Tensor]]:
    """Batches of them with sampled latents (B, T, C, h, w), sampled as the model is when it is used."""
    generator, settings = torch.Generator().manual_seed(1), Settings(**stage.suits())
    scale = stage.module.unet.config["residual_scale"]
    device = next(stage.module.parameters()).device
    made = []
    for chunk in _chunks(samples):
        examples = [stage.tensors(sample, palette(len(sample.representation.ids))) for sample in chunk]
        batch: Batch = {name: value.to(device) for name, value in stacked(examples).items()}
        encoded = stage.encoded(batch)
        noise = stage.fresh_noise(len(chunk), generator).to(device)
        first = residual_of(encoded.hint[:, :1], encoded.hint[:, :1], scale)
        sampled = sample_latents(denoiser(stage.module.unet, encoded.given), noise, first, settings)
        made.append((encoded, latents_of(sampled, encoded.hint, scale)))
    return made


def to_frames(frames: np.ndarray) -> torch.Tensor:
    """(..., H, W, 3) uint8 to (..., 3, H, W) float32, -1 to 1."""
    return torch.from_numpy(frames).movedim(-1, -3).float() / 127.5 - 1


def _two_frames(pictures: torch.Tensor) -> torch.Tensor:
    """(2 n, 3, H, W): of a few clips (N, T, 3, H, W) the frames in the middle and at the end."""
    chosen = pictures[spread(len(pictures), _SHOWN)]
    return chosen[:, [pictures.shape[1] // 2, -1]].flatten(0, 1)


def _motion_rows(samples: Sequence[Sample], found: Predicted) -> list[tuple[str, np.ndarray]]:
    """Frames, then flow, labels and depth, the truth first; of a few clips the frames in the middle and at the end."""
    chosen = [int(i) for i in spread(len(samples), _SHOWN)]
    length = len(samples[0].frames)
    places = [(i, t) for i in chosen for t in (length // 2, length - 1)]
    clips: Predicted = {"truth": [sample.representation for sample in samples], **found}
    speeds = {i: max(float(np.abs(samples[i].representation.flow).max()), 1.0) for i in chosen}
    rows = [("frames", np.stack([samples[i].frames[t] for i, t in places]))]
    for name, each in clips.items():
        rows.append((f"flow, {name}", np.stack([flow_to_wheel(each[i].flow[t], speeds[i]) for i, t in places])))
    for name, each in clips.items():
        rows.append((f"labels, {name}", np.stack([_label_colours(each[i], t) for i, t in places])))
    for name, each in clips.items():
        rows.append((f"depth, {name}", np.stack([_depth_colours(each[i], t) for i, t in places])))
    return rows


def _label_colours(representation: Representation, t: int) -> np.ndarray:
    assert representation.segmentation is not None
    return instances_to_colour(representation.segmentation[t])


def _depth_colours(representation: Representation, t: int) -> np.ndarray:
    """On the scale of the first frame's depth."""
    assert representation.depth is not None
    finite = representation.depth[0][np.isfinite(representation.depth[0])]
    near, far = np.percentile(finite, [1, 99]) if finite.size else (1.0, 2.0)
    return depth_to_colour(representation.depth[t], float(near), float(far))
