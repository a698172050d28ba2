"""Many small scenes, recorded one after another inside one Blender; what came of each goes into a JSON file.

Runs in Blender's Python, from the child's `build` request, with the add-on already imported.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
from mathutils import Euler

sys.path.insert(0, str(Path(__file__).parent))
from zoo import LANDMARK, _camera, add_cube, ease, landmark_pixels

CASES: dict[str, Callable[[Any, Path], dict[str, Any]]] = {}


def case(name: str) -> Callable[[Callable], Callable]:
    """Register a function that sets a scene up and returns the options to record it with."""

    def register(function: Callable) -> Callable:
        CASES[name] = function
        return function

    return register


def cases(data: Path) -> Any:
    """Record every case beside `data`; returns the last scene, for the child to record as well."""
    from blender_addon.errors import RecordError
    from blender_addon.record import record_scene

    notes: dict[str, Any] = {}
    for name, set_up in CASES.items():
        bpy.ops.wm.read_factory_settings(use_empty=True)
        scene = bpy.context.scene
        scene.frame_start, scene.frame_end = 1, 10
        scene.render.resolution_x, scene.render.resolution_y = 64, 48
        _camera(scene)
        out = data.parent / name
        options = set_up(scene, out)
        note = notes[name] = {}
        try:
            note["recording"] = str(record_scene(scene, out, **{"preview": True, **options}))
        except RecordError as error:
            note |= {"error": type(error).__name__, "message": error.message, "fix": error.fix}
            continue
        if scene.camera or scene.timeline_markers:
            step = range(scene.frame_start, scene.frame_end + 1, scene.frame_step)
            note |= landmark_pixels(scene, step, options.get("size"))
    notes["left alone"] = {"states": _left_alone(data.parent / "left alone", record_scene)}
    data.write_text(json.dumps(notes), encoding="utf-8")
    return bpy.context.scene


def _left_alone(out: Path, record_scene: Callable) -> list[str]:
    """What a scene's settings are before and after it was recorded."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.frame_end = 3
    scene.render.engine = "CYCLES"
    _camera(scene)
    cube = add_cube("Cube")
    cube.hide_viewport = True
    add_cube("Closed").hide_set(True)
    cube.modifiers.new("Subdivision", "SUBSURF").show_viewport = False
    _second_camera(scene, "PERSP")
    scene.frame_set(2)
    # another one than the marker's
    scene.camera = bpy.data.objects["Other"]

    def state() -> str:
        closed = bpy.data.objects["Closed"].hide_get()
        values = [scene.frame_current, scene.camera.name, cube.hide_viewport, closed, "seed" in scene]
        values += [cube.modifiers[0].show_viewport, cube.modifiers[0].levels, scene.render.filepath, scene.cycles.seed]
        values += [scene.render.resolution_x, scene.render.resolution_y, scene.render.image_settings.file_format]
        values += [scene.cycles.samples, scene.render.use_motion_blur, scene.render.resolution_percentage]
        values += [len(bpy.app.handlers.frame_change_post), [i.name for i in bpy.data.images if i.type == "IMAGE"]]
        return str(values)

    before = state()
    record_scene(scene, out, size=(32, 32), seed=5, samples=1)
    return [before, state()]


# ------------------------------------------------------------------------------------------------------------ cameras


def _camera_case(name: str, camera: dict[str, Any], render: dict[str, Any], **options: Any) -> None:
    def set_up(scene: Any, out: Path) -> dict[str, Any]:
        add_cube("Cube")
        for owner, values in ((scene.camera.data, camera), (scene.render, render)):
            for key, value in values.items():
                setattr(owner, key, value)
        scene.camera.data.shift_x, scene.camera.data.shift_y = -0.15, 0.1
        return options

    CASES[name] = set_up


_camera_case("portrait", {}, {"resolution_x": 40, "resolution_y": 90})
_camera_case("vertical fit", {"sensor_fit": "VERTICAL", "sensor_height": 20}, {})
_camera_case("horizontal fit", {"sensor_fit": "HORIZONTAL"}, {"resolution_x": 40, "resolution_y": 90})
_camera_case("wide pixels", {}, {"pixel_aspect_x": 1.5})
_camera_case("tall pixels", {}, {"pixel_aspect_y": 2.0, "resolution_percentage": 50})
_camera_case("orthographic", {"type": "ORTHO", "ortho_scale": 7.0}, {})
_camera_case("portrait ortho", {"type": "ORTHO", "ortho_scale": 7.0}, {"resolution_x": 40, "pixel_aspect_y": 1.25})


@case("other size")
def _other_size(scene: Any, out: Path) -> dict[str, Any]:
    add_cube("Cube")
    # the same shape of picture, so that Blender's function still tells the truth
    return {"size": (128, 96)}


@case("frame step")
def _frame_step(scene: Any, out: Path) -> dict[str, Any]:
    add_cube("Cube")
    scene.frame_step, scene.render.fps, scene.render.fps_base = 3, 30, 1.001
    return {}


def _second_camera(scene: Any, kind: str) -> Any:
    """Another camera takes over at frame 6, by a marker; returns its data."""
    other = bpy.data.objects.new("Other", bpy.data.cameras.new("Other"))
    other.data.type = kind
    other.location, other.rotation_euler = (0.0, -12.0, 1.0), Euler((1.5, 0.0, 0.0))
    scene.collection.objects.link(other)
    for frame, camera in ((1, scene.camera), (6, other)):
        scene.timeline_markers.new(camera.name, frame=frame).camera = camera
    return other.data


@case("markers")
def _markers(scene: Any, out: Path) -> dict[str, Any]:
    add_cube("Cube")
    first, second = scene.camera.data, _second_camera(scene, "PERSP")
    first.clip_start, second.clip_start, second.clip_end = 4.0, 0.5, 50.0
    for frame, clip_end in ((1, 100.0), (5, 500.0)):
        first.clip_end = clip_end
        first.keyframe_insert("clip_end", frame=frame)
    return {}


@case("late markers")
def _late_markers(scene: Any, out: Path) -> dict[str, Any]:
    """Recorded from after the switch on, and no camera is active before it."""
    add_cube("Cube")
    _second_camera(scene, "PERSP")
    scene.camera = None
    scene.frame_start = 7
    return {"preview": False, "samples": 1, "engine": "CYCLES"}


@case("markers before")
def _markers_before(scene: Any, out: Path) -> dict[str, Any]:
    """The only marker lies at frame 6: its camera is already the one of the frames before."""
    add_cube("Cube")
    _second_camera(scene, "PERSP")
    scene.timeline_markers.remove(scene.timeline_markers[0])
    return {}


@case("moving orthographic")
def _moving_orthographic(scene: Any, out: Path) -> dict[str, Any]:
    """A moving, zooming orthographic camera before a cube whose top a shape key carries to the landmark and on."""
    camera = scene.camera.data
    camera.type = "ORTHO"
    ease(camera, "ortho_scale", 7.0, 9.0)
    cube = add_cube("Deforming", LANDMARK)
    cube.shape_key_add(name="Basis")
    key = cube.shape_key_add(name="Up")
    for point in key.data:
        point.co.z += 2.0
    ease(key, "value", 0.0, 1.0)
    return {}


@case("two projections")
def _two_projections(scene: Any, out: Path) -> dict[str, Any]:
    add_cube("Cube")
    _second_camera(scene, "ORTHO")
    return {}


@case("panorama")
def _panorama(scene: Any, out: Path) -> dict[str, Any]:
    add_cube("Cube")
    scene.camera.data.type = "PANO"
    return {}


# --------------------------------------------------------------------------------------------------------- simulation


def _fall(scene: Any, height: float = 5.0) -> Any:
    """A rigid body in free fall, with a cache for frames 1 to 10."""
    cube = add_cube("Falling", (0, 0, height))
    bpy.ops.rigidbody.object_add(type="ACTIVE")
    scene.rigidbody_world.point_cache.frame_start, scene.rigidbody_world.point_cache.frame_end = 1, 10
    return cube


def _bake() -> None:
    bpy.ops.ptcache.bake_all(bake=True)


@case("fall")
def _plain_fall(scene: Any, out: Path) -> dict[str, Any]:
    _fall(scene)
    return {}


@case("late fall")
def _late_fall(scene: Any, out: Path) -> dict[str, Any]:
    _fall(scene)
    scene.frame_step = 3
    return {"frames": (4, 10)}


@case("moved after playing")
def _moved_after_playing(scene: Any, out: Path) -> dict[str, Any]:
    cube = _fall(scene)
    for frame in range(1, 11):
        scene.frame_set(frame)
    scene.frame_set(1)
    cube.location.z = 9.0
    return {}


@case("baked")
def _baked(scene: Any, out: Path) -> dict[str, Any]:
    _fall(scene)
    _bake()
    return {}


@case("stale bake")
def _stale_bake(scene: Any, out: Path) -> dict[str, Any]:
    """Only six of the ten frames that the cache now claims were baked."""
    _fall(scene)
    cache = scene.rigidbody_world.point_cache
    cache.frame_end = 6
    _bake()
    cache.frame_end = 10
    return {}


@case("beyond the cache")
def _beyond(scene: Any, out: Path) -> dict[str, Any]:
    _fall(scene)
    return {"frames": (1, 11)}


@case("before the cache")
def _before(scene: Any, out: Path) -> dict[str, Any]:
    _fall(scene)
    return {"frames": (0, 5)}


@case("cut off")
def _cut_off(scene: Any, out: Path) -> dict[str, Any]:
    _fall(scene)
    scene.frame_end = 30
    return {}


@case("explodes")
def _explodes(scene: Any, out: Path) -> dict[str, Any]:
    ease(add_cube("Flung"), "location", (0.0, 0.0, 0.0), (1e7, 0.0, 0.0))
    return {}


@case("far and still")
def _far_and_still(scene: Any, out: Path) -> dict[str, Any]:
    """A backdrop a thousand kilometres wide and a planet as far away as the sun."""
    ease(add_cube("Cube"), "location", (0.0, 0.0, 0.0), (5.0, 0.0, 0.0))
    add_cube("Backdrop").scale = (2e6, 2e6, 1.0)
    add_cube("Planet", (0.0, 1.5e8, 0.0))
    return {}


@case("vertices explode")
def _vertices_explode(scene: Any, out: Path) -> dict[str, Any]:
    cube = add_cube("Burst")
    cube.shape_key_add(name="Basis")
    key = cube.shape_key_add(name="Far")
    key.data[0].co.z = 1e38
    ease(key, "value", 0.0, 1.0)
    return {}


# ----------------------------------------------------------------------------------------------- mistakes and warnings


@case("no camera")
def _no_camera(scene: Any, out: Path) -> dict[str, Any]:
    add_cube("Cube")
    scene.camera = None
    return {}


@case("only faceless")
def _only_faceless(scene: Any, out: Path) -> dict[str, Any]:
    mesh = bpy.data.meshes.new("Points")
    mesh.from_pydata([(0, 0, 0)], [], [])
    scene.collection.objects.link(bpy.data.objects.new("Points", mesh))
    return {}


@case("reversed")
def _reversed(scene: Any, out: Path) -> dict[str, Any]:
    add_cube("Cube")
    return {"frames": (5, 2)}


@case("no pixels")
def _no_pixels(scene: Any, out: Path) -> dict[str, Any]:
    add_cube("Cube")
    return {"size": (0, 48)}


@case("too many pixels")
def _too_many_pixels(scene: Any, out: Path) -> dict[str, Any]:
    add_cube("Cube")
    return {"size": (20000, 48)}


@case("negative seed")
def _negative_seed(scene: Any, out: Path) -> dict[str, Any]:
    add_cube("Cube")
    return {"seed": -1}


@case("large seed")
def _large_seed(scene: Any, out: Path) -> dict[str, Any]:
    add_cube("Cube")
    return {"seed": 99999999999}


@case("not a recording")
def _not_a_recording(scene: Any, out: Path) -> dict[str, Any]:
    add_cube("Cube")
    out.mkdir()
    (out / "precious.txt").write_text("keep me", encoding="utf-8")
    return {}


@case("nothing moves")
def _nothing_moves(scene: Any, out: Path) -> dict[str, Any]:
    add_cube("Cube")
    scene.camera.animation_data_clear()
    return {}


@case("border")
def _border(scene: Any, out: Path) -> dict[str, Any]:
    add_cube("Cube")
    scene.render.use_border = True
    return {}


@case("python driver")
def _python_driver(scene: Any, out: Path) -> dict[str, Any]:
    add_cube("Driven").driver_add("location", 0).driver.expression = "[frame][0]"
    return {}
