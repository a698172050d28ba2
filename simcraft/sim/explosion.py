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
"""Metres a second that are never absurd, but for bodies that overlap at the start."""
_FACTOR = 3.0
"""So many times as fast as anything before, and as a free fall, is absurd: what is hit by something much heavier gets
twice its speed."""
_SIZES = 20.0
"""Of its own size a second is absurd for a body that overlaps another one at the start."""
_DEEP = 0.2
"""Overlap along every axis, as a share of the smaller body; stacks of bodies that touch have less."""


def explosion_warnings(bodies: Sequence[Body], fps: float) -> tuple[str, ...]:
    """A sentence for the first of the bodies that shoots away, and how many others do; empty where none does."""
    known = {body.name: speed for body in bodies if (speed := _speeds(body, fps)) is not None}
    if not known:
        return ()
    simulated = [body for body in bodies if body.name in known and body.solver in SIMULATED]
    apart = [body.name for body in simulated if _is_thrown_out(body, bodies, known[body.name][0])]
    if apart:
        return (
            f"{_listed(apart)} in the very first frame, at {max(known[name][0] for name in apart):.0f} m/s: bodies "
            "overlap at the start, and the simulation throws them apart. Move them until they do not even touch.",
        )
    # nothing is known of before the first frame: what is fast then, and free, was meant to be
    before = np.maximum.accumulate(np.max(list(known.values()), axis=0))
    allowed = _ANY + _FACTOR * (np.concatenate([before[:1], before[:-1]]) + _GRAVITY * np.arange(len(before)) / fps)
    shots = sorted(
        (int(np.argmax(known[body.name] > allowed)), body.name)
        for body in simulated
        if (known[body.name] > allowed).any()
    )
    if not shots:
        return ()
    t, name = shots[0]
    return (
        f"{_listed([name for _, name in shots])} after frame {t + 1}, at {known[name][t]:.0f} m/s: the simulation has "
        "exploded. Is one of the bodies much heavier than the others, or are the steps of the solver too few?",
    )


def _listed(names: Sequence[str]) -> str:
    others = len(names) - 1
    return f"'{names[0]}'" + (f" and {others} others shoot away" if others else " shoots away")


def _is_thrown_out(body: Body, bodies: Sequence[Body], speed: float) -> bool:
    """Is the body absurdly fast from the start, and deep inside another one there?"""
    if not isinstance(body, RigidBody):
        return False
    low, high = _box(body)
    size = high - low
    if speed < min(_ANY, _SIZES * float(size.max())):
        return False
    for other in bodies:
        if isinstance(other, RigidBody) and other is not body:
            other_low, other_high = _box(other)
            shared = np.minimum(high, other_high) - np.maximum(low, other_low)
            if (shared > _DEEP * np.minimum(size, other_high - other_low)).all():
                return True
    return False


def _box(body: RigidBody) -> tuple[np.ndarray, np.ndarray]:
    """The corners (3,) of the body's box in the first frame, in metres."""
    placed = body.vertices @ body.transforms[0, :3, :3].T + body.transforms[0, :3, 3]
    return placed.min(0), placed.max(0)


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
