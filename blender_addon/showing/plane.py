"""Footage on a plane that shines by itself."""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np
from mathutils import Matrix

from ..camera import CameraFrame
from ..results import MARK, marked, new_object, videos_collection
from ..shader import Graph
from .footage import Loaded, play


def plane_in_view(scene: Any, loaded: Loaded, camera: CameraFrame, distance: float) -> Any:
    """A plane that follows the scene's camera, `distance` metres before it, and fills its picture; returns it.

    `camera` is what it sees in a picture of the footage's size.
    """
    width, height = loaded.size
    corners = np.array([[0, height, 1], [width, height, 1], [width, 0, 1], [0, 0, 1]], np.float64)
    if camera.projection == "perspective":
        corners = corners @ np.linalg.inv(camera.intrinsics).T * distance
    else:
        corners = corners @ np.linalg.inv(camera.intrinsics).T * [1, 1, distance]
    plane = _plane(scene, loaded, corners * [1, -1, -1])
    plane.parent = scene.camera
    # the camera's own scale does not change what it sees
    plane.matrix_parent_inverse = Matrix.Diagonal((*(1 / s for s in scene.camera.matrix_world.to_scale()), 1.0))
    return plane


def plane_at_cursor(scene: Any, loaded: Loaded, height: float) -> Any:
    """An upright plane at the 3D cursor, `height` metres high, that looks along the cursor's -y axis; returns it."""
    half = height / 2 * np.array([loaded.size[0] / loaded.size[1], 1.0])
    corners = np.array([[x * half[0], 0.0, z * half[1]] for x, z in ((-1, -1), (1, -1), (1, 1), (-1, 1))])
    plane = _plane(scene, loaded, corners)
    plane.matrix_world = scene.cursor.matrix
    return plane


def _plane(scene: Any, loaded: Loaded, corners: np.ndarray) -> Any:
    """A face with these `corners` (4, 3), from the picture's lower left one on anticlockwise; never recorded."""
    mesh = marked(bpy.data.meshes.new(loaded.footage.path.stem))
    mesh.from_pydata(corners.tolist(), [], [(0, 1, 2, 3)])
    mesh.uv_layers.new(name="UVMap").data.foreach_set("uv", [0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0])
    mesh.materials.append(_material(loaded))
    return new_object(loaded.footage.path.stem, mesh, videos_collection(scene))


def _material(loaded: Loaded) -> Any:
    """A material that shines as the picture does; that of an earlier plane of the same footage where there is one."""
    for material in bpy.data.materials:
        if MARK in material and material.node_tree:
            for node in material.node_tree.nodes:
                if node.type == "TEX_IMAGE" and node.image == loaded.image:
                    play(node.image_user, loaded)
                    return material
    material = marked(bpy.data.materials.new(loaded.footage.path.stem))
    material.use_nodes = True
    graph = Graph(material.node_tree)
    texture = graph.node("ShaderNodeTexImage")
    texture.image, texture.extension = loaded.image, "EXTEND"
    play(texture.image_user, loaded)
    emission = graph.node("ShaderNodeEmission", Color=texture.outputs["Color"])
    graph.node("ShaderNodeOutputMaterial", Surface=emission.outputs[0])
    return material
