"""What the documentation shows really runs."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scripts.make_effect_tables import page

ROOT = Path(__file__).resolve().parent.parent


def python_blocks(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)


def test_the_example_solver_is_observed() -> None:
    names: dict[str, Any] = {}
    exec(python_blocks("docs/extending.md")[0], names)
    clip = names["clip"]
    assert clip.frame_count == 48
    assert clip.depth[0].min() == pytest.approx(5.5, abs=0.01)  # the ball's front, 6 m away, radius 0.5 m


@pytest.mark.bpy
def test_the_rigid_scene_of_the_guide_bounces() -> None:
    names: dict[str, Any] = {}
    exec(next(block for block in python_blocks("docs/guide/python.md") if "rigid.Body" in block), names)
    clip = names["clip"]
    ball = next(info.id for info in clip.instance_table if info.name == "ball")
    heights = [np.nonzero(clip.instances[t] == ball)[0].mean() for t in range(clip.frame_count)]
    lowest = int(np.argmax(heights))  # y runs down
    assert 8 < lowest < 22  # up, down to the floor, and up again
    assert heights[lowest] > heights[0]
    assert heights[-1] < heights[lowest]


def test_the_page_of_effects_is_that_of_the_table() -> None:
    assert (ROOT / "docs" / "effects.md").read_text(encoding="utf-8") == page()


def test_links_between_pages_exist() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} links to {target}"
