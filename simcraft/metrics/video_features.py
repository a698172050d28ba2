"""A Frechet video distance without trained weights: of what a 3D convolution network with random ones sees.

FVD (Unterthiner et al. 2018) compares what a network for human actions sees. Where its weights are not to be had, and
for small simulated clips, which are not what it was trained on, random weights do: Naeem et al. 2020
(arXiv 2002.09797) find embeddings of random networks sound, and better than trained ones far from their
training data. What is ours:

- Two streams (Simonyan and Zisserman 2014), half of the features each: the pictures, and their changes from frame to
  frame. Of most clips little moves, and one stream for all hardly tells a moving video from a frozen one.
- Filters of the first layer do not respond to what is even, which would outweigh all else in any natural picture; the
  mean colours are features of their own.
- Features are logarithms: what counts is by how much there is more of something, as textures are told apart.

So blur, noise, flicker, stops and jumps are seen without having been told of. Values mean something beside one another
only: the truth's other half, and known damage, give the scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import pairwise

import numpy as np
import torch

from simcraft.errors import UserError
from simcraft.metrics.frechet import frechet_distance

FEATURES = 64
_WIDTHS = (3, 8, 8, 13)
"""Channels of each stream's input and layers; together half of the features."""
_STRIDES = ((1, 2, 2), (2, 2, 2), (2, 2, 2))
"""Of each layer, in time, height and width; kernels are 3 x 3 x 3."""
_FLOOR = 0.01
"""Of 1, the brightest: what is less is mostly the rounding of frames to whole grey values."""
_SEEDS = (1, 2)
"""Of the two streams."""


def video_features(frames: np.ndarray) -> np.ndarray:
    """(64,) float64: what the random network sees in `frames` (T, H, W, 3) uint8, T >= 2, of any size.

    In each stream three strided convolutions, each followed by a rectifier. The features are the logarithms of the
    means, over space and time, of all channels of the input, rectified too, and of each layer: the first tells details
    and fast changes, the last one what is ten pixels wide or lasts.

    Raises `UserError` for other shapes.
    """
    frames = np.asarray(frames)
    if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8 or len(frames) < 2 or not frames.size:
        raise UserError(
            f"Video features need 2 or more frames (T, H, W, 3) uint8; these are {frames.shape} {frames.dtype}."
        )
    pictures = torch.from_numpy(np.ascontiguousarray(frames)).permute(3, 0, 1, 2)[None].float() / 255
    changes = pictures[:, :, 1:] - pictures[:, :, :-1]
    with torch.inference_mode():
        means = [_means(stream, _layers(seed)) for stream, seed in zip((pictures, changes), _SEEDS, strict=True)]
    return np.log(_FLOOR + np.concatenate(means))


def video_distance(videos: Sequence[np.ndarray], true_videos: Sequence[np.ndarray]) -> float:
    """The Frechet distance of the `video_features` of two sets of videos, 0 for equal ones; lower is better.

    Each set holds two or more videos (T, H, W, 3) uint8. Raises `UserError` as those two functions do.
    """
    first, second = (np.array([video_features(video) for video in videos]) for videos in (videos, true_videos))
    return frechet_distance(first, second)


def _means(seen: torch.Tensor, layers: Sequence[torch.Tensor]) -> np.ndarray:
    """(32,) float64: the mean of each channel of the input (1, 3, T, H, W) and of all layers, rectified."""
    means = [torch.relu(seen).mean((0, 2, 3, 4), dtype=torch.float64)]
    for weights, stride in zip(layers, _STRIDES, strict=True):
        padded = torch.nn.functional.pad(seen, (1,) * 6, mode="replicate")
        seen = torch.relu(torch.nn.functional.conv3d(padded, weights, stride=stride))
        means.append(seen.mean((0, 2, 3, 4), dtype=torch.float64))
    return torch.cat(means).numpy()


@cache
def _layers(seed: int) -> tuple[torch.Tensor, ...]:
    """The weights of a stream's layers, (out, in, 3, 3, 3): orthogonal rows, the same on every machine.

    Numbers are those of `RandomState`, whose stream numpy has promised never to change (NEP 19), as it does not for
    newer generators. Rows have length sqrt 2, which keeps the size of what a rectifier halves (He et al. 2015).
    """
    random = np.random.RandomState(seed)
    layers = []
    for layer, (inputs, outputs) in enumerate(pairwise(_WIDTHS)):
        drawn = random.standard_normal((inputs, 27, outputs))
        if layer == 0:
            drawn -= drawn.mean(1, keepdims=True)
        turn, lengths = np.linalg.qr(drawn.reshape(inputs * 27, outputs))
        turn = turn * np.sign(np.diag(lengths))  # of all signs that a QR may have, one
        layers.append(torch.from_numpy(np.sqrt(2) * turn.T.reshape(outputs, inputs, 3, 3, 3)).float())
    return tuple(layers)
