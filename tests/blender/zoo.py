"""Scenes for the exporter's tests, built inside Blender (any version) by the child's `build` request.

Runs in Blender's Python: bpy, numpy and the standard library only.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from math import radians
from pathlib import Path
from typing import Any

import bpy
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Vector

LANDMARK = (0.7, -0.4, 0.9)
"""A world point whose pixel both the camera and Blender's own function tell."""


def zoo(data: Path) -> None:
    """One of everything that moves, frames 1 to 12; expected pixels of the landmark are written to `data`."""
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, 12
    scene.render.resolution_x, scene.render.resolution_y = 64, 48
    for add in (
        _rigid_bodies,
        _keyframed_cube,
        _blinking_cube,
        _hidden_things,
        _shape_key,
        _armature,
        _cloth,
        _soft_body,
        _collection_instances,
        _geometry_nodes_instances,
        _growing_mesh,
        _streaming_mesh,
        _points_and_instances_of_particles,
        _text,
        _driven_cube,
        _timed_nodes,
        _deforming_instance,
        _instances_on_vertices,
        _stretched_child,
    ):
        add(scene)
    camera = _camera(scene)
    camera.data.shift_x, camera.data.shift_y = 0.1, -0.2
    camera.data.keyframe_insert("lens", frame=1)
    camera.data.lens = 35
    camera.data.keyframe_insert("lens", frame=12)
    data.write_text(json.dumps(landmark_pixels(scene, range(1, 13))), encoding="utf-8")


def _camera(scene: Any) -> Any:
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.location, camera.rotation_euler = (6.0, -9.0, 5.0), (1.1, 0.05, 0.6)
    camera.keyframe_insert("location", frame=1)
    camera.location.x = 4.0
    camera.keyframe_insert("location", frame=12)
    scene.collection.objects.link(camera)
    scene.camera = camera
    return camera


def landmark_pixels(scene: Any, frames: Iterable[int], size: tuple[int, int] | None = None) -> dict[str, Any]:
    """(u, v) pixels of the landmark in each frame, by Blender's own projection."""
    percent = scene.render.resolution_percentage / 100
    width, height = size or (scene.render.resolution_x * percent, scene.render.resolution_y * percent)
    pixels = []
    for frame in frames:
        scene.frame_set(frame)
        x, y, _ = world_to_camera_view(scene, scene.camera, Vector(LANDMARK))
        pixels.append((x * width, (1 - y) * height))
    scene.frame_set(1)
    return {"landmark": LANDMARK, "pixels": pixels}


def add_cube(name: str, location: tuple[float, float, float] = (0, 0, 0), size: float = 1.0) -> Any:
    bpy.ops.mesh.primitive_cube_add(size=size, location=location)
    bpy.context.object.name = name
    return bpy.context.object


def _rigid_bodies(scene: Any) -> None:
    bpy.ops.mesh.primitive_plane_add(size=40, location=(0, 0, -5))
    bpy.context.object.name = "Floor"
    bpy.ops.rigidbody.object_add(type="PASSIVE")
    add_cube("Falling", (8, 8, 5))
    bpy.ops.rigidbody.object_add(type="ACTIVE")
    bpy.context.object.rigid_body.linear_damping = 0.0


def ease(obj: Any, path: str, start: Any, end: Any) -> None:
    """Keyframes at 1 and 11; Blender's default handles lie at a third, so in between it is 3 t^2 - 2 t^3."""
    for frame, value in ((1, start), (11, end)):
        setattr(obj, path, value)
        obj.keyframe_insert(path, frame=frame)


def _keyframed_cube(scene: Any) -> None:
    ease(add_cube("Keyframed"), "location", (0.0, 0.0, 0.0), (5.0, 0.0, 0.0))


def _blinking_cube(scene: Any) -> None:
    """Hidden from render in frames 5 to 8."""
    cube = add_cube("Blinking", (0, 4, 0))
    for frame, hidden in ((1, False), (5, True), (9, False)):
        cube.hide_render = hidden
        cube.keyframe_insert("hide_render", frame=frame)


def _hidden_things(scene: Any) -> None:
    add_cube("Hidden").hide_render = True
    # hidden in the viewport alone: rendered all the same
    add_cube("ViewportHidden").hide_viewport = True
    add_cube("EyeClosed").hide_set(True)
    for name, attribute in (("Excluded", "exclude"), ("HiddenCollection", "hide_render")):
        collection = bpy.data.collections.new(name)
        scene.collection.children.link(collection)
        cube = add_cube(f"In{name}")
        collection.objects.link(cube)
        for other in cube.users_collection:
            if other != collection:
                other.objects.unlink(cube)
        if attribute == "exclude":
            bpy.context.view_layer.layer_collection.children[name].exclude = True
        else:
            collection.hide_render = True
    mesh = bpy.data.meshes.new("Faceless")
    mesh.from_pydata([(0, 0, 0), (1, 0, 0)], [(0, 1)], [])
    scene.collection.objects.link(bpy.data.objects.new("Faceless", mesh))


def _shape_key(scene: Any) -> None:
    cube = add_cube("ShapeKey", (0, -3, 0))
    cube.shape_key_add(name="Basis")
    key = cube.shape_key_add(name="Up")
    for point in key.data:
        point.co.z += 2.0
    ease(key, "value", 0.0, 1.0)


def _armature(scene: Any) -> None:
    """A bar bent by its upper bone."""
    bpy.ops.object.armature_add(location=(-4, 0, 0))
    armature = bpy.context.object
    bpy.ops.mesh.primitive_cylinder_add(radius=0.2, depth=1.0, location=(-4, 0, 0.5))
    bar = bpy.context.object
    bar.name = "Bar"
    group = bar.vertex_groups.new(name=armature.data.bones[0].name)
    group.add([v.index for v in bar.data.vertices if v.co.z > 0], 1.0, "REPLACE")
    modifier = bar.modifiers.new("Armature", "ARMATURE")
    modifier.object = armature
    bone = armature.pose.bones[0]
    bone.rotation_mode = "XYZ"
    ease(bone, "rotation_euler", (0.0, 0.0, 0.0), (0.5, 0.0, 0.0))


def _cloth(scene: Any) -> None:
    bpy.ops.mesh.primitive_grid_add(x_subdivisions=4, y_subdivisions=4, size=2, location=(-8, 0, 3))
    bpy.context.object.name = "Cloth"
    bpy.context.object.modifiers.new("Cloth", "CLOTH")


def _soft_body(scene: Any) -> None:
    cube = add_cube("Soft", (-8, 5, 3))
    modifier = cube.modifiers.new("Softbody", "SOFT_BODY")
    modifier.settings.use_goal = False


def _collection_instances(scene: Any) -> None:
    collection = bpy.data.collections.new("Pair")
    cube = add_cube("PairMember", (0, 0, 0), 0.5)
    scene.collection.objects.unlink(cube)
    collection.objects.link(cube)
    for i in range(2):
        empty = bpy.data.objects.new(f"PairInstance{i}", None)
        empty.instance_type, empty.instance_collection = "COLLECTION", collection
        empty.location = (0.0, 8.0 + i, 0.0)
        scene.collection.objects.link(empty)


def _node_group(name: str) -> tuple[Any, Any, Any]:
    """(group, input node, output node) of a geometry node tree, in any Blender."""
    group = bpy.data.node_groups.new(name, "GeometryNodeTree")
    for direction in ("INPUT", "OUTPUT"):
        if hasattr(group, "interface"):
            group.interface.new_socket("Geometry", in_out=direction, socket_type="NodeSocketGeometry")
        else:
            getattr(group, f"{direction.lower()}s").new("NodeSocketGeometry", "Geometry")
    return group, group.nodes.new("NodeGroupInput"), group.nodes.new("NodeGroupOutput")


def _geometry_nodes_instances(scene: Any) -> None:
    """Four cubes on the corners of a plane that slides along x."""
    group, start, end = _node_group("Scatter")
    scatter = group.nodes.new("GeometryNodeInstanceOnPoints")
    cube = group.nodes.new("GeometryNodeMeshCube")
    group.links.new(start.outputs[0], scatter.inputs["Points"])
    group.links.new(cube.outputs[0], scatter.inputs["Instance"])
    group.links.new(scatter.outputs[0], end.inputs[0])
    bpy.ops.mesh.primitive_plane_add(size=4)
    plane = bpy.context.object
    plane.name = "Scattered"
    plane.modifiers.new("Nodes", "NODES").node_group = group
    ease(plane, "location", (0.0, 0.0, -2.0), (10.0, 0.0, -2.0))


def _growing_mesh(scene: Any) -> None:
    """A grid whose faces appear one after another."""
    bpy.ops.mesh.primitive_grid_add(x_subdivisions=4, y_subdivisions=4, size=2, location=(-8, -5, 0))
    bpy.context.object.name = "Growing"
    build = bpy.context.object.modifiers.new("Build", "BUILD")
    build.frame_start, build.frame_duration = 0, 11


def _streaming_mesh(scene: Any) -> None:
    """The same with a velocity attribute, on an object that is stretched by 2 along x and turned by 90 degrees."""
    bpy.ops.mesh.primitive_grid_add(x_subdivisions=4, y_subdivisions=4, size=2, location=(-8, -9, 0))
    grid = bpy.context.object
    grid.name, grid.scale.x, grid.rotation_euler.z = "Streaming", 2.0, radians(90)
    for velocity in grid.data.attributes.new("velocity", "FLOAT_VECTOR", "POINT").data:
        velocity.vector = (0.25, 0.125, 1.0)
    build = grid.modifiers.new("Build", "BUILD")
    build.frame_start, build.frame_duration = 0, 11


def _points_and_instances_of_particles(scene: Any) -> None:
    chip = add_cube("Chip", (20, 20, 20), 0.1)
    for name, kind, y in (("Points", "HALO", -8), ("Chips", "OBJECT", -12)):
        bpy.ops.mesh.primitive_plane_add(size=1, location=(0, y, 2))
        emitter = bpy.context.object
        emitter.name = name
        emitter.modifiers.new(name, "PARTICLE_SYSTEM")
        settings = emitter.particle_systems[0].settings
        settings.count, settings.frame_start, settings.frame_end, settings.lifetime = 20, 1, 6, 4
        settings.particle_size = 0.05
        settings.render_type = kind
        if kind == "OBJECT":
            settings.instance_object = chip


def _text(scene: Any) -> None:
    bpy.ops.object.text_add(location=(0, -5, 0))
    bpy.context.object.name = "Text"


def _driven_cube(scene: Any) -> None:
    """Its height is frame / 10, by a driver simple enough to run without Python."""
    cube = add_cube("Driven", (3, 3, 0))
    cube.driver_add("location", 2).driver.expression = "frame / 10"


def _timed_nodes(scene: Any) -> None:
    """Geometry nodes that shift a mesh by the frame number: nothing but time changes it."""
    group, start, end = _node_group("Timed")
    time = group.nodes.new("GeometryNodeInputSceneTime")
    offset = group.nodes.new("ShaderNodeCombineXYZ")
    shift = group.nodes.new("GeometryNodeTransform")
    group.links.new(time.outputs["Frame"], offset.inputs["X"])
    group.links.new(offset.outputs[0], shift.inputs["Translation"])
    group.links.new(start.outputs[0], shift.inputs[0])
    group.links.new(shift.outputs[0], end.inputs[0])
    add_cube("Timed").modifiers.new("Nodes", "NODES").node_group = group


def _deforming_instance(scene: Any) -> None:
    """A collection instance, one metre up, of a cube that a shape key lifts by two."""
    collection = bpy.data.collections.new("Lifted")
    cube = add_cube("Lifted")
    scene.collection.objects.unlink(cube)
    collection.objects.link(cube)
    cube.shape_key_add(name="Basis")
    key = cube.shape_key_add(name="Up")
    for point in key.data:
        point.co.z += 2.0
    ease(key, "value", 0.0, 1.0)
    empty = bpy.data.objects.new("LiftedInstance", None)
    empty.instance_type, empty.instance_collection = "COLLECTION", collection
    empty.location.z = 1.0
    scene.collection.objects.link(empty)


def _instances_on_vertices(scene: Any) -> None:
    bpy.ops.mesh.primitive_plane_add(location=(0, 20, 0))
    plane = bpy.context.object
    plane.name, plane.instance_type = "OnVertices", "VERTS"
    cube = add_cube("VertexCube", (0, 20, 0), 0.1)
    cube.parent = plane
    cube.matrix_parent_inverse = plane.matrix_world.inverted()


def _stretched_child(scene: Any) -> None:
    """Mirrored and stretched, on a parent that turns by one radian."""
    parent = add_cube("Parent")
    ease(parent, "rotation_euler", (0.0, 0.0, 0.0), (0.0, 0.0, 1.0))
    child = add_cube("Child", (3, 0, 0))
    child.parent, child.scale = parent, (1.0, 2.0, -0.5)
