"""Make the gallery's pictures: `python scripts/make_gallery.py [names]` writes docs/images/gallery/NAME.webp.

Each strip shows frames of the shipped scene as the built-in preview sees them, above the flow that the simulation
says they have. `page()` is docs/gallery.md, which `--page` writes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from simcraft.clip.types import MotionClip
from simcraft.flowing import flowing_picture
from simcraft.generate import generate
from simcraft.observe import observe
from simcraft.observe.colour import flow_to_wheel, typical_speed
from simcraft.sim import simulate
from simcraft.sim.families import Family, families, find_family

DOCS = Path(__file__).resolve().parent.parent / "docs"
PICTURES = DOCS / "images" / "gallery"
SIDE, COLUMNS, GAP = 208, 5, 4
INTRODUCTION = """# Gallery

The shipped scenes, each simulated as it is shipped: five frames of the built-in preview, and below them the exact
motion (hue is direction, saturation is speed). Any of them becomes a video with `simcraft demo NAME`; another seed
makes another scene of the family: `simcraft demo NAME --seed 3`. [Every family's parameters](scenes.md).

This page and its pictures are written by `scripts/make_gallery.py`.
"""


def page() -> str:
    """docs/gallery.md."""
    parts = [INTRODUCTION]
    for family in families():
        like = f" As in {' and '.join(family.papers)}." if family.papers else ""
        picture = f"![{family.title}](images/gallery/{family.name}.webp)"
        parts.append(f"## {family.title}\n\n`{family.name}`: {family.prompt}{like}\n\n{picture}\n")
    return "\n".join(parts)


def seen(family: Family) -> MotionClip:
    """The clip of the shipped scene, with frames to show."""
    recording = simulate(family.name, size=(SIDE, SIDE), preview=True)
    if family.image_plane is None:
        return observe(recording, (SIDE, SIDE), tracks=0, true_frames=True)
    return flowing_picture(recording, family.image_plane, {})


def strip(clip: MotionClip) -> np.ndarray:
    """(2 SIDE + GAP, W, 3) uint8: frames from the first to the last but one, above the flow from each to the next."""
    # what moves in the picture's plane has no true frames, only those that the warp shows
    frames = generate(clip, "warp").frames if clip.frames is None else clip.frames
    chosen = np.linspace(0, clip.frame_count - 2, COLUMNS).round().astype(int)
    speed = max(typical_speed(clip.flow_forward[chosen], clip.flow_valid_forward[chosen]), 0.5)
    picture = np.full((2 * SIDE + GAP, COLUMNS * (SIDE + GAP) - GAP, 3), 255, np.uint8)
    for column, t in enumerate(chosen):
        across = slice(column * (SIDE + GAP), column * (SIDE + GAP) + SIDE)
        picture[:SIDE, across] = frames[t]
        picture[SIDE + GAP :, across] = flow_to_wheel(clip.flow_forward[t], speed, clip.flow_valid_forward[t])
    return picture


def save(picture: np.ndarray, path: Path) -> None:
    """Write `picture` (H, W, 3) uint8 as WebP."""
    import cv2

    path.parent.mkdir(parents=True, exist_ok=True)
    fine, data = cv2.imencode(".webp", picture[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, 80])
    assert fine
    path.write_bytes(data.tobytes())


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the gallery's pictures and page.")
    parser.add_argument("names", nargs="*", help="scenes to simulate; default all")
    parser.add_argument("--page", action="store_true", help="write only the page")
    request = parser.parse_args()
    (DOCS / "gallery.md").write_text(page(), encoding="utf-8")
    chosen = [find_family(name) for name in request.names] or list(families())
    for family in () if request.page else chosen:
        path = PICTURES / f"{family.name}.webp"
        save(strip(seen(family)), path)
        print(f"{path}: {path.stat().st_size / 1024:.0f} kB", flush=True)


if __name__ == "__main__":
    main()
