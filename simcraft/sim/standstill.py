"""Did a simulation stop moving? Better known before anybody spends time generating a video from it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from simcraft.recording import (
    Body,
    ChangingBody,
    DeformingBody,
    Instances,
    Particles,
    RigidBody,
    Volume,
)

Moving = RigidBody | DeformingBody | Instances | Particles

STILL = 1e-4
"""Of a body's own size a frame: what moves less is taken to stand still."""
SHARE = 0.5
"""Of the frames: standing still for longer is worth a warning."""
_CORNERS = np.concatenate([np.zeros((1, 3)), np.eye(3)])
"""Points that tell whether a rigid body moves or turns, in units of its reach."""


def standstill_warnings(bodies: Sequence[Body], fps: float) -> tuple[str, ...]:
    """A sentence for each body that is empty throughout, or stands still for the last half of its frames or longer."""
    warnings = []
    for body in bodies:
        if isinstance(body, Instances) and body.part_of:
            continue  # a wheel stands still with its car
        speed = speeds(body, fps)
        if speed is None:
            warnings.append(f"'{body.name}' is empty in all frames: look at its emitters and their times.")
            continue
        moving = np.flatnonzero(speed > STILL * body_size(body) * fps)
        last = int(moving[-1]) + 1 if len(moving) else 0
        if last == 0:
            warnings.append(f"'{body.name}' does not move at all.")
        elif last < SHARE * len(speed):
            warnings.append(f"'{body.name}' does not move any more after frame {last + 1} of {len(speed)}.")
    return tuple(warnings)


def speeds(body: Body, fps: float) -> np.ndarray | None:
    """(T,) float, metres a second: the fastest that anything of `body` moves in each frame; None for an empty body."""
    if isinstance(body, Volume):
        dense = body.density > 1e-3 * max(float(body.density.max(initial=0.0)), 1e-9)
        if not dense.any():
            return None
        squared = [(v[d] ** 2).sum(-1).max(initial=0.0) for v, d in zip(body.velocity, dense, strict=True)]
        return np.sqrt(np.array(squared))
    if isinstance(body, ChangingBody):
        if not len(body.vertices):
            return None
        lengths = np.linalg.norm(np.nan_to_num(body.velocity), axis=1) if body.velocity is not None else None
        if lengths is None:
            return np.full(len(body.vertex_offsets) - 1, np.inf)
        pairs = zip(body.vertex_offsets[:-1], body.vertex_offsets[1:], strict=True)
        return np.array([lengths[a:b].max(initial=0.0) for a, b in pairs])
    if not _places(body, 0).size:
        return None
    if isinstance(body, Particles) and body.present is not None and not body.present.any():
        return None
    # a frame at a time: all frames of a large crowd would fill the memory
    neighbours = pairwise(_places(body, t) for t in range(_frame_count(body)))
    fastest = np.array([_longest(body, t, *pair) for t, pair in enumerate(neighbours, start=1)]) * fps
    return np.concatenate([fastest, fastest[-1:]])


def _longest(body: Moving, t: int, before: np.ndarray, here: np.ndarray) -> float:
    """Metres: the longest way from `before` (N, 3), in frame `t` - 1, to `here`, of what is there in both frames."""
    steps = np.linalg.norm(here - before, axis=-1)
    if isinstance(body, (Particles, Instances)) and body.present is not None:
        there = body.present[t] & body.present[t - 1]
        if isinstance(body, Instances):
            if not there.any():
                # copies that have all left do not stand still
                return np.inf
            there = np.repeat(there, len(_CORNERS))
        steps = steps[there]
    return float(steps.max(initial=0.0))


def _places(body: Moving, t: int) -> np.ndarray:
    """(N, 3): points that move with the body, in frame `t`."""
    if isinstance(body, (RigidBody, Instances)):
        transforms = body.transforms[t].reshape(-1, 4, 4)
        corners = float(np.abs(body.vertices).max(initial=0.0)) * _CORNERS
        placed = np.einsum("nij,cj->nci", transforms[:, :3, :3], corners) + transforms[:, None, :3, 3]
        return placed.reshape(-1, 3)
    return np.asarray(body.positions[t] if isinstance(body, Particles) else body.vertices[t])


def _frame_count(body: Moving) -> int:
    if isinstance(body, (RigidBody, Instances)):
        return len(body.transforms)
    return len(body.positions if isinstance(body, Particles) else body.vertices)


def body_size(body: Body) -> float:
    """Metres: how large the body is, roughly."""
    if isinstance(body, Volume):
        return float(np.abs(np.linalg.det(body.grid_to_world[0][:3, :3])) ** (1 / 3) * max(body.density.shape[1:]))
    if isinstance(body, Particles):
        return float(np.ptp(body.positions[0], axis=0).max(initial=1e-6))
    points = body.vertices.reshape(-1, 3)[:1_000_000]
    return float(np.ptp(points, axis=0).max(initial=1e-6))
