"""Segment Anything and networks that estimate depth in miniature, with random weights, as transformers saves them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import (
    DepthAnythingConfig,
    DepthAnythingForDepthEstimation,
    Dinov2Config,
    DPTConfig,
    DPTForDepthEstimation,
    DPTImageProcessorPil,
    GLPNConfig,
    GLPNForDepthEstimation,
    GLPNImageProcessorPil,
    SamConfig,
    SamImageProcessorPil,
    SamMaskDecoderConfig,
    SamModel,
    SamPromptEncoderConfig,
    SamVisionConfig,
)

SIDE = 64
"""Pixels of the square pictures that the miniatures see."""


def save_segment_anything(folder: Path, confidence: float | None = None) -> SamModel:
    """`confidence`: the score that it gives every mask, whose outlines are clear then; random where it is None."""
    torch.manual_seed(3)
    vision = SamVisionConfig(
        hidden_size=16, output_channels=16, num_hidden_layers=2, num_attention_heads=2, image_size=SIDE, patch_size=8,
        window_size=4, global_attn_indexes=(1,), num_pos_feats=8, mlp_dim=32, initializer_range=0.2,
    )  # fmt: skip
    prompts = SamPromptEncoderConfig(hidden_size=16, image_size=SIDE, patch_size=8, mask_input_channels=4)
    decoder = SamMaskDecoderConfig(hidden_size=16, mlp_dim=32, num_attention_heads=2, iou_head_hidden_dim=16)
    config = SamConfig(vision_config=vision, prompt_encoder_config=prompts, mask_decoder_config=decoder)
    model = SamModel(config).eval()
    with torch.no_grad():
        for parameter in model.mask_decoder.parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=0.5)
        if confidence is not None:
            head = model.mask_decoder.iou_prediction_head.proj_out
            head.weight.zero_()
            head.bias.fill_(confidence)
            for network in model.mask_decoder.output_hypernetworks_mlps:
                network.proj_out.weight *= 100
                network.proj_out.bias *= 100
    model.save_pretrained(folder)
    SamImageProcessorPil(size={"longest_edge": SIDE}, pad_size={"height": SIDE, "width": SIDE}).save_pretrained(folder)
    return model


def save_depth_anything(folder: Path, **changes: Any) -> Any:
    torch.manual_seed(4)
    backbone = Dinov2Config(
        hidden_size=16, num_hidden_layers=4, num_attention_heads=2, image_size=SIDE, patch_size=8, mlp_ratio=2,
        out_indices=[1, 2, 3, 4], reshape_hidden_states=False, apply_layernorm=True, initializer_range=0.5,
    )  # fmt: skip
    config = DepthAnythingConfig(
        backbone_config=backbone, patch_size=8, reassemble_hidden_size=16, neck_hidden_sizes=[8, 8, 8, 8],
        fusion_hidden_size=8, head_hidden_size=8, initializer_range=0.5, **changes,
    )  # fmt: skip
    return _saved(DepthAnythingForDepthEstimation(config), DPTImageProcessorPil, folder, multiple=8)


def save_dpt(folder: Path) -> Any:
    torch.manual_seed(5)
    config = DPTConfig(
        hidden_size=16, num_hidden_layers=4, num_attention_heads=2, intermediate_size=32, image_size=SIDE,
        patch_size=8, backbone_out_indices=[0, 1, 2, 3], neck_hidden_sizes=[8, 8, 8, 8], fusion_hidden_size=8,
        initializer_range=0.5,
    )  # fmt: skip
    return _saved(DPTForDepthEstimation(config), DPTImageProcessorPil, folder, multiple=8)


def save_glpn(folder: Path) -> Any:
    torch.manual_seed(6)
    config = GLPNConfig(
        depths=[1, 1, 1, 1], hidden_sizes=[8, 8, 8, 8], num_attention_heads=[1, 1, 2, 2], mlp_ratios=[2, 2, 2, 2],
        decoder_hidden_size=8, initializer_range=0.5,
    )  # fmt: skip
    model = GLPNForDepthEstimation(config).eval()
    model.save_pretrained(folder)
    GLPNImageProcessorPil(size_divisor=32).save_pretrained(folder)
    return model


def _saved(model: Any, processor: type, folder: Path, multiple: int) -> Any:
    model.eval().save_pretrained(folder)
    size = {"height": SIDE, "width": SIDE}
    processor(size=size, keep_aspect_ratio=False, ensure_multiple_of=multiple).save_pretrained(folder)
    return model
