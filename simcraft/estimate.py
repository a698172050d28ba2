"""How long a generator will take and how much memory it needs, as far as that can be known, and what it stands on."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from simcraft.clip.types import MotionClip
from simcraft.generate.embedded import Choice
from simcraft.generate.registry import complete_options, find_generator
from simcraft.paint import check_choice
from simcraft.pipeline import OpenPainter
from simcraft.progress import Progress, silent

WARP_SECONDS_A_PIXEL = 4.2e-7
"""Of the generator `warp`, 28 ms a frame of 256x256 on two cores, see docs/benchmarks/warp.md."""
CLIP_BYTES_A_PIXEL = 60
"""Of a clip, its video and what is prepared from them, for each pixel of each frame, as measured at 512x512, and"""
ENGINE_BYTES = 250_000_000
"""what the process needs beside them."""
_PROBE_STEPS = 2


@dataclass(frozen=True)
class Estimate:
    """What a job may take."""

    seconds: float | None
    """None where nothing is known."""
    bytes: int | None
    """Memory at its peak: of the GPU where one paints, else of the computer."""
    basis: str
    """One sentence that says what this stands on."""


@dataclass(frozen=True)
class Probe:
    """What a short run of a generator has cost."""

    step_seconds: float
    """One denoising step of one frame, with what is inverted for it."""
    frame_seconds: float
    """What a frame costs besides its steps."""
    evaluations: float
    """Of the network, in one step."""
    bytes: int
    """Of memory, at the peak."""
    device: str


class Estimator:
    """Estimates, and the probes that they stand on: one for each model, size and way of painting."""

    def __init__(self, open_painter: OpenPainter) -> None:
        self._open_painter = open_painter
        self._probes: dict[str, Probe] = {}

    def estimate(
        self,
        generator: str,
        options: Mapping[str, Any],
        size: tuple[int, int],
        frames: int,
        progress: Progress = silent,
    ) -> Estimate:
        """For a clip of `frames` frames of `size` (width, height).

        Where a generator has a model, that is loaded, and paints two frames in two steps, unless that has been done
        before. Raises what `check_choice` and the generator raise.
        """
        choice = check_choice(generator, options)
        pixels = size[0] * size[1]
        if choice.generator == "warp":
            return Estimate(
                _rounded(WARP_SECONDS_A_PIXEL * pixels * frames),
                ENGINE_BYTES + CLIP_BYTES_A_PIXEL * pixels * frames,
                "In proportion to the pixels, from 28 ms for a frame of 256x256 on two cores; observing comes before.",
            )
        if choice.generator != "motioncraft":
            return Estimate(None, None, f"Nothing is known of how fast '{choice.generator}' is.")
        steps = _steps(choice)
        probe = self._probe(choice, size, progress)
        seconds = frames * (steps * probe.step_seconds + probe.frame_seconds)
        memory = probe.bytes + CLIP_BYTES_A_PIXEL * pixels * (frames if probe.device == "cpu" else 0)
        device = "CPU" if probe.device == "cpu" else "GPU"
        basis = (
            f"{steps * probe.evaluations:.0f} evaluations of the network a frame, of {_milliseconds(probe)} each, as "
            f"measured at this size on the {device}; other work there makes it slower."
        )
        return Estimate(_rounded(seconds), memory, basis)

    def _probe(self, choice: Choice, size: tuple[int, int], progress: Progress) -> Probe:
        texts_and_noise = ("prompt", "negative_prompt", "seed", "steps", "strength", "eta")
        relevant = {name: value for name, value in choice.options.items() if name not in texts_and_noise}
        key = json.dumps([relevant, size], sort_keys=True, default=str)
        if key not in self._probes:
            self._probes[key] = measure(choice, size, self._open_painter, progress)
        return self._probes[key]


def measure(choice: Choice, size: tuple[int, int], open_painter: OpenPainter, progress: Progress) -> Probe:
    """Load the model, paint two frames in two steps each, and look at the clock and at the memory."""
    import torch

    few = {**choice.options, "prompt": "", "steps": _PROBE_STEPS}
    generator = find_generator(choice.generator)
    paint = open_painter(Choice(choice.generator, few), progress)
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    times: list[float] = []

    def note(stage: str, step: int, steps: int, detail: str = "") -> None:
        times.append(_now())
        progress("measure speed", step, steps)

    video = paint(sliding_pattern(size, 3), progress=note, **generator.split(complete_options(generator, few))[1])
    settings = video.made_by["options"]
    # the first frame's steps compile, and look for the fastest kernels: the second one's tell
    before, first, second = times[-3:]
    guided = 1 if settings["guidance"] == 1 else 2
    step = (second - first) * (guided + settings["invert"]) / guided
    rest = max(second - before - _PROBE_STEPS * step, 0.0)
    return Probe(step, rest, video.made_by["evaluations_per_frame"] / _PROBE_STEPS, *_memory())


def sliding_pattern(size: tuple[int, int], frames: int) -> MotionClip:
    """A clip in which a soft pattern moves two pixels a frame to the right, and uncovers a little."""
    width, height = size
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / (7 + k) + k) * np.cos(y / (11 - k)) for k in range(3)]
    image = np.clip(128 + 90 * np.stack(waves, -1), 0, 255).astype(np.uint8)
    valid, back = (np.tile(there, (frames - 1, 1, 1)) for there in (x < width - 2, x >= 2))
    flow = np.stack([2.0 * valid, 0.0 * valid], -1).astype(np.float32)
    flow_back = np.stack([-2.0 * back, 0.0 * back], -1).astype(np.float32)
    return MotionClip(image, flow, flow_back, valid, back, name="probe")


def _steps(choice: Choice) -> int:
    """Denoising steps a frame: those given, else those that suit the model, else the mode's."""
    from simcraft.generate.motioncraft.checkpoints import find_checkpoint
    from simcraft.generate.motioncraft.settings import STEPS

    given, mode = choice.options.get("steps"), choice.options.get("mode") or "fast"
    if given is not None:
        return int(given)
    folder = find_checkpoint(choice.options.get("model"), hub=bool(choice.options.get("hub"))).folder
    if folder is not None and mode == "fast":
        suits = json.loads((folder / "model_index.json").read_text(encoding="utf-8")).get("suits") or {}
        if suits.get("steps"):
            return int(suits["steps"])
    return STEPS[mode]


def _memory() -> tuple[int, str]:
    """Bytes at the peak, and of which device."""
    import torch

    if torch.cuda.is_available() and (peak := torch.cuda.max_memory_reserved()):
        return int(peak), "cuda"
    return resident_bytes(), "cpu"


def resident_bytes() -> int:
    """What this process has had in memory at its peak; 0 where the system does not tell."""
    try:
        import resource
    except ImportError:
        return 0
    import sys

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _now() -> float:
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def _rounded(seconds: float) -> float:
    """Two digits: more would promise what cannot be kept."""
    return float(f"{seconds:.2g}")


def _milliseconds(probe: Probe) -> str:
    each = 1000 * probe.step_seconds / max(probe.evaluations, 1e-9)
    return f"{each:.0f} ms" if each < 10_000 else f"{each / 1000:.0f} s"
