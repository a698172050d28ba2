"""Builds a Bullet scene in Blender from the plain data of `simcraft.sim.rigid`. Runs inside Blender's own Python.

The data is a folder with `scene.json` and `arrays.npz`. Every active body is held by keyframes during a lead-in of
`LEAD` frames before frame 1, carried along its velocity, and released so that Bullet owns it from frame 1 on: Blender
has no property for an initial velocity, but Bullet keeps the speed that a held body had. Two held steps are needed for
that, and the key that lets go has to lie one frame after the release.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from mathutils import Quaternion, Vector

LEAD = 2
_COLLISION = {
    "Box": "BOX",
    "Sphere": "SPHERE",
    "Cylinder": "CYLINDER",
    "Cone": "CONE",
    "Capsule": "CAPSULE",
}


def build(folder: Path) -> Any:
    """Fill Blender's present scene with the scene in `folder`."""
    data = json.loads((folder / "scene.json").read_text(encoding="utf-8"))
    with np.load(folder / "arrays.npz", allow_pickle=False) as arrays:
        scene = _stage(data)
        bodies = {body["name"]: _body(scene, data, body, arrays) for body in data["bodies"]}
    for constraint in data["constraints"]:
        _constraint(scene, constraint, bodies)
    _camera(scene, data["camera"])
    _light(scene, data["sun"], data["sky_color"])
    return scene


def _stage(data: dict[str, Any]) -> Any:
    scene = bpy.context.scene
    scene.name = data["name"]
    scene.frame_start, scene.frame_end = 1, data["frames"]
    scene.render.fps = max(1, round(data["fps"]))
    scene.render.fps_base = scene.render.fps / data["fps"]
    scene.gravity = data["gravity"]
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.samples = 32
    scene.cycles.use_denoising = False
    scene.view_settings.view_transform = "Standard"
    bpy.ops.rigidbody.world_add()
    world = scene.rigidbody_world
    world.collection = bpy.data.collections.new("bodies")
    world.constraints = bpy.data.collections.new("constraints")
    world.substeps_per_frame = data["substeps"]
    world.solver_iterations = data["solver_iterations"]
    # bodies that touch are pushed apart without gaining speed from it
    world.use_split_impulse = True
    world.point_cache.frame_start, world.point_cache.frame_end = 1 - LEAD, data["frames"]
    return scene


def _body(scene: Any, data: dict[str, Any], body: dict[str, Any], arrays: Any) -> Any:
    key = body["arrays"]
    mesh = bpy.data.meshes.new(body["name"])
    faces = arrays[f"{key}.faces"]
    mesh.from_pydata(arrays[f"{key}.vertices"].tolist(), [], faces.tolist())
    if f"{key}.uv" in arrays:
        layer = mesh.uv_layers.new(name="UVMap")
        layer.data.foreach_set("uv", arrays[f"{key}.uv"].astype(np.float32).ravel())
    mesh.polygons.foreach_set("use_smooth", [body["smooth"]] * len(faces))
    mesh.materials.append(_material(body, arrays))
    thing = bpy.data.objects.new(body["name"], mesh)
    thing.rotation_mode = "QUATERNION"
    thing.location = body["position"]
    thing.rotation_quaternion = body["rotation"]
    scene.collection.objects.link(thing)
    scene.rigidbody_world.collection.objects.link(thing)
    rigid = thing.rigid_body
    rigid.type = "ACTIVE" if body["mass"] > 0 else "PASSIVE"
    rigid.collision_shape = _COLLISION.get(body["shape"]) or ("CONVEX_HULL" if body["convex"] else "MESH")
    rigid.mass = body["mass"] or 1.0
    rigid.friction = body["friction"]
    rigid.restitution = body["restitution"]
    rigid.linear_damping = body["linear_damping"]
    rigid.angular_damping = body["angular_damping"]
    rigid.use_deactivation = False
    if body["shape"] in ("Mesh", "Cone"):
        # around these Bullet adds its margin of 4 cm, where the other shapes contain it: a small one shows no gap
        rigid.use_margin, rigid.collision_margin = True, 0.001
    if body["mass"] > 0:
        _launch(thing, data, body)
    return thing


def _launch(thing: Any, data: dict[str, Any], body: dict[str, Any]) -> None:
    """Keyframes of the lead-in, which end at frame 1 in the body's own place, with its own velocity."""
    fps = data["fps"]
    start, turned = Vector(body["position"]), Quaternion(body["rotation"])
    # Bullet steps the velocity first and the position with the new one; half a substep earlier it is second order
    half_step = 0.5 / (fps * data["substeps"])
    velocity = Vector(body["velocity"]) - half_step * Vector(data["gravity"])
    spin = Vector(body["angular_velocity"])
    for frame in range(1 - LEAD, 2):
        elapsed = (frame - 1) / fps
        thing.location = start + velocity * elapsed
        thing.rotation_quaternion = Quaternion(spin.normalized(), spin.length * elapsed) @ turned
        thing.keyframe_insert("location", frame=frame)
        thing.keyframe_insert("rotation_quaternion", frame=frame)
    for frame, held in ((1 - LEAD, True), (2, False)):
        thing.rigid_body.kinematic = held
        thing.rigid_body.keyframe_insert("kinematic", frame=frame)


def _material(body: dict[str, Any], arrays: Any) -> Any:
    data = body["material"]
    material = bpy.data.materials.new(data["name"])
    material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    shader = next(node for node in nodes if node.type == "BSDF_PRINCIPLED")
    shader.inputs["Base Color"].default_value = (*data["base_color"], 1.0)
    shader.inputs["Roughness"].default_value = data["roughness"]
    texture = f"{body['arrays']}.texture"
    if texture in arrays:
        picture = arrays[texture]
        height, width = picture.shape[:2]
        pixels = np.ones((height, width, 4), np.float32)
        pixels[..., :3] = picture[::-1] / 255.0
        image = bpy.data.images.new(data["name"], width, height)
        image.pixels.foreach_set(pixels.ravel())
        image.update()
        node = nodes.new("ShaderNodeTexImage")
        node.image = image
        links.new(node.outputs["Color"], shader.inputs["Base Color"])
    return material


def _constraint(scene: Any, data: dict[str, Any], bodies: dict[str, Any]) -> None:
    holder = bpy.data.objects.new(data["name"], None)
    holder.location = data["position"]
    # Blender's hinge turns about its z axis and its slider moves along its x axis
    holder.rotation_mode = "QUATERNION"
    track = "X" if data["kind"] == "slider" else "Z"
    holder.rotation_quaternion = Vector(data["axis"]).to_track_quat(track, "Y")
    scene.collection.objects.link(holder)
    scene.rigidbody_world.constraints.objects.link(holder)
    joint = holder.rigid_body_constraint
    joint.type = data["kind"].upper()
    joint.object1, joint.object2 = bodies[data["first"]], bodies[data["second"]]
    joint.disable_collisions = True


def _camera(scene: Any, data: dict[str, Any]) -> None:
    lens = bpy.data.cameras.new("camera")
    lens.sensor_fit = "VERTICAL"
    lens.angle = np.radians(data["vertical_fov"])
    holder = bpy.data.objects.new("camera", lens)
    holder.location = data["position"]
    direction = Vector(data["target"]) - Vector(data["position"])
    holder.rotation_euler = direction.to_track_quat("-Z", "Y").to_euler()
    scene.collection.objects.link(holder)
    scene.camera = holder


def _light(scene: Any, data: dict[str, Any], sky_color: list[float]) -> None:
    lamp = bpy.data.lights.new("sun", "SUN")
    lamp.energy = data["strength"]
    lamp.color = data["color"]
    lamp.angle = 0.03
    holder = bpy.data.objects.new("sun", lamp)
    holder.rotation_euler = Vector(data["direction"]).to_track_quat("-Z", "Y").to_euler()
    scene.collection.objects.link(holder)
    world = scene.world = bpy.data.worlds.new("sky")
    world.use_nodes = True
    background = next(node for node in world.node_tree.nodes if node.type == "BACKGROUND")
    background.inputs["Color"].default_value = (*sky_color, 1.0)
