"""From sightings frame by frame to bodies: rigid, deforming, changing or instances, decided from the data alone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import numpy as np

from ._format import recording_format as fmt
from .shapes import ShapeStore
from .walk import Key, Sightings


@dataclass(frozen=True)
class Trace:
    """One thing over time: one row for each recorded frame in which it was there."""

    key: Key
    frames: np.ndarray
    """(n,) recorded frames, from 0, rising."""
    shapes: np.ndarray
    """(n,) shape numbers."""
    transforms: np.ndarray
    """(n, 4, 4) float64, object to world."""
    shown: np.ndarray
    """(n,) bool, false where it is not rendered: known to simulations, but to no camera."""

    def present(self, count: int) -> np.ndarray | None:
        """(T,) bool; None where it is seen in every frame."""
        mask = np.zeros(count, bool)
        mask[self.frames] = self.shown
        return None if mask.all() else mask

    def held(self, count: int) -> np.ndarray:
        """(T,) row to use for each recorded frame: the last one seen, or before that the first."""
        return np.clip(np.searchsorted(self.frames, np.arange(count), side="right") - 1, 0, None)

    @property
    def moves(self) -> bool:
        """Does anything but its presence change?"""
        return len(np.unique(self.shapes)) > 1 or bool((self.transforms != self.transforms[0]).any())


@dataclass(frozen=True)
class BodyBuilder:
    """What all bodies need to be made."""

    store: ShapeStore
    frame_count: int
    work: Path
    """Where `open_array` puts long arrays."""
    solvers: Mapping[str, str]
    """Object's full name -> what simulates it."""
    emitters: Collection[str]
    """Full names of the objects whose instances are particles."""
    fluid_velocities: Mapping[str, np.ndarray]
    """Full name of each fluid domain -> (3, 3) matrix from its velocity attribute to world metres a second."""


def traces(sightings: Sightings) -> list[Trace]:
    """The sightings sorted by thing, in the order in which they were first seen."""
    counts = [len(rows) for rows in sightings.frames]
    rows = np.concatenate(sightings.frames)
    transforms = np.concatenate(sightings.transforms)
    frames = np.repeat(np.arange(len(counts)), counts)
    order = np.argsort(rows[:, 0], kind="stable")
    bounds = np.searchsorted(rows[order, 0], np.arange(len(sightings.keys) + 1))
    pieces = (order[a:b] for a, b in pairwise(bounds))
    return [
        Trace(key, frames[piece], rows[piece, 1], transforms[piece], rows[piece, 2] > 0)
        for key, piece in zip(sightings.keys, pieces, strict=True)
        # what is scaled to nothing in every frame is nowhere
        if len(piece)
    ]


def build_bodies(all_traces: list[Trace], builder: BodyBuilder) -> dict[Key, Any]:
    """The recording's bodies, by their first key: one a trace, or a group of instances of one rigid mesh."""
    bodies: dict[Key, Any] = {}
    names = _Names()
    for group in _groups(all_traces):
        trace = group[0]
        shapes = np.unique(np.concatenate([t.shapes for t in group]))
        make: Callable[..., Any]
        if len(group) > 1:
            body = _instances(names.unique(_name(trace.key)), group, builder, len(bodies))
        else:
            if len(shapes) == 1:
                make = _rigid
            elif len({builder.store.connectivity(s) for s in shapes}) == 1:
                make = _deforming
            else:
                make = _changing
            body = make(names.unique(_name(trace.key)), trace, builder, len(bodies))
        bodies[trace.key] = body
    return bodies


def _groups(all_traces: list[Trace]) -> list[list[Trace]]:
    """Instances of one owner that share one rigid mesh stand together, everything else alone."""

    def group(numbered: tuple[int, Trace]) -> tuple:
        number, trace = numbered
        if trace.key.persistent_id and (trace.shapes == trace.shapes[0]).all():
            return (0, trace.key.owner, trace.key.source, int(trace.shapes[0]))
        return (1, "", "", number)

    ordered = sorted(enumerate(all_traces), key=group)
    grouped = [list(members) for _, members in groupby(ordered, key=group)]
    # in the order in which the first of each was seen
    return [[trace for _, trace in members] for members in sorted(grouped, key=lambda members: members[0][0])]


def _rigid(name: str, trace: Trace, builder: BodyBuilder, number: int) -> Any:
    shape = int(trace.shapes[0])
    return fmt.RigidBody(
        name,
        builder.store.mesh(shape),
        builder.store.vertices(shape),
        trace.transforms[trace.held(builder.frame_count)],
        trace.present(builder.frame_count),
        _solver(trace, builder),
    )


def _instances(name: str, group: list[Trace], builder: BodyBuilder, number: int) -> Any:
    count = builder.frame_count
    shape = int(group[0].shapes[0])
    transforms = fmt.open_array(
        builder.work, f"bodies.{number}.transforms", (count, len(group), 4, 4), np.dtype(np.float64)
    )
    present = np.zeros((count, len(group)), bool)
    for i, trace in enumerate(group):
        transforms[:, i] = trace.transforms[trace.held(count)]
        present[trace.frames, i] = trace.shown
    return fmt.Instances(
        name,
        builder.store.mesh(shape),
        builder.store.vertices(shape),
        transforms,
        None if present.all() else present,
        next((s for s in (_solver(t, builder) for t in group) if s != "static"), "static"),
    )


def _deforming(name: str, trace: Trace, builder: BodyBuilder, number: int) -> Any:
    first = builder.store.vertices(int(trace.shapes[0]))
    shape = (builder.frame_count, len(first), 3)
    vertices = fmt.open_array(builder.work, f"bodies.{number}.vertices", shape, np.dtype(np.float32))
    for t, row in enumerate(trace.held(builder.frame_count)):
        vertices[t] = _world_vertices(trace, row, builder.store)
    return fmt.DeformingBody(
        name,
        builder.store.mesh(int(trace.shapes[0])),
        vertices,
        trace.present(builder.frame_count),
        _solver(trace, builder),
    )


def _changing(name: str, trace: Trace, builder: BodyBuilder, number: int) -> Any:
    store, count = builder.store, builder.frame_count
    vertex_counts, face_counts = np.zeros(count, np.int64), np.zeros(count, np.int64)
    for t, shape in zip(trace.frames, trace.shapes, strict=True):
        vertex_counts[t], face_counts[t] = store.shapes[shape].vertex_count, len(store.mesh(shape).faces)
    vertex_offsets = np.concatenate([[0], np.cumsum(vertex_counts)])
    face_offsets = np.concatenate([[0], np.cumsum(face_counts)])

    def new(field: str, rows: int, dtype: Any) -> np.ndarray:
        return fmt.open_array(builder.work, f"bodies.{number}.{field}", (rows, 3), np.dtype(dtype))

    vertices, faces = new("vertices", vertex_offsets[-1], np.float32), new("faces", face_offsets[-1], np.int32)
    known = _velocity_is_known(trace, store)
    velocity = new("velocity", vertex_offsets[-1], np.float32) if known else None
    for row, t in enumerate(trace.frames):
        rows = slice(vertex_offsets[t], vertex_offsets[t + 1])
        vertices[rows] = _world_vertices(trace, row, store)
        faces[face_offsets[t] : face_offsets[t + 1]] = store.mesh(int(trace.shapes[row])).faces
        if velocity is not None:
            velocity[rows] = _world_velocity(trace, row, builder)
    return fmt.ChangingBody(
        name,
        vertices,
        vertex_offsets,
        faces,
        face_offsets,
        velocity,
        trace.present(count),
        _solver(trace, builder),
        _material(store.mesh(int(trace.shapes[0]))),
    )


def _world_vertices(trace: Trace, row: int, store: ShapeStore) -> np.ndarray:
    matrix = trace.transforms[row]
    return store.vertices(int(trace.shapes[row])) @ matrix[:3, :3].T + matrix[:3, 3]


def _velocity_is_known(trace: Trace, store: ShapeStore) -> bool:
    """In every frame, and not zero throughout: Blender leaves zeros where a fluid was baked without speed vectors."""
    velocities = [store.velocity(int(s)) for s in trace.shapes]
    return all(v is not None for v in velocities) and any(v.any() for v in velocities if v is not None)


def _world_velocity(trace: Trace, row: int, builder: BodyBuilder) -> np.ndarray:
    """(V, 3) world metres a second; from the object's space, but for fluids (measured on Cycles' Vector pass)."""
    to_world = builder.fluid_velocities.get(trace.key.owner)
    if to_world is None:
        to_world = trace.transforms[row][:3, :3]
    velocity = builder.store.velocity(int(trace.shapes[row]))
    assert velocity is not None
    return velocity @ to_world.T


def _material(mesh: Any) -> int:
    """The material of most faces: a changing body has only one."""
    return int(np.bincount(mesh.face_material).argmax()) if len(mesh.face_material) else 0


def _solver(trace: Trace, builder: BodyBuilder) -> str:
    key = trace.key
    if key.persistent_id and key.owner != key.source and key.owner in builder.emitters:
        return "particles"
    simulated = builder.solvers.get(key.source) or builder.solvers.get(key.owner)
    return simulated or ("keyframes" if trace.moves else "static")


def _name(key: Key) -> str:
    return key.owner if key.owner == key.source else f"{key.owner}/{key.source}"


class _Names:
    """Hands each name out once; a second owner of one gets a number."""

    def __init__(self) -> None:
        self._used: dict[str, int] = {}

    def unique(self, name: str) -> str:
        count = self._used[name] = self._used.get(name, 0) + 1
        return name if count == 1 else f"{name} ({count})"
