"""Stable Video Diffusion in miniature, with random weights, in the folder layout of the published checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKLTemporalDecoder,
    EulerDiscreteScheduler,
    StableVideoDiffusionPipeline,
    UNetSpatioTemporalConditionModel,
)
from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModelWithProjection

WIDTH = 32
"""Of the image embedding."""


def unet(**changes: Any) -> UNetSpatioTemporalConditionModel:
    """Four levels, of which the last one does not attend, and input and output as published."""
    torch.manual_seed(0)
    config: dict[str, Any] = {
        "sample_size": 8,
        "block_out_channels": (32, 32, 64, 64),
        "addition_time_embed_dim": 8,
        "projection_class_embeddings_input_dim": 24,
        "layers_per_block": 1,
        "cross_attention_dim": WIDTH,
        "num_attention_heads": (1, 1, 2, 2),
        "num_frames": 3,
    }
    return UNetSpatioTemporalConditionModel(**{**config, **changes}).eval()


def scheduler() -> EulerDiscreteScheduler:
    """As published."""
    return EulerDiscreteScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        interpolation_type="linear",
        prediction_type="v_prediction",
        sigma_max=700.0,
        sigma_min=0.002,
        steps_offset=1,
        timestep_spacing="leading",
        timestep_type="continuous",
        use_karras_sigmas=True,
    )


def stable_video_diffusion() -> StableVideoDiffusionPipeline:
    torch.manual_seed(1)
    down = ("DownEncoderBlock2D",) * 4
    vae = AutoencoderKLTemporalDecoder(down_block_types=down, block_out_channels=(32,) * 4, sample_size=64)
    vision = CLIPVisionConfig(
        hidden_size=16,
        intermediate_size=16,
        projection_dim=WIDTH,
        num_hidden_layers=1,
        num_attention_heads=1,
        image_size=224,
        patch_size=56,
    )
    return StableVideoDiffusionPipeline(
        vae=vae.eval(),
        image_encoder=CLIPVisionModelWithProjection(vision).eval(),
        unet=unet(),
        scheduler=scheduler(),
        feature_extractor=CLIPImageProcessor(crop_size=224, size=224),
    )


def save_svd(folder: Path) -> Path:
    """A whole checkpoint, in safetensors."""
    stable_video_diffusion().save_pretrained(folder)
    return folder
