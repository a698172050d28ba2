"""Examples follow from the seed and the step alone."""

import numpy as np
import pytest
import torch

from simcraft.train.stage import Settings, example_numbers, learning_rate, step_generator


def test_every_epoch_gives_each_example_once_in_another_order() -> None:
    numbers = np.concatenate([example_numbers(7, start, 4, 10) for start in range(0, 20, 4)])
    assert sorted(numbers[:10]) == sorted(numbers[10:]) == list(range(10))
    assert not np.array_equal(numbers[:10], numbers[10:])
    assert np.array_equal(example_numbers(7, 3, 12, 10), numbers[3:15])


def test_processes_and_steps_draw_differently() -> None:
    drawn = {float(torch.rand((), generator=step_generator(*place))) for place in np.ndindex(2, 5, 2)}
    assert len(drawn) == 20


def test_the_rate_rises_rests_and_falls() -> None:
    settings = Settings(batch=1, learning_rate=0.5, warmup=10, horizon=100)
    rates = [learning_rate(settings, step) for step in (0, 4, 9, 50, 99, 399)]
    assert rates == pytest.approx([0.05, 0.25, 0.5, 0.5, 0.5, 0.25])
