"""From agents to bodies of a recording: copies of a mesh with heading and banking, whose parts swing and turn.

Every mesh looks along +x, with +y to its left and +z up. A snapshot of agents holds the rows

    id (n,), position (n, 3) metres, forward (n, 3), up (n, 3), and what the model's parts ask for

in the frame of the simulation; an agent keeps its id for life.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from simcraft.errors import UserError
from simcraft.recording import DeformingBody, Instances, Material, Mesh, RigidBody
from simcraft.sim.solver import Contribution, Snapshot
from simcraft.sim.surroundings import Surroundings

Angle = Callable[[Mapping[str, np.ndarray]], np.ndarray]
"""Rows of a snapshot, arrays (T, N), -> angles (T, N) in radians."""


@dataclass(frozen=True)
class Part:
    """A rigid piece of an agent; it turns about a hinge."""

    name: str
    """Empty for the first part, the body itself."""
    vertices: np.ndarray
    """(V, 3) float32, metres, about the hinge."""
    mesh: Mesh
    """Its `face_material` counts the materials of a variant."""
    hinge: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Metres, in the frame of `parent`."""
    axis: tuple[float, float, float] = (1.0, 0.0, 0.0)
    angle: Angle | None = None
    """None for what does not turn."""
    parent: str = ""
    """The name of the earlier part that carries it."""


@dataclass(frozen=True)
class Model:
    """What an agent looks like."""

    parts: tuple[Part, ...]
    variants: tuple[tuple[Material, ...], ...] = ()
    """The materials of each variant; agents take turns. None where `face_material` counts a recording's materials."""
    livery: tuple[int, ...] = (0,)
    """The slots that a material of the scene takes over, where it says what agents are made of."""


@dataclass(frozen=True)
class Paint:
    """Where the materials of agents stand among those of a recording."""

    first: int = 0
    """How many materials the recording has already: those of the agents follow."""
    own: int = -1
    """The one of them that agents are made of, -1 for their built-in colours."""


BUILT_IN = Paint()
"""Their own colours, in a recording that has no other materials."""


def gather_agents(
    snapshots: Sequence[Snapshot],
    model: Model,
    name: str,
    solver: str,
    to_world: np.ndarray,
    paint: Paint,
) -> Contribution:
    """The bodies of all agents: for each variant one `Instances` for the body, and one a part.

    `to_world` (4, 4) is rigid and places the frame of the simulation.
    """
    ids, rows, present = _in_order(snapshots)
    poses = to_world @ poses_of(rows["position"], rows["forward"], rows["up"])
    locals_ = part_transforms(model, rows)
    variants = max(len(model.variants), 1)
    # neighbours in number are often neighbours in space: mix the colours (Fibonacci hashing)
    variant_of = (ids.astype(np.uint64) * np.uint64(2654435769) >> np.uint64(16)) % variants
    materials = tuple(dict.fromkeys(m for variant in model.variants for m in variant))
    bodies = []
    for variant in range(variants):
        copies = np.flatnonzero(variant_of == variant)
        if not len(copies):
            continue
        whole = name if variants == 1 else f"{name} {variant + 1}"
        for part, local in zip(model.parts, locals_, strict=True):
            placed = poses[:, copies] if local is None else poses[:, copies] @ local[:, copies]
            bodies.append(
                Instances(
                    name=f"{whole} {part.name}".strip(),
                    mesh=_painted(part.mesh, model, variant, materials, paint),
                    vertices=part.vertices,
                    transforms=placed,
                    present=None if present.all() else present[:, copies],
                    solver=solver,
                    part_of=whole if part.name else "",
                )
            )
    return Contribution(tuple(bodies), materials)


def poses_of(position: np.ndarray, forward: np.ndarray, up: np.ndarray) -> np.ndarray:
    """(..., 4, 4) float64: at `position`, x along `forward`, z as near to `up` as that allows; all (..., 3)."""
    ahead = forward / np.linalg.norm(forward, axis=-1, keepdims=True)
    left = np.cross(up, ahead)
    left /= np.linalg.norm(left, axis=-1, keepdims=True)
    result = np.zeros((*position.shape[:-1], 4, 4))
    result[..., :3, 0], result[..., :3, 1], result[..., :3, 2] = ahead, left, np.cross(ahead, left)
    result[..., :3, 3] = position
    result[..., 3, 3] = 1.0
    return result


def part_transforms(model: Model, rows: Mapping[str, np.ndarray]) -> list[np.ndarray | None]:
    """For each part its (T, N, 4, 4) in the frame of the agent; None for the body itself."""
    known: dict[str, np.ndarray | None] = {"": None}
    result: list[np.ndarray | None] = []
    for part in model.parts:
        if not part.name:
            result.append(None)
            continue
        angle = np.zeros(rows["id"].shape) if part.angle is None else part.angle(rows)
        own = _turned(angle, part.axis, part.hinge)
        carrier = known[part.parent]
        known[part.name] = own if carrier is None else carrier @ own
        result.append(known[part.name])
    return result


def scene_model(surroundings: Surroundings, name: str, standing: bool) -> Model:
    """A mesh of the scene as the agent: in its own size and materials, looking along its own +x.

    `standing` puts its lowest point on the floor; otherwise the agent is where the mesh has its origin.

    Raises `UserError` where the body named `name` has no mesh that stays the same.
    """
    body = next((b for b in surroundings.recording.bodies if b.name == name), None)
    if isinstance(body, DeformingBody):
        vertices = np.asarray(body.vertices[0], np.float64)
        vertices = vertices - (vertices.min(0) + vertices.max(0)) / 2
    elif isinstance(body, (RigidBody, Instances)):
        transform = np.asarray(body.transforms[0]).reshape(-1, 4, 4)[0]
        vertices = np.asarray(body.vertices) * np.linalg.norm(transform[:3, :3], axis=0)
    else:
        raise UserError(f"'{name}' has no mesh that agents could be copies of.", "Give a mesh object as their body.")
    if standing:
        vertices = vertices - [0, 0, vertices[:, 2].min()]
    return Model((Part("", vertices.astype(np.float32), body.mesh),))


def extent_of(model: Model) -> np.ndarray:
    """(2, 3) float64: lowest and highest corner of an agent's body with its parts at rest, metres."""
    # one agent in one frame, of whom everything is 0
    rest = part_transforms(model, defaultdict(lambda: np.zeros((1, 1))))
    corners = []
    for part, local in zip(model.parts, rest, strict=True):
        matrix = np.eye(4) if local is None else local[0, 0]
        placed = np.asarray(part.vertices, np.float64) @ matrix[:3, :3].T + matrix[:3, 3]
        corners += [placed.min(0), placed.max(0)]
    return np.stack([np.min(corners, 0), np.max(corners, 0)])


def _in_order(snapshots: Sequence[Snapshot]) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:
    """The ids (N,) of all who ever appear, the rows of all snapshots by frame and agent, and (T, N) bool: who is there.

    Who is absent stands where it was last (or will be first).
    """
    ids = np.unique(np.concatenate([s["id"] for s in snapshots]))
    present = np.zeros((len(snapshots), len(ids)), bool)
    rows = {name: np.zeros((*present.shape, *value.shape[1:])) for name, value in snapshots[0].items()}
    for frame, snapshot in enumerate(snapshots):
        column = np.searchsorted(ids, snapshot["id"])
        present[frame, column] = True
        for name, value in snapshot.items():
            rows[name][frame, column] = value
    seen = np.where(present, np.arange(len(snapshots))[:, None], -1)
    last = np.maximum.accumulate(seen, axis=0)
    source = np.where(last >= 0, last, present.argmax(0))
    return ids, {name: value[source, np.arange(len(ids))] for name, value in rows.items()}, present


def _turned(angle: np.ndarray, axis: tuple[float, float, float], hinge: tuple[float, float, float]) -> np.ndarray:
    """(..., 4, 4): by `angle` about `axis` (Rodrigues), then moved to the hinge."""
    x, y, z = np.asarray(axis, np.float64) / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    result = np.zeros((*angle.shape, 4, 4))
    sine, cosine = np.sin(angle)[..., None, None], np.cos(angle)[..., None, None]
    result[..., :3, :3] = np.eye(3) + sine * cross + (1 - cosine) * (cross @ cross)
    result[..., :3, 3] = hinge
    result[..., 3, 3] = 1.0
    return result


def _painted(mesh: Mesh, model: Model, variant: int, materials: Sequence[Material], paint: Paint) -> Mesh:
    """`mesh` with the materials of a variant, as they are numbered in the recording."""
    if not model.variants:
        return mesh if paint.own < 0 else replace(mesh, face_material=np.full(len(mesh.faces), paint.own, np.int32))
    numbers = np.array([paint.first + materials.index(m) for m in model.variants[variant]], np.int32)
    if paint.own >= 0:
        numbers[list(model.livery)] = paint.own
    slots = mesh.face_material
    return replace(mesh, face_material=numbers[np.zeros(len(mesh.faces), int) if slots is None else slots])
