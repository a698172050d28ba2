"""Likeness of frames: PSNR and SSIM to the truth, and consistency of a video with itself."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from simcraft.clip.types import MotionClip
from simcraft.errors import UserError
from simcraft.metrics.flow_error import comparable
from simcraft.metrics.report import Likeness
from simcraft.progress import Progress, silent, track

_GAUSSIAN = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
"""The window of Wang et al. 2004, 11 x 11 pixels."""


def ssim_map(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(H, W) structural similarity of two (H, W, 3) uint8 frames, averaged over the colour channels."""
    from skimage.metrics import structural_similarity

    shorter = min(first.shape[:2])
    if shorter < 11:
        raise UserError(f"SSIM needs frames of 11 x 11 pixels or more; these are {first.shape[1]}x{first.shape[0]}.")
    return structural_similarity(first, second, channel_axis=2, full=True, **_GAUSSIAN)[1].mean(-1)


def likeness(frames: np.ndarray, truth: np.ndarray, source: str, progress: Progress = silent) -> Likeness:
    """PSNR and SSIM of `frames` to `truth`, both (T, H, W, 3) uint8; the first frame is given and does not count."""
    start = 1 if len(frames) > 1 else 0
    errors, similarities = [], []
    for ours, theirs in track(
        zip(frames[start:], truth[start:], strict=True), "Comparing frames", len(frames) - start, progress
    ):
        errors.append(float(np.square(ours.astype(np.float64) - theirs).mean()))
        similarities.append(float(ssim_map(ours, theirs).mean()))
    return Likeness(
        source,
        _psnr(float(np.mean(errors))),
        float(np.mean(similarities)),
        tuple(map(_psnr, errors)),
        tuple(similarities),
    )


def motion_consistency(frames: np.ndarray, clip: MotionClip, progress: Progress = silent) -> float | None:
    """MotionCraft's motion consistency (arXiv 2405.13557): SSIM of frame t and frame t+1 warped back by the flow.

    Here the flow is the clip's exact one, and only pixels visible in both frames count. None where there are none.
    """
    import cv2

    height, width = frames.shape[1:3]
    column, row = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    values = []
    for t in track(range(len(frames) - 1), "motion consistency", len(frames) - 1, progress):
        flow, mask = np.asarray(clip.flow_forward[t]), comparable(clip, t)
        back = cv2.remap(
            frames[t + 1], column + flow[..., 0], row + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        back[~mask] = frames[t][~mask]  # what cannot be compared must not lower the windows that touch it
        if mask.any():
            values.append(float(ssim_map(frames[t], back)[mask].mean()))
    return float(np.mean(values)) if values else None


def frame_consistency(
    frames: np.ndarray, clip_model: str | os.PathLike[str], progress: Progress = silent
) -> float | None:
    """Mean cosine of the CLIP image embeddings of consecutive frames (Esser et al. 2023); None for a single frame.

    `clip_model` is a local folder of a CLIP model in the transformers layout, with safetensors weights. Raises
    `UserError` where it is none.
    """
    import torch

    model, prepare = _clip_vision(Path(clip_model))
    if len(frames) < 2:
        return None
    embeddings = []
    with torch.inference_mode():
        for frame in track(frames, "frame consistency", len(frames), progress):
            pixels = prepare(images=frame, input_data_format="channels_last", return_tensors="pt")["pixel_values"]
            embeddings.append(torch.nn.functional.normalize(model(pixel_values=pixels).image_embeds, dim=-1))
    stacked = torch.cat(embeddings)
    return float((stacked[1:] * stacked[:-1]).sum(-1).mean())


def _clip_vision(folder: Path) -> tuple[Any, Any]:
    """The vision half of a CLIP model, ready for inference, and its preprocessing."""
    try:
        transformers = importlib.import_module("transformers")
        damaged = importlib.import_module("safetensors").SafetensorError
    except ImportError:
        raise UserError("CLIP needs the package transformers.", "Install it: pip install 'transformers>=5'") from None
    for name in ("config.json", "preprocessor_config.json"):
        if not (folder / name).is_file():
            raise UserError(f"{folder} is not a folder with a CLIP model (it has no {name}).")
    if not any(folder.glob("*.safetensors")):
        raise UserError(
            f"{folder} has no safetensors weights; pickled ones (.bin, .pt) can run code and are not read.",
            "Save the model again with save_pretrained, which writes model.safetensors.",
        )
    try:
        with _quiet(transformers.logging):
            model, about = transformers.CLIPVisionModelWithProjection.from_pretrained(
                folder, local_files_only=True, use_safetensors=True, output_loading_info=True
            )
            # the variant on Pillow, by name: it prepares frames alike whether torchvision is there or not
            prepare = transformers.CLIPImageProcessorPil.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, damaged) as error:
        raise UserError(f"{folder} is not a CLIP model: {str(error).strip().splitlines()[0]}") from None
    if about["missing_keys"]:  # they would be random numbers
        raise UserError(f"{folder} is not a complete CLIP model: its weights lack {sorted(about['missing_keys'])[0]}.")
    return model.eval(), prepare


@contextmanager
def _quiet(log: Any) -> Iterator[None]:
    """No progress bar, and no table of the weights of the text half, which are left out on purpose."""
    level, bar = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity_error()
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(level)
        if bar:
            log.enable_progress_bar()


def _psnr(mean_squared_error: float) -> float | None:
    """Decibels; None (infinite) for equal frames."""
    return float(10 * np.log10(255**2 / mean_squared_error)) if mean_squared_error > 0 else None
