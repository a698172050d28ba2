"""The layout of the embedded image model: stock diffusers and transformers classes, sized to be shipped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simcraft.errors import UserError
from simcraft.generate.motioncraft.geometry import CHANNELS

FACTOR = 4
"""Pixels a latent cell, on each side."""
BUDGET = 30_000_000
"""Bytes that a shipped model may have in float16, all files together."""


@dataclass(frozen=True)
class Layout:
    """Sizes of all parts of a model."""

    size: tuple[int, int] = (128, 128)
    """(width, height) in pixels of the pictures that it is trained on; multiples of 4 * 2^(levels - 1)."""
    latent_channels: int = 16
    """Four blur small objects at this factor, whatever else is done."""
    autoencoder_channels: int = 128
    autoencoder_blocks: int = 6
    """Residual blocks of the decoder, all at the resolution of the latents."""
    channels: tuple[int, ...] = (64, 128, 192)
    """Of the UNet's levels; fewer than 64, and heads narrower than 32, hardly run faster."""
    attention: tuple[bool, ...] = (False, True, True)
    """Which levels attend to texts and frames; at full resolution that would cost as much as all the rest."""
    layers: int = 1
    """Residual and transformer blocks a level; one more on the way up."""
    head_width: int = 32
    groups: int = 32
    text_width: int = 192
    text_layers: int = 3
    vocabulary: int = 1280
    tokens: int = 77
    """Length of a text, as in Stable Diffusion."""


LAYOUTS = {
    "small": Layout(),
    "tiny": Layout(
        size=(64, 32),
        latent_channels=8,
        autoencoder_channels=16,
        autoencoder_blocks=1,
        channels=(32, 64),
        attention=(False, True),
        groups=16,
        text_width=64,
        text_layers=1,
        vocabulary=640,
    ),
}
"""What is shipped, and one to try things with."""


def layout_of(name: str, size: tuple[int, int]) -> Layout:
    """The layout of that name for pictures of (width, height) `size`; `UserError` where they do not fit."""
    from dataclasses import replace

    if name not in LAYOUTS:
        raise UserError(f"There is no layout '{name}'.", f"Choose from: {', '.join(LAYOUTS)}.")
    layout = LAYOUTS[name]
    multiple = FACTOR * 2 ** (len(layout.channels) - 1)
    if size[0] % multiple or size[1] % multiple:
        raise UserError(
            f"The pictures are {size[0]}x{size[1]}; the layout '{name}' takes multiples of {multiple}.",
            f"Make a set with another size, such as {multiple * 8}x{multiple * 8}.",
        )
    return replace(layout, size=size)


def build_autoencoder(layout: Layout) -> Any:
    """A fresh `PatchAutoencoder`."""
    from simcraft.generate.patch_autoencoder import PatchAutoencoder

    return PatchAutoencoder(
        latent_channels=layout.latent_channels,
        patch=FACTOR,
        width=layout.autoencoder_channels,
        blocks=layout.autoencoder_blocks,
    )


def build_unet(layout: Layout, inpaint: bool = False) -> Any:
    """A fresh `UNet2DConditionModel`; `inpaint`: also given a mask, known latents and geometry."""
    from diffusers import UNet2DConditionModel

    down = {True: "CrossAttnDownBlock2D", False: "DownBlock2D"}
    up = {True: "CrossAttnUpBlock2D", False: "UpBlock2D"}
    return UNet2DConditionModel(
        sample_size=max(layout.size) // FACTOR,  # a default for pipelines, of which some take one number only
        in_channels=layout.latent_channels + (1 + layout.latent_channels + CHANNELS if inpaint else 0),
        out_channels=layout.latent_channels,
        block_out_channels=layout.channels,
        layers_per_block=layout.layers,
        down_block_types=tuple(down[attends] for attends in layout.attention),
        up_block_types=tuple(up[attends] for attends in reversed(layout.attention)),
        cross_attention_dim=layout.text_width,
        # diffusers' name for the number of heads
        attention_head_dim=tuple(width // layout.head_width for width in layout.channels),
        norm_num_groups=layout.groups,
    )


def build_text_encoder(layout: Layout, tokenizer: Any) -> Any:
    """A fresh `CLIPTextModel` for the texts of `tokenizer`."""
    from transformers import CLIPTextConfig, CLIPTextModel

    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=layout.text_width,
            intermediate_size=4 * layout.text_width,
            projection_dim=layout.text_width,
            num_hidden_layers=layout.text_layers,
            num_attention_heads=layout.text_width // 32,
            max_position_embeddings=layout.tokens,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def build_scheduler(prediction: str = "v_prediction") -> Any:
    """DDIM with zero terminal SNR, as in Lin et al. 2024, "Common diffusion noise schedules ...".

    `prediction`: what the network predicts, "v_prediction" or "sample".
    """
    from diffusers import DDIMScheduler

    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type=prediction,
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
        clip_sample=False,
        set_alpha_to_one=True,
        steps_offset=1,  # unused by this spacing; diffusers warns of another
    )
