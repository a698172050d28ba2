"""What the benchmark of MotionCraft measures of a video, and of a model."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from benchmarks.motioncraft_cases import Case
from simcraft.clip import MotionClip
from simcraft.generate.motioncraft import reference
from simcraft.generate.motioncraft.denoiser import Denoiser
from simcraft.generate.motioncraft.pictures import encode_image, resized, working_size
from simcraft.generate.motioncraft.pipeline import MotionCraftPipeline
from simcraft.generate.motioncraft.text import encode_prompt
from simcraft.generate.motioncraft.warping import cell_samples
from simcraft.metrics import evaluate
from simcraft.metrics.embedding import histogram_consistency
from simcraft.metrics.flow_error import comparable
from simcraft.metrics.latent_flow import cell_pixels, flow_likeness, matched_flow
from simcraft.metrics.new_content import parts
from simcraft.metrics.sharpness import edge_deviation, sharpness
from simcraft.video import Video

Measures = dict[str, float | None]
"""Name -> value; None where the case does not allow it."""

LATENT_PAIRS = (
    ("pictures", "exact"),
    ("latents", "exact"),
    ("inverted", "exact"),
    ("latents", "pictures"),
    ("inverted", "pictures"),
)
"""Fields of motion that are compared: of pictures, of their latents, of latents inverted to tau, and the exact one."""
_MOVING = 0.5
"""Cells a frame from which a cell counts as moving: less is hard to tell between latents."""


def measure(case: Case, frames: np.ndarray, clip_model: Path | None) -> Measures:
    """All that is told of a video `frames` (T, H, W, 3) uint8 of a case; see docs/benchmarks/motioncraft.md."""
    clip, truth = case.clip, case.truth
    report = evaluate(Video(frames, clip.fps), clip, truth, clip_model=clip_model)
    consistency = report.frame_consistency if clip_model else histogram_consistency(frames)
    found: Measures = {
        "motion_consistency": report.motion_consistency,
        "end_point_error": report.end_point_error.typical,
        "floor": None if report.floor is None else report.floor.typical,
        "standstill_error": report.standstill_error,
        "frame_consistency": consistency,
        "new_share": float(case.new[1:].mean()),
    }
    if truth is None:
        return found
    split = parts(frames, truth, case.new)
    return {
        **found,
        "psnr": None if report.likeness is None else report.likeness.psnr,
        "ssim": None if report.likeness is None else report.likeness.ssim,
        "edge_deviation": edge_deviation(frames, truth),
        "sharpness": sharpness(frames[1:], truth[1:]),
        "new_psnr": split.new.psnr,
        "new_sharpness": split.new.sharpness,
        "elsewhere_psnr": split.elsewhere.psnr,
    }


@torch.no_grad()
def latent_motion_measures(case: Case, pipeline: MotionCraftPipeline, steps: int = 20) -> Measures:
    """Correlation and cosine of the motion of pictures, of latents, and the exact one, in cells of latents that move.

    Of the true frames and their latents, clean and DDIM-inverted to tau = 400 in `steps` steps, with the caption.
    """
    clip, truth = case.clip, case.truth
    assert truth is not None
    size = working_size(clip.size, None, pipeline.factor, pipeline.unet)
    cells = size[0] // pipeline.factor, size[1] // pipeline.factor
    pictures = [resized(frame, size) for frame in truth]
    clean = [encode_image(pipeline.vae, picture, pipeline.device, torch.float32) for picture in pictures]
    schedule = pipeline.schedule(pipeline.settings(mode="reference", strength=0.4, steps=steps))
    condition = encode_prompt(pipeline, case.prompt, size, pipeline.device)
    noisy = [reference.invert(Denoiser(pipeline.unet), z, schedule, condition) for z in clean]
    exact, chosen = _exact_motion(clip, cells)
    fields = {
        "exact": exact,
        "pictures": _motion_between([cell_pixels(picture, cells) for picture in pictures]),
        "latents": _motion_between([_array(z) for z in clean]),
        "inverted": _motion_between([_array(z) for z in noisy]),
    }
    found: Measures = {}
    for one, other in LATENT_PAIRS:
        alike = flow_likeness(fields[one], fields[other], chosen)
        found |= {f"{one}, {other}": alike.correlation, f"{one}, {other}, cosine": alike.cosine}
    return found


def _exact_motion(clip: MotionClip, cells: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """(T - 1, h, w, 2) cells, the median of each cell's pixels; (T - 1, h, w) bool, it moves and stays visible."""
    pairs = range(clip.frame_count - 1)
    flow = np.stack([np.median(cell_samples(np.asarray(clip.flow_forward[t]), cells), axis=2) for t in pairs])
    flow /= np.array(clip.size) / cells
    known = np.stack([cell_samples(comparable(clip, t), cells).mean(-1) > 0.5 for t in pairs])
    return flow, known & (np.linalg.norm(flow, axis=-1) >= _MOVING)


def _motion_between(frames: Sequence[np.ndarray]) -> np.ndarray:
    """(T - 1, h, w, 2) cells, of T arrays (C, h, w)."""
    return np.stack([matched_flow(a, b) for a, b in pairwise(frames)])


def _array(z: torch.Tensor) -> np.ndarray:
    return np.asarray(z[0].double().cpu())
