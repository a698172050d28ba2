"""The page itself: one HTML file that holds its style, its script and a line on each clip."""

from __future__ import annotations

import html
import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from simcraft.clip.files import complete_file
from simcraft.data.folder import DataSet
from simcraft.data.gallery.media import Look
from simcraft.data.gallery.sprites import LAYERS, encode_webp
from simcraft.view.layers import VISIBILITY
from simcraft.webpage import css_colour, data_uri, filled, script_data, style

GENERATOR = '<meta name="generator" content="SimCraft gallery">'
_ASSETS = Path(__file__).parent / "assets"
_SCRIPTS = ("base.js", "media.js", "grid.js", "detail.js", "controls.js")


def write_page(data_set: DataSet, clips: Sequence[dict[str, Any]], look: Look, path: Path) -> Path:
    """Write the page of `clips`, a dict each; it appears when it is complete."""
    data = {
        "name": data_set.name,
        "description": _description(data_set),
        "made_by": data_set.made_by,
        "count": len(data_set.rows),
        "command": shlex.join(["simcraft", "dataset", "row", str(data_set.folder)]),
        "original": data_set.rows[0].size,
        "frames": data_set.rows[0].frames,
        "step": look.layout.step,
        "shown": look.layout.frames,
        "size": look.layout.size,
        "columns": look.layout.columns,
        "order": LAYERS,
        "speed": look.speed,
        "wheel": _wheel(),
        "depth": _depth_colours(),
        "visibility": [[text, css_colour(colour)] for text, colour in VISIBILITY],
        "clips": clips,
    }
    text = filled(
        _ASSETS / "gallery.html",
        title=html.escape(data_set.name),
        generator=GENERATOR,
        style=style(_ASSETS / "gallery.css"),
        script="\n".join((_ASSETS / name).read_text(encoding="utf-8") for name in _SCRIPTS),
        data=script_data(data),
    )
    with complete_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


def _description(data_set: DataSet) -> str:
    header = json.loads((data_set.folder / "dataset.json").read_text(encoding="utf-8"))
    return str(header.get("description", ""))


def _wheel() -> str:
    """The colour wheel of the flow as a data URI."""
    from simcraft.observe.colour import colour_wheel

    return data_uri(encode_webp(colour_wheel(64), False), "image/webp")


def _depth_colours() -> list[str]:
    """From near to far, in equal steps of inverse depth."""
    from simcraft.observe.colour import depth_to_colour

    inverse = np.linspace(1, 1 / 8, 12)
    return [css_colour(colour) for colour in depth_to_colour(1 / inverse[None], 1.0, 8.0)[0]]
