"""Bullet bodies and joints on the kit's objects."""

from __future__ import annotations

import bpy
from mathutils import Vector

from .stage import Vector3, curves


def passive(
    thing: bpy.types.Object, shape: str = "BOX", friction: float = 0.6, restitution: float = 0.1
) -> bpy.types.Object:
    """`thing` stands still and others bump into it."""
    return _body(thing, "PASSIVE", shape, 1.0, friction, restitution)


def active(
    thing: bpy.types.Object,
    mass: float,
    shape: str = "BOX",
    friction: float = 0.5,
    restitution: float = 0.1,
) -> bpy.types.Object:
    """`thing` falls, slides and topples; `mass` in kg."""
    return _body(thing, "ACTIVE", shape, mass, friction, restitution)


def launch(thing: bpy.types.Object, velocity: Vector3, spin: Vector3 = (0.0, 0.0, 0.0), frames: int = 3) -> None:
    """Carry the active `thing` along `velocity` (m/s) and `spin` (rad/s about x, y, z); let go after `frames` frames.

    Its location in the file is where frame 1 sees it. Bullet keeps the speed of the keyframes at the release, exactly
    so from three frames on; a shorter ride leaves it at rest. The custom property "velocity" tells those who have to
    keep out of its way.
    """
    scene = bpy.context.scene
    last = scene.frame_start + frames
    seconds = (last - scene.frame_start) / scene.render.fps
    thing["velocity"] = velocity
    start, turned = thing.location.copy(), Vector(thing.rotation_euler)
    for frame, elapsed in ((scene.frame_start, 0.0), (last, seconds)):
        thing.location = start + Vector(velocity) * elapsed
        thing.rotation_euler = turned + Vector(spin) * elapsed
        thing.keyframe_insert("location", frame=frame)
        thing.keyframe_insert("rotation_euler", frame=frame)
    thing.location, thing.rotation_euler = start, turned
    for curve in curves(thing):
        curve.extrapolation = "LINEAR"
        for key in curve.keyframe_points:
            key.interpolation = "LINEAR"
    hold(thing, last)


def hold(thing: bpy.types.Object, until: int) -> None:
    """`thing` follows its keyframes before frame `until` and Bullet from there on."""
    for frame, held in ((bpy.context.scene.frame_start, True), (until, False)):
        thing.rigid_body.kinematic = held
        thing.rigid_body.keyframe_insert("kinematic", frame=frame)
    thing.rigid_body.kinematic = True


def joint(
    kind: str,
    name: str,
    first: bpy.types.Object,
    second: bpy.types.Object,
    location: Vector3,
    rotation: Vector3 = (0.0, 0.0, 0.0),
) -> bpy.types.Object:
    """Bind two bodies at `location`: "POINT", "HINGE" (about its own z axis) or "FIXED"."""
    holder = bpy.data.objects.new(name, None)
    holder.empty_display_size = 0.1
    holder.location = location
    holder.rotation_euler = rotation
    scene = bpy.context.scene
    scene.collection.objects.link(holder)
    # membership makes it a joint; the operator for it crashes Blender 3.4 under an overridden context
    scene.rigidbody_world.constraints.objects.link(holder)
    bound = holder.rigid_body_constraint
    bound.type = kind
    bound.object1, bound.object2 = first, second
    bound.disable_collisions = True
    return holder


def _body(
    thing: bpy.types.Object, kind: str, shape: str, mass: float, friction: float, restitution: float
) -> bpy.types.Object:
    scene = bpy.context.scene
    scene.rigidbody_world.collection.objects.link(thing)
    body = thing.rigid_body
    body.type = kind
    body.collision_shape = shape
    body.mass = mass
    body.friction = friction
    body.restitution = restitution
    body.linear_damping = 0.01
    body.angular_damping = 0.05
    body.use_deactivation = False
    # Bullet's own margin is part of these shapes; meshes get a small one of their own
    body.use_margin = shape in ("MESH", "CONVEX_HULL")
    body.collision_margin = 0.002 if body.use_margin else 0.04
    return thing
