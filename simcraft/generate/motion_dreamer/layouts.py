"""Sizes of the embedded models' networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import nn

from simcraft.errors import UserError

if TYPE_CHECKING:
    from simcraft.generate.motion_dreamer.embedding import PooledImageEncoder
    from simcraft.generate.motion_dreamer.network import MotionDreamerUNet

FIRST_CHANNELS = 10
"""Pictures of the first frame: RGB (3), colours of the instances (3), depth (1), instance flow (2), is it known (1)."""
CAMERA_CHANNELS = 12
"""Of a frame's camera vector."""


@dataclass(frozen=True)
class Layout:
    """Sizes of a network; its channels of input and output are the stage's."""

    size: tuple[int, int] = (64, 64)
    """(width, height) of its pictures, in pixels."""
    frames: int = 14
    factor: int = 4
    """Pixels a latent cell, on each side."""
    channels: tuple[int, ...] = (64, 64, 128)
    """Of the levels, multiples of 32."""
    attention: tuple[bool, ...] = (False, True, True)
    """Which levels attend in space and time; in single cells it would double the cost of all the rest."""
    layers: int = 1
    """Residual and transformer blocks a level; one more on the way up."""
    head_width: int = 32
    width: int = 64
    """Of the image embedding."""
    tokens: int = 4
    """Squares a side of the image embedding."""


LAYOUTS = {
    "small": Layout(),
    "tiny": Layout(size=(32, 32), frames=4, channels=(32, 32), attention=(False, True), width=32, tokens=2),
}
"""What is shipped, and one to try things with."""


def layout_of(name: str) -> Layout:
    """The layout of that name; `UserError` that lists the known ones otherwise."""
    if name not in LAYOUTS:
        raise UserError(f"There is no layout '{name}'.", f"Choose from: {', '.join(LAYOUTS)}.")
    return LAYOUTS[name]


def build_unet(
    layout: Layout,
    in_channels: int,
    out_channels: int,
    *,
    prediction: str,
    residual_scale: float,
    first: bool = False,
) -> MotionDreamerUNet:
    """A fresh network whose output begins as zero: where it predicts a residual, it begins by handing on the hint.

    Parameters
    ----------
    in_channels, out_channels: of the latents and of all that is known in cells.
    prediction, residual_scale: see `MotionDreamerUNet`.
    first: does it take pictures of the first frame and an instance flow?
    """
    from simcraft.generate.motion_dreamer.network import MotionDreamerUNet

    down = {True: "CrossAttnDownBlockSpatioTemporal", False: "DownBlockSpatioTemporal"}
    up = {True: "CrossAttnUpBlockSpatioTemporal", False: "UpBlockSpatioTemporal"}
    time_width = layout.channels[0] // 2
    unet = MotionDreamerUNet(
        sample_size=min(layout.size) // layout.factor,  # of the shorter side, see `working_size`
        in_channels=in_channels,
        out_channels=out_channels,
        block_out_channels=layout.channels,
        layers_per_block=layout.layers,
        down_block_types=tuple(down[attends] for attends in layout.attention),
        up_block_types=tuple(up[attends] for attends in reversed(layout.attention)),
        cross_attention_dim=layout.width,
        num_attention_heads=tuple(channels // layout.head_width for channels in layout.channels),
        addition_time_embed_dim=time_width,
        projection_class_embeddings_input_dim=3 * time_width,
        num_frames=layout.frames,
        first_channels=FIRST_CHANNELS if first else 0,
        first_factor=layout.factor,
        camera_channels=CAMERA_CHANNELS,
        prediction=prediction,
        residual_scale=residual_scale,
    )
    last: Any = unet.conv_out
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return unet


def build_image_encoder(layout: Layout, latent_channels: int) -> PooledImageEncoder:
    """A fresh image encoder for the network of that layout."""
    from simcraft.generate.motion_dreamer.embedding import PooledImageEncoder

    return PooledImageEncoder(latent_channels, layout.width, layout.tokens)
