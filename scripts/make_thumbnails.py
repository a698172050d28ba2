"""Make the add-on's small pictures of the presets from the gallery's: `python scripts/make_thumbnails.py`.

Each is one frame of the gallery's strip, reduced; `scripts/make_gallery.py` makes those.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts.make_gallery import GAP, PICTURES, SIDE  # noqa: E402
from simcraft.sim.families import families  # noqa: E402

OUT = ROOT / "blender_addon/thumbnails"
PIXELS = 128
MIDDLE = 2
COLUMNS = {"birds": 4, "contain": 1, "drop": 0, "flock_tower": 1, "link": 1, "support": 1, "tower": 1}
"""Which frame of the strip says most, where that is not the middle one."""


def thumbnail(name: str) -> bytes:
    """A JPEG file of the family `name`."""
    with Image.open(PICTURES / f"{name}.webp") as strip:
        left = COLUMNS.get(name, MIDDLE) * (SIDE + GAP)
        frame = strip.convert("RGB").crop((left, 0, left + SIDE, SIDE))
    file = io.BytesIO()
    frame.resize((PIXELS, PIXELS), Image.Resampling.LANCZOS).save(file, "JPEG", quality=85, optimize=True)
    return file.getvalue()


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    # what melts in the picture's plane is no scene that Blender can move
    for family in (f for f in families() if f.image_plane is None):
        (OUT / f"{family.name}.jpg").write_bytes(thumbnail(family.name))
    total = sum(path.stat().st_size for path in OUT.glob("*.jpg"))
    print(f"{OUT}: {total / 1024:.0f} kB")


if __name__ == "__main__":
    main()
