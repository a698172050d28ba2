"""A checkpoint in one file, with the names that the first Stable Diffusion release gave its weights."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_ENDS = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
    "mid_block.resnets.0": "middle_block.0",
    "mid_block.attentions.0": "middle_block.1",
    "mid_block.resnets.1": "middle_block.2",
}


def save_single_file(parts: dict[str, Any], path: Path) -> None:
    """Write the networks of a Stable Diffusion 1.x checkpoint with one layer a block."""
    weights: dict[str, torch.Tensor] = {}
    for name, tensor in parts["unet"].state_dict().items():
        weights[f"model.diffusion_model.{_unet_name(name, parts['unet'])}"] = tensor
    for name, tensor in parts["vae"].state_dict().items():
        old = _vae_name(name, len(parts["vae"].config.block_out_channels))
        square = ".attn_1." in old and tensor.ndim == 2  # attention was made of 1 x 1 convolutions
        weights[f"first_stage_model.{old}"] = tensor[..., None, None] if square else tensor
    for name, tensor in parts["text_encoder"].state_dict().items():
        bare = name.removeprefix("text_model.")
        weights[f"cond_stage_model.transformer.text_model.{bare}"] = tensor
    save_file({name: tensor.contiguous() for name, tensor in weights.items()}, path)


def _unet_name(name: str, unet: Any) -> str:
    for new, old in _ENDS.items():
        if name.startswith(f"{new}."):
            name = old + name[len(new) :]
    # a block down is (resnet, attention), then a step down; a block up is two of them, the last with a step up
    name = re.sub(r"^down_blocks\.(\d)\.resnets\.0\.", lambda m: f"input_blocks.{1 + 2 * int(m[1])}.0.", name)
    name = re.sub(r"^down_blocks\.(\d)\.attentions\.0\.", lambda m: f"input_blocks.{1 + 2 * int(m[1])}.1.", name)
    name = re.sub(
        r"^down_blocks\.(\d)\.downsamplers\.0\.conv\.", lambda m: f"input_blocks.{2 + 2 * int(m[1])}.0.op.", name
    )
    name = re.sub(r"^up_blocks\.(\d)\.resnets\.(\d)\.", lambda m: f"output_blocks.{2 * int(m[1]) + int(m[2])}.0.", name)
    name = re.sub(
        r"^up_blocks\.(\d)\.attentions\.(\d)\.", lambda m: f"output_blocks.{2 * int(m[1]) + int(m[2])}.1.", name
    )
    beside = 1 if unet.config.up_block_types[0] == "UpBlock2D" else 2
    name = re.sub(r"^up_blocks\.0\.upsamplers\.0\.conv\.", f"output_blocks.1.{beside}.conv.", name)
    if re.match(r"(input_blocks|output_blocks)\.\d+\.0\.|middle_block\.[02]\.", name):
        for new, old in _RESNET.items():
            name = name.replace(f".{new}.", f".{old}.")
    return name


def _vae_name(name: str, levels: int) -> str:
    name = re.sub(r"^encoder\.down_blocks\.(\d)\.resnets\.(\d)\.", r"encoder.down.\1.block.\2.", name)
    name = re.sub(r"^encoder\.down_blocks\.(\d)\.downsamplers\.0\.", r"encoder.down.\1.downsample.", name)
    name = re.sub(
        r"^decoder\.up_blocks\.(\d)\.resnets\.(\d)\.",
        lambda m: f"decoder.up.{levels - 1 - int(m[1])}.block.{m[2]}.",
        name,
    )
    name = re.sub(
        r"^decoder\.up_blocks\.(\d)\.upsamplers\.0\.", lambda m: f"decoder.up.{levels - 1 - int(m[1])}.upsample.", name
    )
    name = re.sub(r"\.mid_block\.resnets\.(\d)\.", lambda m: f".mid.block_{int(m[1]) + 1}.", name)
    name = name.replace(".mid_block.attentions.0.", ".mid.attn_1.").replace("conv_shortcut", "nin_shortcut")
    name = name.replace("conv_norm_out", "norm_out")
    for new, old in {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}.items():
        name = name.replace(f".attn_1.{new}.", f".attn_1.{old}.")
    return name
