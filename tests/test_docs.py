"""What the documentation shows really runs."""

import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent


def python_blocks(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)


def test_the_example_solver_is_observed() -> None:
    names: dict[str, Any] = {}
    exec(python_blocks("docs/extending.md")[0], names)
    clip = names["clip"]
    assert clip.frame_count == 48
    assert clip.depth[0].min() == pytest.approx(5.5, abs=0.01)  # the ball's front, 6 m away, radius 0.5 m


def test_links_between_pages_exist() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} links to {target}"
