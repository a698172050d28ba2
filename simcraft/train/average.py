"""A running average of the weights, which is what is evaluated and shipped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


def average_decay(step: int, largest: float) -> float:
    """Share of the old average kept at `step` (from 1): min(largest, (1 + step) / (10 + step)), to start fast."""
    return min(largest, (1 + step) / (10 + step))


class Average:
    """Exponential moving average of a module's parameters, float32, by name."""

    def __init__(self, module: nn.Module, largest: float) -> None:
        self.largest = largest
        self.weights = {name: p.detach().float().clone() for name, p in module.named_parameters()}

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """average <- d average + (1 - d) weights, d = `average_decay(step)`."""
        share = 1 - average_decay(step, self.largest)
        for name, parameter in module.named_parameters():
            self.weights[name].lerp_(parameter.detach().float(), share)

    @contextmanager
    def applied(self, module: nn.Module) -> Iterator[None]:
        """Within the block the module has the average's weights."""
        own = {name: p.detach().clone() for name, p in module.named_parameters()}
        _load(module, self.weights)
        try:
            yield
        finally:
            _load(module, own)


@torch.no_grad()
def _load(module: nn.Module, weights: dict[str, torch.Tensor]) -> None:
    for name, parameter in module.named_parameters():
        parameter.copy_(weights[name])
