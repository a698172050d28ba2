"""The first frame's features, moved along the arrows: what stage I is told of the future (Motion Dreamer, eq. 6 to 8).

An arrow says how many pixels a frame an object moves. So the features of the first frame are computed once, at every
scale of the network's encoder, thrown to where t frames of that motion take them, and added to what the encoder has
at that scale of frame t.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from simcraft.observe.warp import softmax_splat

_STEM = 32
"""Channels at the resolution of the picture; doubled whenever it is halved, up to the width."""
_DECISIVE = 10.0
"""Importance of the fastest motion in a picture against what stands still: e^10 to 1."""


class FirstFrameEncoder(nn.Module):
    """Features of the first frame at the encoder's scales, and what they add to its channels; nothing at first."""

    def __init__(self, channels: int, factor: int, width: int, added: tuple[int, ...]) -> None:
        """Random convolutions, and a last one at each scale that is zero, so that training starts from the network.

        Parameters
        ----------
        channels: of the pictures that it is given.
        factor: pixels a cell of the finest scale, a power of two; each further scale has twice as many.
        width: channels of the features.
        added: channels of the encoder at each scale.
        """
        super().__init__()
        widths = [*(min(_STEM << level, width) for level in range(factor.bit_length() - 1)), width]
        layers: list[nn.Module] = [nn.Conv2d(channels, widths[0], 3, padding=1)]
        for wide, next_wide in pairwise(widths):
            layers += [nn.SiLU(), nn.Conv2d(wide, next_wide, 3, stride=2, padding=1)]
        self.to_cells = nn.Sequential(*layers)
        self.scales = nn.ModuleList(_Scale(width, halved=level > 0) for level in range(len(added)))
        self.added = nn.ModuleList(_zero(nn.Conv2d(width, wide, 1)) for wide in added)

    def forward(self, first: torch.Tensor, flow: torch.Tensor, frames: int) -> list[torch.Tensor]:
        """What is added to the encoder at each scale, finest first.

        Parameters
        ----------
        first: (B, C, H, W), the first frame.
        flow: (B, 2, H, W), its instance flow, pixels a frame; 0 where nothing is known.
        frames: T, with frame 0 being the first one.

        Returns tensors (B, T, C_i, h_i, w_i).
        """
        features = self.to_cells(first)
        added = []
        for scale, last in zip(self.scales, self.added, strict=True):
            features = scale(features)
            # the last layer looks at single cells, as splatting does not: which comes first is the same, but before
            # splatting it is computed once and not for every frame, and its bias tells where something arrives
            added.append(moved(last(features), flow, frames))
        return added


def _zero(layer: Any) -> nn.Module:
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


class _Scale(nn.Module):
    def __init__(self, width: int, halved: bool) -> None:
        super().__init__()
        self.halve: Any = nn.Conv2d(width, width, 3, stride=2, padding=1) if halved else nn.Identity()
        self.layers = nn.Sequential(nn.SiLU(), nn.Conv2d(width, width, 3, padding=1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.halve(x)
        return x + self.layers(x)


def moved(features: torch.Tensor, flow: torch.Tensor, frames: int) -> torch.Tensor:
    """Features of the first frame, thrown to where t frames of motion take them (Motion Dreamer, eq. 6 and 7).

    Parameters
    ----------
    features: (B, C, h, w).
    flow: (B, 2, H, W) pixels a frame, at the picture's resolution.
    frames: T.

    Where several cells arrive, the faster ones win: things that arrows push pass before what stands still. (Depth would
    be no better a judge: what rolls towards the camera ends on ground that was nearer than itself.) Returns
    (B, T, C, h, w), 0 where nothing arrives; frame 0 is `features`.
    """
    batch, channels, height, width = features.shape
    with torch.autocast(features.device.type, enabled=False):  # places in bfloat16 would be off by half a cell
        motion, importance = motion_of_cells(flow.float(), (height, width))
        times = torch.arange(frames, dtype=motion.dtype, device=motion.device)
        displacement = motion[:, None] * times[:, None, None, None]
        thrown = softmax_splat(
            _every_frame(features.float(), frames), displacement.flatten(0, 1), _every_frame(importance, frames)
        )
    return thrown.view(batch, frames, channels, height, width).to(features.dtype)


def motion_of_cells(flow: torch.Tensor, size: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Instance flow at a scale of the network.

    Parameters
    ----------
    flow: (B, 2, H, W) pixels.
    size: (h, w) cells.

    A cell moves as the fastest part of it: the mean of an object and of the ground beside it is the motion of neither.
    Returns (B, 2, h, w) cells, and the importance (B, 1, h, w) for splatting.
    """
    length = flow.norm(dim=1, keepdim=True)
    fastest = length.amax((2, 3), keepdim=True).clamp(min=1e-6)
    weight = (_DECISIVE * (length / fastest)).exp()
    pooled = functional.adaptive_avg_pool2d(torch.cat([flow * weight, weight], 1), size)
    pixels = pooled[:, :2] / pooled[:, 2:]
    importance = _DECISIVE * pixels.norm(dim=1, keepdim=True) / fastest
    cell = pixels.new_tensor([flow.shape[-1] / size[1], flow.shape[-2] / size[0]])
    return pixels / cell[:, None, None], importance


def _every_frame(value: torch.Tensor, frames: int) -> torch.Tensor:
    """(B, C, h, w) to (B T, C, h, w)."""
    return value.repeat_interleave(frames, 0)
