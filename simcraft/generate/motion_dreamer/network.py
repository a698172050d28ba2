"""The network of both stages: Stable Video Diffusion's, which may also be told of arrows and of the camera."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import ModelMixin  # noqa: F401  (pipelines load a class whose module has a class that they know)
from diffusers.configuration_utils import register_to_config
from diffusers.models.attention_processor import AttnProcessor, AttnProcessor2_0
from diffusers.models.unets.unet_spatio_temporal_condition import (
    UNetSpatioTemporalConditionModel,
    UNetSpatioTemporalConditionOutput,
)
from torch import nn

from simcraft.errors import UserError
from simcraft.generate.motion_dreamer.first_frame import FirstFrameEncoder
from simcraft.generate.motion_dreamer.preconditioning import PREDICTIONS

_CROSS, _PLAIN = "CrossAttnDownBlockSpatioTemporal", "DownBlockSpatioTemporal"
_CROSS_UP, _PLAIN_UP = "CrossAttnUpBlockSpatioTemporal", "UpBlockSpatioTemporal"


class MotionDreamerUNet(UNetSpatioTemporalConditionModel):
    """`UNetSpatioTemporalConditionModel` with two more inputs, each of which adds nothing before it is trained.

    The first frame's features, moved along the instance flow, are added in the encoder (Motion Dreamer, eq. 6 to 8);
    the camera's motion is added to the image embedding, which attention over time reads (its supplement, 7). Without
    them it is the base network, layer by layer, and loads its weights.
    """

    @register_to_config
    def __init__(
        self,
        sample_size: int | None = None,
        in_channels: int = 8,
        out_channels: int = 4,
        down_block_types: tuple[str, ...] = (_CROSS, _CROSS, _CROSS, _PLAIN),
        up_block_types: tuple[str, ...] = (_PLAIN_UP, _CROSS_UP, _CROSS_UP, _CROSS_UP),
        block_out_channels: tuple[int, ...] = (320, 640, 1280, 1280),
        addition_time_embed_dim: int = 256,
        projection_class_embeddings_input_dim: int = 768,
        layers_per_block: int | tuple[int, ...] = 2,
        cross_attention_dim: int = 1024,
        transformer_layers_per_block: int | tuple[int, ...] = 1,
        num_attention_heads: int | tuple[int, ...] = (5, 10, 20, 20),
        num_frames: int = 25,
        first_channels: int = 0,
        first_factor: int = 8,
        camera_channels: int = 0,
        prediction: str = "v",
        residual_scale: float = 0.0,
    ) -> None:
        """Random weights; `svd.from_svd` takes a pretrained network's.

        Parameters
        ----------
        sample_size ... num_frames: the base's.
        first_channels: of the first frame's pictures; 0: the network takes none, and no instance flow.
        first_factor: pixels a latent cell, a power of two.
        camera_channels: of a frame's camera vector; 0: the network takes none.
        prediction: what the network's output means, one of `preconditioning.PREDICTIONS`.
        residual_scale: the latents are hint + residual_scale y, and y is what is diffused; 0: the latents are.
        """
        if prediction not in PREDICTIONS:
            raise UserError(f"prediction is {prediction!r}.", f"Choose from: {', '.join(PREDICTIONS)}.")
        if first_factor < 1 or first_factor & (first_factor - 1):
            raise UserError(f"first_factor is {first_factor}; expected a power of two.")
        super().__init__(
            sample_size=sample_size,
            in_channels=in_channels,
            out_channels=out_channels,
            down_block_types=down_block_types,
            up_block_types=up_block_types,
            block_out_channels=block_out_channels,
            addition_time_embed_dim=addition_time_embed_dim,
            projection_class_embeddings_input_dim=projection_class_embeddings_input_dim,
            layers_per_block=layers_per_block,
            cross_attention_dim=cross_attention_dim,
            transformer_layers_per_block=transformer_layers_per_block,
            num_attention_heads=num_attention_heads,
            num_frames=num_frames,
        )
        attention: Any = _Attention()
        self.set_attn_processor(attention)
        # what enters each block on the way down
        widths = (block_out_channels[0], *block_out_channels[:-1])
        self.first_encoder = (
            FirstFrameEncoder(first_channels, first_factor, block_out_channels[0], widths) if first_channels else None
        )
        self.camera_encoder = _camera_encoder(camera_channels, cross_attention_dim) if camera_channels else None

    def forward(
        self,
        sample: torch.Tensor,
        timestep: torch.Tensor | float,
        encoder_hidden_states: torch.Tensor,
        added_time_ids: torch.Tensor,
        return_dict: bool = True,
        *,
        first: torch.Tensor | None = None,
        instance_flow: torch.Tensor | None = None,
        camera: torch.Tensor | None = None,
    ) -> Any:
        """One call of the network.

        Parameters
        ----------
        sample: (B, T, C_in, h, w), noisy latents, scaled, and everything that is known in cells.
        timestep: (B,) or one for all, `preconditioning.noise_level`.
        encoder_hidden_states: (B, L, D), the image embedding.
        added_time_ids: (B, 3), frames a second minus one, motion bucket, noise added to the first frame.
        first: (B, first_channels, H, W), pictures of the first frame, H and W being `first_factor` times h and w.
        instance_flow: (B, 2, H, W) pixels a frame, 0 where no arrow is; None: the features stay where they are.
        camera: (B, T, camera_channels).

        Returns `UNetSpatioTemporalConditionOutput` with `sample` (B, T, C_out, h, w), or a tuple of it. Raises
        `UserError` for pictures of another size, and for inputs that the network has no layers for.
        """
        batch, frames = sample.shape[:2]
        added = self._first_features(first, instance_flow, sample)
        given = {
            "temb": self._time_embedding(timestep, added_time_ids, sample),
            "image_only_indicator": sample.new_zeros(batch, frames),
        }
        context = {"encoder_hidden_states": self._context(encoder_hidden_states, camera, frames)}
        x, skips = self._down(self.conv_in(sample.flatten(0, 1)), added, given, context)
        x = self.mid_block(x, **given, **context)
        x = self._up(x, skips, given, context)
        x = self.conv_out(self.conv_act(self.conv_norm_out(x))).unflatten(0, (batch, frames))
        return UNetSpatioTemporalConditionOutput(sample=x) if return_dict else (x,)

    def _time_embedding(
        self, timestep: torch.Tensor | float, time_ids: torch.Tensor, sample: torch.Tensor
    ) -> torch.Tensor:
        """(B T, 4 C) of the noise level, rate, amount of motion and noise of the first frame."""
        batch, frames = sample.shape[:2]
        levels = torch.as_tensor(timestep, device=sample.device).expand(batch)
        known = self.add_time_proj(time_ids.flatten()).view(batch, -1)
        embedding = self.time_embedding(self.time_proj(levels).to(sample.dtype))
        embedding = embedding + self.add_embedding(known.to(embedding.dtype))
        return embedding.repeat_interleave(frames, 0)

    def _context(self, embedding: torch.Tensor, camera: torch.Tensor | None, frames: int) -> torch.Tensor:
        """(B T, L, D), the image embedding and the camera's motion."""
        context = embedding[:, None].expand(-1, frames, -1, -1)
        if camera is not None:
            if self.camera_encoder is None:
                raise UserError("This network takes no camera motion.", "Build it with camera_channels.")
            context = context + self.camera_encoder(camera.to(embedding.dtype))[:, :, None]
        return context.flatten(0, 1)

    def _first_features(
        self, first: torch.Tensor | None, flow: torch.Tensor | None, sample: torch.Tensor
    ) -> list[torch.Tensor]:
        """(B T, C_i, h_i, w_i) to be added before each block on the way down; empty without a first frame."""
        if first is None:
            return []
        if self.first_encoder is None:
            raise UserError("This network takes no pictures of the first frame.", "Build it with first_channels.")
        batch, frames = sample.shape[:2]
        factor = self.config["first_factor"]
        height, width = (factor * cells for cells in sample.shape[-2:])
        flow = first.new_zeros(batch, 2, height, width) if flow is None else flow
        wanted = (batch, self.config["first_channels"], height, width)
        if first.shape != wanted or flow.shape != (batch, 2, height, width):
            raise UserError(
                f"first is {tuple(first.shape)}, instance_flow {tuple(flow.shape)}; "
                f"expected {wanted} and {(batch, 2, height, width)}."
            )
        return [added.flatten(0, 1) for added in self.first_encoder(first.to(sample.dtype), flow, frames)]

    def _down(
        self,
        x: torch.Tensor,
        added: list[torch.Tensor],
        given: dict[str, torch.Tensor],
        context: dict[str, torch.Tensor],
    ) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """What leaves the encoder, and what the decoder gets from it."""
        skips = [x]
        for level, block in enumerate(self.down_blocks):
            if added:
                # eq. 8; the decoder gets the sum too
                x = skips[-1] = x + added[level]
            x, outputs = block(x, **given, **(context if _attends(block) else {}))
            skips += outputs
        return x, skips

    def _up(
        self,
        x: torch.Tensor,
        skips: list[torch.Tensor],
        given: dict[str, torch.Tensor],
        context: dict[str, torch.Tensor],
    ) -> torch.Tensor:
        """What leaves the decoder."""
        blocks: Any = self.up_blocks
        for block in blocks:
            count = len(block.resnets)
            skips, used = skips[:-count], skips[-count:]
            x = block(
                x,
                res_hidden_states_tuple=tuple(used),
                # what it is doubled to: sizes that cannot be halved evenly would not tell
                upsample_size=skips[-1].shape[2:] if skips else None,
                **given,
                **(context if _attends(block) else {}),
            )
        return x


class _Attention:
    """torch's fused attention; plain products where they train faster.

    On a CPU the way back through fused attention costs more than all the products of sequences as short as an embedded
    model's: in plain products a step of training takes a quarter less time.
    """

    short = 256
    """Longest sequence, in tokens, that counts as short."""

    def __init__(self) -> None:
        self.fused, self.plain = AttnProcessor2_0(), AttnProcessor()

    def __call__(self, attn: Any, hidden_states: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        training = hidden_states.device.type == "cpu" and torch.is_grad_enabled()
        chosen = self.plain if training and hidden_states.shape[1] <= self.short else self.fused
        return chosen(attn, hidden_states, *args, **kwargs)


def _attends(block: nn.Module) -> bool:
    return bool(getattr(block, "has_cross_attention", False))


def _camera_encoder(channels: int, width: int) -> nn.Sequential:
    """Two layers, of which the last one is zero."""
    last = nn.Linear(width, width)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Linear(channels, width), nn.SiLU(), last)
