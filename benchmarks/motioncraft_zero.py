"""Text2Video-Zero (Khachatryan et al., ICCV 2023), the stock diffusers pipeline, on the clip's mean motion.

The method knows neither a first frame nor a field of motion: it moves all latents by one constant step a frame. It is
given the caption, the mean motion of what moves in the clip, and, as the noise that it starts from, the clip's first
frame inverted all the way. Its first frame is its own: it paints that anew, with guidance.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from diffusers import TextToVideoZeroPipeline

from simcraft.clip import MotionClip
from simcraft.generate.motioncraft import reference
from simcraft.generate.motioncraft.denoiser import Denoiser
from simcraft.generate.motioncraft.pictures import encode_image, resized, working_size
from simcraft.generate.motioncraft.pipeline import MotionCraftPipeline
from simcraft.generate.motioncraft.schedule import ddim_scheduler, published_schedule
from simcraft.generate.motioncraft.text import encode_prompt
from simcraft.metrics.flow_error import clip_motion, comparable

_FIELD = 512
"""Pixels on each side of the pipeline's field of motion, whatever the size of the pictures."""


@torch.no_grad()
def text_to_video_zero(
    pipeline: MotionCraftPipeline, clip: MotionClip, prompt: str, *, steps: int = 50, guidance: float = 7.5
) -> tuple[np.ndarray, int]:
    """The video, (T, H, W, 3) uint8, and the number of samples that went through the UNet.

    Parameters
    ----------
    pipeline: whose networks are used.
    steps: of the whole range; 6 or more. At the published 50 the motion acts on latents at steps 44 and 47 from the
        end, which is kept at this distance from the beginning.
    """
    size = working_size(clip.size, None, pipeline.factor, pipeline.unet)
    zero: Any = TextToVideoZeroPipeline(
        vae=pipeline.vae,
        text_encoder=pipeline.text_encoder,
        tokenizer=pipeline.tokenizer,
        unet=pipeline.unet,
        scheduler=ddim_scheduler(pipeline.scheduler),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    zero.set_progress_bar_config(disable=True)
    horizontal, vertical = -mean_motion(clip) / clip.size * _FIELD  # it looks up where content comes from
    with _counting(pipeline.unet) as count:
        made = zero(
            prompt,
            video_length=clip.frame_count,
            width=size[0],
            height=size[1],
            num_inference_steps=steps,
            guidance_scale=guidance,
            latents=inverted(pipeline, clip, prompt, size, steps),
            motion_field_strength_x=float(horizontal),
            motion_field_strength_y=float(vertical),
            t0=steps - 6,
            t1=steps - 3,
            generator=torch.Generator().manual_seed(0),
            output_type="np",
        ).images
    frames = [resized(np.asarray(255 * frame).round().astype(np.uint8), clip.size) for frame in made]
    return np.stack(frames), count.samples


def mean_motion(clip: MotionClip) -> np.ndarray:
    """(2,) pixels a frame, the mean flow of the pixels that move; zero where nothing does."""
    threshold = clip_motion(clip).threshold
    flows = [np.asarray(clip.flow_forward[t])[comparable(clip, t)] for t in range(clip.frame_count - 1)]
    flow = np.concatenate(flows)
    moving = flow[np.linalg.norm(flow, axis=-1) >= threshold]
    return moving.mean(0, dtype=np.float64) if len(moving) else np.zeros(2)


def inverted(
    pipeline: MotionCraftPipeline, clip: MotionClip, prompt: str, size: tuple[int, int], steps: int
) -> torch.Tensor:
    """(1, C, h, w): the first frame's latents, DDIM-inverted through the whole range without guidance."""
    device, dtype = pipeline.device, pipeline.unet.dtype
    schedule = published_schedule(pipeline.scheduler, pipeline.scheduler.config.num_train_timesteps, steps)
    z_0 = encode_image(pipeline.vae, resized(clip.image, size), device, dtype)
    condition = encode_prompt(pipeline, prompt, size, device)
    return reference.invert(Denoiser(pipeline.unet), z_0, schedule, condition)


class _counting:  # noqa: N801
    """Counts the samples that go through a UNet within the block."""

    def __init__(self, unet: torch.nn.Module) -> None:
        self.unet, self.samples = unet, 0

    def __enter__(self) -> _counting:
        def count(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
            self.samples += len(inputs[0])

        self.hook = self.unet.register_forward_pre_hook(count)
        return self

    def __exit__(self, *error: object) -> None:
        self.hook.remove()
