"""Likeness of frames: PSNR and SSIM to the truth, and consistency of a video with itself."""

from __future__ import annotations

import importlib
import os
from pathlib import Path

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


def frame_consistency(frames: np.ndarray, clip_model: str | os.PathLike[str], progress: Progress = silent) -> float:
    """Mean cosine of the CLIP image embeddings of consecutive frames (Esser et al. 2023).

    `clip_model` is a local folder of a CLIP model in the transformers layout. Raises `UserError` where it is none.
    """
    try:
        import torch

        transformers = importlib.import_module("transformers")
    except ImportError:
        raise UserError("CLIP needs the package transformers.", "Install it: pip install transformers") from None
    if not (Path(clip_model) / "config.json").is_file():
        raise UserError(f"{clip_model} is not a folder with a CLIP model (it has no config.json).")
    try:
        model = transformers.CLIPVisionModelWithProjection.from_pretrained(clip_model, local_files_only=True).eval()
        prepare = transformers.CLIPImageProcessor.from_pretrained(clip_model, local_files_only=True)
    except (OSError, ValueError) as error:
        raise UserError(f"{clip_model} is not a CLIP model: {error}.") from None
    embeddings = []
    with torch.inference_mode():
        for frame in track(frames, "frame consistency", len(frames), progress):
            pixels = prepare(images=frame, return_tensors="pt")["pixel_values"]
            embeddings.append(torch.nn.functional.normalize(model(pixel_values=pixels).image_embeds, dim=-1))
    stacked = torch.cat(embeddings)
    return float((stacked[1:] * stacked[:-1]).sum(-1).mean())


def _psnr(mean_squared_error: float) -> float | None:
    """Decibels; None (infinite) for equal frames."""
    return float(10 * np.log10(255**2 / mean_squared_error)) if mean_squared_error > 0 else None
