"""The network as the method calls it: texts, guidance, what attention sees; and it counts its evaluations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from simcraft.generate.motioncraft import geometry
from simcraft.generate.motioncraft.attention import Frames, install
from simcraft.generate.motioncraft.schedule import guided
from simcraft.generate.motioncraft.warping import share_of_cells


@dataclass(frozen=True)
class Condition:
    """One prompt as the network takes it."""

    text: torch.Tensor
    """(1, tokens, channels)."""
    pooled: torch.Tensor | None = None
    """(1, channels), SDXL's pooled text."""
    time_ids: torch.Tensor | None = None
    """(1, 6), SDXL's sizes and crop, in pixels."""


class Denoiser:
    """Calls a `UNet2DConditionModel`, in its own precision.

    `evaluations` counts samples that went through the network: a batch of six counts six.
    """

    def __init__(self, unet: Any, adds_known: bool = False) -> None:
        """`adds_known`: what the network says is added to the known latents of its hint."""
        install(unet)
        self.unet = unet
        self.adds_known = adds_known
        self.evaluations = 0

    @property
    def takes_hint(self) -> bool:
        """Is it an inpainting network, that also sees a mask and known latents, and maybe geometry?"""
        given, channels = self.unet.config.in_channels, self.unet.config.out_channels
        return given - 2 * channels - 1 in (0, geometry.CHANNELS)

    def __call__(
        self,
        z: torch.Tensor,
        timestep: int,
        conditions: Sequence[Condition],
        frames: Frames | None = None,
        hint: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """The network's output (B, C, h, w) for latents `z` (B, C, h, w), one condition a sample.

        `hint` (1, D, h, w) is what an inpainting network sees beside them; see `inpainting_hint`, `painted_hint_of`.
        """
        self.evaluations += len(z)
        dtype = self.unet.dtype
        given = z if hint is None else torch.cat([z, hint.to(z).expand(len(z), -1, -1, -1)], 1)
        text = torch.cat([condition.text for condition in conditions]).to(z.device, dtype)
        added = _added(conditions, z.device, dtype)
        attended = {"frames": frames or Frames()}
        output = self.unet(
            given.to(dtype),
            torch.tensor(timestep, device=z.device),
            encoder_hidden_states=text,
            added_cond_kwargs=added,
            cross_attention_kwargs=attended,
            return_dict=False,
        )[0]
        output = output.to(z.dtype)
        return output if hint is None or not self.adds_known else output + hint[:, 1 : 1 + z.shape[1]].to(z)

    def guided(
        self,
        z: torch.Tensor,
        timestep: int,
        negatives: Sequence[Condition],
        positives: Sequence[Condition],
        w: float,
        frames: Frames | None = None,
        hint: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Output with classifier-free guidance `w`, both halves in one batch; at w = 1 the positive half alone."""
        if w == 1:
            return self(z, timestep, positives, frames, hint)
        output = self(torch.cat([z, z]), timestep, [*negatives, *positives], frames, hint)
        negative, positive = output.chunk(2)
        return guided(negative, positive, w)


def inpainting_hint(clean: torch.Tensor, new: torch.Tensor | None = None) -> torch.Tensor:
    """(1, C + 1, h, w) in the order of stock inpainting networks: the mask of what is new, and the latents without it.

    Parameters
    ----------
    clean: (1, C, h, w) latents of what the frame is known to show.
    new: (h, w) bool; nothing is new where it is None.
    """
    mask = torch.zeros_like(clean[:, :1]) if new is None else new.to(clean)[None, None]
    return torch.cat([mask, clean * (1 - mask)], 1)


def painted_hint_of(
    picture: torch.Tensor, new: np.ndarray, surfaces: np.ndarray, cells: tuple[int, int]
) -> torch.Tensor:
    """(1, 1 + C + 8, h, w): how much of each cell is made up, the latents of the whole picture, and the geometry.

    Parameters
    ----------
    picture: (1, C, h, w) latents of the frame as the generator `warp` paints it.
    new: (H, W) bool, what it makes up.
    surfaces: (8, h, w), see `geometry.Geometry`.
    cells: (w, h).
    """
    share = torch.from_numpy(share_of_cells(new, cells)).to(picture)
    return torch.cat([share[None, None], picture, torch.from_numpy(surfaces).to(picture)[None]], 1)


def _added(conditions: Sequence[Condition], device: torch.device, dtype: torch.dtype) -> dict[str, torch.Tensor] | None:
    """SDXL's further conditions, None for other networks."""
    pooled = [condition.pooled for condition in conditions if condition.pooled is not None]
    times = [condition.time_ids for condition in conditions if condition.time_ids is not None]
    if not pooled or not times:
        return None
    return {"text_embeds": torch.cat(pooled).to(device, dtype), "time_ids": torch.cat(times).to(device, dtype)}
