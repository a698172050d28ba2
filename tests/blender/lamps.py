"""Blender's factory scene on a floor, with other lamps in turn, for the test of the preview's exposure."""

from __future__ import annotations

from pathlib import Path

import bpy


def sun(data: Path) -> None:
    _factory_scene(data)
    _lamp("SUN", energy=2.0)


def area(data: Path) -> None:
    _factory_scene(data)
    _lamp("AREA", energy=400.0)


def point_far_from_the_origin(data: Path) -> None:
    _factory_scene(data)
    for thing in bpy.context.scene.objects:
        thing.location.x += 100.0


def _factory_scene(data: Path) -> None:
    """The cube, its camera and its lamp, as a new file has them."""
    bpy.ops.wm.read_factory_settings(use_empty=False)
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, 1
    scene.render.engine = "CYCLES"
    scene.cycles.use_denoising = False
    scene.view_settings.view_transform = "Standard"
    bpy.ops.mesh.primitive_plane_add(size=30, location=(0, 0, -1))
    data.write_text("{}", encoding="utf-8")


def _lamp(kind: str, energy: float) -> None:
    """Replace the lamp by one of another kind at the same place that shines on the cube."""
    place = bpy.data.objects["Light"].location.copy()
    bpy.data.objects.remove(bpy.data.objects["Light"])
    made = bpy.data.objects.new("Lamp", bpy.data.lights.new("Lamp", kind))
    made.data.energy = energy
    made.location = place
    made.rotation_euler = (-place).to_track_quat("-Z", "Y").to_euler()
    bpy.context.scene.collection.objects.link(made)
