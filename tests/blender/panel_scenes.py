"""Sets scenes up with the operators of the Scene panel, and notes what came of it: `... panel_scenes.py FOLDER`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy

# isort: split
# modules of Blender are there once bpy is
import bmesh
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import blender_addon
from blender_addon.staging import checks, framing, look
from blender_addon.staging.presets import presets

FREE_FALL = 13
"""Frames for which a body falls."""


def empty_scene() -> Any:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, 30
    return scene


def add(name: str, make: Callable[[Any], Any], place: tuple[float, float, float] = (0, 0, 0), scale: float = 1) -> Any:
    """A mesh object that a function of bmesh makes; it is selected."""
    data, mesh = bpy.data.meshes.new(name), bmesh.new()
    make(mesh)
    mesh.to_mesh(data)
    mesh.free()
    obj = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(obj)
    obj.location, obj.scale = place, (scale, scale, scale)
    obj.select_set(True)
    bpy.context.view_layer.objects.active = obj
    return obj


def cube(mesh: Any, size: float = 1.0) -> None:
    bmesh.ops.create_cube(mesh, size=size)


def ball(mesh: Any) -> None:
    bmesh.ops.create_uvsphere(mesh, u_segments=64, v_segments=32, radius=0.5)


def cone(mesh: Any) -> None:
    """Its origin lies in its base."""
    bmesh.ops.create_cone(mesh, cap_ends=True, segments=128, radius1=0.5, radius2=0.0, depth=2.0)
    bmesh.ops.translate(mesh, vec=(0, 0, 1), verts=mesh.verts)


def cup(mesh: Any) -> None:
    """A cube of 2 m, open on top, with walls of 0.1 m."""
    cube(mesh, 2.0)
    top = next(face for face in mesh.faces if face.normal.z > 0.9)
    bmesh.ops.inset_individual(mesh, faces=[top], thickness=0.1, use_even_offset=True)
    (bottom,) = bmesh.ops.extrude_discrete_faces(mesh, faces=[top])["faces"]
    bmesh.ops.translate(mesh, vec=(0, 0, -1.9), verts=bottom.verts)


def ground(mesh: Any) -> None:
    bmesh.ops.create_grid(mesh, x_segments=1, y_segments=1, size=10.0)


def deselect() -> None:
    for obj in bpy.context.selected_objects:
        obj.select_set(False)


def world_vertices(obj: Any) -> np.ndarray:
    bpy.context.view_layer.update()
    return np.array([obj.matrix_world @ v.co for v in obj.data.vertices])


def refused(operate: Callable[[], Any]) -> str:
    """What an operator says that fails."""
    try:
        operate()
    except RuntimeError as error:
        return str(error)
    return "nothing"


def problems() -> list[str]:
    return [f.problem for f in checks.findings(look.facts_of(bpy.context.scene))]


def rigid(_: Path) -> dict[str, Any]:
    scene = empty_scene()
    add("block", cube, (0, 0, 5)).scale = (1, 2, 3)
    add("ball", ball, (3, 0, 5), 2.0)
    tall = add("cone", cone, (6, 0, 5))
    add("cup", cup, (9, 0, 5))
    keyed = add("keyed", cube, (12, 0, 5))
    for frame, x in ((1, 12.0), (30, 20.0)):
        keyed.location.x = x
        keyed.keyframe_insert("location", frame=frame)
    before = world_vertices(tall)
    answer = bpy.ops.simcraft.make_rigid(kind="ACTIVE", substance="STONE")
    bodies = {obj.name: obj.rigid_body for obj in scene.objects}
    facts = {
        "answer": list(answer),
        "masses": {name: body.mass for name, body in bodies.items()},
        "shapes": {name: body.collision_shape for name, body in bodies.items()},
        "kinematic": [name for name, body in bodies.items() if body.kinematic],
        "cone moved by": float(np.abs(world_vertices(tall) - before).max()),
        "cone's origin": list(tall.location),
        "cache": [scene.rigidbody_world.point_cache.frame_start, scene.rigidbody_world.point_cache.frame_end],
    }
    scene.frame_end = 90
    deselect()
    floor = add("floor", ground)
    bpy.ops.simcraft.make_rigid(kind="PASSIVE", substance="WOOD")
    facts["floor"] = [floor.rigid_body.type, floor.rigid_body.collision_shape]
    facts["longer cache"] = scene.rigidbody_world.point_cache.frame_end
    deselect()
    facts["nothing selected"] = bpy.ops.simcraft.make_rigid.poll()
    return facts


def falling(_: Path) -> dict[str, Any]:
    scene = empty_scene()
    body = add("ball", ball, (0, 0, 20))
    bpy.ops.simcraft.make_rigid()
    heights = []
    for frame in range(1, FREE_FALL + 1):
        scene.frame_set(frame)
        heights.append(body.evaluated_get(bpy.context.evaluated_depsgraph_get()).matrix_world.translation.z)
    return {"heights": heights, "fps": scene.render.fps}


def custom(_: Path) -> dict[str, Any]:
    empty_scene()
    body = add("block", cube)
    bpy.ops.simcraft.make_rigid(substance="CUSTOM", density=10.0, friction=0.25, bounce=0.04, shape="MESH")
    own = body.rigid_body
    box = add("box", cube, (3, 0, 0))
    box.simcraft.kind = "smoke"
    text = refused(bpy.ops.simcraft.make_rigid)
    return {"body": [own.mass, own.friction, own.restitution, own.collision_shape], "domain": text}


def check_list(folder: Path) -> dict[str, Any]:
    """Every problem appears, and its button takes it away."""
    scene = empty_scene()
    scene.world = None
    scene.frame_end, scene.render.resolution_x, scene.unit_settings.scale_length = 1, 4000, 0.01
    stages = {"at first": problems(), "no mesh": refused(lambda: bpy.ops.simcraft.fix_scene(problem="MOTION"))}
    for number in range(3):
        add(f"thing {number}", cube, (2 * number, 0, 3))
    add("ground", ground)
    deselect()
    for problem in ("UNITS", "LIGHT", "SIZE", "RANGE", "MOTION", "CAMERA"):
        bpy.ops.simcraft.fix_scene(problem=problem)
        stages[problem] = problems()
    stages["kinds"] = sorted({(o.name, o.rigid_body.type) for o in scene.objects if o.rigid_body})
    stages["size"] = [scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage]
    stages["spoilt"] = {}
    for spoil, problem in _SPOILERS.items():
        spoil(scene)
        before = problems()
        bpy.ops.simcraft.fix_scene(problem=problem)
        stages["spoilt"][spoil.__name__] = [problem in before, problem in problems()]
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "checked.blend"))
    stages["at last"] = problems()
    return stages


def _look_away(scene: Any) -> None:
    scene.camera.location.x += 500
    bpy.context.view_layer.update()


def _sleep(scene: Any) -> None:
    scene.rigidbody_world.enabled = False


def _many_frames(scene: Any) -> None:
    scene.frame_end = 5000
    scene.rigidbody_world.point_cache.frame_end = 5000


def _short_cache(scene: Any) -> None:
    scene.frame_end = 200
    scene.rigidbody_world.point_cache.frame_end = 20


def _short_bake(scene: Any) -> None:
    cache = scene.rigidbody_world.point_cache
    scene.frame_end = cache.frame_end = 5
    with bpy.context.temp_override(scene=scene, point_cache=cache):
        bpy.ops.ptcache.bake(bake=True)
    assert cache.is_baked
    scene.frame_end = 60


def _hungry(scene: Any) -> None:
    blender_addon.effects.make_domain(add("Air", cube, (0, 0, 3), 4.0), "smoke")


def _keyed_too_early(scene: Any) -> None:
    for obj in list(scene.objects):
        if obj.type == "MESH":
            bpy.data.objects.remove(obj)
    keyed = add("keyed", cube)
    for frame, x in ((1, 0.0), (20, 3.0)):
        keyed.location.x = x
        keyed.keyframe_insert("location", frame=frame)
    scene.frame_start, scene.frame_end = 100, 120


_SPOILERS: dict[Callable[[Any], None], str] = {
    _look_away: "VIEW",
    _sleep: "ASLEEP",
    _many_frames: "LONG",
    _short_cache: "CACHE",
    _short_bake: "CACHE",
    _hungry: "SOURCE",
    _keyed_too_early: "WHEN",
}


def _key(owner: Any, path: str, first: Any, last: Any) -> None:
    for frame, value in ((1, first), (20, last)):
        setattr(owner, path, value)
        owner.keyframe_insert(path, frame=frame)


def motion(_: Path) -> dict[str, Any]:
    """Which of many things count as moving."""
    scene = empty_scene()
    add("still", cube)
    _key(add("keyed", cube), "location", (0, 0, 0), (1, 0, 0))
    _key(add("keyed to one place", cube), "location", (1, 0, 0), (1, 0, 0))
    _key(add("blinking", cube), "hide_render", False, True)
    bent = add("bent", cube)
    bent.shape_key_add(name="Basis")
    _key(bent.shape_key_add(name="Key"), "value", 0.0, 1.0)
    add("driven", cube).driver_add("location", 0).driver.expression = "frame"
    empty = bpy.data.objects.new("carrier", None)
    scene.collection.objects.link(empty)
    _key(empty, "location", (0, 0, 0), (1, 0, 0))
    add("child", cube).parent = empty
    add("follower", cube).constraints.new("COPY_LOCATION").target = empty
    add("waves", cube).modifiers.new("Wave", "WAVE")
    add("cloth", cube).modifiers.new("Cloth", "CLOTH")
    hidden = bpy.data.collections.new("Elsewhere")
    hidden.objects.link(bpy.data.objects["keyed"])
    instance = bpy.data.objects.new("instance", None)
    instance.instance_type, instance.instance_collection = "COLLECTION", hidden
    scene.collection.objects.link(instance)
    found = look.facts_of(scene).movers
    return {"names": sorted(found.names), "kinds": dict(found.kinds)}


def camera(_: Path) -> dict[str, Any]:
    scene = empty_scene()
    scene.render.resolution_x, scene.render.resolution_y = 640, 360
    moving = [add("high", cube, (0, 0, 6)), add("aside", cube, (4, 1, 2))]
    deselect()
    for obj in moving:
        obj.select_set(True)
    bpy.ops.simcraft.make_rigid()
    deselect()
    add("floor", ground)
    bpy.ops.simcraft.make_rigid(kind="PASSIVE")
    deselect()
    bpy.ops.simcraft.add_camera(lens=35.0)
    first = scene.camera
    bpy.context.view_layer.update()
    points = framing.points_to_show(scene)
    seen = {"all": _in_the_picture(scene, points), "lowest": float(points[:, 2].min()), "lens": first.data.lens}
    moving[0].select_set(True)
    bpy.ops.simcraft.add_camera(frame="SELECTED", reuse=True)
    bpy.context.view_layer.update()
    seen["one"] = _in_the_picture(scene, world_vertices(moving[0]))
    seen["reused"] = scene.camera == first
    deselect()
    seen["nothing selected"] = refused(lambda: bpy.ops.simcraft.add_camera(frame="SELECTED"))
    return seen


def _in_the_picture(scene: Any, points: np.ndarray) -> list[list[float]]:
    """Lowest and highest place of `points` in the picture, whose sides go from 0 to 1, as Blender itself sees it."""
    from bpy_extras.object_utils import world_to_camera_view
    from mathutils import Vector

    places = np.array([world_to_camera_view(scene, scene.camera, Vector(p)) for p in points])
    return [places[:, :2].min(0).tolist(), places[:, :2].max(0).tolist(), [float(places[:, 2].min())]]


def effects(folder: Path) -> dict[str, Any]:
    """Each kind around a selected mesh and at the cursor, with what it needs."""
    found = {}
    for kind in ("smoke", "fire", "liquid"):
        found[kind] = _added(lambda kind=kind: bpy.ops.simcraft.add_fluid(kind=kind, resolution=20))
    for kind in ("jelly", "sand"):
        found[kind] = _added(lambda kind=kind: bpy.ops.simcraft.add_material(material=kind, resolution=20))
    for kind in ("flock", "crowd", "traffic"):
        found[kind] = _added(lambda kind=kind: bpy.ops.simcraft.add_agents(kind=kind, count=9))
    found["over the ground"] = _poured()
    scene = empty_scene()
    bird = add("bird", cube)
    bpy.ops.simcraft.add_agents(kind="flock", count=5, size=0.2, selection="BODY")
    found["body"] = [bird.simcraft.role, bird.hide_render, bpy.context.object.simcraft.flock.radius]
    deselect()
    found["taken"] = _taken(scene)
    empty = bpy.data.objects.new("point", None)
    scene.collection.objects.link(empty)
    empty.select_set(True)
    bpy.context.view_layer.objects.active = empty
    found["no body"] = refused(lambda: bpy.ops.simcraft.add_agents(selection="BODY"))
    return found


def _poured() -> dict[str, Any]:
    """Liquid above a floor at a height of 0.5."""
    empty_scene()
    add("floor", ground, (0, 0, 0.5))
    deselect()
    add("water", cube, (0, 0, 4))
    bpy.context.view_layer.update()
    bpy.ops.simcraft.add_fluid(kind="liquid")
    bpy.context.view_layer.update()
    domain = bpy.context.object
    return {"low": float(framing.corners_of(domain)[:, 2].min()), "closed": domain.simcraft.liquid.closed}


def _taken(scene: Any) -> list[str]:
    """A thing has one role; what is in the way of one simulation may be in the way of the next."""
    wall = add("wall", cube)
    for _ in range(2):
        deselect()
        wall.select_set(True)
        bpy.ops.simcraft.add_agents(kind="crowd", count=3)
    answers = [wall.simcraft.role, str(wall.simcraft.domain)]
    deselect()
    wall.select_set(True)
    count = len(scene.objects)
    answers += [refused(lambda: bpy.ops.simcraft.add_fluid(kind="smoke")), str(len(scene.objects) - count)]
    deselect()
    return answers


def _added(operate: Callable[[], Any]) -> dict[str, Any]:
    """What an operator adds around a block of 1 x 2 x 1 m, and where nothing is selected."""
    scene = empty_scene()
    scene.cursor.location = (5.0, 0.0, 0.0)
    operate()
    alone = [obj.name for obj in scene.objects]
    domain = bpy.context.object
    at_cursor = framing.corners_of(domain)
    bare = problems()
    scene = empty_scene()
    block = add("block", cube, (0, 0, 1))
    block.scale.y = 2
    bpy.context.view_layer.update()
    operate()
    bpy.context.view_layer.update()
    domain = bpy.context.object
    around = framing.corners_of(domain)
    inside = world_vertices(block)
    return {
        "alone": alone,
        "cursor": [at_cursor.min(0).tolist(), at_cursor.max(0).tolist()],
        "missing": bare,
        "kind": domain.simcraft.kind,
        "roles": {obj.name: obj.simcraft.role for obj in scene.objects if obj.simcraft.role != "NONE"},
        "for": {obj.name: obj.simcraft.domain == domain for obj in scene.objects if obj.simcraft.role != "NONE"},
        "block rendered": not block.hide_render,
        "holds the block": bool((around.min(0) <= inside.min(0)).all() and (around.max(0) >= inside.max(0)).all()),
        "selected": [obj.name for obj in bpy.context.selected_objects] == [domain.name],
    }


def every_preset(_: Path) -> dict[str, Any]:
    """Each beside a scene that has things of the same names."""
    scene = empty_scene()
    add("ball", cube)
    add("floor", cube)
    before = {obj.name for obj in scene.objects}
    built = {}
    for preset in presets():
        bpy.ops.simcraft.add_preset(name=preset.name)
        made = bpy.context.scene
        built[preset.name] = {
            "scene": made.name,
            "caption": made["caption"],
            "frames": made.frame_end - made.frame_start + 1,
            "camera": made.camera is not None and made.camera.name in made.objects,
            "moves": look.facts_of(made).movers.any,
            "wrong": [f.problem for f in checks.findings(look.facts_of(made)) if f.level != checks.HINT],
            "unpacked": [i.name for i in bpy.data.images if i.users and i.has_data and not i.packed_file],
            "shared": sorted({obj.name for obj in made.objects} & before),
        }
    return {"built": built, "kept": before == {obj.name for obj in scene.objects}, "scenes": len(bpy.data.scenes)}


def one_preset(folder: Path) -> dict[str, Any]:
    """With settings of its own, saved to be recorded."""
    empty_scene()
    add("floor", cube)
    bpy.ops.simcraft.add_preset(name="dominoes", seed=3, dominoes_count=4, dominoes_gap=0.1, look_camera_motion="still")
    scene = bpy.context.scene
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "preset.blend"))
    stones = [obj.name for obj in scene.objects if obj.name.startswith("domino")]
    return {"stones": len(stones), "caption": scene["caption"], "details": json.loads(scene["details"])}


def small_effects(folder: Path) -> dict[str, Any]:
    """One small scene of each kind of effect, saved to be simulated."""
    orders: dict[str, Callable[[], Any]] = {
        **{k: (lambda k=k: bpy.ops.simcraft.add_fluid(kind=k, resolution=16)) for k in ("smoke", "fire", "liquid")},
        **{k: (lambda k=k: bpy.ops.simcraft.add_material(material=k, resolution=16)) for k in ("jelly", "sand")},
        **{k: (lambda k=k: bpy.ops.simcraft.add_agents(kind=k, count=6)) for k in ("flock", "crowd", "traffic")},
    }
    for name, order in orders.items():
        scene = empty_scene()
        scene.frame_end = 6
        scene.render.resolution_x = scene.render.resolution_y = 64
        order()
        deselect()
        bpy.ops.simcraft.add_camera()
        bpy.ops.wm.save_as_mainfile(filepath=str(folder / f"{name}.blend"))
    return {"names": list(orders)}


CASES = (rigid, falling, custom, check_list, motion, camera, effects, one_preset, small_effects, every_preset)


def main(arguments: list[str]) -> None:
    folder, names = Path(arguments[0]), arguments[1:]
    blender_addon.register()
    try:
        notes = {case.__name__: case(folder) for case in CASES if not names or case.__name__ in names}
    finally:
        blender_addon.unregister()
    (folder / "notes.json").write_text(json.dumps(notes), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:])
