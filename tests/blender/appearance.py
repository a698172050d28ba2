"""Materials, textures and lights, built inside Blender for the tests of the exporter."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import bpy
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from zoo import _camera, add_cube


def appearance(data: Path) -> None:
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, 2
    scene.render.resolution_x, scene.render.resolution_y = 32, 32
    _camera(scene)
    _light(scene)
    plain = _material("Plain", (0.1, 0.2, 0.3))
    plain.node_tree.nodes["Principled BSDF"].inputs["Roughness"].default_value = 0.25
    two = add_cube("TwoMaterials")
    two.data.materials.append(plain)
    two.data.materials.append(plain)
    two.data.polygons[0].material_index = 1
    two.material_slots[1].link = "OBJECT"
    two.material_slots[1].material = _material("Object's", (1.0, 1.0, 1.0))
    bpy.ops.mesh.primitive_uv_sphere_add()
    bpy.context.object.name = "Ball"
    bpy.ops.object.shade_smooth()
    half = np.zeros((8, 8, 4), np.float32)
    half[:, :4, 0] = half[:, 4:, 1] = 1.0
    half[4:] *= 0.5
    half[..., 3] = 1.0
    add_cube("TexturedCube").data.materials.append(_textured("Textured", half, brightness=True))
    grey = np.full((8, 2000, 4), 64 / 255, np.float32)
    add_cube("LargeCube").data.materials.append(_textured("Large", grey))
    bpy.ops.mesh.primitive_plane_add(size=2)
    bpy.context.object.name = "Mapped"
    bpy.context.object.data.materials.append(_textured("MappedTexture", half, mapping=True))
    checker = add_cube("CheckerCube")
    checker.data.materials.append(_checker())
    checker.data.polygons[0].use_smooth = True
    data.write_text("{}", encoding="utf-8")


def _light(scene: Any) -> None:
    lamp = bpy.data.lights.new("Sun", "SUN")
    lamp.energy, lamp.color = 3.0, (1.0, 0.5, 0.25)
    sun = bpy.data.objects.new("Sun", lamp)
    sun.rotation_euler.x = np.radians(30)
    scene.collection.objects.link(sun)
    weak = bpy.data.objects.new("Weak", bpy.data.lights.new("Weak", "SUN"))
    weak.data.energy = 1.0
    scene.collection.objects.link(weak)
    scene.world = bpy.data.worlds.new("World")
    scene.world.use_nodes = True
    background = scene.world.node_tree.nodes["Background"]
    background.inputs["Color"].default_value = (0.1, 0.2, 0.3, 1.0)
    background.inputs["Strength"].default_value = 2.0


def _material(name: str, color: tuple[float, float, float]) -> Any:
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    material.node_tree.nodes["Principled BSDF"].inputs["Base Color"].default_value = (*color, 1.0)
    return material


def _textured(name: str, pixels: np.ndarray, brightness: bool = False, mapping: bool = False) -> Any:
    """A material with a picture (row 0 at the bottom, as Blender has it), perhaps behind or before another node."""
    image = bpy.data.images.new(name, pixels.shape[1], pixels.shape[0])
    image.pixels.foreach_set(pixels.ravel())
    material = _material(name, (0.0, 0.0, 0.0))
    tree = material.node_tree
    texture = tree.nodes.new("ShaderNodeTexImage")
    texture.image = image
    color = texture.outputs["Color"]
    if brightness:
        between = tree.nodes.new("ShaderNodeBrightContrast")
        tree.links.new(color, between.inputs["Color"])
        color = between.outputs["Color"]
    tree.links.new(color, tree.nodes["Principled BSDF"].inputs["Base Color"])
    if mapping:
        coordinates = tree.nodes.new("ShaderNodeTexCoord")
        node = tree.nodes.new("ShaderNodeMapping")
        node.inputs["Scale"].default_value = (2.0, 2.0, 1.0)
        node.inputs["Location"].default_value = (0.5, 0.0, 0.0)
        tree.links.new(coordinates.outputs["UV"], node.inputs["Vector"])
        tree.links.new(node.outputs["Vector"], texture.inputs["Vector"])
    return material


def _checker() -> Any:
    material = _material("Checker", (0.0, 0.0, 0.0))
    checker = material.node_tree.nodes.new("ShaderNodeTexChecker")
    checker.inputs["Color1"].default_value = (1.0, 0.0, 0.0, 1.0)
    checker.inputs["Color2"].default_value = (0.0, 0.5, 0.0, 1.0)
    material.node_tree.links.new(
        checker.outputs["Color"], material.node_tree.nodes["Principled BSDF"].inputs["Base Color"]
    )
    return material
