"""The running average follows its formula."""

import pytest
import torch

from simcraft.train.average import Average, average_decay


def test_the_average_is_the_formula() -> None:
    module = torch.nn.Linear(2, 1, bias=False)
    values = [torch.tensor([[float(k), -2.0 * k]]) for k in range(6)]
    module.weight.data = values[0].clone()
    average = Average(module, largest=0.3)
    expected = values[0].clone()
    for step in range(1, 6):
        module.weight.data = values[step].clone()
        average.update(module, step)
        decay = min(0.3, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * values[step]
    assert torch.allclose(average.weights["weight"], expected)
    assert average_decay(1, 0.999) == pytest.approx(2 / 11)
    assert average_decay(10**6, 0.999) == 0.999


def test_it_is_lent_to_the_module_and_taken_back() -> None:
    module = torch.nn.Linear(2, 1)
    average = Average(module, 0.9)
    average.weights["bias"] += 1
    own = module.bias.detach().clone()
    with pytest.raises(RuntimeError), average.applied(module):
        assert torch.equal(module.bias, own + 1)
        raise RuntimeError
    assert torch.equal(module.bias, own)
