"""The demo: a shipped scene becomes a video."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simcraft.pipeline import RenderRequest, check_request, render, render_clip
from simcraft.progress import Progress, silent

if TYPE_CHECKING:
    from simcraft.clip import MotionClip
    from simcraft.recording import Recording


def titles() -> dict[str, str]:
    """Name and title of every shipped scene, in the order to show them."""
    from simcraft.sim.families import families

    return {family.name: family.title for family in families()}


def run(
    name: str,
    folder: Path,
    *,
    size: tuple[int, int] = (256, 256),
    generator: str = "warp",
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


def flowing_picture(
    recording: Recording, plan: Mapping[str, Any], settings: Mapping[str, Any], progress: Progress = silent
) -> MotionClip:
    """The clip in which one object of a still scene flows in the picture's plane.

    `plan` has the name of the `object`, those of its `obstacles` and of the `ground` that they stand on, the `kind` of
    effect and its `settings`; `settings` are changes of these.
    """
    import numpy as np

    from simcraft.observe import observe
    from simcraft.sim.effects import cut
    from simcraft.sim.image_plane import image_plane

    still = observe(cut(recording, 2), tracks=0, progress=progress)
    assert still.instances is not None and still.depth is not None
    ids = {info.name: info.id for info in still.instance_table}
    blocked = np.isin(still.instances[0], [ids[name] for name in plan["obstacles"]])
    # seen from the side the ground begins where the obstacles end; all that lies higher in the picture is farther away
    foot = np.flatnonzero(blocked.any(1)).max(initial=0)
    blocked[foot:] |= still.instances[0][foot:] == ids[plan["ground"]]
    changes = dict(settings)
    kind = changes.pop("kind", plan["kind"])
    usual = plan["settings"] if kind == plan["kind"] else {}
    return image_plane(
        still.image,
        still.instances[0] == ids[plan["object"]],
        kind=kind,
        obstacles=blocked,
        depth=still.depth[0],
        frames=recording.frame_count,
        fps=recording.fps,
        seed=recording.seed or 0,
        name=recording.name,
        progress=progress,
        **{**usual, **changes},
    )


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
