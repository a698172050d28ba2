"""Cases and models of Motion Dreamer's benchmark, in miniature."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from benchmarks.dreamer_cases import Case
from simcraft.clip import MotionClip
from simcraft.clip.store import save_clip
from simcraft.clip.types import InstanceInfo
from simcraft.generate.motion_dreamer.pipeline import MotionDreamerPipeline
from tests.analytic import Layer, make_clip, waves
from tests.generate import tiny_dreamer

FRAMES = 4
SIZE = 48
"""The shorter side of the clips."""
FASTER, SLOWER = 1, 2
"""Instances of `two_squares`."""


def saved(clip: MotionClip, folder: Path, name: str = "slide 0") -> Case:
    return Case(name, Path(save_clip(clip, folder / f"{name}.npz")))


def two_squares(*names: str) -> MotionClip:
    """Both slide before a still background, each as fast all the time."""
    time = np.arange(FRAMES)[:, None]

    def layer(box: tuple[int, int, int, int], step: tuple[float, float], seed: int, depth: float) -> Layer:
        return Layer(box, time * step, np.ones(FRAMES), waves((70 + 40 * seed, 110, 160), 16, seed), depth)

    squares = [layer((8, 4, 22, 18), (3.0, 0.0), 2, 5.0), layer((8, 28, 22, 42), (2.0, 0.0), 3, 5.0)]
    clip = make_clip([layer((-999, -999, 999, 999), (0, 0), 1, 10.0), *squares], 48, 64)
    known = tiny_dreamer.small_clip(FRAMES)
    table = tuple(InstanceInfo(number, name, solver="bullet") for number, name in enumerate(names, 1))
    return replace(clip, intrinsics=known.intrinsics, camera_to_world=known.camera_to_world, instance_table=table or ())


@dataclass(eq=False)
class Tiny:
    """Stands for a `Model` whose pipeline, with all three networks, has never been saved."""

    seed: int = 1
    """Of stage one."""

    @property
    def digest(self) -> str:
        return f"tiny {self.seed}"

    @cached_property
    def pipeline(self) -> MotionDreamerPipeline:
        made = tiny_dreamer.pipeline(tiny_dreamer.small_clip(FRAMES))
        made.register_modules(stage_one=tiny_dreamer.unet("1", self.seed), one_stage=tiny_dreamer.unet("one", 3))
        suits = {**tiny_dreamer.SUITS, "one_stage": tiny_dreamer.SUITS["stage_one"]}
        made.register_to_config(suits={stage: {**each, "resolution": SIZE} for stage, each in suits.items()})
        return made
