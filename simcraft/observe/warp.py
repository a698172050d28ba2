"""Moving images along flow: backward warping and softmax splatting, batched, differentiable, on any device.

Flow follows the clip's convention: pixels, channel 0 = x to the right, 1 = y down. The centre of the pixel in column i
is at i + 0.5; because flow is a displacement, the centre's half drops out of the arithmetic below.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from simcraft.errors import UserError

PADDINGS = ("zeros", "border", "reflection")
MODES = ("summation", "average", "linear", "softmax")


def backward_warp(image: torch.Tensor, flow: torch.Tensor, padding: str = "border") -> torch.Tensor:
    """Fetch, bilinearly: out(p) = image(p + flow(p)).

    Parameters
    ----------
    image: (B, C, H, W) floating point; what the flow points into.
    flow: (B, 2, H', W') pixels of `image`, at the output's pixels; H', W' may differ from H, W.
    padding: beyond the image "zeros", "border" (the edge repeated) or "reflection" (about the image's edge).

    Returns (B, C, H', W'). Differentiable in `image` and `flow`.
    """
    _check(image, flow, same_size=False)
    if padding not in PADDINGS:
        raise UserError(f"padding is {padding!r}.", f"Choose from: {', '.join(PADDINGS)}.")
    height, width = image.shape[-2:]
    x, y = _positions(flow)
    # grid_sample without align_corners takes -1 and 1 for the image's outer edges: u = 2 (x + 0.5) / W - 1
    grid = torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], -1)
    return functional.grid_sample(image, grid, mode="bilinear", padding_mode=padding, align_corners=False)


def softmax_splat(
    image: torch.Tensor, flow: torch.Tensor, importance: torch.Tensor | None = None, mode: str = "softmax"
) -> torch.Tensor:
    """Throw, bilinearly, each pixel of `image` to where `flow` takes it (Niklaus and Liu, CVPR 2020, eq. 3 to 6).

    Parameters
    ----------
    image: (B, C, H, W) floating point.
    flow: (B, 2, H, W) pixels, forward: from `image` to the output.
    importance: (B, 1, H, W), Z of the paper: of pixels that meet, the larger one wins; minus the depth, for instance.
        Used, and required, by "linear" (positive weights) and "softmax".
    mode: "summation" (eq. 3), "average" (eq. 4), "linear" (eq. 5) or "softmax" (eq. 6).

    Returns (B, C, H, W); 0 where nothing arrives. Differentiable in all tensors. Not finite flow throws nothing.
    """
    _check(image, flow, same_size=True)
    if mode not in MODES:
        raise UserError(f"mode is {mode!r}.", f"Choose from: {', '.join(MODES)}.")
    if mode == "summation":
        return _splat(image, flow)
    if mode == "average":
        weight = torch.ones_like(image[:, :1])
    elif importance is None or importance.shape != image[:, :1].shape:
        raise UserError(f"Mode '{mode}' needs importance of shape {tuple(image[:, :1].shape)}.")
    elif mode == "linear":
        weight = importance
    else:
        # the ratio of eq. 6 is the same for any constant added to Z; without it exp() overflows
        weight = (importance - importance.detach().amax(dim=(1, 2, 3), keepdim=True)).exp()
    splatted = _splat(torch.cat([image * weight, weight], 1), flow)
    total = splatted[:, -1:]
    arrived = total > 0
    return torch.where(arrived, splatted[:, :-1] / torch.where(arrived, total, 1), 0)


def _splat(values: torch.Tensor, flow: torch.Tensor) -> torch.Tensor:
    """Eq. 3: the sum of values times the bilinear kernel b = max(0, 1 - |dx|) max(0, 1 - |dy|)."""
    batch, channels, height, width = values.shape
    x, y = _positions(torch.nan_to_num(flow, nan=1e9, posinf=1e9, neginf=-1e9))
    left, top = x.detach().floor(), y.detach().floor()
    result = values.new_zeros(batch, channels, height * width)
    for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
        column, row = left + dx, top + dy
        weight = (1 - (x - column).abs()) * (1 - (y - row).abs())
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        target = (row.clamp(0, height - 1) * width + column.clamp(0, width - 1)).long()
        thrown = values * torch.where(inside, weight, 0)[:, None]
        result = result.scatter_add(2, target.view(batch, 1, -1).expand(-1, channels, -1), thrown.flatten(2))
    return result.view(batch, channels, height, width)


def _positions(flow: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Columns and rows (B, H, W) that the flow points to, counted from the first pixel's centre."""
    height, width = flow.shape[-2:]
    x = torch.arange(width, dtype=flow.dtype, device=flow.device)
    y = torch.arange(height, dtype=flow.dtype, device=flow.device)
    return flow[:, 0] + x, flow[:, 1] + y[:, None]


def _check(image: torch.Tensor, flow: torch.Tensor, same_size: bool) -> None:
    batch = image.shape[0]
    if image.ndim != 4 or flow.ndim != 4 or flow.shape[:2] != (batch, 2):
        raise UserError(
            f"image is {tuple(image.shape)}, flow {tuple(flow.shape)}; expected (B, C, H, W), (B, 2, H, W)."
        )
    if same_size and image.shape[2:] != flow.shape[2:]:
        raise UserError(f"image is {tuple(image.shape)}, flow {tuple(flow.shape)}; expected the same H and W.")
