"""Stable Diffusion in miniature, with random weights: stock diffusers and transformers classes, milliseconds a call."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, PNDMScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

STABLE_DIFFUSION = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "set_alpha_to_one": False,
    "steps_offset": 1,
}
"""The noise schedule of Stable Diffusion 1.x."""


def scheduler(**changes: Any) -> DDIMScheduler:
    return DDIMScheduler(**{**STABLE_DIFFUSION, "clip_sample": False, **changes})


def unet(seed: int = 0, **changes: Any) -> UNet2DConditionModel:
    torch.manual_seed(seed)
    config: dict[str, Any] = {
        "sample_size": 8,
        "in_channels": 4,
        "out_channels": 4,
        "layers_per_block": 1,
        "block_out_channels": (32, 64),
        "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
        "cross_attention_dim": 32,
        "attention_head_dim": 4,
        "norm_num_groups": 8,
    }
    return UNet2DConditionModel(**{**config, **changes}).eval()


def sdxl_unet() -> UNet2DConditionModel:
    """SDXL's layout: several transformer layers, linear projections, text with two encoders, sizes and crop."""
    return unet(
        transformer_layers_per_block=(2, 1),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=32 + 6 * 8,
        cross_attention_dim=64,
    )


def autoencoder() -> AutoencoderKL:
    torch.manual_seed(1)
    blocks = ("DownEncoderBlock2D",) * 2, ("UpDecoderBlock2D",) * 2
    return AutoencoderKL(3, 3, *blocks, block_out_channels=(16, 16), latent_channels=4, norm_num_groups=8).eval()


def tokenizer() -> CLIPTokenizer:
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    words = ["<|startoftext|>", "<|endoftext|>", *letters, *(letter + "</w>" for letter in letters)]
    return CLIPTokenizer(vocab={word: k for k, word in enumerate(words)}, merges=[], model_max_length=12)


def text_encoder(projected: bool = False) -> Any:
    torch.manual_seed(2)
    config = CLIPTextConfig(
        vocab_size=54,
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=12,
        projection_dim=32,
        bos_token_id=0,
        eos_token_id=1,
    )
    return (CLIPTextModelWithProjection if projected else CLIPTextModel)(config).eval()


def stable_diffusion() -> dict[str, Any]:
    """The components of a Stable Diffusion 1.x checkpoint, with the scheduler that those come with."""
    pndm = PNDMScheduler(skip_prk_steps=True, **STABLE_DIFFUSION)
    pndm.register_to_config(clip_sample=False)
    return {
        "vae": autoencoder(),
        "text_encoder": text_encoder(),
        "tokenizer": tokenizer(),
        "unet": unet(),
        "scheduler": pndm,
    }


def stable_diffusion_xl() -> dict[str, Any]:
    """The components of an SDXL checkpoint."""
    second = {"text_encoder_2": text_encoder(projected=True), "tokenizer_2": tokenizer()}
    return {**stable_diffusion(), **second, "unet": sdxl_unet()}
