"""Did a simulation explode? Solvers throw bodies apart that overlap at the start, far faster than they could fall."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simcraft.recording import Body, DeformingBody, Instances, RigidBody
from simcraft.sim.standstill import STILL, body_size, speeds

SIMULATED = ("bullet", "cloth", "soft body", "mpm")
"""Solvers whose bodies move by themselves; what keyframes move may be as fast as it likes."""
_GRAVITY = 9.81
_ANY = 10.0
"""Metres a second that are never absurd."""
_FACTOR = 3.0
"""So many times as fast as anything before, and as a free fall, is absurd: what is hit by something much heavier gets
twice its speed."""


def explosion_warnings(bodies: Sequence[Body], fps: float) -> tuple[str, ...]:
    """A sentence for the first of the bodies that shoots away, and how many others do; empty where none does."""
    known = {body.name: speed for body in bodies if (speed := _speeds(body, fps)) is not None}
    if not known:
        return ()
    # nothing is known of before the first frame: what is fast then was meant to be
    before = np.maximum.accumulate(np.max(list(known.values()), axis=0))
    allowed = _ANY + _FACTOR * (np.concatenate([before[:1], before[:-1]]) + _GRAVITY * np.arange(len(before)) / fps)
    shots = sorted(
        (int(np.argmax(known[body.name] > allowed)), body.name)
        for body in bodies
        if body.name in known and body.solver in SIMULATED and (known[body.name] > allowed).any()
    )
    if not shots:
        return ()
    t, name = shots[0]
    others = f", and {len(shots) - 1} others" if len(shots) > 1 else ""
    return (
        f"'{name}'{others} shoots away after frame {t + 1}, at {known[name][t]:.0f} m/s: the simulation has exploded. "
        "Do bodies overlap at the start, or is one of them much heavier than the others?",
    )


def dead_warnings(bodies: Sequence[Body], fps: float) -> tuple[str, ...]:
    """A sentence where there are simulated bodies and none of them ever moves."""
    simulated = [body for body in bodies if isinstance(body, (RigidBody, DeformingBody)) and body.solver in SIMULATED]
    for body in simulated:
        speed = speeds(body, fps)
        if speed is not None and (speed > STILL * body_size(body) * fps).any():
            return ()
    if not simulated:
        return ()
    names = f"'{simulated[0].name}'" + (f" and {len(simulated) - 1} others" if len(simulated) > 1 else "")
    return (f"No simulated body moves ({names}): play the animation from its first frame, or look at the physics tab.",)


def _speeds(body: Body, fps: float) -> np.ndarray | None:
    """(T,) metres a second of what has points that last; None for everything else."""
    if not isinstance(body, (RigidBody, DeformingBody, Instances)):
        return None
    speed = speeds(body, fps)
    return speed if speed is not None and np.isfinite(speed).all() else None
