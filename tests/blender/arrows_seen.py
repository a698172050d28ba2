"""Motion arrows before many cameras, told from inside a Blender: arrows_seen.py -- FOLDER."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Euler, Vector

sys.path.insert(0, str(Path(__file__).parents[2]))
import blender_addon
from blender_addon.arrow_sources import new_arrow_curve
from blender_addon.arrows import add_arrow, arrows_of, write_arrows
from blender_addon.errors import SceneError
from blender_addon.record import record_scene

SIZE = (96, 64)
LINE = [(-1.0, 0.0, 0.5), (0.5, 0.25, 1.0), (1.0, 1.0, 1.5)]
LINE_ARRAY = np.array(LINE)
CAMERAS: dict[str, dict[str, Any]] = {
    "plain": {},
    "shifted": {"shift_x": 0.1, "shift_y": -0.2, "lens": 30.0},
    "vertical": {"sensor_fit": "VERTICAL", "sensor_height": 18.0},
    "orthographic": {"type": "ORTHO", "ortho_scale": 6.0, "shift_x": 0.1},
}


def set_up() -> Any:
    """A triangle that moves between frames 1 and 9, and a camera that does."""
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, 9
    scene.render.resolution_x, scene.render.resolution_y = SIZE
    mesh = bpy.data.meshes.new("Triangle")
    mesh.from_pydata([(-1, 0, -1), (1, 0, -1), (0, 0, 1)], [], [(0, 1, 2)])
    triangle = bpy.data.objects.new("Triangle", mesh)
    scene.collection.objects.link(triangle)
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.rotation_euler = Euler((1.3, 0.1, 0.2))
    for frame, x in ((1, 1.0), (9, 3.0)):
        camera.location = (x, -7.0, 2.0)
        camera.keyframe_insert("location", frame=frame)
    scene.collection.objects.link(camera)
    scene.camera = camera
    scene.frame_set(1)
    return scene


def empty(scene: Any, name: str, place: tuple[float, float, float], display: str = "SINGLE_ARROW") -> Any:
    obj = bpy.data.objects.new(name, None)
    obj.empty_display_type, obj.empty_display_size = display, 1.5
    obj.location, obj.rotation_euler, obj.scale = place, (0.2, 1.2, 0.3), (1.0, 1.0, 2.0)
    scene.collection.objects.link(obj)
    return obj


def blenders_pixels(scene: Any, points: Any) -> list[list[float]]:
    """What Blender's own projection says of points of the world, in the scene's current frame."""
    seen = [world_to_camera_view(scene, scene.camera, Vector(p)) for p in points]
    return [[p.x * SIZE[0], (1 - p.y) * SIZE[1]] for p in seen]


def through_cameras(folder: Path) -> dict[str, Any]:
    """The same arrows before each camera: an arrow, a goal and a curve, the latter from frame 5 on."""
    notes: dict[str, Any] = {}
    for name, settings in CAMERAS.items():
        scene = set_up()
        for key, value in settings.items():
            setattr(scene.camera.data, key, value)
        triangle = scene.objects["Triangle"]
        arrow, goal = empty(scene, "Arrow", (0.0, 0.5, 0.2)), empty(scene, "Goal", (1.5, 1.0, 1.0), "PLAIN_AXES")
        add_arrow(scene, arrow, triangle, "instance")
        add_arrow(scene, goal, triangle, "instance")
        item = add_arrow(scene, new_arrow_curve(scene, LINE_ARRAY), None, "drag")
        item.frame_start = 5
        scene.frame_set(3)
        arrows = arrows_of(scene)
        note = notes[name] = {"frame": scene.frame_current, "lines": [], "blender": [], "arrows": []}
        for seen in arrows:
            note["arrows"].append([seen.name, seen.object, seen.kind, list(seen.frames)])
            note["lines"].append(seen.points.tolist())
            note.setdefault("displacements", []).append(seen.displacement.tolist())
        scene.frame_set(1)
        tip = arrow.matrix_world @ Vector((0.0, 0.0, 1.5))
        note["blender"].append(blenders_pixels(scene, [arrow.matrix_world.translation, tip]))
        note["blender"].append(
            blenders_pixels(scene, [triangle.matrix_world.translation, goal.matrix_world.translation])
        )
        note["world"] = [[list(arrow.matrix_world.translation), list(tip)]]
        note["world"].append([list(triangle.matrix_world.translation), list(goal.matrix_world.translation)])
        note["world"].append(LINE)
        scene.frame_set(5)
        note["blender"].append(blenders_pixels(scene, LINE))
        write_arrows(scene, folder / f"{name}.json", size=(192, 128))
        record_scene(scene, folder / name, preview=True)
    return notes


def error_of(action: Callable[[], Any]) -> str:
    try:
        action()
    except (SceneError, RuntimeError) as error:
        return str(error)
    return "no error"


def mistakes() -> dict[str, str]:
    """What is said of arrows that mean nothing."""
    scene = set_up()
    triangle = scene.objects["Triangle"]
    notes = {"no target": error_of(lambda: add_arrow(scene, empty(scene, "Lost", (0, 0, 0)), None, "instance"))}
    notes["no source"] = error_of(lambda: add_arrow(scene, triangle, triangle, "drag"))
    source = empty(scene, "Bad", (0.0, -20.0, 0.0))
    item = add_arrow(scene, source, triangle, "instance")
    notes["twice"] = error_of(lambda: add_arrow(scene, source, triangle, "drag"))
    bpy.context.view_layer.update()
    notes["behind"] = error_of(lambda: arrows_of(scene))
    source.location.y, source.scale = 0.0, (0.0, 0.0, 0.0)
    bpy.context.view_layer.update()
    notes["no length"] = error_of(lambda: arrows_of(scene))
    source.scale, item.frame_end = (1.0, 1.0, 1.0), 1
    notes["no time"] = error_of(lambda: arrows_of(scene))
    item.frame_end, item.target = 9, None
    notes["moves nothing"] = error_of(lambda: arrows_of(scene))
    bpy.data.objects.remove(source)
    notes["deleted"] = str(len(arrows_of(scene)))
    thick = new_arrow_curve(scene, LINE_ARRAY)
    thick.data.bevel_depth = 0.1
    add_arrow(scene, thick, None, "drag")
    notes["bevel"] = error_of(lambda: arrows_of(scene))
    return notes


def select(scene: Any, *objects: Any) -> None:
    for obj in scene.objects:
        obj.select_set(obj in objects)
    bpy.context.view_layer.objects.active = objects[0] if objects else None


def operators(folder: Path) -> dict[str, Any]:
    """What the buttons add, and take away."""
    scene = set_up()
    triangle = scene.objects["Triangle"]
    select(scene)
    notes: dict[str, Any] = {"nothing selected": bpy.ops.simcraft.add_arrow.poll()}
    select(scene, triangle)
    bpy.ops.simcraft.add_arrow()
    notes["made"] = [bpy.context.object.name, [a.displacement.tolist() for a in arrows_of(scene)]]
    # behind the triangle: the camera sees the triangle where it starts
    curve = new_arrow_curve(scene, LINE_ARRAY + np.array((0.9, 0.6, -0.8)))
    bpy.context.view_layer.update()
    select(scene, curve)
    bpy.ops.simcraft.add_arrow()
    select(scene, empty(scene, "Far", (0.0, 0.0, 40.0)))
    bpy.context.view_layer.update()
    notes["over nothing"] = error_of(bpy.ops.simcraft.add_arrow)
    select(scene, bpy.data.objects["Far"], triangle)
    bpy.data.objects["Far"].location.z = 0.0
    bpy.ops.simcraft.add_arrow(kind="drag")
    notes["added"] = [[i.name, i.kind, i.target.name] for i in scene.simcraft_arrows]
    scene.simcraft_arrow_index = 0
    bpy.ops.simcraft.select_arrow()
    notes["selected"] = [o.name for o in bpy.context.selected_objects]
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "arrows.blend"))
    before = [a.points.tolist() for a in arrows_of(scene)]
    bpy.ops.wm.open_mainfile(filepath=str(folder / "arrows.blend"))
    scene = bpy.context.scene
    notes["same after loading"] = before == [a.points.tolist() for a in arrows_of(scene)]
    record_scene(scene, folder / "with arrows", preview=True)
    notes["warnings"] = json.loads((folder / "with arrows" / "recording.json").read_text()).get("warnings", [])
    for _ in range(3):
        bpy.ops.simcraft.remove_arrow(index=0)
    notes["left"] = sorted(obj.name for obj in scene.objects)
    notes["nothing to remove"] = bpy.ops.simcraft.remove_arrow.poll()
    return notes


def strokes() -> dict[str, Any]:
    """Strokes of the Annotate tool and of a grease pencil object, where scripts can draw them."""
    scene = set_up()
    notes: dict[str, Any] = {"none": error_of(bpy.ops.simcraft.add_arrow_from_stroke)}
    data = bpy.data.annotations if hasattr(bpy.data, "annotations") else bpy.data.grease_pencils
    annotations = data.new("Annotations")
    drawn = annotations.layers.new("Notes").frames.new(1).strokes
    setattr(scene, "annotation" if hasattr(scene, "annotation") else "grease_pencil", annotations)
    # in 4.5 scripts cannot
    if hasattr(drawn, "new"):
        stroke = drawn.new()
        stroke.display_mode = "3DSPACE"
        stroke.points.add(count=3)
        for point, place in zip(stroke.points, LINE, strict=True):
            point.co = place
        bpy.ops.simcraft.add_arrow_from_stroke()
        stroke.display_mode = "2DSPACE"
        notes["on the screen"] = error_of(bpy.ops.simcraft.add_arrow_from_stroke)
    pencil = pencil_object(scene)
    if pencil is not None:
        select(scene, pencil)
        bpy.context.view_layer.update()
        bpy.ops.simcraft.add_arrow_from_stroke(kind="drag")
    notes["lines"] = [a.points.tolist() for a in arrows_of(scene)]
    notes["blender"] = blenders_pixels(scene, LINE)
    return notes


def pencil_object(scene: Any) -> Any:
    """A grease pencil object, moved, whose stroke lies along LINE."""
    place = Vector((0.5, 0.5, 0.5))
    if hasattr(bpy.data, "grease_pencils_v3") or bpy.app.version >= (5, 0):
        data = (bpy.data.grease_pencils if bpy.app.version >= (5, 0) else bpy.data.grease_pencils_v3).new("Pencil")
        layer = data.layers.new("Lines")
        drawing = layer.frames.new(1).drawing
        drawing.add_strokes([3])
        for point, at in zip(drawing.strokes[0].points, LINE, strict=True):
            point.position = Vector(at) - place
        data.layers.active = layer
    else:
        data = bpy.data.grease_pencils.new("Pencil")
        layer = data.layers.new("Lines", set_active=True)
        stroke = layer.frames.new(1).strokes.new()
        stroke.display_mode = "3DSPACE"
        stroke.points.add(count=3)
        for point, at in zip(stroke.points, LINE, strict=True):
            point.co = Vector(at) - place
    pencil = bpy.data.objects.new("Pencil", data)
    pencil.location = place
    scene.collection.objects.link(pencil)
    return pencil


def main(folder: Path) -> None:
    blender_addon.register()
    notes = {
        "cameras": through_cameras(folder),
        "mistakes": mistakes(),
        "operators": operators(folder),
        "strokes": strokes(),
    }
    (folder / "notes.json").write_text(json.dumps(notes), encoding="utf-8")
    blender_addon.unregister()


main(Path(sys.argv[-1]))
