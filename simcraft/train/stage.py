"""What the training loop asks of a stage, and how any stage draws its examples."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from torch import nn

Batch = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Settings:
    """Of a run; a run that is gone on with keeps them."""

    batch: int
    """Examples a step and process."""
    learning_rate: float
    """The largest, reached after `warmup` steps."""
    warmup: int = 200
    horizon: int = 4000
    """Steps from which on the learning rate falls with one over the square root of the step (Karras et al. 2024,
    eq. 67), so that no run needs to know its end in advance."""
    average: float = 0.999
    """Share of the running average that a step keeps, at most."""
    largest_gradient: float = 1.0
    """Norm to which gradients are clipped."""
    weight_decay: float = 0.01
    precision: str = "bf16"
    """"bf16" or "fp32", of what autocast covers."""
    seed: int = 0


class Stage(Protocol):
    """One part of a model, and how it is trained."""

    name: str
    examples: int
    """Of an epoch."""
    threads: ClassVar[int]
    """That may draw batches at once, where a GPU is waiting for them."""

    @property
    def module(self) -> nn.Module:
        """What is trained: `module(batch)` gives named losses, of which "loss" is minimised."""

    def identity(self) -> dict[str, Any]:
        """JSON values that a run cannot change on its way: layout, data, ..."""

    def batch(self, indices: np.ndarray, generator: torch.Generator) -> Batch:
        """Tensors on the CPU for examples by number; everything random comes from `generator`."""

    def evaluate(self, sheet: Path) -> dict[str, float]:
        """Figures on held-out clips, always the same ones, with the module as it is; and a PNG to look at."""

    def save(self, out: Path) -> None:
        """Write the module as it is into the model's folder."""


def example_numbers(seed: int, start: int, count: int, examples: int) -> np.ndarray:
    """`count` example numbers from place `start` on of an endless sequence of shuffled epochs."""
    places = np.arange(start, start + count)
    epochs = {epoch: _shuffled(seed, epoch, examples) for epoch in np.unique(places // examples).tolist()}
    return np.array([epochs[place // examples][place % examples] for place in places.tolist()])


def step_generator(seed: int, step: int, process: int) -> torch.Generator:
    """Random numbers of one step of one process, whatever ran before."""
    state = np.random.SeedSequence([seed, step, process]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state) & 0x7FFF_FFFF_FFFF_FFFF)


def learning_rate(settings: Settings, step: int) -> float:
    """At `step`, counted from 0."""
    rising = min(1.0, (step + 1) / settings.warmup)
    return settings.learning_rate * rising / max(1.0, (step + 1) / settings.horizon) ** 0.5


@lru_cache(maxsize=3)
def _shuffled(seed: int, epoch: int, examples: int) -> np.ndarray:
    return np.random.default_rng([seed, epoch]).permutation(examples)
