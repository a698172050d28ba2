"""Small scenes built inside Blender for the tests of `simulate` (run by the child's `build` request)."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import bpy


def _moving_cube(frames: int = 4) -> Any:
    """A bright cube that crosses the picture of a black world; its x is eased from -2 to 2."""
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, frames
    scene.render.resolution_x, scene.render.resolution_y = 48, 32
    scene.render.engine = "CYCLES"
    scene.cycles.samples = 4
    scene.view_settings.view_transform = "Standard"
    bpy.ops.mesh.primitive_cube_add(size=1)
    cube = bpy.context.object
    cube.name = "Cube"
    for frame, x in ((1, -2.0), (frames, 2.0)):
        cube.location.x = x
        cube.keyframe_insert("location", frame=frame)
    material = bpy.data.materials.new("Glow")
    material.use_nodes = True
    tree = material.node_tree
    glow = tree.nodes.new("ShaderNodeEmission")
    glow.inputs["Color"].default_value = (1.0, 0.5, 0.1, 1.0)
    tree.links.new(glow.outputs[0], tree.get_output_node("ALL").inputs["Surface"])
    cube.data.materials.append(material)
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.location, camera.rotation_euler = (0.0, -10.0, 0.0), (1.5707963, 0.0, 0.0)
    scene.collection.objects.link(camera)
    scene.camera = camera
    return scene


def moving_cube(data: Path) -> None:
    _moving_cube()


def falling_cube(data: Path) -> None:
    """The glowing cube falls through the picture by Bullet, in frames 1 to 12."""
    scene = _moving_cube()
    cube = bpy.data.objects["Cube"]
    cube.animation_data_clear()
    cube.location = (0.0, 0.0, 1.5)
    bpy.context.view_layer.objects.active = cube
    bpy.ops.rigidbody.object_add(type="ACTIVE")
    scene.frame_end = 12


def stepped_cube(data: Path) -> None:
    """A scene of 13 frames of which it wants every third."""
    _moving_cube(frames=13).frame_step = 3


def seeded_cube(data: Path) -> None:
    """The cube's height is the scene's seed."""
    scene = _moving_cube()
    scene["seed"] = 0
    driver = bpy.data.objects["Cube"].driver_add("location", 2).driver
    driver.type = "SUM"
    variable = driver.variables.new()
    variable.targets[0].id_type = "SCENE"
    variable.targets[0].id = scene
    variable.targets[0].data_path = '["seed"]'


def workbench(data: Path) -> None:
    """An engine that needs a graphics driver."""
    _moving_cube().render.engine = "BLENDER_WORKBENCH"


def save_scripted(data: Path) -> None:
    """Save, as `data`, a .blend with a script that would run by itself and write `data`.ran, and a Python driver."""
    text = bpy.data.texts.new("autorun.py")
    text.write(f"open({str(data) + '.ran'!r}, 'w').close()\n")
    text.use_module = True
    _moving_cube()
    driver = bpy.data.objects["Cube"].driver_add("location", 2).driver
    driver.expression = f"open({str(data) + '.ran'!r}, 'w').close() or 1.0"
    bpy.ops.wm.save_as_mainfile(filepath=str(data))


def big_cloth(data: Path) -> None:
    """Several megabytes of moving vertices."""
    _moving_cube(frames=24)
    bpy.ops.mesh.primitive_grid_add(x_subdivisions=100, y_subdivisions=100)
    wave = bpy.context.object.modifiers.new("Wave", "WAVE")
    wave.height = 0.2


def die(data: Path) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def leave(data: Path) -> None:
    os._exit(3)


def sleep(data: Path) -> None:
    """Say who is sleeping, then sleep for a minute."""
    data.write_text(str(os.getpid()), encoding="utf-8")
    time.sleep(60)


def work(data: Path) -> None:
    """Say who is working, then let Blender evaluate frames of a large mesh for a minute."""
    bpy.ops.mesh.primitive_grid_add(x_subdivisions=1000, y_subdivisions=1000)
    bpy.context.object.modifiers.new("Wave", "WAVE")
    bpy.context.scene.frame_set(1)
    data.write_text(str(os.getpid()), encoding="utf-8")
    end = time.monotonic() + 60
    while time.monotonic() < end:
        bpy.context.scene.frame_set(bpy.context.scene.frame_current + 1)


def mistake(data: Path) -> None:
    raise RuntimeError("a bug in the scene builder")
