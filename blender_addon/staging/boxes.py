"""Where things are: boxes around objects, and the objects that staging adds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Box:
    """An upright box in the world, metres."""

    low: np.ndarray
    """(3,)"""
    high: np.ndarray
    """(3,)"""

    @property
    def size(self) -> np.ndarray:
        """(3,)"""
        return self.high - self.low

    @property
    def middle(self) -> np.ndarray:
        """(3,)"""
        return (self.low + self.high) / 2

    def grown(self, low: Sequence[float], high: Sequence[float]) -> Box:
        """The box that reaches farther by these lengths (3,) beyond its low and high sides."""
        return Box(self.low - np.asarray(low), self.high + np.asarray(high))

    def corners(self) -> np.ndarray:
        """(8, 3)"""
        return np.stack(np.meshgrid(*np.stack([self.low, self.high], 1), indexing="ij"), -1).reshape(-1, 3)


def box_around(objects: Iterable[Any]) -> Box | None:
    """The box around what is seen of `objects`; None where that is nothing."""
    corners = [corners_of(obj) for obj in objects]
    if not corners:
        return None
    points = np.concatenate(corners)
    return Box(points.min(0), points.max(0))


def corners_of(obj: Any) -> np.ndarray:
    """(P, 3) world: the corners of the box around `obj`, or its origin where it has no size."""
    matrix = np.array(obj.matrix_world, np.float64)
    if obj.type in ("MESH", "CURVE", "CURVES", "SURFACE", "FONT", "META", "VOLUME", "POINTCLOUD", "ARMATURE"):
        local = np.array(obj.bound_box, np.float64)
    else:
        local = np.zeros((1, 3))
    return local @ matrix[:3, :3].T + matrix[:3, 3]


def add_box(collection: Any, name: str, box: Box) -> Any:
    """A new mesh object that fills `box`, its origin in the middle."""
    corners = Box(-box.size / 2, box.size / 2).corners()
    faces = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))
    return _add_mesh(collection, name, corners, faces, box.middle)


def add_ball(collection: Any, name: str, middle: np.ndarray, radius: float) -> Any:
    """A new closed mesh object in the shape of a ball."""
    import bmesh
    import bpy

    data = bpy.data.meshes.new(name)
    mesh = bmesh.new()
    bmesh.ops.create_icosphere(mesh, subdivisions=3, radius=radius)
    mesh.to_mesh(data)
    mesh.free()
    return _link(collection, bpy.data.objects.new(name, data), middle)


def add_empty(collection: Any, name: str, place: np.ndarray, size: float) -> Any:
    """A new empty, drawn as a ball of the radius `size`."""
    import bpy

    empty = bpy.data.objects.new(name, None)
    empty.empty_display_type, empty.empty_display_size = "SPHERE", size
    return _link(collection, empty, place)


def add_path(collection: Any, name: str, points: np.ndarray) -> Any:
    """A new smooth curve through `points` (P, 3) of the world, which can be bent by its handles."""
    import bpy

    data = bpy.data.curves.new(name, "CURVE")
    data.dimensions = "3D"
    spline = data.splines.new("BEZIER")
    spline.bezier_points.add(len(points) - 1)
    origin = points.mean(0)
    for knot, point in zip(spline.bezier_points, points - origin, strict=True):
        knot.co = point
        knot.handle_left_type = knot.handle_right_type = "AUTO"
    return _link(collection, bpy.data.objects.new(name, data), origin)


def _add_mesh(collection: Any, name: str, vertices: np.ndarray, faces: Sequence[Any], place: np.ndarray) -> Any:
    import bpy

    data = bpy.data.meshes.new(name)
    data.from_pydata(vertices.tolist(), [], [list(face) for face in faces])
    return _link(collection, bpy.data.objects.new(name, data), place)


def _link(collection: Any, obj: Any, place: np.ndarray) -> Any:
    obj.location = place.tolist()
    collection.objects.link(obj)
    return obj
