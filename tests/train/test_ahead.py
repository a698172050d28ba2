"""Batches drawn ahead are those that would be drawn in turn."""

import threading

import pytest
import torch

from simcraft.train.ahead import Ahead
from simcraft.train.stage import Batch, step_generator


def draw(step: int) -> Batch:
    return {"x": torch.randn(3, generator=step_generator(0, step, 0))}


@pytest.mark.parametrize("threads", [0, 3])
def test_batches_are_those_of_their_steps(threads: int) -> None:
    ahead = Ahead(draw, threads)
    for step in range(5, 15):
        assert torch.equal(ahead.batch(step)["x"], draw(step)["x"])
    ahead.close()


def test_the_next_batches_are_drawn_before_they_are_asked_for() -> None:
    drawn = threading.Event()

    def noted(step: int) -> Batch:
        if step == 2:
            drawn.set()
        return draw(step)

    ahead = Ahead(noted, 2)
    ahead.batch(0)
    assert drawn.wait(timeout=60)
    ahead.close()


def test_what_goes_wrong_is_raised_at_its_step() -> None:
    def fails(step: int) -> Batch:
        if step == 1:
            raise ValueError("a damaged array")
        return draw(step)

    ahead = Ahead(fails, 2)
    ahead.batch(0)
    with pytest.raises(ValueError, match="a damaged array"):
        ahead.batch(1)
    ahead.close()
