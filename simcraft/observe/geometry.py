"""From a Recording's bodies to the world geometry of one frame, in arrays that kernels can read.

Everything visible but smoke is a *surface*: a sphere (one particle) or a triangle, numbered from 0. Spheres come first,
then the triangles of rigid, deforming and instanced bodies: these *persistent* surfaces have the same number in all
frames. The triangles of changing bodies come last, new ones in each frame. Each surface belongs to one *owner*: a body,
one copy of an instanced body or one particle; owners come and go (`present`) and carry the instance id. A volume is an
owner without surfaces; `simcraft.observe.volumes` has its grids.

Instance ids: 1 and up in the order of `Recording.bodies`; a body has one id, an `Instances` body one id a copy, all
the particles of a body share one. Copies of a part (`Instances.part_of`) share the ids of the whole's copies, and only
the whole is in the table. Where that exceeds 65,535 the copies of each body share an id too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simcraft.clip.types import InstanceInfo
from simcraft.errors import UserError
from simcraft.recording.format import (
    Body,
    ChangingBody,
    DeformingBody,
    Instances,
    Particles,
    Recording,
    RigidBody,
    Volume,
)

LARGEST_ID = np.iinfo(np.uint16).max


@dataclass(frozen=True)
class Part:
    """Where one body's points and owners lie among all."""

    body: int
    """Index into `Recording.bodies`."""
    points: slice
    """Rows of `Layout.points`; empty for changing bodies, whose points differ from frame to frame."""
    owners: slice
    """Rows of `Layout.owner_instance`."""


@dataclass(frozen=True)
class Layout:
    """What stays the same in all frames of a recording."""

    parts: tuple[Part, ...]
    points: np.ndarray
    """(V, 3) float64, object space for rigid and instanced bodies; rows of the others are filled in by frame."""
    point_owner: np.ndarray
    """(V,) int32: the owner whose transform places the point in the world, -1 for points given in world space."""
    faces: np.ndarray
    """(F, 3) int32 into `points`."""
    radii: np.ndarray
    """(S,) float64, metres, of the spheres; their centres are `points[:S]`."""
    surface_owner: np.ndarray
    """(S + F,) int32."""
    surface_element: np.ndarray
    """(S + F,) int32: index of the particle, or of the face in the body's mesh."""
    owner_instance: np.ndarray
    """(O,) int32 instance ids."""
    owner_body: np.ndarray
    """(O,) int32 index into `Recording.bodies`."""
    instance_table: tuple[InstanceInfo, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Geometry:
    """The world in one frame. Arrays that do not change are shared between frames: do not write to them."""

    points: np.ndarray
    """(V, 3) float64, world, metres; the first S are centres of spheres, changing bodies' vertices come last."""
    faces: np.ndarray
    """(F, 3) int32 into `points`; triangle f is surface S + f."""
    radii: np.ndarray
    """(S,) float64, metres."""
    surface_owner: np.ndarray
    """(S + F,) int32."""
    surface_element: np.ndarray
    """(S + F,) int32: index of the particle, or of the face in the body's mesh (of this frame, if it changes)."""
    owner_instance: np.ndarray
    """(O,) int32 instance ids, 1 and up."""
    owner_body: np.ndarray
    """(O,) int32 index into `Recording.bodies`."""
    owner_present: np.ndarray
    """(O,) uint8: 1 where the owner exists in this frame."""
    persistent_points: int
    """Rows of `points` before this mean the same vertex in all frames."""
    persistent_surfaces: int
    """Surfaces before this have the same number in all frames."""
    velocity: np.ndarray
    """(V - persistent_points, 3) float64, world metres a frame; NaN where unknown."""

    @property
    def sphere_count(self) -> int:
        """S."""
        return len(self.radii)


def layout_of(recording: Recording) -> Layout:
    """Number the surfaces, owners and instances of `recording`."""
    bodies = recording.bodies
    order = sorted(range(len(bodies)), key=lambda b: not isinstance(bodies[b], Particles))
    points, point_owner, faces, elements, owners, parts = [], [], [], [], [], []
    owner_instance, owner_body, table, warnings = _number_owners(recording)
    first_owner = np.searchsorted(owner_body, np.arange(len(bodies) + 1))
    base = 0
    for b in order:
        body = bodies[b]
        rest, rest_faces, copies = _rest(body)
        count, first = len(rest), int(first_owner[b])
        parts.append(Part(b, slice(base, base + count * copies), slice(first, int(first_owner[b + 1]))))
        if isinstance(body, (ChangingBody, Volume)):
            continue
        copy = np.arange(copies, dtype=np.int32)
        points.append(np.tile(rest, (copies, 1)))
        placed = isinstance(body, (RigidBody, Instances))
        point_owner.append(np.repeat(first + copy, count) if placed else np.full(count, -1))
        if isinstance(body, Particles):
            owners.append(first + np.arange(count))
            elements.append(np.arange(count))
        else:
            faces.append((rest_faces[None] + (base + copy * count)[:, None, None]).reshape(-1, 3))
            owners.append(np.repeat(first + copy, len(rest_faces)))
            elements.append(np.tile(np.arange(len(rest_faces)), copies))
        base += count * copies
    radii = [np.asarray(b.radius, np.float64) for b in bodies if isinstance(b, Particles)]
    return Layout(
        parts=tuple(parts),
        points=_join(points, (0, 3), np.float64),
        point_owner=_join(point_owner, (0,), np.int32),
        faces=_join(faces, (0, 3), np.int32),
        radii=_join(radii, (0,), np.float64),
        surface_owner=_join(owners, (0,), np.int32),
        surface_element=_join(elements, (0,), np.int32),
        owner_instance=owner_instance,
        owner_body=owner_body,
        instance_table=table,
        warnings=warnings,
    )


def geometry_of(recording: Recording, layout: Layout, frame: int) -> Geometry:
    """The world of `recording` in frame index `frame`."""
    from simcraft.observe.kernels import place_points

    local = layout.points.copy()
    transforms = np.zeros((len(layout.owner_instance), 3, 4))
    present = np.ones(len(layout.owner_instance), np.uint8)
    changing = []
    for part in layout.parts:
        body = recording.bodies[part.body]
        if body.present is not None:
            present[part.owners] = body.present[frame]
        if isinstance(body, (RigidBody, Instances)):
            transforms[part.owners] = body.transforms[frame][..., :3, :]
        elif isinstance(body, DeformingBody):
            local[part.points] = body.vertices[frame]
        elif isinstance(body, Particles):
            alive = present[part.owners, None].astype(bool)
            local[part.points] = np.where(alive, body.positions[frame], 0.0)
        elif isinstance(body, ChangingBody):
            changing.append((part, body))
    points = np.empty_like(local)
    place_points(local, layout.point_owner, transforms, points)
    return _append_changing(layout, points, present, changing, recording.fps, frame)


def _append_changing(
    layout: Layout,
    points: np.ndarray,
    present: np.ndarray,
    changing: list[tuple[Part, ChangingBody]],
    fps: float,
    frame: int,
) -> Geometry:
    """Put this frame's meshes of changing bodies behind the persistent geometry."""
    persistent_points, persistent_surfaces = len(points), len(layout.surface_owner)
    all_points, all_faces, velocities = [points], [layout.faces], []
    owners, elements = [layout.surface_owner], [layout.surface_element]
    base = persistent_points
    for part, body in changing:
        rows = slice(int(body.vertex_offsets[frame]), int(body.vertex_offsets[frame + 1]))
        faces = np.asarray(body.faces[int(body.face_offsets[frame]) : int(body.face_offsets[frame + 1])])
        vertices = np.asarray(body.vertices[rows], np.float64)
        unknown = np.full_like(vertices, np.nan)
        velocities.append(unknown if body.velocity is None else np.asarray(body.velocity[rows], np.float64) / fps)
        all_points.append(vertices)
        all_faces.append((faces + base).astype(np.int32))
        owners.append(np.full(len(faces), part.owners.start, np.int32))
        elements.append(np.arange(len(faces), dtype=np.int32))
        base += len(vertices)
    grown = bool(changing)
    return Geometry(
        points=np.concatenate(all_points) if grown else points,
        faces=np.concatenate(all_faces) if grown else layout.faces,
        radii=layout.radii,
        surface_owner=np.concatenate(owners) if grown else layout.surface_owner,
        surface_element=np.concatenate(elements) if grown else layout.surface_element,
        owner_instance=layout.owner_instance,
        owner_body=layout.owner_body,
        owner_present=present,
        persistent_points=persistent_points,
        persistent_surfaces=persistent_surfaces,
        velocity=_join(velocities, (0, 3), np.float64),
    )


def carried_points(here: Geometry, there: Geometry, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the points of `here` are in the frame of `there`, which is `steps` frames later (earlier if negative).

    Persistent points are looked up; those of changing bodies move with their velocity, which says nothing beyond the
    next and the previous frame.

    Returns
    -------
    points: (V of here, 3) float64, world.
    known: (O,) uint8, 1 for owners that exist in both frames and whose way between them is known.
    """
    known = here.owner_present & there.owner_present
    if len(here.velocity) == 0 and len(there.velocity) == 0:
        return there.points, known
    persistent = here.persistent_points
    moved = here.points[persistent:] + steps * here.velocity if steps else here.points[persistent:]
    if steps == 0:
        return here.points, known
    owner = here.surface_owner[here.persistent_surfaces :]
    corners = here.faces[here.persistent_surfaces - here.sphere_count :] - persistent
    lost = ~np.isfinite(here.velocity[corners]).all(axis=(1, 2)) | (abs(steps) > 1)
    known = known.copy()
    known[owner[lost]] = 0
    return np.concatenate([there.points[:persistent], np.nan_to_num(moved)]), known


def _rest(body: Body) -> tuple[np.ndarray, np.ndarray, int]:
    """Points in object space (or placeholders), faces, and the number of copies."""
    no_faces = np.zeros((0, 3), np.int32)
    if isinstance(body, Particles):
        return np.zeros((body.positions.shape[1], 3)), no_faces, 1
    if isinstance(body, DeformingBody):
        return np.zeros((body.vertices.shape[1], 3)), np.asarray(body.mesh.faces), 1
    if isinstance(body, (RigidBody, Instances)):
        copies = body.transforms.shape[1] if isinstance(body, Instances) else 1
        return np.asarray(body.vertices, np.float64), np.asarray(body.mesh.faces), copies
    return np.zeros((0, 3)), no_faces, 1


def _number_owners(
    recording: Recording,
) -> tuple[np.ndarray, np.ndarray, tuple[InstanceInfo, ...], tuple[str, ...]]:
    """Instance id and body of each owner in the order of bodies, the table of ids, and what the user should know."""
    bodies = recording.bodies
    wholes = [b for b in bodies if not (isinstance(b, Instances) and b.part_of)]
    warnings = [
        f"'{b.name}' changes its mesh from frame to frame and has no velocity: its flow is unknown and marked so."
        for b in bodies
        if isinstance(b, ChangingBody) and b.velocity is None
    ]
    if len(wholes) > LARGEST_ID:
        raise UserError(
            f"The recording has {len(wholes)} bodies; at most {LARGEST_ID} can be told apart.",
            "Join static bodies, or record copies as one Instances body.",
        )
    share = sum(b.transforms.shape[1] if isinstance(b, Instances) else 1 for b in wholes) > LARGEST_ID
    if share:
        warnings.append(f"There are over {LARGEST_ID} instances: all copies of a body share one id.")
    ids, owner_body = [], []
    table: list[InstanceInfo] = []
    first_id: dict[str, int] = {}
    for b, body in enumerate(bodies):
        count = _owner_count(body)
        own_ids = isinstance(body, Instances) and not share
        part = isinstance(body, Instances) and body.part_of
        first = first_id[part] if part else len(table) + 1
        ids.append(first + np.arange(count) if own_ids else np.full(count, first))
        owner_body.append(np.full(count, b))
        if part:
            continue
        if isinstance(body, Instances):
            first_id[body.name] = first
        names = [f"{body.name}[{n}]" for n in range(count)] if own_ids else [body.name]
        material = _material_name(recording, body)
        table += [InstanceInfo(first + n, name, material, body.solver) for n, name in enumerate(names)]
    return _join(ids, (0,), np.int32), _join(owner_body, (0,), np.int32), tuple(table), tuple(warnings)


def _owner_count(body: Body) -> int:
    """One for each particle, one for each copy, one for any other body."""
    if isinstance(body, Particles):
        return len(body.radius)
    return body.transforms.shape[1] if isinstance(body, Instances) else 1


def _material_name(recording: Recording, body: Body) -> str:
    """The material of a body, or of its first face."""
    if isinstance(body, (RigidBody, DeformingBody, Instances)):
        of_faces = body.mesh.face_material
        index = int(of_faces[0]) if of_faces is not None and len(of_faces) else 0
    else:
        index = body.material
    return recording.materials[index].name if 0 <= index < len(recording.materials) else ""


def _join(arrays: list[np.ndarray], empty: tuple[int, ...], dtype: type) -> np.ndarray:
    return np.concatenate(arrays).astype(dtype, copy=False) if arrays else np.zeros(empty, dtype)
