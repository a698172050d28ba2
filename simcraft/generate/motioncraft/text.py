"""Prompts as the networks take them: Stable Diffusion 1.x and 2.x with one text encoder, SDXL with two."""

from __future__ import annotations

from typing import Any

import torch

from simcraft.generate.motioncraft.denoiser import Condition


def encode_prompt(pipeline: Any, prompt: str, size: tuple[int, int], device: torch.device) -> Condition:
    """The condition for `prompt`, which is cut off where the text encoder's length ends.

    Parameters
    ----------
    pipeline: anything with `text_encoder`, `tokenizer`, and for SDXL `text_encoder_2`, `tokenizer_2`.
    size: (width, height) of the picture in pixels; SDXL is told.
    """
    if getattr(pipeline, "text_encoder_2", None) is None:
        return Condition(_encoded(pipeline.text_encoder, pipeline.tokenizer, prompt, device)[0])
    encoders = [
        (encoder, tokenizer)
        for encoder, tokenizer in (
            (pipeline.text_encoder, pipeline.tokenizer),
            (pipeline.text_encoder_2, pipeline.tokenizer_2),
        )
        if encoder is not None
    ]
    outputs = [_encoded(encoder, tokenizer, prompt, device, hidden=True) for encoder, tokenizer in encoders]
    # SDXL: the last but one layer of both, and the second encoder's pooled text (diffusers' pipeline, encode_prompt)
    text = torch.cat([output.hidden_states[-2] for output in outputs], -1)
    width, height = size
    time_ids = torch.tensor([[height, width, 0, 0, height, width]], dtype=torch.float32, device=device)
    return Condition(text, outputs[-1][0], time_ids)


def nothing_like(condition: Condition) -> Condition:
    """What SDXL was trained with where there is no text: zeros."""
    pooled = None if condition.pooled is None else torch.zeros_like(condition.pooled)
    return Condition(torch.zeros_like(condition.text), pooled, condition.time_ids)


def _encoded(encoder: Any, tokenizer: Any, prompt: str, device: torch.device, hidden: bool = False) -> Any:
    longest = min(tokenizer.model_max_length, encoder.config.max_position_embeddings)
    tokens = tokenizer(prompt, padding="max_length", max_length=longest, truncation=True, return_tensors="pt")
    wants_mask = getattr(encoder.config, "use_attention_mask", False)
    mask = tokens.attention_mask.to(device) if wants_mask else None
    return encoder(tokens.input_ids.to(device), attention_mask=mask, output_hidden_states=hidden)
