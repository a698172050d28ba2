"""Bodies of a recording as meshes in Blender: one object a frame where their shape changes, copies where it does not.

A sequence of objects with keyframed visibility works in every Blender, and needs no code when it is rendered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from .keyframes import animate_transforms, animate_visibility
from .results import marked, new_object

# a ball for each particle: enough triangles that its outline looks round at the size of a particle
_BALL_SUBDIVISIONS = 2


def show_sequence(body: Any, numbers: Sequence[int], materials: Mapping[int, Any], collection: Any) -> None:
    """A body whose shape changes (`ChangingBody`, `DeformingBody`): one object a frame."""
    for t, vertices, mesh in _shapes(body, materials):
        data = new_mesh(f"{body.name}.{numbers[t]}", vertices, **mesh)
        _show_in(new_object(data.name, data, collection), t, numbers, body.present)


def show_particles(body: Any, numbers: Sequence[int], materials: Mapping[int, Any], collection: Any) -> None:
    """`Particles`: one object a frame, with a ball on each of its faces. Blender scales what stands on a face by the
    square root of the face's area."""
    ball = _ball(body.name, materials[body.material])
    for t, number in enumerate(numbers):
        there = np.ones(len(body.radius), bool) if body.present is None else np.asarray(body.present[t])
        vertices = _triangles(np.asarray(body.positions[t])[there], np.asarray(body.radius)[there])
        faces = np.arange(len(vertices), dtype=np.int32).reshape(-1, 3)
        seeds = new_object(f"{body.name}.{number}", new_mesh(f"{body.name}.{number}", vertices, faces), collection)
        seeds.instance_type = "FACES"
        seeds.use_instance_faces_scale = True
        seeds.show_instancer_for_render = seeds.show_instancer_for_viewport = False
        child = new_object(f"{body.name}.{number}.ball", ball, collection)
        child.parent = seeds
        for obj in (seeds, child):
            _show_in(obj, t, numbers, None)


def show_copies(body: Any, numbers: Sequence[int], materials: Mapping[int, Any], collection: Any) -> None:
    """`Instances` and `RigidBody`: objects with the same mesh and keyframed transforms."""
    count = len(numbers)
    transforms = np.asarray(body.transforms).reshape(count, -1, 4, 4)
    present = None if body.present is None else np.asarray(body.present).reshape(count, -1)
    data = new_mesh(body.name, body.vertices, **_painted(body.mesh, materials))
    for n in range(transforms.shape[1]):
        obj = new_object(f"{body.name}.{n}", data, collection)
        animate_transforms(obj, numbers, transforms[:, n])
        if present is not None:
            animate_visibility(obj, numbers, present[:, n])


def new_mesh(
    name: str,
    vertices: np.ndarray,
    faces: np.ndarray,
    smooth: bool = False,
    materials: Sequence[Any] = (),
    face_material: np.ndarray | None = None,
    uv: np.ndarray | None = None,
) -> Any:
    """A mesh of triangles: `vertices` (V, 3), `faces` (F, 3), `face_material` (F,), `uv` (F, 3, 2)."""
    import bpy

    mesh = marked(bpy.data.meshes.new(name))
    faces = np.asarray(faces, np.int32)
    mesh.vertices.add(len(vertices))
    mesh.vertices.foreach_set("co", np.asarray(vertices, np.float32).ravel())
    mesh.loops.add(faces.size)
    mesh.loops.foreach_set("vertex_index", faces.ravel())
    mesh.polygons.add(len(faces))
    mesh.polygons.foreach_set("loop_start", np.arange(0, faces.size, 3, dtype=np.int32))
    if bpy.app.version < (3, 6):
        # later it follows from the starts
        mesh.polygons.foreach_set("loop_total", np.full(len(faces), 3, np.int32))
    mesh.polygons.foreach_set("use_smooth", np.full(len(faces), smooth))
    for material in materials:
        mesh.materials.append(material)
    if face_material is not None:
        mesh.polygons.foreach_set("material_index", np.asarray(face_material, np.int32))
    mesh.update(calc_edges=True)
    if uv is not None:
        layer = mesh.uv_layers.new(name="UVMap")
        layer.data.foreach_set("uv", np.asarray(uv, np.float32).ravel())
    return mesh


def _shapes(body: Any, materials: Mapping[int, Any]) -> Iterator[tuple[int, np.ndarray, dict[str, Any]]]:
    """(frame index, vertices (V, 3), what else `new_mesh` is to know) of each frame with a surface."""
    if body.kind == "deforming":
        painted = _painted(body.mesh, materials)
        yield from ((t, vertices, painted) for t, vertices in enumerate(body.vertices))
        return
    own = [materials[body.material]]
    for t in range(len(body.vertex_offsets) - 1):
        vertices = body.vertices[body.vertex_offsets[t] : body.vertex_offsets[t + 1]]
        faces = body.faces[body.face_offsets[t] : body.face_offsets[t + 1]]
        yield t, vertices, {"faces": faces, "smooth": True, "materials": own}


def _painted(mesh: Any, materials: Mapping[int, Any]) -> dict[str, Any]:
    """What `new_mesh` is to know of a recording's mesh, with only the materials that it uses."""
    used: Sequence[int]
    slots: np.ndarray | None
    if mesh.face_material is None:
        used, slots = [0], None
    else:
        used, slots = np.unique(mesh.face_material, return_inverse=True)
    return {
        "faces": mesh.faces,
        "smooth": mesh.smooth,
        "materials": [materials[int(i)] for i in used],
        "face_material": slots,
        "uv": mesh.uv,
    }


def _show_in(obj: Any, t: int, numbers: Sequence[int], present: np.ndarray | None) -> None:
    """Show `obj` from frame index `t` until the next; the first one before it as well, and the last one after."""
    there = np.zeros(len(numbers), bool)
    there[t] = present is None or present[t]
    animate_visibility(obj, numbers, there)


def _ball(name: str, material: Any) -> Any:
    """A smooth sphere of radius 1."""
    import bmesh

    mesh = new_mesh(f"{name}.ball", np.empty((0, 3)), np.empty((0, 3)), materials=[material])
    builder = bmesh.new()
    bmesh.ops.create_icosphere(builder, subdivisions=_BALL_SUBDIVISIONS, radius=1.0)
    for face in builder.faces:
        face.smooth = True
    builder.to_mesh(mesh)
    builder.free()
    return mesh


def _triangles(centers: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """(3 N, 3): an equilateral triangle of area r² around each centre."""
    angles = np.radians([90.0, 210.0, 330.0])
    corners = np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1)
    # one whose corners are 1 from its middle has an area of 3 √3 / 4
    size = radius / np.sqrt(3 * np.sqrt(3) / 4)
    return (centers[:, None] + size[:, None, None] * corners).reshape(-1, 3)
