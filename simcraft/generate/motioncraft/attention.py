"""Multiple cross-frame attention: the self-attention of a frame looks at other frames (MotionCraft, section 4.2).

Two ways to the same result. The frames of a batch attend to each other after a pattern, as the authors do it; or a
single frame attends to keys and values that were recorded when the others went through the network at the same step.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch.nn import functional

from simcraft.errors import UserError

KINDS = ("none", "first", "previous", "both")
"""What a frame attends to; the paper's ablation."""

Pattern = tuple[tuple[int, ...], ...]
"""Frame i of a batch attends to the frames `pattern[i]`; all rows have the same length."""

PUBLISHED: Pattern = ((0, 0), (1, 1), (0, 1))
"""Of (first, previous, new): the first two attend to themselves, the new one to both."""

Features = dict[str, tuple[torch.Tensor, torch.Tensor]]
"""Layer name -> keys and values, (1, tokens, channels) each, of one frame at one step."""


@dataclass(frozen=True)
class Frames:
    """What self-attention sees during one call of the network."""

    pattern: Pattern = ((0,),)
    """Of the frames of the batch, which is ordered (guidance, frames); one frame that attends to itself by default."""
    memory: tuple[Features, ...] = ()
    """Attended instead of the batch where not empty."""
    record: Features | None = field(default=None, compare=False)
    """Filled with the keys and values of the batch's last sample: a single frame's, with guidance the positive half."""


def pattern_for(kind: str) -> Pattern:
    """The pattern of (first, previous, new) frames for an ablation; the first two always attend to themselves."""
    patterns: dict[str, Pattern] = {
        "none": ((0,), (1,), (2,)),
        "first": ((0,), (1,), (0,)),
        "previous": ((0,), (1,), (1,)),
        "both": PUBLISHED,
    }
    if kind not in patterns:
        raise UserError(f"attention is {kind!r}.", f"Choose from: {', '.join(KINDS)}.")
    return patterns[kind]


def memory_for(kind: str, first: Features, previous: Features) -> tuple[Features, ...]:
    """What a single new frame attends to for an ablation; empty: itself."""
    return {"none": (), "first": (first,), "previous": (previous,), "both": (first, previous)}[kind]


class CrossFrameProcessor:
    """diffusers' `AttnProcessor2_0` whose self-attention follows the `Frames` in `cross_attention_kwargs`.

    Text attention, and self-attention without `Frames`, are unchanged.
    """

    def __init__(self, layer: str) -> None:
        self.layer = layer

    def __call__(
        self,
        attn: Any,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        temb: torch.Tensor | None = None,
        frames: Frames | None = None,
    ) -> torch.Tensor:
        residual = hidden_states
        if attn.spatial_norm is not None:
            hidden_states = attn.spatial_norm(hidden_states, temb)
        tokens = hidden_states.flatten(2).transpose(1, 2) if hidden_states.ndim == 4 else hidden_states
        if attn.group_norm is not None:
            tokens = attn.group_norm(tokens.transpose(1, 2)).transpose(1, 2)
        query = attn.to_q(tokens)
        if encoder_hidden_states is None:
            key, value = self._keys_and_values(attn, tokens, frames)
        else:
            text = encoder_hidden_states
            text = attn.norm_encoder_hidden_states(text) if attn.norm_cross else text
            key, value = attn.to_k(text), attn.to_v(text)
        mask = _mask(attn, attention_mask, key)
        result = functional.scaled_dot_product_attention(
            _heads(attn, query, attn.norm_q), _heads(attn, key, attn.norm_k), _heads(attn, value, None), attn_mask=mask
        )
        result = result.transpose(1, 2).flatten(2).to(query.dtype)
        result = attn.to_out[1](attn.to_out[0](result))
        if residual.ndim == 4:
            result = result.transpose(1, 2).reshape(residual.shape)
        if attn.residual_connection:
            result = result + residual
        return result / attn.rescale_output_factor

    def _keys_and_values(
        self, attn: Any, tokens: torch.Tensor, frames: Frames | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, tokens, channels) keys and values for self-attention."""
        if frames is not None and frames.memory:
            # the new frame's own keys are not attended: they are computed only where somebody wants to keep them
            if frames.record is not None:
                frames.record[self.layer] = (attn.to_k(tokens[-1:]), attn.to_v(tokens[-1:]))
            remembered = [memory[self.layer] for memory in frames.memory]
            key, value = (torch.cat([pair[k].to(tokens) for pair in remembered], 1) for k in (0, 1))
            return key.expand(len(tokens), -1, -1), value.expand(len(tokens), -1, -1)
        key, value = attn.to_k(tokens), attn.to_v(tokens)
        if frames is None:
            return key, value
        if frames.record is not None:
            frames.record[self.layer] = (key[-1:], value[-1:])
        return attend_across(key, frames.pattern), attend_across(value, frames.pattern)


def attend_across(tokens: torch.Tensor, pattern: Pattern) -> torch.Tensor:
    """Keys or values (B, tokens, channels) of (guidance, frames), gathered after `pattern`: (B, n tokens, channels)."""
    if pattern == ((0,),):
        return tokens
    count = len(pattern)
    by_frame = tokens.unflatten(0, (-1, count))
    rows = [torch.cat([by_frame[:, frame] for frame in attended], 1) for attended in pattern]
    return torch.stack(rows, 1).flatten(0, 1)


def install(unet: Any) -> None:
    """Give every attention layer of a `UNet2DConditionModel` its processor; without `Frames` nothing changes."""
    if all(isinstance(processor, CrossFrameProcessor) for processor in unet.attn_processors.values()):
        return
    unet.set_attn_processor({name: CrossFrameProcessor(name) for name in unet.attn_processors})


def size_in_bytes(features: Features) -> int:
    """Memory that a frame's keys and values take at one step."""
    return sum(tensor.nbytes for pair in features.values() for tensor in pair)


def _heads(attn: Any, tokens: torch.Tensor, norm: Any) -> torch.Tensor:
    split = tokens.unflatten(-1, (attn.heads, -1)).transpose(1, 2)
    return split if norm is None else norm(split)


def _mask(attn: Any, mask: torch.Tensor | None, key: torch.Tensor) -> torch.Tensor | None:
    if mask is None:
        return None
    batch, length = key.shape[:2]
    mask = attn.prepare_attention_mask(mask, length, batch)
    return mask.view(batch, attn.heads, -1, mask.shape[-1])
