"""What is viewed in these tests."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from simcraft.clip import MotionClip
from simcraft.clip.store import save_clip
from tests.analytic import sliding_square


@pytest.fixture(scope="session")
def clip() -> MotionClip:
    """A red square that slides over a blue background, with cameras: 6 frames of 96 x 72 pixels."""
    clip = sliding_square(72, 96, count=6)
    lens = np.array([[96.0, 0, 48], [0, 96, 36], [0, 0, 1]])
    return dataclasses.replace(
        clip,
        name="sliding",
        captions=("a square </script> slides",),
        intrinsics=np.tile(lens, (6, 1, 1)),
        camera_to_world=np.tile(np.eye(4), (6, 1, 1)),
    )


@pytest.fixture(scope="session")
def clip_path(clip: MotionClip, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same on disk, one chunk a frame."""
    return save_clip(clip, tmp_path_factory.mktemp("viewed") / "sliding.zarr")
