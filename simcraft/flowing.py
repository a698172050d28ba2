"""Shipped scenes that stand still, and of which one object flows in the picture's plane."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from simcraft.progress import Progress, silent

if TYPE_CHECKING:
    from simcraft.clip import MotionClip
    from simcraft.recording import Recording


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
