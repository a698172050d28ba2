"""The shipped scenes, and the demo that turns one into a video."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from simcraft.assets import asset
from simcraft.errors import UserError
from simcraft.pipeline import RenderRequest, check_request, render
from simcraft.progress import Progress, silent


def titles() -> dict[str, str]:
    """Name and title of every shipped scene, in the order to show them."""
    return {entry["name"]: entry["title"] for entry in scenes()}


def scenes() -> list[dict[str, Any]]:
    """The rows of scenes/index.json."""
    return json.loads((asset("scenes") / "index.json").read_text(encoding="utf-8"))["scenes"]


def run(
    name: str,
    folder: Path,
    *,
    size: tuple[int, int] = (256, 256),
    generator: str = "warp",
    options: Mapping[str, Any] | None = None,
    seed: int | None = None,
    preview: bool = False,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Simulate, observe, generate and evaluate the shipped scene `name`; everything made lies in `folder`.

    Returns the paths by name, as `simcraft.pipeline.render` does. Raises `UserError` for an unknown name.
    """
    from simcraft.sim import simulate

    if name not in titles():
        raise UserError(f"There is no shipped scene '{name}'.", f"Choose one of: {', '.join(titles())}.")
    request = RenderRequest(
        recording=folder / f"{name}.recording",
        out=folder / f"{name}.mp4",
        generator=generator,
        options=dict(options or {}),
        clip=folder / f"{name}.zarr",
        sheet=folder / f"{name}_sheet.png",
        report=folder / f"{name}_report.json",
        preview=preview,
        force=True,
    )
    check_request(request)
    simulate(name, size=size, seed=seed, preview=preview, out=request.recording, progress=progress)
    return {"recording": str(request.recording), **render(request, progress)}


def open_on_screen(path: Path) -> None:
    """Show `path` in the desktop's own viewer; without a screen do nothing."""
    if sys.platform == "darwin":
        command = ["open", str(path)]
    elif os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        command = ["xdg-open", str(path)]
    else:
        return
    try:
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    except OSError:
        print(f"Could not open {path}; open it yourself.", file=sys.stderr)
