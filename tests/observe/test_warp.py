"""Backward warp and splatting against slow loops, and their gradients."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from simcraft.errors import UserError
from simcraft.observe.warp import MODES, backward_warp, softmax_splat
from tests.analytic import sliding_square

torch.manual_seed(0)
SIZE = (5, 7)


def tensors(channels: int = 2, reach: float = 2.3) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    image = torch.rand(2, channels, *SIZE, generator=generator, dtype=torch.float64)
    flow = (torch.rand(2, 2, *SIZE, generator=generator, dtype=torch.float64) - 0.5) * 2 * reach
    importance = torch.rand(2, 1, *SIZE, generator=generator, dtype=torch.float64) + 0.2
    return image, flow, importance


def slow_fetch(image: np.ndarray, flow: np.ndarray, padding: str) -> np.ndarray:
    """One (C, H, W) image, pixel by pixel."""
    channels, height, width = image.shape
    out = np.zeros((channels, *flow.shape[1:]))

    def inside(i: float, count: int) -> float:
        if padding == "border":
            return min(max(i, 0), count - 1)
        if padding == "reflection":  # about the outer edges, which lie half a pixel beyond the first and last centre
            i = abs((i + 0.5) % (2 * count))
            return min(max(min(i, 2 * count - i) - 0.5, 0), count - 1)
        return i

    for row in range(flow.shape[1]):
        for column in range(flow.shape[2]):
            x = inside(column + flow[0, row, column], width)
            y = inside(row + flow[1, row, column], height)
            left, top = math.floor(x), math.floor(y)
            for i in (left, left + 1):
                for j in (top, top + 1):
                    if 0 <= i < width and 0 <= j < height:
                        out[:, row, column] += (1 - abs(x - i)) * (1 - abs(y - j)) * image[:, j, i]
    return out


def slow_throw(image: np.ndarray, flow: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums of weighted values (C, H, W) and of weights (H, W), pixel by pixel."""
    channels, height, width = image.shape
    sums, weights = np.zeros((channels, height, width)), np.zeros((height, width))
    for row in range(height):
        for column in range(width):
            x, y = column + flow[0, row, column], row + flow[1, row, column]
            for i in range(width):
                for j in range(height):
                    b = max(0, 1 - abs(x - i)) * max(0, 1 - abs(y - j)) * weight[row, column]
                    sums[:, j, i] += b * image[:, row, column]
                    weights[j, i] += b
    return sums, weights


@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
def test_fetch_equals_the_loop(padding: str) -> None:
    image, flow, _ = tensors(reach=4)
    expected = [slow_fetch(i, f, padding) for i, f in zip(image.numpy(), flow.numpy(), strict=True)]
    np.testing.assert_allclose(backward_warp(image, flow, padding).numpy(), np.stack(expected), atol=1e-12)


def test_fetch_takes_another_size() -> None:
    image, _, _ = tensors()
    assert torch.equal(backward_warp(image, torch.zeros(2, 2, 3, 4, dtype=torch.float64)), image[..., :3, :4])


@pytest.mark.parametrize("mode", MODES)
def test_throw_equals_the_loop(mode: str) -> None:
    image, flow, importance = tensors()
    weight = {"linear": importance, "softmax": importance.exp()}.get(mode, torch.ones_like(importance))
    result = softmax_splat(image, flow, importance, mode).numpy()
    for k in range(2):
        sums, weights = slow_throw(image[k].numpy(), flow[k].numpy(), weight[k, 0].numpy())
        if mode != "summation":
            sums = np.divide(sums, weights, out=np.zeros_like(sums), where=weights > 0)
        np.testing.assert_allclose(result[k], sums, atol=1e-12)


@pytest.mark.parametrize("mode", MODES)
def test_gradients_of_throwing(mode: str) -> None:
    image, flow, importance = (t[:1, :, :3, :4].clone().requires_grad_() for t in tensors(reach=0.9))
    assert torch.autograd.gradcheck(lambda i, f, z: softmax_splat(i, f, z, mode), (image, flow, importance))


def slow_softmax(image: np.ndarray, flow: np.ndarray, importance: np.ndarray) -> np.ndarray:
    """Eq. 6 of one (C, H, W) image: at each destination, the softmax over what arrives there."""
    channels, height, width = image.shape
    out = np.zeros((channels, height, width))
    for j in range(height):
        for i in range(width):
            arriving = []
            for row in range(height):
                for column in range(width):
                    x, y = column + flow[0, row, column], row + flow[1, row, column]
                    b = max(0, 1 - abs(x - i)) * max(0, 1 - abs(y - j))
                    if b > 0:
                        arriving.append((b, importance[row, column], image[:, row, column]))
            if arriving:
                most = max(z for _, z, _ in arriving)
                weights = [b * math.exp(z - most) for b, z, _ in arriving]
                out[:, j, i] = sum(w * v for w, (_, _, v) in zip(weights, arriving, strict=True)) / sum(weights)
    return out


@pytest.mark.parametrize(("dtype", "error"), [(torch.float64, 1e-12), (torch.float32, 1e-4)])
def test_scenes_of_great_depth(dtype: torch.dtype, error: float) -> None:
    """From 1 m to 1 km: exp(-depth) underflows, the ratio of what meets does not."""
    image, flow, importance = tensors()
    flow[:, :, 0] = flow[:, :, 0].round()  # taps of weight zero, too
    near = torch.rand(importance.shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64) > 0.5
    depth = torch.where(near, 1 + importance, 1000 - 20 * importance)
    assert depth.max() / depth.min() > 300
    result = softmax_splat(image.to(dtype), flow.to(dtype), -depth.to(dtype)).numpy()
    for k in range(2):
        expected = slow_softmax(image[k].numpy(), flow[k].numpy(), -depth[k, 0].numpy())
        np.testing.assert_allclose(result[k], expected, atol=error)


def test_far_things_arrive_beside_near_ones() -> None:
    depth = torch.tensor([1.0, 1, 1, 1, 150, 150, 150, torch.inf]).view(1, 1, 1, 8)
    result = softmax_splat(torch.ones_like(depth), torch.zeros(1, 2, 1, 8), -depth)
    assert result.flatten().tolist() == [1.0] * 8


def test_gradients_in_scenes_of_great_depth() -> None:
    image, flow, importance = (t[:1, :, :3, :4].clone() for t in tensors(reach=0.9))
    importance[..., ::2] -= 900
    inputs = [t.requires_grad_() for t in (image, flow, importance)]
    assert torch.autograd.gradcheck(softmax_splat, inputs)
    still = torch.zeros_like(flow).requires_grad_()
    softmax_splat(image, still, importance).sum().backward()
    assert all(t.grad.isfinite().all() for t in (image, still, importance))


@pytest.mark.parametrize("padding", ["zeros", "border"])
def test_gradients_of_fetching(padding: str) -> None:
    image, flow, _ = (t[:1, :, :3, :4].clone().requires_grad_() for t in tensors(reach=0.9))
    assert torch.autograd.gradcheck(lambda i, f: backward_warp(i, f, padding), (image, flow))


def test_the_nearer_pixel_wins() -> None:
    image = torch.tensor([[[[1.0, 2.0, 3.0]]]])
    flow = torch.zeros(1, 2, 1, 3)
    flow[0, 0, 0] = torch.tensor([1.0, 0.0, -1.0])
    result = softmax_splat(image, flow, torch.tensor([[[[-1000.0, -2000.0, -3000.0]]]]))
    assert result.tolist() == [[[[0.0, 1.0, 0.0]]]]


def test_flow_that_is_not_finite_throws_nothing() -> None:
    flow = torch.zeros(1, 2, 2, 2)
    flow[0, 0, 0, 0], flow[0, 1, 0, 1] = torch.nan, torch.inf
    result = softmax_splat(torch.ones(1, 1, 2, 2), flow, mode="average")
    assert result.tolist() == [[[[0.0, 0.0], [1.0, 1.0]]]]


def test_conventions_of_the_clip() -> None:
    """Fetching the next frame by the forward flow, and throwing the first one along it, give back the frames."""
    clip = sliding_square(count=2, step=(3, -2))
    first, second = (torch.from_numpy(f).permute(2, 0, 1)[None].float() for f in clip.frames)
    forward = torch.from_numpy(clip.flow_forward[0]).permute(2, 0, 1)[None]
    seen = torch.from_numpy(clip.visible_forward[0])
    assert (backward_warp(second, forward) - first)[..., seen].abs().max() < 1.5
    seen = torch.from_numpy(clip.visible_backward[0])
    nearness = -torch.from_numpy(clip.depth[0])[None, None] * 20
    assert (softmax_splat(first, forward, nearness) - second)[..., seen].abs().max() < 1.5


def test_mistakes() -> None:
    image, flow, _ = tensors()
    with pytest.raises(UserError, match="padding"):
        backward_warp(image, flow, "wrap")
    with pytest.raises(UserError, match="mode"):
        softmax_splat(image, flow, mode="maximum")
    with pytest.raises(UserError, match="importance"):
        softmax_splat(image, flow)
    with pytest.raises(UserError, match="flow"):
        backward_warp(image, flow[:1])
    with pytest.raises(UserError, match="same H and W"):
        softmax_splat(image, flow[..., :3], mode="average")
