"""Normals of smoothly shaded meshes: interpolated across shallow edges, broken at sharp ones.

The rule is Blender's "auto smooth": an edge between two faces that meet at more than 30 degrees is sharp, and the faces
around a vertex are averaged only as far as one gets from face to face without crossing a sharp edge. So a cylinder has
a round side and flat caps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simcraft.observe.geometry import Geometry, Layout
from simcraft.recording.format import DeformingBody, Instances, Recording, RigidBody

SHARPEST_SMOOTH_EDGE = np.radians(30.0)
"""Radians between the normals of two faces; Blender's default."""


def smooth_corners(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Which corners share one normal.

    Parameters
    ----------
    vertices: (V, 3), any unit.
    faces: (F, 3) int32 into `vertices`.

    Returns (F, 3) int32: corners with equal numbers, from 0 without gaps, lie at one vertex and are connected by faces
    across smooth edges. Edges of one face or of more than two are sharp, and so are those whose faces wind unlike.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    count = faces.size
    if count == 0:
        return np.zeros((0, 3), np.int32)
    start, end = faces.ravel().astype(np.int64), np.roll(faces, -1, axis=1).ravel().astype(np.int64)
    edges = np.minimum(start, end) * (int(faces.max()) + 1) + np.maximum(start, end)
    order = np.argsort(edges, kind="stable")
    first = np.flatnonzero(np.diff(edges[order], prepend=-1))
    uses = np.diff(first, append=count)
    one, other = order[first[uses == 2]], order[first[uses == 2] + 1]
    normals = _unit(face_areas(vertices, faces))
    between = (normals[one // 3] * normals[other // 3]).sum(-1)
    # a face without area has no direction, so its edges cannot be sharp
    empty = ~normals.any(-1)
    smooth = (between >= np.cos(SHARPEST_SMOOTH_EDGE)) | empty[one // 3] | empty[other // 3]
    smooth &= start[one] != start[other]
    one, other = one[smooth], other[smooth]
    # edge k runs from corner k to the next one of its face, the same edge of the neighbour the other way round
    following = np.arange(count).reshape(-1, 3)[:, [1, 2, 0]].ravel()
    joined = np.concatenate([one, following[one]]), np.concatenate([following[other], other])
    links = coo_matrix((np.ones(2 * len(one), np.int8), joined), shape=(count, count))
    return connected_components(links, directed=False)[1].reshape(-1, 3).astype(np.int32)


def corner_normals(vertices: np.ndarray, faces: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """(N, 3) float32 unit normals of the N groups of `smooth_corners`, 0 where all faces of one have no area.

    Faces count by their angle at the corner, so that the way polygons are cut into triangles does not matter (Thuermer
    and Wuethrich, "Computing Vertex Normals from Polygonal Facets", Journal of Graphics Tools 3(1), 1998).
    """
    count = int(corners.max(initial=-1)) + 1
    shape = np.asarray(vertices, np.float64)[faces]
    sides = _unit(np.roll(shape, -1, axis=1) - shape)
    angles = np.arccos(np.clip(-(sides * np.roll(sides, 1, axis=1)).sum(-1), -1, 1))
    flat = _unit(face_areas(vertices, faces))
    normals = np.empty((count, 3))
    for axis in range(3):
        normals[:, axis] = np.bincount(corners.ravel(), (angles * flat[:, axis, None]).ravel(), count)
    return _unit(normals).astype(np.float32)


def face_areas(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(F, 3) float64: normals of the triangles, as long as twice their area."""
    a, b, c = (np.asarray(vertices, np.float64)[faces[:, i]] for i in range(3))
    return np.cross(b - a, c - a)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-30)


@dataclass(frozen=True)
class SmoothMesh:
    """What stays the same of a smooth body's normals in all frames."""

    corners: np.ndarray
    """(F, 3) int32, see `smooth_corners`."""
    normals: np.ndarray | None
    """(N, 3) float32 in object space; None where they change from frame to frame."""

    @property
    def count(self) -> int:
        """N."""
        return int(self.corners.max(initial=-1)) + 1


def smooth_meshes(recording: Recording) -> tuple[SmoothMesh | None, ...]:
    """One for each body of `recording`; None for flat ones, for spheres and for those that change their topology.

    A deforming body keeps the sharp edges of its first frame, so that a fold does not flicker.
    """
    return tuple(_smooth_mesh(body) for body in recording.bodies)


def _smooth_mesh(body: object) -> SmoothMesh | None:
    if not isinstance(body, (RigidBody, Instances, DeformingBody)) or not body.mesh.smooth:
        return None
    faces = np.asarray(body.mesh.faces)
    if isinstance(body, DeformingBody):
        first = 0 if body.present is None else int(np.argmax(body.present))
        return SmoothMesh(smooth_corners(body.vertices[first], faces), None)
    corners = smooth_corners(body.vertices, faces)
    return SmoothMesh(corners, corner_normals(body.vertices, faces, corners))


def corner_rows(meshes: tuple[SmoothMesh | None, ...], geometry: Geometry) -> np.ndarray:
    """(F, 3) int32: the row of `Normals.vectors` at each corner of each triangle; -1 for flat ones.

    The triangles of changing bodies, which are liquids, are smooth without sharp edges.
    """
    spheres, persistent = geometry.sphere_count, geometry.persistent_surfaces - geometry.sphere_count
    rows = np.full((len(geometry.faces), 3), -1, np.int32)
    body_of_face = geometry.owner_body[geometry.surface_owner[spheres : geometry.persistent_surfaces]]
    base = 0
    for b, mesh in enumerate(meshes):
        if mesh is not None:
            own = np.flatnonzero(body_of_face == b)
            rows[own] = mesh.corners[geometry.surface_element[spheres + own]] + base
            base += mesh.count
    rows[persistent:] = geometry.faces[persistent:] - geometry.persistent_points + base
    return rows


@dataclass(frozen=True)
class Normals:
    """The normals of one frame."""

    vectors: np.ndarray
    """(N, 3) float32 unit, numbered by `corner_rows`; those of rigid and instanced bodies in object space."""
    transforms: np.ndarray
    """(O, 3, 3) float32: turns the vectors of each owner into world directions, of any length."""


def normals_of(
    recording: Recording, layout: Layout, meshes: tuple[SmoothMesh | None, ...], geometry: Geometry, frame: int
) -> Normals:
    """The normals of `geometry`, which is frame index `frame` of `recording`."""
    vectors = [np.zeros((0, 3), np.float32)]
    for body, mesh in zip(recording.bodies, meshes, strict=True):
        if mesh is not None and mesh.normals is not None:
            vectors.append(mesh.normals)
        elif mesh is not None and isinstance(body, DeformingBody):
            vectors.append(corner_normals(body.vertices[frame], body.mesh.faces, mesh.corners))
    changing = geometry.faces[geometry.persistent_surfaces - geometry.sphere_count :] - geometry.persistent_points
    if len(changing):
        vectors.append(corner_normals(geometry.points[geometry.persistent_points :], changing, changing))
    return Normals(np.concatenate(vectors), _transforms(recording, layout, frame))


def _transforms(recording: Recording, layout: Layout, frame: int) -> np.ndarray:
    """Normals go by the cofactors of the transform, which stay right where it scales unevenly or mirrors."""
    matrices = np.tile(np.eye(3), (len(layout.owner_instance), 1, 1))
    for part in layout.parts:
        body = recording.bodies[part.body]
        if isinstance(body, (RigidBody, Instances)):
            matrices[part.owners] = body.transforms[frame][..., :3, :3]
    x, y, z = np.moveaxis(matrices, -1, 0)
    return np.stack([np.cross(y, z), np.cross(z, x), np.cross(x, y)], -1).astype(np.float32)
