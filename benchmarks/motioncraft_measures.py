"""What the benchmark of MotionCraft measures of a video, and of a model."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from benchmarks.motioncraft_cases import Case
from simcraft.generate.motioncraft import reference
from simcraft.generate.motioncraft.denoiser import Denoiser
from simcraft.generate.motioncraft.pictures import encode_image, resized, working_size
from simcraft.generate.motioncraft.pipeline import MotionCraftPipeline
from simcraft.generate.motioncraft.text import encode_prompt
from simcraft.generate.motioncraft.warping import cell_samples
from simcraft.metrics import evaluate
from simcraft.metrics.embedding import histogram_consistency
from simcraft.metrics.flow_error import comparable, estimated_flow
from simcraft.metrics.latent_flow import flow_likeness, matched_flow
from simcraft.metrics.new_content import parts
from simcraft.metrics.sharpness import edge_deviation, sharpness
from simcraft.video import Video

Measures = dict[str, float | None]
"""Name -> value; None where the case does not allow it."""

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
    """Correlation and cosine of motion between pictures, between their latents, and the exact one, in latent cells.

    Of the true frames and their latents, clean and inverted to tau = 400 by `steps` DDIM steps. Motion of pictures is
    estimated by DIS, that of latents by matching blocks; each cell takes the median of its pixels.
    """
    clip, truth = case.clip, case.truth
    assert truth is not None
    size = working_size(clip.size, None, pipeline.factor, pipeline.unet)
    cells = size[0] // pipeline.factor, size[1] // pipeline.factor
    latents = [encode_image(pipeline.vae, resized(frame, size), pipeline.device, torch.float32) for frame in truth]
    schedule = pipeline.schedule(pipeline.settings(mode="reference", strength=0.4, steps=steps))
    condition = encode_prompt(pipeline, case.prompt, size, pipeline.device)
    denoiser = Denoiser(pipeline.unet)
    noisy = [reference.invert(denoiser, z, schedule, condition) for z in latents]
    pairs = range(len(truth) - 1)
    pixels_a_cell = np.array(clip.size) / cells
    exact = np.stack([_by_cell(np.asarray(clip.flow_forward[t]), cells) for t in pairs]) / pixels_a_cell
    pictures = np.stack([_by_cell(estimated_flow(truth[t], truth[t + 1]), cells) for t in pairs]) / pixels_a_cell
    known = np.stack([cell_samples(comparable(clip, t), cells).mean(-1) > 0.5 for t in pairs])
    moving = np.linalg.norm(exact, axis=-1) >= _MOVING
    fields = {"latents": _motion_between(latents), "noisy_latents": _motion_between(noisy), "exact": exact}
    found: Measures = {}
    for name, field in fields.items():
        alike = flow_likeness(pictures, field, moving, known)
        found[f"pictures_and_{name}"] = alike.correlation
        found[f"pictures_and_{name}_cosine"] = alike.cosine
    return found


def _motion_between(latents: list[torch.Tensor]) -> np.ndarray:
    """(T - 1, h, w, 2) cells."""
    arrays = [z[0].double().cpu().numpy() for z in latents]
    return np.stack([matched_flow(a, b) for a, b in pairwise(arrays)])


def _by_cell(flow: np.ndarray, cells: tuple[int, int]) -> np.ndarray:
    """(h, w, 2) the median of a flow (H, W, 2) in each cell, in pixels."""
    return np.asarray(np.median(cell_samples(flow, cells), axis=2))
