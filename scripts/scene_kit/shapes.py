"""Named, textured objects. Sizes are in the mesh itself: every object's scale is 1 and its pivot its centre."""

from __future__ import annotations

from collections.abc import Callable

import bmesh
import bpy
import numpy as np

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


def box(
    name: str,
    size: Vector3,
    material: bpy.types.Material,
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
) -> bpy.types.Object:
    """A smooth ball with longitude and latitude as texture coordinates."""
    mesh = bmesh.new()
    mesh.loops.layers.uv.new("UVMap")
    bmesh.ops.create_uvsphere(mesh, u_segments=48, v_segments=24, radius=radius, calc_uvs=True)
    return _finish(name, mesh, material, location, rotation, smooth=True)


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


def _map(mesh: bmesh.types.BMesh, project: Callable[[Vector3, Vector3], UV]) -> None:
    mesh.normal_update()
    layer = mesh.loops.layers.uv.verify()
    for face in mesh.faces:
        for loop in face.loops:
            loop[layer].uv = project(tuple(loop.vert.co), tuple(face.normal))


def _finish(
    name: str,
    mesh: bmesh.types.BMesh,
    material: bpy.types.Material,
    location: Vector3,
    rotation: Vector3,
    smooth: bool,
) -> bpy.types.Object:
    data = bpy.data.meshes.new(name)
    for face in mesh.faces:
        face.smooth = smooth
    mesh.to_mesh(data)
    mesh.free()
    data.materials.append(material)
    made = bpy.data.objects.new(name, data)
    made.location = location
    made.rotation_euler = rotation
    bpy.context.scene.collection.objects.link(made)
    return made
