"""observe: from a Recording to a MotionClip, by one visibility buffer a frame; everything else is a gather from it.

`simcraft.observe(...)` calls `observe`; the room's other functions are attributes, imported on first use, because
Taichi takes a second to start and warping (torch alone) can do without it.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simcraft._verbs import make_callable
from simcraft.observe.colour import encode_flow_rgb

# here and not on use: importing the module of the same name later would replace the function
from simcraft.observe.instance_flow import instance_flow
from simcraft.observe.motion import moves
from simcraft.progress import Progress, silent

if TYPE_CHECKING:
    from simcraft.clip import MotionClip
    from simcraft.recording import Recording

# public name -> the module that defines it
_HOMES = {
    "Flow": "flow",
    "flow_between": "flow",
    "observe_to": "observation",
    "preview_frames": "preview",
    "backward_warp": "warp",
    "softmax_splat": "warp",
    "decode_flow_rgb": "colour",
    "flow_to_wheel": "colour",
}

__all__ = ["encode_flow_rgb", "instance_flow", "moves", "observe", *_HOMES]


def observe(
    recording: Recording | str | Path,
    size: tuple[int, int] | None = None,
    *,
    tracks: int = 1024,
    preview: bool = False,
    true_frames: bool = False,
    progress: Progress = silent,
) -> MotionClip:
    """What the recording's camera sees: flow, depth, instances, visibility, normals and tracks, exact in all frames.

    Bodies that are absent from the other frame have no flow there (`flow_valid_*` is false, never a silent zero), nor
    have bodies of changing mesh whose velocity is unknown. The background moves like a point at infinity; behind an
    orthographic camera that turns it has no flow. Smoke is seen by a march through its volumes; what it covers, and
    what that means for every field, is told in `simcraft.observe.smoke`. Where nothing moves at all there is a warning
    in `metadata["warnings"]`. Instance ids are explained in `simcraft.observe.geometry`.

    Parameters
    ----------
    recording: the recording or its folder.
    size: (width, height) in pixels, 2 to 16384; None for the recording's own. Another aspect is covered and cut
        around the middle, images and intrinsics alike.
    tracks: number of surface points, spread over the first frame, to follow; fewer where fewer pixels see a surface.
    preview: make `image` and `frames` by the built-in preview, even where the recording has rendered ones. Without
        it, the preview makes the first image only where the recording has none.
    true_frames: fill `frames` by the preview where the recording has no rendered ones, so that `evaluate` can measure
        the floor of its flow estimator.
    progress: told after each frame.

    Raises
    ------
    UserError: a size out of range, fewer than two frames, or a recording that is damaged or contradicts itself.
    """
    from simcraft.observe.observation import observe as run

    return run(recording, size, tracks=tracks, preview=preview, true_frames=true_frames, progress=progress)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'simcraft.observe' has no attribute {name!r}")
    return getattr(importlib.import_module(f"simcraft.observe.{_HOMES[name]}"), name)


make_callable(__name__, observe)
