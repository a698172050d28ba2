"""The same method with nothing computed twice: at most 70 evaluations a frame, memory independent of the clip's length.

What changes against `reference`: keys and values of the first frame are recorded once, those of the previous one while
it is inverted, so that only the new frame goes through the network; the inversion and the denoising are of second
order (predict, evaluate, correct; Adams-Bashforth), so that fewer steps reach the same accuracy; steps are placed
closer near the clean end. With n steps, a frame takes 2 n evaluations with guidance and n for its inversion.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from simcraft.generate.motioncraft.attention import Features, Frames, memory_for, size_in_bytes
from simcraft.generate.motioncraft.denoiser import Condition, Denoiser, inpainting_hint
from simcraft.generate.motioncraft.reference import StepDone, standard_normal
from simcraft.generate.motioncraft.schedule import Eta, Schedule, ddim_step, extrapolated, ode_step, split
from simcraft.generate.motioncraft.settings import Settings
from simcraft.generate.motioncraft.warping import (
    LatentMotion,
    carry,
    nearest_known,
    spatial_eta,
    splat_latents,
    to_grid,
    warp_latents,
)


@dataclass(frozen=True)
class Motion:
    """All that the fast mode knows of one frame's motion, for latents of (h, w)."""

    backward: LatentMotion
    """To the frame before."""
    first_places: np.ndarray | None = None
    """(h, w, 2) cells of the first frame."""
    in_first: np.ndarray | None = None
    """(h, w) bool, seen there."""
    forward: tuple[torch.Tensor, torch.Tensor] | None = None
    """Flow and importance of the frame before; needed by "splat" only."""
    picture: torch.Tensor | None = None
    """(1, C, h, w) clean latents of the frame as the generator `warp` paints it; needed by "picture" only."""
    hint: torch.Tensor | None = None
    """(1, D, h, w) of an inpainting network, where it is not made of what is new; see `denoiser`."""


@dataclass(frozen=True)
class State:
    """A finished frame: what the next one is made from."""

    z_0: torch.Tensor
    """(1, C, h, w), clean latents."""
    z_tau: torch.Tensor
    """(1, C, h, w), inverted."""
    remainder: torch.Tensor
    """(h, w, 2) cells that nearest warping still owes; see `warping.carry`."""
    features: list[Features]
    """Keys and values at each of the schedule's steps."""


def start(denoiser: Denoiser, z_0: torch.Tensor, schedule: Schedule, prompt: Condition) -> State:
    """Invert the first frame's latents (1, C, h, w); n evaluations. Also how work goes on from a finished frame."""
    features: list[Features] = [{} for _ in schedule.timesteps]
    z_tau = invert(denoiser, z_0, schedule, prompt, features)
    return State(z_0, z_tau, torch.zeros(*z_0.shape[-2:], 2), features)


def start_noisy(z_0: torch.Tensor, schedule: Schedule, generator: torch.Generator | None = None) -> State:
    """For a network that is given the picture: its clean latents (1, C, h, w) under noise that the motion then carries.

    Inverting would find no noise, because such a network knows what is below.
    """
    z_tau = math.sqrt(schedule.levels[0]) * z_0 + math.sqrt(1 - schedule.levels[0]) * standard_normal(z_0, generator)
    return State(z_0, z_tau, torch.zeros(*z_0.shape[-2:], 2), [{} for _ in schedule.timesteps])


def advance(
    denoiser: Denoiser,
    first: State,
    before: State,
    motion: Motion,
    schedule: Schedule,
    settings: Settings,
    prompt: Condition,
    negative: Condition,
    generator: torch.Generator | None = None,
    step_done: StepDone | None = None,
) -> State:
    """Make the frame after `before`. Its features take the place of `before`'s, which is used up by this."""
    z, clean, new, remainder = warped_start(first, before, motion, schedule, settings, generator)
    eta = spatial_eta(new, settings.eta).to(z)
    hint = motion.hint
    if hint is None and denoiser.takes_hint:
        hint = inpainting_hint(clean, new)
    # the first frame's features serve all others: frame 1 must not overwrite them
    kept = [{} for _ in schedule.timesteps] if before.features is first.features else before.features
    record = None if settings.invert else kept
    memories = [memory_for(settings.attention, *pair) for pair in zip(first.features, before.features, strict=True)]
    z_0 = generate(
        denoiser, z, schedule, settings.guidance, prompt, negative, memories, eta, generator, hint, record, step_done
    )
    del memories  # the inversion then replaces one step's features after the other
    if settings.invert:
        z_tau = invert(denoiser, z_0, schedule, prompt, kept)
    else:
        # the same noise on what was painted: it is told from the latents by their difference
        z_tau = z + math.sqrt(schedule.levels[0]) * (z_0 - clean) if settings.source == "picture" else z
    return State(z_0, z_tau, remainder, kept)


def invert(
    denoiser: Denoiser, z_0: torch.Tensor, schedule: Schedule, prompt: Condition, features: list[Features]
) -> torch.Tensor:
    """Inversion of order 2 with one evaluation a step: predict (Adams-Bashforth), evaluate, correct (trapezium).

    The network sees the prediction of z_t with its own timestep, as it will when the frame is denoised: so the keys and
    values that this leaves in `features[k]` are those of step k. Returns z_tau (1, C, h, w); n evaluations.
    """
    z, e, e_before = z_0, None, None
    hint = inpainting_hint(z_0) if denoiser.takes_hint else None
    levels = schedule.levels
    for k in reversed(range(schedule.steps)):
        predicted = z
        if e is not None:
            slope = e if e_before is None else extrapolated(e, e_before, (levels[k + 2], levels[k + 1], levels[k]))
            predicted = ode_step(z, slope, levels[k + 1], levels[k])
        record: Features = {}
        output = denoiser(predicted, schedule.timesteps[k], [prompt], Frames(record=record), hint)
        features[k] = _stored(record, len(features))
        now = split(output, predicted, levels[k], schedule.prediction)[1]
        slope = now if e is None else (e + now) / 2
        z = ode_step(z, slope, levels[k + 1], levels[k])
        e, e_before = now, e
    return z


def generate(
    denoiser: Denoiser,
    z: torch.Tensor,
    schedule: Schedule,
    w: float,
    prompt: Condition,
    negative: Condition,
    memories: list[tuple[Features, ...]],
    eta: Eta = 0.0,
    generator: torch.Generator | None = None,
    hint: torch.Tensor | None = None,
    record: list[Features] | None = None,
    step_done: StepDone | None = None,
) -> torch.Tensor:
    """Denoise z_tau (1, C, h, w) with guidance `w`; at step k it attends to `memories[k]`, itself where that is empty.

    2 n evaluations, n without guidance (w = 1). Deterministic cells step by two-step Adams-Bashforth; those with noise
    by DDIM, because noise makes the step before no guide to the next. `record[k]` is filled with the frame's features.
    """
    before = None
    levels = schedule.levels
    stochastic = torch.as_tensor(eta > 0, device=z.device)
    for k, timestep in enumerate(schedule.timesteps):
        kept: Features | None = None if record is None else {}
        frames = Frames(memory=memories[k], record=kept)
        output = denoiser.guided(z, timestep, [negative], [prompt], w, frames, hint)
        if record is not None and kept is not None:
            record[k] = _stored(kept, len(record))
        z_0, e = split(output, z, levels[k], schedule.prediction)
        slope = e
        if before is not None and levels[k] > 0:
            slope = torch.where(stochastic, e, extrapolated(e, before, (levels[k - 1], levels[k], levels[k + 1])))
            z_0 = (z - math.sqrt(1 - levels[k]) * slope) / math.sqrt(levels[k])
        noise = standard_normal(z, generator) if stochastic.any() else None
        z = ddim_step(z_0, slope, levels[k], levels[k + 1], eta, noise)
        before = e
        if step_done is not None:
            step_done(k, timestep, z)
    return z


def warped_start(
    first: State,
    before: State,
    motion: Motion,
    schedule: Schedule,
    settings: Settings,
    generator: torch.Generator | None = None,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """The latents that a frame starts from: z_tau and z_0 (1, C, h, w), what is new (h, w) bool, and the remainder.

    What the first frame shows comes from there, unless `settings.source` is "previous": then only what the frame before
    does not show. What neither shows is new: with `settings.renew` its z_0 is continued from the nearest cells of its
    instance, and its z_tau is that with fresh noise; otherwise it keeps what the warp put there, which is what hid it.
    """
    pair = torch.cat([before.z_tau, before.z_0], 1)
    new = torch.from_numpy(motion.backward.new)
    remainder = before.remainder
    if settings.warp == "splat":
        assert motion.forward is not None
        pair, arrived = splat_latents(pair, *motion.forward)
        new = new | ~arrived.cpu()
    else:
        places = torch.from_numpy(motion.backward.places)
        if settings.warp == "nearest":
            places, remainder = carry(places, remainder)
        pair = warp_latents(pair, to_grid(places), settings.warp)
    if motion.in_first is not None and motion.first_places is not None:
        in_first = torch.from_numpy(motion.in_first)
        found = new & in_first if settings.source == "previous" else in_first
        mode = "nearest" if settings.warp == "splat" else settings.warp
        there = torch.cat([first.z_tau, first.z_0], 1)
        there = warp_latents(there, to_grid(torch.from_numpy(motion.first_places)), mode)
        pair = torch.where(found.to(pair.device), there, pair)
        new = new & ~found
        # content that came another way is where it belongs: it owes nothing
        remainder = torch.where((found | new)[..., None], 0, remainder)
    if settings.renew and new.any():
        pair = _renewed(pair, new, motion.backward.labels, schedule.levels[0], generator)
    z_tau, z_0 = pair.chunk(2, 1)
    if settings.source == "picture" and motion.picture is not None:
        # only the noise in z_tau, sqrt(1 - a) e = z_tau - sqrt(a) z_0, is moved in cells
        clean = motion.picture.to(z_0)
        z_tau, z_0 = z_tau + math.sqrt(schedule.levels[0]) * (clean - z_0), clean
    return z_tau, z_0, new, remainder


def _renewed(
    pair: torch.Tensor, new: torch.Tensor, labels: np.ndarray, level: float, generator: torch.Generator | None
) -> torch.Tensor:
    """(z_tau, z_0) whose new cells have the z_0 of the nearest known ones, and fresh noise on it."""
    places = torch.from_numpy(nearest_known(~new.numpy(), labels).astype(np.float32))
    z_tau, z_0 = pair.chunk(2, 1)
    z_0 = warp_latents(z_0, to_grid(places), "nearest")
    fresh = math.sqrt(level) * z_0 + math.sqrt(1 - level) * standard_normal(z_0, generator)
    return torch.cat([torch.where(new.to(z_tau.device), fresh, z_tau), z_0], 1)


def _stored(features: Features, steps: int) -> Features:
    """Features where they are kept: on their device, or in the host's memory where two frames' are too large."""
    device = next(iter(features.values()))[0].device if features else torch.device("cpu")
    if device.type != "cuda" or 2 * steps * size_in_bytes(features) < torch.cuda.mem_get_info(device)[1] / 4:
        return features
    return {layer: (key.cpu(), value.cpu()) for layer, (key, value) in features.items()}
