"""Meshes as arrays, each different one kept once: the connectivity in memory, the vertices in a file.

Objects that move rigidly keep one shape for the whole recording; what deforms gets a new shape in each frame.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ._format import recording_format as fmt
from .materials import MaterialTable


@dataclass(frozen=True)
class Topology:
    """Triangles and what is painted on them, shared by all shapes of the same connectivity."""

    connectivity: bytes
    """Digest of the polygons' vertex indices: equal digests mean that vertices correspond by index."""
    mesh: Any
    """`recording_format.Mesh`."""


@dataclass(frozen=True)
class Shape:
    """One state of one mesh."""

    topology: int
    vertex_count: int
    offset: int
    """Bytes from the start of the vertex file."""
    velocity: bool
    """Velocities of the vertices follow them in the file."""


class ShapeStore:
    """Shapes by number; equal meshes get equal numbers."""

    def __init__(self, folder: Path, materials: MaterialTable) -> None:
        self.shapes: list[Shape] = []
        self.topologies: list[Topology] = []
        self.materials = materials
        self._path = folder / "shapes.bin"
        self._file = self._path.open("wb")
        self._numbers: dict[bytes, int] = {}
        self._topology_numbers: dict[bytes, int] = {}

    def number(self, obj: Any, previous: int | None) -> int:
        """The number of the shape that the evaluated mesh object `obj` has now.

        `previous` is the number it had last, if any: where the connectivity is still the same, its triangles,
        texture coordinates and materials are taken over.
        """
        mesh = obj.data
        vertices = values_of(mesh.vertices, "co", 3, np.float32)
        corners = values_of(mesh.loops, "vertex_index", 1, np.int32)
        connectivity = _digest(corners, values_of(mesh.polygons, "loop_start", 1, np.int32))
        topology = None if previous is None else self.shapes[previous].topology
        if topology is None or self.topologies[topology].connectivity != connectivity:
            topology = self._topology_number(_topology(obj, corners, connectivity, self.materials))
        velocity = _velocity(mesh)
        key = _digest(vertices, np.array([topology])) + (b"" if velocity is None else _digest(velocity))
        if key not in self._numbers:
            self._numbers[key] = len(self.shapes)
            self.shapes.append(Shape(topology, len(vertices), self._file.tell(), velocity is not None))
            self._file.write(vertices.data)
            if velocity is not None:
                self._file.write(velocity.data)
        return self._numbers[key]

    def vertices(self, shape: int) -> np.ndarray:
        """(V, 3) float32, object space."""
        return self._read(shape, 0)

    def velocity(self, shape: int) -> np.ndarray | None:
        """(V, 3) float32, object space, metres a second but for fluids; None where the mesh has none."""
        return self._read(shape, 1) if self.shapes[shape].velocity else None

    def mesh(self, shape: int) -> Any:
        return self.topologies[self.shapes[shape].topology].mesh

    def connectivity(self, shape: int) -> bytes:
        return self.topologies[self.shapes[shape].topology].connectivity

    def close(self) -> None:
        """Finish writing; the shapes can be read from now on."""
        self._file.close()

    def _read(self, shape: int, block: int) -> np.ndarray:
        count = self.shapes[shape].vertex_count * 3
        offset = self.shapes[shape].offset + block * count * 4
        return np.fromfile(self._path, np.float32, count, offset=offset).reshape(-1, 3)

    def _topology_number(self, topology: Topology) -> int:
        mesh = topology.mesh
        painted = [a for a in (mesh.uv, mesh.face_material) if a is not None]
        key = _digest(mesh.faces, *painted) + topology.connectivity + bytes([mesh.smooth])
        if key not in self._topology_numbers:
            self._topology_numbers[key] = len(self.topologies)
            self.topologies.append(topology)
        return self._topology_numbers[key]


def _topology(obj: Any, corners: np.ndarray, connectivity: bytes, materials: MaterialTable) -> Topology:
    mesh = obj.data
    mesh.calc_loop_triangles()
    loops = values_of(mesh.loop_triangles, "loops", 3, np.int32)
    slots = np.array(materials.slots(obj), np.int32)
    indices = values_of(mesh.loop_triangles, "material_index", 1, np.int32)
    face_material = slots[np.clip(indices, 0, len(slots) - 1)]
    uv = _texture_coordinates(mesh)
    painted = None if uv is None else materials.place_textures(uv[loops], face_material)
    smooth = values_of(mesh.polygons, "use_smooth", 1, np.bool_)
    triangles = fmt.Mesh(corners[loops], painted, face_material, bool(smooth.any()))
    return Topology(connectivity, triangles)


def _texture_coordinates(mesh: Any) -> np.ndarray | None:
    """(corners, 2) float32 of the layer that is rendered."""
    layer = next((x for x in mesh.uv_layers if x.active_render), None) or mesh.uv_layers.active
    if layer is None:
        return None
    # the attribute is called `uv` since 3.5 and the only way in later versions
    if hasattr(layer, "uv"):
        return values_of(layer.uv, "vector", 2, np.float32)
    return values_of(layer.data, "uv", 2, np.float32)


def _velocity(mesh: Any) -> np.ndarray | None:
    """The `velocity` attribute of fluids, Alembic files and geometry nodes, as Cycles reads it for motion blur."""
    attribute = mesh.attributes.get("velocity")
    if attribute is None or attribute.domain != "POINT" or attribute.data_type != "FLOAT_VECTOR":
        return None
    return values_of(attribute.data, "vector", 3, np.float32)


def values_of(collection: Any, name: str, width: int, dtype: Any = np.float32) -> np.ndarray:
    """(n, width) or, where that is 1, (n,): the attribute `name` of each of Blender's n things in a collection."""
    values = np.empty(len(collection) * width, dtype)
    collection.foreach_get(name, values)
    return values.reshape(-1, width) if width > 1 else values


def _digest(*arrays: np.ndarray) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for array in arrays:
        digest.update(str(array.shape).encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.digest()
