"""The clips that the benchmark of Motion Dreamer measures on, and all that is known of each."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from benchmarks.held_out import held_out_clips
from simcraft.clip import MotionClip
from simcraft.clip.store import load_clip
from simcraft.errors import UserError
from simcraft.generate.correspondence import first_frame
from simcraft.generate.motion_dreamer.arrows import InstanceFlow, clip_flow
from simcraft.generate.motion_dreamer.conditions import Conditions, conditions_of
from simcraft.generate.motion_dreamer.representation import Representation, representation_of
from simcraft.generate.motion_dreamer.scene import FirstScene, first_scene
from simcraft.train.dreamer_loss import Options
from simcraft.train.layout import FACTOR

GROUPS = {"held-out": ("dreamer-benchmark", 100), "topple": ("dreamer-topple", 48), "tower": ("dreamer-tower", 24)}
"""Group -> its recipe, and how many of its clips count."""
_SPARE = 0.15
"""Share of clips that are made beyond those, in place of those whose instances R cannot hold."""


@dataclass(frozen=True)
class Case:
    """One clip, read when it is needed."""

    name: str
    """Family and number: "dominoes 000004"."""
    path: Path

    @property
    def clip(self) -> MotionClip:
        """As it was simulated, with its true frames."""
        return _known(self).clip

    @property
    def frames(self) -> np.ndarray:
        """(T, H, W, 3) uint8, the true ones."""
        frames = self.clip.frames
        assert frames is not None
        return np.asarray(frames)

    @property
    def new(self) -> np.ndarray:
        """(T, H, W) bool: the first frame does not show this surface."""
        return _known(self).new

    @property
    def motion(self) -> Representation:
        """R, as stage one is to predict it."""
        return _known(self).motion

    @property
    def conditions(self) -> Conditions:
        """What stage two is given of the simulation."""
        return _known(self).conditions

    @property
    def scene(self) -> FirstScene:
        """Its first frame."""
        return _known(self).scene

    @property
    def arrows(self) -> InstanceFlow:
        """Of all instances of the first frame."""
        return _known(self).arrows

    @property
    def threshold(self) -> float:
        """Pixels a frame from which flow counts as that of something that moves, as in training."""
        return Options().threshold * self.motion.size[0]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the file."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest()


@dataclass(frozen=True)
class _Known:
    clip: MotionClip
    new: np.ndarray
    motion: Representation
    conditions: Conditions
    scene: FirstScene
    arrows: InstanceFlow


@lru_cache(maxsize=2)
def _known(case: Case) -> _Known:
    clip = load_clip(case.path)
    return _Known(
        clip,
        ~first_frame(clip).seen,
        representation_of(clip, decodable=True),
        conditions_of(clip, clip.size, FACTOR),
        first_scene(clip),
        clip_flow(clip),
    )


def cases_of(group: str, folder: Path, count: int | None, workers: int) -> list[Case]:
    """The cases of a group, or its first `count`; made in `folder` where they are not there.

    Clips with more instances than R holds are left out, as in training.
    """
    recipe, usual = GROUPS[group]
    count = count or usual
    clips = held_out_clips(recipe, folder, count + int(np.ceil(_SPARE * count)), workers)
    chosen: list[Case] = []
    for name, path in clips:
        if len(chosen) < count and _fits(path):
            chosen.append(Case(name, path))
    return chosen


def _fits(path: Path) -> bool:
    try:
        representation_of(load_clip(path), decodable=True)
    except UserError:
        return False
    return True
