"""The demo: a shipped scene becomes a video."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from simcraft.flowing import flowing_picture
from simcraft.pipeline import RenderRequest, check_request, render, render_clip
from simcraft.progress import Progress, silent


def titles() -> dict[str, str]:
    """Name and title of every shipped scene, in the order to show them."""
    from simcraft.sim.families import families

    return {family.name: family.title for family in families()}


def run(
    name: str,
    folder: Path,
    *,
    size: tuple[int, int] = (256, 256),
    generator: str = "auto",
    options: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    seed: int | None = None,
    preview: bool = False,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Simulate, observe, generate and evaluate the shipped scene `name`; everything made lies in `folder`.

    `settings` are those of `simcraft.simulate`, and of `simcraft.sim.image_plane` where the scene's motion is made in
    the picture's plane. Returns the paths by name, as `simcraft.pipeline.render` does. Raises `UserError` for an
    unknown name or setting.
    """
    from simcraft.sim import simulate
    from simcraft.sim.families import check_settings, find_family

    family = find_family(name)
    own, others = check_settings(name, settings or {})
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
    for_scene = own if family.image_plane else {**own, **others}
    recording = simulate(
        name, settings=for_scene, size=size, seed=seed, preview=preview, out=request.recording, progress=progress
    )
    result = {"recording": str(request.recording)}
    if not family.image_plane:
        return {**result, **render(request, progress)}
    return {
        **result,
        **render_clip(flowing_picture(recording, family.image_plane, others, progress), request, progress),
    }


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
