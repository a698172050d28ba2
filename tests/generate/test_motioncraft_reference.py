"""The reference mode against the published procedure, number for number; the fast mode against both."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from simcraft.generate.motioncraft import fast, reference
from simcraft.generate.motioncraft.attention import pattern_for
from simcraft.generate.motioncraft.denoiser import Condition, Denoiser
from simcraft.generate.motioncraft.pipeline import fast_motion
from simcraft.generate.motioncraft.schedule import placed_schedule, published_schedule
from simcraft.generate.motioncraft.settings import Settings
from simcraft.generate.motioncraft.warping import LatentMotion, carry, to_grid
from tests.analytic import sliding_square
from tests.generate import tiny
from tests.generate.published import published_frame, published_inversion, published_schedulers

pytestmark = pytest.mark.usefixtures("one_thread")
TOLERANCE = {torch.float32: 1e-4, torch.float64: 1e-6}


class Case:
    """A network, texts, latents of a first and a previous frame, a flow and an eta mask, all random."""

    def __init__(self, dtype: torch.dtype, prediction: str = "epsilon") -> None:
        generator = torch.Generator().manual_seed(4)
        self.unet = tiny.unet().to(dtype)
        self.scheduler = tiny.scheduler(prediction_type=prediction)
        self.prompt, self.negative = torch.randn(2, 1, 5, 32, generator=generator).to(dtype)
        self.first, self.before = torch.randn(2, 1, 4, 8, 8, generator=generator).to(dtype)
        self.flow = (torch.rand(8, 8, 2, generator=generator) * 2.4 - 1.2).to(dtype)  # some of it outside
        self.eta = (torch.rand(1, 1, 8, 8, generator=generator) > 0.6).to(dtype) * 0.8

    def published(self, steps: int, eta: Any, pattern: Any, mode: str) -> tuple[torch.Tensor, torch.Tensor]:
        return published_frame(
            self.unet,
            self.scheduler.config,
            self.first,
            self.before,
            self.flow,
            eta,
            self.prompt,
            self.negative,
            torch.Generator().manual_seed(3),
            steps=steps,
            pattern=pattern,
            mode=mode,
        )

    @torch.no_grad()
    def ours(self, steps: int, eta: Any, pattern: Any, mode: str) -> tuple[torch.Tensor, torch.Tensor, int]:
        denoiser = Denoiser(self.unet)
        made = reference.next_frame(
            denoiser,
            self.first,
            self.before,
            self.flow,
            0.0 if eta is None else eta,
            published_schedule(self.scheduler, 400, steps),
            reference.Reference(pattern=pattern, warp=mode),
            Condition(self.prompt),
            Condition(self.negative),
            torch.Generator().manual_seed(3),
        )
        return *made, denoiser.evaluations


def agreement(case: Case, steps: int, stochastic: bool = True, kind: str = "both", mode: str = "nearest") -> int:
    eta = case.eta if stochastic else None
    literal = case.published(steps, eta, pattern_for(kind), mode)
    *mine, evaluations = case.ours(steps, eta, pattern_for(kind), mode)
    worst = max(float((a - b).abs().max()) for a, b in zip(mine, literal, strict=True))
    print(f"{case.first.dtype}, {steps} steps: at most {worst:.1e} apart")
    assert worst < TOLERANCE[case.first.dtype]
    assert literal[0].std() > 0.1
    return evaluations


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("stochastic", [True, False])
def test_a_frame_is_the_published_one(dtype: torch.dtype, stochastic: bool) -> None:
    agreement(Case(dtype), 25, stochastic)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_frame_with_all_steps_is_the_published_one(dtype: torch.dtype) -> None:
    assert agreement(Case(dtype), 200) == 560


@pytest.mark.parametrize("kind", ["none", "first", "previous"])
def test_the_ablation_is_the_published_one(kind: str) -> None:
    agreement(Case(torch.float64), 10, kind=kind)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_other_warps_are_the_published_ones(mode: str) -> None:
    agreement(Case(torch.float64), 10, mode=mode)


def test_velocity_models_follow_it_as_well() -> None:
    agreement(Case(torch.float64, "v_prediction"), 10)


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_inversion_is_the_published_one(dtype: torch.dtype) -> None:
    case = Case(dtype)
    _, inversion = published_schedulers(case.scheduler.config, 400, 50, dtype == torch.float64)
    literal = published_inversion(case.unet, inversion, case.first, case.prompt)
    schedule = published_schedule(case.scheduler, 400, 50)
    mine = reference.invert(Denoiser(case.unet), case.first, schedule, Condition(case.prompt))
    assert (mine - literal).abs().max() < TOLERANCE[dtype]


# -------------------------------------------------------------------------------------------------------- the fast mode


def whole_cells(dx: int) -> fast.Motion:
    """Everything moves dx cells to the right; nothing is new."""
    x, y = np.meshgrid(np.arange(8) + 0.5, np.arange(8) + 0.5)
    places = np.stack([x - dx, y], -1).astype(np.float32)
    backward = LatentMotion(places, np.zeros((8, 8), bool), np.zeros((8, 8), np.uint16))
    return fast.Motion(backward)


@torch.no_grad()
def test_the_fast_mode_comes_to_the_same_frames() -> None:
    """Eight steps with memory and 32 published ones in a batch follow one process: only their step errors differ."""
    case = Case(torch.float64)
    prompt, negative = Condition(case.prompt), Condition(case.negative)
    denoiser, motion = Denoiser(case.unet), whole_cells(1)
    places, _ = carry(torch.from_numpy(motion.backward.places), torch.zeros(8, 8, 2))
    published = published_schedule(case.scheduler, 400, 80)
    z_tau = reference.invert(denoiser, case.first, published, prompt)
    chosen = reference.Reference(2.0)
    expected, _ = reference.next_frame(
        denoiser, z_tau, z_tau, to_grid(places), 0.0, published, chosen, prompt, negative
    )
    quick = placed_schedule(case.scheduler, 389, 8)
    first = fast.start(denoiser, case.first, quick, prompt)
    settings = Settings(guidance=2.0, eta=0.0)
    state = fast.advance(denoiser, first, first, motion, quick, settings, prompt, negative)
    assert (state.z_0 - expected).norm() < 0.02 * (expected - case.first).norm()


@torch.no_grad()
@pytest.mark.parametrize(
    ("changes", "expected"),
    [({}, 3.0), ({"guidance": 1.0}, 2.0), ({"invert": False}, 2.0), ({"invert": False, "guidance": 1.0}, 1.0)],
)
def test_evaluations_a_frame(changes: dict[str, Any], expected: float) -> None:
    case = Case(torch.float32)
    denoiser, schedule, prompt = Denoiser(case.unet), placed_schedule(case.scheduler, 400, 6), Condition(case.prompt)
    first = state = fast.start(denoiser, case.first, schedule, prompt)
    assert denoiser.evaluations == 6
    for _ in range(3):
        state = fast.advance(
            denoiser, first, state, whole_cells(1), schedule, Settings(**changes), prompt, Condition(case.negative)
        )
    assert denoiser.evaluations == 6 + 3 * 6 * expected
    # features of two frames at most: the second frame on, they take the place of the one before
    assert state.features is not first.features and len(state.features) == 6 and all(state.features)


@torch.no_grad()
def test_a_frame_that_stands_still_stays_what_it_is() -> None:
    case = Case(torch.float64)
    prompt = Condition(case.prompt)
    denoiser, schedule = Denoiser(case.unet), placed_schedule(case.scheduler, 400, 20)
    first = fast.start(denoiser, case.first, schedule, prompt)
    settings = Settings(guidance=1.0, attention="none")
    state = fast.advance(denoiser, first, first, whole_cells(0), schedule, settings, prompt, prompt)
    assert (state.z_0 - case.first).norm() < 0.01 * case.first.norm()


def prepared(settings: Settings, index: int = 2) -> tuple[fast.State, fast.State, fast.Motion, Any]:
    """Latents of frames 0 and 1 whose first channel is the cell's number, and the motion of a square's frame 2."""
    clip = sliding_square(count=4)
    cells = (clip.size[0] // 2, clip.size[1] // 2)
    numbers = torch.arange(cells[0] * cells[1], dtype=torch.float32).view(1, 1, cells[1], cells[0])
    pair = [numbers.repeat(1, 4, 1, 1) + offset for offset in (0.0, 5000.0)]
    rest = torch.zeros(cells[1], cells[0], 2)
    first, before = fast.State(pair[0], pair[0] + 0.1, rest, []), fast.State(pair[1], pair[1] + 0.1, rest, [])
    return first, before, fast_motion(clip, index, cells, settings.warp), placed_schedule(tiny.scheduler(), 400, 4)


def test_new_content_starts_from_its_surface_and_fresh_noise() -> None:
    settings = Settings(renew=True)
    first, before, motion, schedule = prepared(settings)
    noise = torch.Generator().manual_seed(0)
    z_tau, z_0, new, _ = fast.warped_start(first, before, motion, schedule, settings, noise)
    kept = ~torch.from_numpy(motion.backward.new)
    assert new.any() and not (new & kept).any()
    assert ((z_tau - z_0)[..., kept] - 0.1).abs().max() < 1e-3  # moved together
    fresh = (z_tau - np.sqrt(schedule.levels[0]) * z_0)[..., new] / np.sqrt(1 - schedule.levels[0])
    assert abs(float(fresh.mean())) < 0.5 and 0.7 < float(fresh.std()) < 1.3
    stale, _, _, _ = fast.warped_start(first, before, motion, schedule, Settings(renew=False))
    assert torch.equal(stale[..., kept], z_tau[..., kept]) and not torch.equal(stale, z_tau)


def test_what_the_first_frame_shows_is_not_painted_anew() -> None:
    first, before, motion, schedule = prepared(Settings())
    found = np.zeros_like(motion.backward.new)
    found[np.nonzero(motion.backward.new)[0][0], np.nonzero(motion.backward.new)[1][0]] = True
    x, y = np.meshgrid(np.arange(found.shape[1]) + 0.5, np.arange(found.shape[0]) + 0.5)
    there = fast.Motion(motion.backward, np.stack([x, y], -1).astype(np.float32), found)
    _, z_0, new, remainder = fast.warped_start(first, before, there, schedule, Settings())
    cell = torch.from_numpy(found)
    assert torch.equal(z_0[..., cell], first.z_0[..., cell]) and not new[cell].any()
    assert (remainder[cell] == 0).all()


def test_sources_decide_what_comes_from_the_first_frame() -> None:
    first, before, motion, schedule = prepared(Settings())
    assert motion.in_first is not None
    seen = torch.from_numpy(motion.in_first)
    kept = torch.from_numpy(~motion.backward.new)
    assert (seen & kept).any()
    _, previous, _, _ = fast.warped_start(first, before, motion, schedule, Settings(source="previous"))
    _, anchored, _, owed = fast.warped_start(first, before, motion, schedule, Settings(source="first"))
    assert (previous[..., kept] >= 5000).all()  # numbered from 5000 on: the frame before
    assert (anchored[..., seen] < 5000).all() and (owed[seen] == 0).all()
    assert torch.equal(anchored[..., kept & ~seen], previous[..., kept & ~seen])


def test_with_a_picture_only_the_noise_is_moved_in_cells() -> None:
    settings = Settings(source="picture")
    first, before, motion, schedule = prepared(settings)
    picture = torch.rand_like(first.z_0)
    seeds = [torch.Generator().manual_seed(0) for _ in range(2)]
    plain = fast.warped_start(first, before, motion, schedule, settings, seeds[0])
    painted = fast.warped_start(first, before, replace(motion, picture=picture), schedule, settings, seeds[1])
    assert torch.equal(painted[1], picture)
    signal = np.sqrt(schedule.levels[0])
    torch.testing.assert_close(painted[0] - signal * painted[1], plain[0] - signal * plain[1], rtol=0, atol=2e-3)


def test_splatting_leaves_new_what_nothing_reaches() -> None:
    settings = Settings(warp="splat", renew=False)
    first, before, motion, schedule = prepared(settings)
    z_tau, _, new, _ = fast.warped_start(first, before, motion, schedule, settings)
    assert motion.forward is not None and torch.isfinite(z_tau).all()
    assert (new.numpy() >= (motion.backward.new & ~np.asarray(motion.in_first))).all()


@torch.no_grad()
def test_noise_is_added_only_where_content_is_new() -> None:
    case = Case(torch.float64)
    denoiser, schedule = Denoiser(case.unet), placed_schedule(case.scheduler, 400, 5)
    memories: list[Any] = [()] * 5
    texts = Condition(case.prompt), Condition(case.negative)
    eta = torch.zeros(1, 1, 8, 8)
    eta[..., :2, :] = 1
    seeds = [torch.Generator().manual_seed(seed) for seed in (1, 2, 1)]
    z = [fast.generate(denoiser, case.first, schedule, 3.0, *texts, memories, eta, seed) for seed in seeds]
    assert torch.equal(z[0], z[2])
    change = (z[0] - z[1]).abs().mean((0, 1, 3))
    assert change[:2].min() > 0.05 and change[4:].max() < change[:2].min() / 5


@torch.no_grad()
def test_inpainting_networks_generate() -> None:
    case = Case(torch.float32)
    denoiser = Denoiser(tiny.unet(in_channels=9))
    schedule, prompt = placed_schedule(case.scheduler, 400, 3), Condition(case.prompt)
    first = fast.start(denoiser, case.first, schedule, prompt)
    state = fast.advance(denoiser, first, first, whole_cells(1), schedule, Settings(), prompt, Condition(case.negative))
    assert state.z_0.shape == case.first.shape and torch.isfinite(state.z_0).all()
