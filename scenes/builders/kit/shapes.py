"""Named, textured objects. Sizes are in the mesh itself: every object's scale is 1 and its pivot its centre."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import lru_cache

import bmesh
import bpy
import numpy as np
from mathutils import Euler, Matrix

from . import stage
from .stage import Vector3

UV = tuple[float, float]


def paint(
    name: str,
    picture: np.ndarray | None = None,
    colour: Vector3 = (0.8, 0.8, 0.8),
    roughness: float = 0.5,
    metallic: float = 0.0,
) -> bpy.types.Material:
    """A material of one Principled shader, coloured by `picture` (sRGB) or by the plain linear `colour`."""
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    material.diffuse_color = (*colour, 1.0)
    nodes, links = material.node_tree.nodes, material.node_tree.links
    shader = next(node for node in nodes if node.type == "BSDF_PRINCIPLED")
    shader.inputs["Base Color"].default_value = (*colour, 1.0)
    shader.inputs["Roughness"].default_value = roughness
    shader.inputs["Metallic"].default_value = metallic
    if picture is not None:
        texture = nodes.new("ShaderNodeTexImage")
        texture.image = stage.image(name, picture)
        links.new(texture.outputs["Color"], shader.inputs["Base Color"])
    return material


def make_transparent(material: bpy.types.Material, cover: float = 0.2) -> None:
    """Let all but the share `cover` of the light go straight through `material`: thin glass, without bending rays."""
    nodes, links = material.node_tree.nodes, material.node_tree.links
    shader = next(node for node in nodes if node.type == "BSDF_PRINCIPLED")
    output = next(node for node in nodes if node.type == "OUTPUT_MATERIAL")
    mix = nodes.new("ShaderNodeMixShader")
    mix.inputs[0].default_value = cover
    links.new(nodes.new("ShaderNodeBsdfTransparent").outputs[0], mix.inputs[1])
    links.new(shader.outputs[0], mix.inputs[2])
    links.new(mix.outputs[0], output.inputs["Surface"])


def rim_glow(material: bpy.types.Material, colour: Vector3, strength: float) -> None:
    """Let `material` glow in `colour` where it is seen at a grazing angle, like an atmosphere."""
    nodes, links = material.node_tree.nodes, material.node_tree.links
    shader = next(node for node in nodes if node.type == "BSDF_PRINCIPLED")
    output = next(node for node in nodes if node.type == "OUTPUT_MATERIAL")
    facing, power = nodes.new("ShaderNodeLayerWeight"), nodes.new("ShaderNodeMath")
    glow, total = nodes.new("ShaderNodeEmission"), nodes.new("ShaderNodeAddShader")
    power.operation, power.inputs[1].default_value = "POWER", 4.0
    glow.inputs["Color"].default_value = (*colour, 1.0)
    scale = nodes.new("ShaderNodeMath")
    scale.operation, scale.inputs[1].default_value = "MULTIPLY", strength
    links.new(facing.outputs["Facing"], power.inputs[0])
    links.new(power.outputs[0], scale.inputs[0])
    links.new(scale.outputs[0], glow.inputs["Strength"])
    links.new(shader.outputs[0], total.inputs[0])
    links.new(glow.outputs[0], total.inputs[1])
    links.new(total.outputs[0], output.inputs["Surface"])


def box(
    name: str,
    size: Vector3,
    material: bpy.types.Material | None,
    location: Vector3 = (0.0, 0.0, 0.0),
    rotation: Vector3 = (0.0, 0.0, 0.0),
    bevel: float = 0.0,
    texture_size: float = 1.0,
    offset: UV = (0.0, 0.0),
) -> bpy.types.Object:
    """A box with rounded edges of `bevel` metres; a picture covers `texture_size` metres of each side."""
    mesh = bmesh.new()
    bmesh.ops.create_cube(mesh, size=1.0)
    bmesh.ops.scale(mesh, vec=size, verts=mesh.verts)
    _bevel(mesh, bevel)

    def project(position: Vector3, normal: Vector3) -> UV:
        u, v = _side(position, normal)
        return u / texture_size + offset[0], v / texture_size + offset[1]

    _map(mesh, project)
    return _finish(name, mesh, material, location, rotation, smooth=False)


def decorated_box(
    name: str,
    size: Vector3,
    material: bpy.types.Material,
    location: Vector3,
    rotation: Vector3 = (0.0, 0.0, 0.0),
    bevel: float = 0.0,
) -> bpy.types.Object:
    """A box whose two x sides show the whole picture; the other sides take the colour of its left margin."""
    mesh = bmesh.new()
    bmesh.ops.create_cube(mesh, size=1.0)
    bmesh.ops.scale(mesh, vec=size, verts=mesh.verts)
    _bevel(mesh, bevel)

    def project(position: Vector3, normal: Vector3) -> UV:
        if abs(normal[0]) > 0.9:
            return position[1] / size[1] + 0.5, position[2] / size[2] + 0.5
        u, v = _side(position, normal)
        return 0.03 + 0.01 * u, 0.5 + 0.01 * v

    _map(mesh, project)
    return _finish(name, mesh, material, location, rotation, smooth=False)


def sphere(
    name: str,
    radius: float,
    material: bpy.types.Material,
    location: Vector3,
    rotation: Vector3 = (0.0, 0.0, 0.0),
    segments: int = 48,
) -> bpy.types.Object:
    """A smooth ball with longitude and latitude as texture coordinates."""
    corners, faces, uv = _ball(radius, segments)
    return from_arrays(name, corners, faces, uv, material, location, rotation, smooth=True)


def cylinder(
    name: str,
    radius: float,
    height: float,
    material: bpy.types.Material,
    location: Vector3,
    rotation: Vector3 = (0.0, 0.0, 0.0),
    top_radius: float | None = None,
    bevel: float = 0.0,
    texture_size: float = 1.0,
) -> bpy.types.Object:
    """An upright cylinder, or a cone where `top_radius` differs; texture wraps the side in whole repetitions."""
    mesh = bmesh.new()
    top = radius if top_radius is None else top_radius
    bmesh.ops.create_cone(mesh, cap_ends=True, segments=48, radius1=radius, radius2=top, depth=height)
    if bevel:
        rims = [edge for edge in mesh.edges if any(len(face.verts) > 4 for face in edge.link_faces)]
        bmesh.ops.bevel(mesh, geom=rims, offset=bevel, segments=2, profile=0.5, affect="EDGES")
    wraps = max(1, round(2 * np.pi * radius / texture_size))

    for_side = _wrap_coordinates(wraps, texture_size)
    _map(mesh, for_side)
    return _finish(name, mesh, material, location, rotation, smooth=False)


def ring(
    name: str,
    radius: float,
    thickness: float,
    material: bpy.types.Material,
    location: Vector3,
    rotation: Vector3 = (0.0, 0.0, 0.0),
    segments: int = 32,
) -> bpy.types.Object:
    """A ring that lies flat: `radius` to the middle of its round section, half of whose width is `thickness`."""
    around = np.arange(segments) * 2 * np.pi / segments
    across = np.arange(segments // 2) * 4 * np.pi / segments
    out = radius + thickness * np.cos(across)
    corners = np.stack(
        [
            np.cos(around)[:, None] * out,
            np.sin(around)[:, None] * out,
            np.broadcast_to(thickness * np.sin(across), (segments, segments // 2)),
        ],
        axis=-1,
    ).reshape(-1, 3)
    i, j = (n.ravel() for n in np.mgrid[0:segments, 0 : segments // 2])
    steps = np.array([(0, 0), (1, 0), (1, 1), (0, 1)])
    along, about = i[:, None] + steps[:, 0], j[:, None] + steps[:, 1]
    faces = along % segments * (segments // 2) + about % (segments // 2)
    uv = np.stack([4 * along / segments, 2 * about / segments], axis=-1).reshape(-1, 2)
    return from_arrays(name, corners, faces, uv, material, location, rotation, smooth=True)


def sheet(
    name: str, size: float, cells: int, material: bpy.types.Material, location: Vector3, turn: float = 0.0
) -> bpy.types.Object:
    """A flat square of `size` metres and `cells` cells a side; its picture covers it once."""
    heights = np.zeros((cells + 1, cells + 1))
    return terrain(name, size, heights, material, location, turn)


def strip(
    name: str, length: float, width: float, repeat: float, material: bpy.types.Material, location: Vector3
) -> bpy.types.Object:
    """A flat strip along x; its picture covers `repeat` metres of the length and the whole width."""
    x, y = length / 2, width / 2
    corners = np.array([(-x, -y, 0.0), (x, -y, 0.0), (x, y, 0.0), (-x, y, 0.0)])
    uv = np.array([(0.0, 0.0), (length / repeat, 0.0), (length / repeat, 1.0), (0.0, 1.0)])
    return from_arrays(name, corners, np.array([[0, 1, 2, 3]]), uv, material, location)


def terrain(
    name: str,
    size: float,
    heights: np.ndarray,
    material: bpy.types.Material,
    location: Vector3 = (0.0, 0.0, 0.0),
    turn: float = 0.0,
) -> bpy.types.Object:
    """A square of `size` metres with `heights` (n, n) in metres, [x, y] from its lower left corner on; smooth."""
    count = len(heights)
    place = np.linspace(-size / 2, size / 2, count)
    x, y = np.meshgrid(place, place, indexing="ij")
    corners = np.stack([x, y, heights], axis=-1).reshape(-1, 3)
    cell = np.arange(count * count).reshape(count, count)
    faces = np.stack([cell[:-1, :-1], cell[1:, :-1], cell[1:, 1:], cell[:-1, 1:]], axis=-1).reshape(-1, 4)
    uv = (corners[:, :2] / size + 0.5)[faces.ravel()]
    return from_arrays(name, corners, faces, uv, material, location, (0.0, 0.0, turn), smooth=True)


def from_arrays(
    name: str,
    corners: np.ndarray,
    faces: np.ndarray | list[tuple[int, ...]],
    uv: np.ndarray,
    material: bpy.types.Material,
    location: Vector3 = (0.0, 0.0, 0.0),
    rotation: Vector3 = (0.0, 0.0, 0.0),
    smooth: bool = False,
) -> bpy.types.Object:
    """A mesh of `corners` (V, 3) in metres and `faces` (F, n) with texture coordinates `uv` (F n, 2).

    Faces of different sizes come as a list; their texture coordinates follow one another.
    """
    data = bpy.data.meshes.new(name)
    data.from_pydata(corners.tolist(), [], faces.tolist() if isinstance(faces, np.ndarray) else faces)
    _set_uv(data, uv)
    data.polygons.foreach_set("use_smooth", [smooth] * len(faces))
    data.materials.append(material)
    return _place(name, data, location, rotation)


def boxes(
    name: str, sizes: np.ndarray, places: np.ndarray, material: bpy.types.Material, texture_size: float
) -> bpy.types.Object:
    """One mesh of boxes of `sizes` (n, 3) that stand on the ground at `places` (n, 2)."""
    unit = np.array([(x, y, z) for z in (0, 1) for y in (-0.5, 0.5) for x in (-0.5, 0.5)])
    sides = np.array([(0, 1, 5, 4), (1, 3, 7, 5), (3, 2, 6, 7), (2, 0, 4, 6), (4, 5, 7, 6)])
    across = (0, 1, 0, 1, 0)
    corners = unit[None] * sizes[:, None]
    faces = sides[None] + 8 * np.arange(len(sizes))[:, None, None]
    uv = np.stack(
        [
            np.stack([corners[:, side, across[i]], corners[:, side, 1 if i == 4 else 2]], axis=-1)
            for i, side in enumerate(sides)
        ],
        axis=1,
    )
    corners[..., :2] += places[:, None]
    return from_arrays(name, corners.reshape(-1, 3), faces.reshape(-1, 4), uv.reshape(-1, 2) / texture_size, material)


def lathe(
    mesh: bmesh.types.BMesh,
    profile: Sequence[tuple[float, float]],
    centre: Vector3 = (0.0, 0.0, 0.0),
    flat: float = 1.0,
) -> None:
    """Add the body of revolution of `profile`, (radius, height) from below, to `mesh`; `flat` squeezes it along y."""
    segments = 32
    angles = np.arange(segments) * 2 * np.pi / segments
    rings = [
        [mesh.verts.new((centre[0] + r * np.cos(a), centre[1] + flat * r * np.sin(a), centre[2] + z)) for a in angles]
        for r, z in profile
    ]
    for lower, upper in itertools.pairwise(rings):
        for i in range(segments):
            j = (i + 1) % segments
            mesh.faces.new((lower[i], lower[j], upper[j], upper[i]))
    mesh.faces.new(rings[0][::-1])
    mesh.faces.new(rings[-1])


def ellipsoid(
    mesh: bmesh.types.BMesh,
    radii: Vector3,
    centre: Vector3,
    rotation: Vector3 = (0.0, 0.0, 0.0),
    segments: int = 24,
) -> None:
    """Add an ellipsoid of `radii` to `mesh`, turned by `rotation` about `centre`."""
    matrix = Matrix.Translation(centre) @ Euler(rotation).to_matrix().to_4x4() @ Matrix.Diagonal((*radii, 1.0))
    corners, faces, _ = _ball(1.0, segments)
    turned = np.array(matrix, np.float32)
    x, y, z = corners.T
    # in single precision and in this order, as Blender itself does it
    placed = np.stack([x * row[0] + y * row[1] + row[2] * z + row[3] for row in turned[:3]], axis=-1)
    verts = [mesh.verts.new(place) for place in placed.tolist()]
    for face in faces:
        mesh.faces.new([verts[i] for i in face])


def finish(
    name: str,
    mesh: bmesh.types.BMesh,
    material: bpy.types.Material,
    location: Vector3,
    rotation: Vector3 = (0.0, 0.0, 0.0),
    texture_size: float = 1.0,
    smooth: bool = True,
) -> bpy.types.Object:
    """The object of what was put together in `mesh`, textured from its sides; frees `mesh`."""

    bmesh.ops.recalc_face_normals(mesh, faces=mesh.faces)
    mesh.normal_update()
    sides = np.abs(np.array([face.normal for face in mesh.faces])).argmax(axis=1)
    made = _finish(name, mesh, material, location, rotation, smooth)
    corners, owners = _loops(made.data)
    axes = np.array([(1, 2), (0, 2), (0, 1)])[sides[owners]]
    _set_uv(made.data, np.take_along_axis(corners, axes, axis=1) / texture_size)
    return made


def _wrap_coordinates(wraps: int, texture_size: float) -> Callable[[Vector3, Vector3], UV]:
    def project(position: Vector3, normal: Vector3) -> UV:
        if abs(normal[2]) > 0.95:
            return position[0] / texture_size, position[1] / texture_size
        facing = np.arctan2(normal[1], normal[0])
        angle = np.arctan2(position[1], position[0])
        # the corner's angle is taken next to its face's, so that no face spans the seam
        angle = facing + (angle - facing + np.pi) % (2 * np.pi) - np.pi
        return float(angle / (2 * np.pi) * wraps), position[2] / texture_size

    return project


def _bevel(mesh: bmesh.types.BMesh, width: float) -> None:
    if width:
        bmesh.ops.bevel(mesh, geom=list(mesh.edges), offset=width, segments=3, profile=0.5, affect="EDGES")


def _side(position: Vector3, normal: Vector3) -> UV:
    """Texture coordinates in metres of the box side that `normal` points out of."""
    axis = int(np.argmax(np.abs(normal)))
    if axis == 2:
        return position[0], position[1]
    return (position[1], position[2]) if axis == 0 else (position[0], position[2])


Ball = tuple[np.ndarray, list[tuple[int, ...]], np.ndarray]
"""Corners (V, 3) float32, the corners of each face, and texture coordinates of these, face after face."""


@lru_cache(maxsize=64)
def _ball(radius: float, segments: int) -> Ball:
    """Blender's UV sphere, which takes its time, with the faces in order.

    Their order, and texture coordinates with them, differ from run to run where Blender makes them.
    """
    mesh = bmesh.new()
    bmesh.ops.create_uvsphere(mesh, u_segments=segments, v_segments=segments // 2, radius=radius)
    mesh.verts.index_update()
    corners = np.array([vertex.co for vertex in mesh.verts], np.float32)
    faces = sorted((tuple(vertex.index for vertex in face.verts) for face in mesh.faces), key=sorted)
    mesh.free()
    # each begins with its first corner, whatever its first loop was
    faces = [face[k:] + face[:k] for face in faces for k in (face.index(min(face)),)]
    return corners, faces, _longitude_and_latitude(corners, faces)


def _longitude_and_latitude(corners: np.ndarray, faces: list[tuple[int, ...]]) -> np.ndarray:
    """Texture coordinates (sum of faces' corners, 2) on a ball around the origin."""
    counts = np.array([len(face) for face in faces])
    place = corners[np.concatenate([np.array(face) for face in faces])].astype(float)
    middle = np.repeat(np.add.reduceat(place, np.cumsum(counts) - counts), counts, axis=0)
    facing = np.arctan2(middle[:, 1], middle[:, 0])
    angle = np.arctan2(place[:, 1], place[:, 0])
    # next to its face's angle, so that no face spans the seam; the poles have none of their own
    angle = facing + (angle - facing + np.pi) % (2 * np.pi) - np.pi
    flat = np.hypot(place[:, 0], place[:, 1])
    angle = np.where(flat < 1e-4 * np.abs(place[:, 2]), facing, angle)
    return np.stack([angle / (2 * np.pi) + 0.5, np.arctan2(place[:, 2], flat) / np.pi + 0.5], axis=-1)


def _loops(data: bpy.types.Mesh) -> tuple[np.ndarray, np.ndarray]:
    """Place (L, 3) and face (L,) of every corner of every face."""
    place, used = np.empty(3 * len(data.vertices), np.float32), np.empty(len(data.loops), np.int32)
    counts = np.empty(len(data.polygons), np.int32)
    data.vertices.foreach_get("co", place)
    data.loops.foreach_get("vertex_index", used)
    data.polygons.foreach_get("loop_total", counts)
    return place.reshape(-1, 3)[used].astype(float), np.repeat(np.arange(len(counts)), counts)


def _set_uv(data: bpy.types.Mesh, uv: np.ndarray) -> None:
    data.uv_layers.new(name="UVMap").data.foreach_set("uv", uv.astype(np.float32).ravel())


def _map(mesh: bmesh.types.BMesh, project: Callable[[Vector3, Vector3], UV]) -> None:
    mesh.normal_update()
    layer = mesh.loops.layers.uv.verify()
    for face in mesh.faces:
        for loop in face.loops:
            loop[layer].uv = project(tuple(loop.vert.co), tuple(face.normal))


def _finish(
    name: str,
    mesh: bmesh.types.BMesh,
    material: bpy.types.Material | None,
    location: Vector3,
    rotation: Vector3,
    smooth: bool,
) -> bpy.types.Object:
    data = bpy.data.meshes.new(name)
    for face in mesh.faces:
        face.smooth = smooth
    mesh.to_mesh(data)
    mesh.free()
    if material is not None:
        data.materials.append(material)
    return _place(name, data, location, rotation)


def _place(name: str, data: bpy.types.Mesh, location: Vector3, rotation: Vector3) -> bpy.types.Object:
    made = bpy.data.objects.new(name, data)
    made.location = location
    made.rotation_euler = rotation
    bpy.context.scene.collection.objects.link(made)
    return made
