"""What the documentation shows really runs."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scripts import make_effect_tables, make_gallery, make_option_tables, make_scene_tables

ROOT = Path(__file__).resolve().parent.parent


def python_blocks(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)


def test_the_example_solver_swings_as_in_closed_form_and_is_observed() -> None:
    names: dict[str, Any] = {}
    exec(python_blocks("docs/extending.md")[0], names)
    recording, clip = names["recording"], names["clip"]
    heights = recording.bodies[0].positions[:, 0, 2]
    np.testing.assert_allclose(heights, np.cos(2 * np.pi * np.arange(48) / 24), atol=0.01)
    assert not recording.warnings
    assert clip.frame_count == 48
    # the camera stands still, so the ball's flow is its motion seen from the front
    ball = clip.instances[6] == 1
    assert clip.flow_forward[6][ball][:, 1].mean() > 3  # a quarter of a swing after the top it falls fastest


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


def test_the_plume_of_the_guide_rises() -> None:
    names: dict[str, Any] = {}
    exec(next(block for block in python_blocks("docs/guide/python.md") if "SmokeConfig" in block), names)
    clip = names["clip"]
    smoke = clip.coverage > 0.5
    assert smoke[-1].sum() > smoke[1].sum()
    assert clip.flow_forward[8][smoke[8]][:, 1].mean() < -0.2  # up the picture


def test_the_page_of_effects_is_that_of_the_table() -> None:
    assert (ROOT / "docs" / "effects.md").read_text(encoding="utf-8") == make_effect_tables.page()


def test_the_pages_of_scenes_are_those_of_the_index() -> None:
    assert (ROOT / "docs" / "scenes.md").read_text(encoding="utf-8") == make_scene_tables.page()
    assert (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8") == make_gallery.page()
    pictures = list((ROOT / "docs" / "images" / "gallery").glob("*.webp"))
    assert sum(path.stat().st_size for path in pictures) < 2e6


@pytest.mark.parametrize("path", make_option_tables.PAGES, ids=lambda path: path.name)
def test_tables_of_options_are_those_of_the_registry(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == make_option_tables.page(path)


def test_links_between_pages_exist() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} links to {target}"
