"""What panels and operators ask for: simulate a scene, generate videos of it, and what there is of it already.

Nothing here waits: work is queued, other processes do it, and a timer looks every tenth of a second how far they are.
Under `blender -b` timers stand still; there `wait` looks instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .control.kept import Motion, Result
from .jobs.types import Ticket

CLASSES = ()


def simulate(scene: Any) -> Ticket:
    """Queue what makes the motion of `scene` anew: recorded, simulated, observed, with its overlays.

    Raises `SceneError` where the scene or its settings are wrong, or there is no engine; nothing is queued then.
    """
    raise NotImplementedError


def generate(scene: Any) -> list[Ticket]:
    """Queue one job a variation that makes a video of `scene`; the motion comes first where it is not up to date.

    Raises as `simulate` does.
    """
    raise NotImplementedError


def wait(tickets: Sequence[Ticket]) -> None:
    """Look at the queue until these jobs have ended: for `blender -b` and for scripts. Progress is printed."""
    raise NotImplementedError


def motion_of(scene: Any) -> Motion | None:
    """The newest finished motion of `scene`; None where it was never simulated. Cheap: may be called while drawing."""
    return None


def result_of(scene: Any) -> Result | None:
    """The newest video of `scene`, and through it the earlier ones; None where there is none. Cheap."""
    return None
