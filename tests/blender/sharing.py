"""Objects that share a mesh but not its materials, and emitters with several particle systems, built inside Blender."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import bpy

sys.path.insert(0, str(Path(__file__).parent))
from zoo import _camera, add_cube, ease


def sharing(data: Path) -> None:
    """Frames 1 to 12."""
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, 12
    scene.render.resolution_x, scene.render.resolution_y = 64, 48
    _camera(scene)
    colors = {name: bpy.data.materials.new(name) for name in ("Red", "Blue")}
    _pair(scene, "Still", colors)
    for cube in _pair(scene, "Sliding", colors):
        ease(cube, "location", (0.0, 0.0, 0.0), (5.0, 0.0, 0.0))
    for cube in _pair(scene, "Waving", colors):
        cube.modifiers.new("Wave", "WAVE")
    _pair_with_shape_key(scene, colors)
    _instanced_pair(scene, colors)
    _fountain("Points", "HALO", None)
    _fountain("Chips", "OBJECT", add_cube("Chip", (20, 20, 20), 0.1))
    data.write_text("{}", encoding="utf-8")


def _pair(scene: Any, name: str, colors: dict[str, Any]) -> list[Any]:
    """Two objects of one mesh, each with its own material in the one slot: "`name` Red" and "`name` Blue"."""
    first = add_cube(f"{name} Red")
    first.data.materials.append(None)
    second = bpy.data.objects.new(f"{name} Blue", first.data)
    scene.collection.objects.link(second)
    for cube, material in zip((first, second), colors.values(), strict=True):
        cube.material_slots[0].link = "OBJECT"
        cube.material_slots[0].material = material
    return [first, second]


def _pair_with_shape_key(scene: Any, colors: dict[str, Any]) -> None:
    first, _ = _pair(scene, "Rising", colors)
    first.shape_key_add(name="Basis")
    key = first.shape_key_add(name="Up")
    for point in key.data:
        point.co.z += 2.0
    ease(key, "value", 0.0, 1.0)


def _instanced_pair(scene: Any, colors: dict[str, Any]) -> None:
    collection = bpy.data.collections.new("Instanced")
    for cube in _pair(scene, "Instanced", colors):
        scene.collection.objects.unlink(cube)
        collection.objects.link(cube)
    empty = bpy.data.objects.new("Instance", None)
    empty.instance_type, empty.instance_collection = "COLLECTION", collection
    scene.collection.objects.link(empty)


def _fountain(name: str, kind: str, instance: Any) -> None:
    """A plane that emits 20 particles upwards and 7 downwards, the latter two frames later."""
    bpy.ops.mesh.primitive_plane_add(size=1, location=(0, -8, 2))
    emitter = bpy.context.object
    emitter.name = name
    for system, count, start, speed in (("Up", 20, 1, 1.0), ("Down", 7, 3, -1.0)):
        emitter.modifiers.new(system, "PARTICLE_SYSTEM")
        emitter.particle_systems[-1].name = system
        settings = emitter.particle_systems[-1].settings
        settings.count, settings.frame_start, settings.frame_end, settings.lifetime = count, start, start, 100
        settings.normal_factor = speed
        settings.effector_weights.gravity = 0.0
        settings.particle_size = 0.05
        settings.render_type = kind
        settings.instance_object = instance
