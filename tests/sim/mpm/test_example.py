"""The example of docs/materials.md runs, and shows what it says."""

import re
from pathlib import Path
from typing import Any

import numpy as np

from simcraft.recording import Particles

PAGE = Path(__file__).resolve().parents[3] / "docs" / "materials.md"


def test_the_example_drops_a_jelly_on_sand() -> None:
    names: dict[str, Any] = {}
    exec(re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[0], names)
    ball, pile = names["recording"].bodies
    assert isinstance(ball, Particles) and [ball.name, pile.name] == ["ball", "pile"]
    assert np.ptp(ball.positions[..., 1]) == 0  # a plane that stands upright
    middle = ball.positions.mean(1)
    assert middle[-1, 0] - middle[0, 0] > 0.1 and middle[-1, 2] < middle[0, 2] - 0.2
    assert names["clip"].frame_count == 12
    drawn = [info.name for info in names["clip"].instance_table]
    assert "ball" in drawn and "pile" in drawn
