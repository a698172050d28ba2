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
    importance: (B, 1, H, W), Z of the paper: of pixels that meet, the larger one wins; minus the depth, for instance
        (minus infinity, the sky, loses against everything else). Used, and required, by "linear" (positive weights)
        and "softmax" (any numbers: only differences among pixels that meet matter).
    mode: "summation" (eq. 3), "average" (eq. 4), "linear" (eq. 5) or "softmax" (eq. 6).

    Returns (B, C, H, W); 0 where nothing arrives. Differentiable in all tensors. Not finite flow throws nothing.
    """
    _check(image, flow, same_size=True)
    if mode not in MODES:
        raise UserError(f"mode is {mode!r}.", f"Choose from: {', '.join(MODES)}.")
    taps = _taps(flow)
    if mode == "summation":
        return _sums(image, taps)
    if mode in ("linear", "softmax"):
        if importance is None or importance.shape != image[:, :1].shape:
            raise UserError(f"Mode '{mode}' needs importance of shape {tuple(image[:, :1].shape)}.")
        taps = _scaled(taps, importance) if mode == "linear" else _softmax(taps, importance)
    sums = _sums(torch.cat([image, torch.ones_like(image[:, :1])], 1), taps)
    total = sums[:, -1:]
    arrived = total > 0
    return torch.where(arrived, sums[:, :-1] / torch.where(arrived, total, 1), 0)


Tap = tuple[torch.Tensor, torch.Tensor]
"""One of the four pixels around where each pixel lands: its flat index and its weight, both (B, H * W)."""


def _taps(flow: torch.Tensor) -> list[Tap]:
    """Where pixels land, weighted by the bilinear kernel of eq. 3, b = max(0, 1 - |dx|) max(0, 1 - |dy|)."""
    height, width = flow.shape[-2:]
    x, y = _positions(torch.nan_to_num(flow, nan=1e9, posinf=1e9, neginf=-1e9))
    left, top = x.detach().floor(), y.detach().floor()
    taps = []
    for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
        column, row = left + dx, top + dy
        weight = (1 - (x - column).abs()) * (1 - (y - row).abs())
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        target = (row.clamp(0, height - 1) * width + column.clamp(0, width - 1)).long()
        taps.append((target.flatten(1), torch.where(inside, weight, 0).flatten(1)))
    return taps


def _scaled(taps: list[Tap], importance: torch.Tensor) -> list[Tap]:
    return [(target, weight * importance.flatten(1)) for target, weight in taps]


def _softmax(taps: list[Tap], importance: torch.Tensor) -> list[Tap]:
    """Weights b exp(Z - M), M being the largest Z that arrives at the same destination.

    The ratio of eq. 6 is the same for any constant subtracted at one destination, so M needs no gradient; without it
    exp() overflows, and with the image's maximum instead it underflows where only unimportant pixels arrive.
    """
    limits = torch.finfo(importance.dtype)
    importance = importance.clamp(limits.min, limits.max).flatten(1)  # infinities would cancel to NaN
    largest = torch.full_like(importance, -torch.inf).detach()
    for target, weight in taps:
        arriving = torch.where(weight > 0, importance, -torch.inf).detach()
        largest = largest.scatter_reduce(1, target, arriving, "amax")
    # the clamp is for taps of weight zero, which do not count for M: their exp() must stay finite
    return [(to, weight * (importance - largest.gather(1, to)).clamp(max=0).exp()) for to, weight in taps]


def _sums(values: torch.Tensor, taps: list[Tap]) -> torch.Tensor:
    """Eq. 3: (B, C, H, W), at each pixel the weighted sum of the `values` that arrive."""
    result = torch.zeros_like(values).flatten(2)
    for target, weight in taps:
        thrown = values.flatten(2) * weight[:, None]
        result = result.scatter_add(2, target[:, None].expand_as(thrown), thrown)
    return result.view(values.shape)


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
