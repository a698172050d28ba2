"""How large a mesh is, how much it encloses, and which simple shape it is close to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import SceneError
from ..shapes import values_of

_CLOSE = 0.03
"""By what share a shape may differ from a box or a ball to count as one."""
_CONVEX = 0.9
"""Share of its convex hull that a shape at least fills to count as convex."""
_MANY = 20_000
"""Points from which on a hull is made of the outermost ones alone."""
_DIRECTIONS = 400
_THIN = 1e-4
"""Volume over the cube of the longest side, below which a shape counts as a sheet."""
SHEET = 0.01
"""Metres: how thick a sheet, which encloses nothing, is taken to be."""


@dataclass(frozen=True)
class Measured:
    """A mesh in its object's own axes, in metres as the object's scale has it."""

    low: np.ndarray
    """(3,) lowest coordinates from the object's origin."""
    high: np.ndarray
    """(3,) highest."""
    volume: float
    """m³; of what is not closed that of its convex hull, of a sheet its area times `SHEET`."""
    centre: np.ndarray
    """(3,) centre of mass from the object's origin."""
    shape: str
    """BOX, SPHERE, CONVEX_HULL or MESH: the simplest that is true; MESH for what is hollow or a sheet."""
    hull_share: float
    """The share of its convex hull that it fills; 0 for a sheet."""

    @property
    def size(self) -> float:
        """Its longest side, metres."""
        return float((self.high - self.low).max())

    @property
    def is_sheet(self) -> bool:
        """It encloses nothing and is flat."""
        return self.hull_share == 0


def measure(obj: Any, depsgraph: Any) -> Measured:
    """Measure the mesh object `obj` with its modifiers. Raises `SceneError` where it has no faces."""
    evaluated = obj.evaluated_get(depsgraph)
    mesh = evaluated.to_mesh()
    try:
        vertices, faces = _arrays(mesh)
    finally:
        evaluated.to_mesh_clear()
    if not len(faces):
        raise SceneError(f"'{obj.name}' has no faces.", "Give it some, or take it out of the selection.")
    return measured(vertices * np.abs(np.array(obj.matrix_world.to_scale())), faces)


def _arrays(mesh: Any) -> tuple[np.ndarray, np.ndarray]:
    """(vertices (V, 3) float64, triangles (F, 3))."""
    mesh.calc_loop_triangles()
    vertices = values_of(mesh.vertices, "co", 3).astype(np.float64)
    return vertices, values_of(mesh.loop_triangles, "vertices", 3, np.int32)


def measured(vertices: np.ndarray, faces: np.ndarray) -> Measured:
    """Measure a mesh of `vertices` (V, 3) in metres and triangles `faces` (F, 3)."""
    used = vertices[np.unique(faces)]
    low, high = used.min(0), used.max(0)
    hull_vertices, hull_faces = convex_hull(used)
    hull_volume, hull_centre = enclosed(hull_vertices, hull_faces)
    if hull_volume < _THIN * float((high - low).max()) ** 3:
        area, centre = _surface(vertices, faces)
        return Measured(low, high, area * SHEET, centre, "MESH", 0.0)
    volume, centre = enclosed(vertices, faces) if is_closed(faces) else (hull_volume, hull_centre)
    # turned inside out, it encloses as much
    volume = abs(volume)
    share = min(volume / hull_volume, 1.0)
    if not share > 0.0:
        volume, centre, share = hull_volume, hull_centre, 1.0
    return Measured(low, high, volume, centre, _shape(used, low, high, volume, share), share)


def enclosed(vertices: np.ndarray, faces: np.ndarray) -> tuple[float, np.ndarray]:
    """(signed volume in m³, centre of mass (3,)) of what a closed mesh encloses: the sum over its tetrahedra."""
    middle = vertices.mean(0)
    a, b, c = np.moveaxis((vertices - middle)[faces], 1, 0)
    parts = np.einsum("fi,fi->f", a, np.cross(b, c)) / 6
    volume = float(parts.sum())
    if not volume:
        return 0.0, middle
    return volume, middle + (parts[:, None] * (a + b + c) / 4).sum(0) / volume


def is_closed(faces: np.ndarray) -> bool:
    """Has each edge two triangles, which run along it in opposite directions?"""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).astype(np.int64)
    along = np.sort(edges[:, 0] << 32 | edges[:, 1])
    against = np.sort(edges[:, 1] << 32 | edges[:, 0])
    return bool((along[1:] != along[:-1]).all() and (along == against).all())


def convex_hull(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(vertices (V, 3), triangles (F, 3)) of the smallest convex mesh around `points` (N, 3); no faces where flat."""
    import bmesh

    mesh = bmesh.new()
    try:
        for point in _outermost(points) if len(points) > _MANY else points:
            mesh.verts.new(point)
        bmesh.ops.convex_hull(mesh, input=mesh.verts)
        bmesh.ops.triangulate(mesh, faces=mesh.faces)
        bmesh.ops.recalc_face_normals(mesh, faces=mesh.faces)
        mesh.verts.index_update()
        vertices = np.array([v.co for v in mesh.verts], np.float64).reshape(-1, 3)
        faces = np.array([[v.index for v in f.verts] for f in mesh.faces], np.int64).reshape(-1, 3)
    finally:
        mesh.free()
    return vertices, faces


def _outermost(points: np.ndarray) -> np.ndarray:
    """Those of `points` that lie farthest out in one of many directions."""
    directions = np.random.default_rng(0).normal(size=(_DIRECTIONS, 3))
    return points[np.unique([int((points @ direction).argmax()) for direction in directions])]


def _surface(vertices: np.ndarray, faces: np.ndarray) -> tuple[float, np.ndarray]:
    """(area in m², its centre (3,)) of triangles."""
    a, b, c = np.moveaxis(vertices[faces], 1, 0)
    areas = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
    total = float(areas.sum())
    middle = vertices.mean(0) if not total else (areas[:, None] * (a + b + c) / 3).sum(0) / total
    return total, middle


def _shape(points: np.ndarray, low: np.ndarray, high: np.ndarray, volume: float, share: float) -> str:
    sides = high - low
    if volume > (1 - _CLOSE) * float(sides.prod()):
        return "BOX"
    radius = float(sides.mean()) / 2
    distances = np.linalg.norm(points - (low + high) / 2, axis=1)
    if np.ptp(sides) < _CLOSE * 2 * radius and (np.abs(distances - radius) < _CLOSE * radius).all():
        return "SPHERE"
    return "CONVEX_HULL" if share > _CONVEX else "MESH"
