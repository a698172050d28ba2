"""Windows of long clips: which frames they show, how they agree, and what is known of them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from simcraft.errors import UserError
from simcraft.generate.motion_dreamer.sampling import Denoise
from simcraft.generate.motion_dreamer.settings import Settings
from simcraft.generate.motion_dreamer.windows import (
    blended,
    painting_windows,
    pinned,
    reasoning_windows,
    sample,
)


@pytest.mark.parametrize("frames", [1, 2, 13, 14, 15, 16, 24, 25, 48, 100, 241])
@pytest.mark.parametrize("overlap", [1, 4, 12])
def test_painting_windows_cover_all_and_begin_with_the_first_frame(frames: int, overlap: int) -> None:
    windows = painting_windows(frames, 14, overlap)
    assert set(np.concatenate(windows)) == set(range(frames))
    assert all(window[0] == 0 and len(window) == min(frames, 14) for window in windows)
    assert all((np.diff(window[1:]) == 1).all() for window in windows)
    for before, after in pairwise(windows):
        assert len(np.intersect1d(before[1:], after[1:])) >= overlap and after[1] > before[1]


@pytest.mark.parametrize("frames", [2, 14, 15, 40, 100])
@pytest.mark.parametrize("overlap", [1, 4, 13])
def test_reasoning_windows_go_on_from_each_other(frames: int, overlap: int) -> None:
    windows = reasoning_windows(frames, 14, overlap)
    assert windows[0][0] == 0 and windows[-1][-1] == frames - 1
    assert all(len(window) == min(frames, 14) and (np.diff(window) == 1).all() for window in windows)
    for before, after in pairwise(windows):
        assert before[0] < after[0] and before[-1] - after[0] + 1 >= overlap


def test_an_overlap_that_leaves_nothing_is_refused() -> None:
    with pytest.raises(UserError, match=r"overlap is 13 frames.*Take a smaller one"):
        painting_windows(15, 14, 13)
    with pytest.raises(UserError, match="overlap is 14 frames"):
        reasoning_windows(15, 14, 14)


def test_windows_are_blended_with_their_middle_counting_most() -> None:
    windows = painting_windows(9, 5, 2)
    assert [window.tolist() for window in windows] == [[0, 1, 2, 3, 4], [0, 3, 4, 5, 6], [0, 5, 6, 7, 8]]

    def of_window(number: int) -> Denoise:
        return lambda x, sigma: torch.full_like(x, float(number))

    made = blended(of_window, windows)(torch.zeros(1, 9, 2, 3, 3), torch.tensor(1.0))
    # weights in a window are 1, 2, 3, 2, 1
    expected = [(0 + 1 + 2) / 3, 0, 0, 2 / 4, 3 / 4, (2 + 2 * 2) / 4, (1 + 3 * 2) / 4, 2, 2]
    torch.testing.assert_close(made[0, :, 0, 0, 0], torch.tensor(expected))
    assert (made == made[:, :, :1, :1, :1]).all()


def test_blended_windows_of_one_denoiser_are_that_denoiser() -> None:
    """What does not look at other frames does not see that there are windows."""

    def halved(x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        return x / (2 + sigma)

    x = torch.randn(1, 30, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    made = blended(lambda number: halved, painting_windows(30, 14, 4))(x, torch.tensor(3.0))
    torch.testing.assert_close(made, halved(x, torch.tensor(3.0)))


@pytest.mark.parametrize("sampler", ["euler", "heun"])
def test_known_frames_have_the_noise_of_each_step(sampler: str) -> None:
    """Whatever the network says of them, they are what is known with the noise of that step, as in RePaint."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(1, 5, 2, 3, 3, generator=generator)
    known = torch.randn(1, 2, 2, 3, 3, generator=generator)
    seen: list[tuple[float, torch.Tensor]] = []

    def denoise(x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        seen.append((float(sigma), x[:, :2].clone()))
        return torch.zeros_like(x)

    done: list[int] = []
    settings = Settings(steps=4, largest=20.0, sampler=sampler)
    made = sample(denoise, noise, known, settings, lambda step, sigma, x: done.append(step))
    for sigma, x in seen:
        torch.testing.assert_close(x, known + sigma * noise[:, :2], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(made[:, :2], known)
    assert done == [0, 1, 2, 3]
    assert (pinned(denoise, known)(noise, torch.tensor(1.0))[:, 2:] == 0).all()
