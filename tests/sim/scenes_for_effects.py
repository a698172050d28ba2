"""A scene with smoke, built inside Blender by the child's `build` request."""

from __future__ import annotations

from pathlib import Path

import bpy
from mathutils import Vector


def smoking(data: Path) -> None:
    """A hidden cube feeds smoke into a box, before a white wall; four frames of 48 x 48 pixels."""
    from blender_addon.effects import give_role, make_domain

    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, 4
    scene.render.resolution_x = scene.render.resolution_y = 48
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising = 4, False
    scene.view_settings.view_transform = "Standard"
    world = scene.world = bpy.data.worlds.new("white")
    world.use_nodes = True
    _cube("Wall", (0.0, 4.0, 1.0), 8.0, 0.1)
    domain = make_domain(_cube("Smoke", (0.0, 0.0, 1.0), 2.0), "smoke", resolution=16, warm_up=0.3, thickness=40.0)
    emitter = give_role(_cube("Chimney", (0.0, 0.0, 0.6), 0.8), "emitter", domain)
    emitter.hide_render = True
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    camera.location = (0.0, -7.0, 1.0)
    camera.rotation_euler = Vector((0.0, 1.0, 0.0)).to_track_quat("-Z", "Y").to_euler()
    scene.collection.objects.link(camera)
    scene.camera = camera
    lamp = bpy.data.objects.new("sun", bpy.data.lights.new("sun", "SUN"))
    lamp.data.energy = 3.0
    lamp.rotation_euler = Vector((0.2, 1.0, -0.5)).to_track_quat("-Z", "Y").to_euler()
    scene.collection.objects.link(lamp)


def _cube(name: str, place: tuple[float, float, float], size: float, depth: float | None = None) -> bpy.types.Object:
    half, deep = size / 2, (depth or size) / 2
    corners = [(x, y, z) for x in (-half, half) for y in (-deep, deep) for z in (-half, half)]
    sides = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(corners, [], sides)
    made = bpy.data.objects.new(name, mesh)
    made.location = place
    bpy.context.scene.collection.objects.link(made)
    return made
