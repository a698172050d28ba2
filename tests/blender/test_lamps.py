"""The preview of exported lamps is as bright as the render."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from simcraft.observe.preview import preview_frames
from tests.blender.conftest import BLENDERS, build

SIZE = (96, 54)


@pytest.mark.parametrize("kind", BLENDERS)
@pytest.mark.parametrize("lamp", ["sun", "point_far_from_the_origin", "area"])
def test_the_preview_is_as_bright_as_the_render(lamp: str, kind: str, tmp_path: Path) -> None:
    """Blender's factory scene: grey 0.8 on a floor under one lamp, in the "Standard" view transform."""
    built = build(lamp, kind, tmp_path, script="lamps", preview=False, size=SIZE, samples=64)
    recording = built.recording
    assert recording.image is not None
    rendered, shaded = recording.image.astype(int), preview_frames(recording, SIZE)[0].astype(int)
    # a sun stands in for the lamps, which does not fall off towards the edges, and there is less bounced light
    middle = np.s_[SIZE[1] // 4 : -SIZE[1] // 4, SIZE[0] // 4 : -SIZE[0] // 4]
    assert abs(shaded[middle].mean() - rendered[middle].mean()) < 20
    assert np.corrcoef(shaded[middle].ravel(), rendered[middle].ravel())[0, 1] > 0.65
