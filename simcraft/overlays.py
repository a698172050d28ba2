"""Pictures of what a clip knows, one a frame, to be laid over the scene: flow, depth, instances, smoke, tracks."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from simcraft.picture import save_png
from simcraft.progress import Progress, silent
from simcraft.recording.format import replace_folder
from simcraft.sheet import Panel, make_panels

if TYPE_CHECKING:
    from simcraft.clip import MotionClip

INDEX = "overlays.json"


def save_overlays(clip: MotionClip, folder: Path, progress: Progress = silent) -> Path:
    """Write `folder`/flow/0001.png and so on, in the clip's size and in the colours of the sheet; replaces `folder`.

    There is a folder for each of flow, depth, instances, smoke and tracks that the clip knows, one of arrows (flow once
    more, on nothing), and `overlays.json`, which has "frames", "fps", "size" and "kinds": for each, "label" and, for
    flow, "pixels_a_frame", the speed of the fullest colour. The last frame shows the flow of the one before. Raises
    `Failure` where nothing can be written.
    """
    panels = {panel.label.partition(",")[0]: panel for panel in make_panels(clip, None)}
    del panels["first frame"]
    panels["arrows"] = _arrows_panel(clip, panels["flow"].speed or 1.0)
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    steps = clip.frame_count * len(panels)
    for done, (t, kind) in enumerate((t, kind) for t in range(clip.frame_count) for kind in panels):
        progress("draw overlays", done, steps)
        save_png(panels[kind].draw(t, clip.size), partial / kind / f"{t + 1:04d}.png")
    kinds: dict[str, dict[str, Any]] = {kind: {"label": panel.label} for kind, panel in panels.items()}
    kinds["flow"]["pixels_a_frame"] = panels["flow"].speed
    index = {"frames": clip.frame_count, "fps": clip.fps, "size": list(clip.size), "kinds": kinds}
    (partial / INDEX).write_text(json.dumps(index, indent=1), encoding="utf-8")
    replace_folder(partial, folder)
    progress("draw overlays", steps, steps)
    return folder


def _arrows_panel(clip: MotionClip, speed: float) -> Panel:
    """Flow as arrows on nothing; one of the full length is as fast as the fullest colour."""
    from simcraft.flow_arrows import flow_arrows

    def draw(t: int, size: tuple[int, int]) -> np.ndarray:
        t = min(t, clip.frame_count - 2)  # the last frame has no next one
        if t < 0:
            return np.zeros((size[1], size[0], 4), np.uint8)
        return flow_arrows(np.asarray(clip.flow_forward[t]), np.asarray(clip.flow_valid_forward[t]), speed, size)

    return Panel("arrows", draw)
