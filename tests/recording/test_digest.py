"""The digest tells any change of a recording, and nothing else."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simcraft.recording import load_recording, save_recording
from simcraft.recording.digest import digest_of

from .test_checks import changed, entry
from .test_format import full_recording


def test_the_same_in_memory_and_on_disk(tmp_path: Path) -> None:
    path = save_recording(full_recording(), tmp_path / "a")
    assert digest_of(load_recording(path)) == digest_of(full_recording())


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("name", "other"),
        ("fps", 25.0),
        ("seed", None),
        ("warnings", ("one", "warning")),
        ("software", {"blender": "3.4.2"}),
        ("materials.1.base_color", (1.0, 0.5, 0.26)),
        ("bodies", lambda bodies: bodies[::-1]),
        ("bodies.0.present", None),
        ("bodies.0.transforms", entry(3, 0, 3, value=0.5)),
        ("bodies.1.vertices", lambda a: a.transpose(0, 1, 2)[:, ::-1]),
        ("bodies.4.radius", lambda a: a.astype(np.float64)),
        ("bodies.5.density", entry(-1, -1, -1, -1, value=2)),
        ("image", entry(-1, -1, -1, value=7)),
    ],
)
def test_any_change_shows(path: str, value: Any) -> None:
    assert digest_of(changed(full_recording(), path, value)) != digest_of(full_recording())
