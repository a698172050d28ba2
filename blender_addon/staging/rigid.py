"""Rigid bodies: what they weigh, which shape they collide with, and the world that moves them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import SceneError
from .measure import Measured, measure

SUBSTEPS, ITERATIONS = 20, 30
"""Bullet's steps a frame and its iterations a step in a new world: with fewer, stacks and chains give way."""
_OFF_CENTRE = 0.02
"""Share of its size by which a body's origin may be away from its centre: Bullet turns bodies about their origins."""
_HOLLOW = 0.6


@dataclass(frozen=True)
class RigidWish:
    """How objects are to become rigid bodies."""

    kind: str = "ACTIVE"
    """ACTIVE for what falls, PASSIVE for what others bump into."""
    density: float = 700.0
    """kg/m³."""
    friction: float = 0.63
    restitution: float = 0.55
    shape: str = "AUTO"
    """AUTO, or one of Blender's collision shapes."""
    centre: bool = True
    """Move the origins of active bodies to their centres of mass, where nothing else depends on the origin."""


@dataclass(frozen=True)
class MadeRigid:
    """What came of it."""

    mass: float
    """kg, of all bodies together."""
    notes: tuple[str, ...]
    """What somebody might not expect, in sentences."""


def make_rigid(scene: Any, depsgraph: Any, objects: Sequence[Any], wish: RigidWish) -> MadeRigid:
    """Let the mesh `objects` of `scene` be rigid bodies, in a world that is made where there is none.

    Its cache covers the scene's frames afterwards. Raises `SceneError` where an object cannot be one; nothing is
    changed then.
    """
    for obj in objects:
        _check(scene, obj)
    sizes = [measure(obj, depsgraph) for obj in objects]
    world = rigid_world(scene)
    mass, notes = 0.0, []
    for obj, size in zip(objects, sizes, strict=True):
        if wish.centre and wish.kind == "ACTIVE" and _is_off_centre(size) and _origin_is_free(obj):
            size = _centre_origin(obj, size)
        if obj.rigid_body is None:
            world.collection.objects.link(obj)
        notes += _settle(obj, size, wish)
        mass += obj.rigid_body.mass
    follow_range(scene)
    return MadeRigid(mass, tuple(notes))


def rigid_world(scene: Any) -> Any:
    """The rigid-body world of `scene`, enabled and with a collection for its bodies; a new one where there is none."""
    import bpy

    is_new = scene.rigidbody_world is None
    if is_new:
        with bpy.context.temp_override(scene=scene):
            bpy.ops.rigidbody.world_add()
    world: Any = scene.rigidbody_world
    if is_new:
        world.substeps_per_frame, world.solver_iterations = SUBSTEPS, ITERATIONS
    world.enabled = True
    if world.collection is None:
        world.collection = bpy.data.collections.new("RigidBodyWorld")
    return world


def follow_range(scene: Any) -> None:
    """Let the world's cache cover the frames of `scene`. One that is baked stays as it is."""
    cache = scene.rigidbody_world.point_cache
    if not cache.is_baked:
        cache.frame_end = max(scene.frame_end, scene.frame_start + 1)
        cache.frame_start = scene.frame_start


def _check(scene: Any, obj: Any) -> None:
    if obj.type != "MESH":
        raise SceneError(f"'{obj.name}' is no mesh.", "Only meshes can be rigid bodies: convert it (Object > Convert).")
    if obj.library is not None:
        raise SceneError(
            f"'{obj.name}' is linked from another file.", "Make it local (Object > Relations > Make Local)."
        )
    if obj.simcraft.kind != "NONE":
        raise SceneError(f"'{obj.name}' is the box of a simulation.", "Take it out of the selection.")
    if obj.name not in scene.objects:
        raise SceneError(f"'{obj.name}' is not in this scene.", "Take it out of the selection.")


def _is_off_centre(size: Measured) -> bool:
    return bool(np.linalg.norm(size.centre) > _OFF_CENTRE * size.size)


def _origin_is_free(obj: Any) -> bool:
    """Does nothing but the mesh hang on the object's origin?"""
    return not (
        obj.parent or obj.children or obj.modifiers or obj.constraints or obj.animation_data or obj.instance_collection
    ) and bool(obj.data.users == 1 and obj.data.shape_keys is None and obj.data.library is None)


def _centre_origin(obj: Any, size: Measured) -> Measured:
    """Move the origin to the centre of mass; the mesh stays where it is. Returns the measures from there."""
    from mathutils import Matrix, Vector

    scale = np.array(obj.matrix_world.to_scale())
    # measures have the scale's size but not its sign
    local = Vector(size.centre / np.abs(scale))
    obj.data.transform(Matrix.Translation(-local))
    # nothing but location, rotation and scale places what has no parent and no constraint
    obj.location += obj.matrix_basis.to_3x3() @ local
    return Measured(
        size.low - size.centre, size.high - size.centre, size.volume, np.zeros(3), size.shape, size.hull_share
    )


def _settle(obj: Any, size: Measured, wish: RigidWish) -> list[str]:
    """Give the body of `obj` its properties; returns what is worth a word."""
    body = obj.rigid_body
    body.type = wish.kind
    body.mesh_source = "FINAL" if obj.modifiers else "BASE"
    body.collision_shape = shape_for(size, wish)
    body.mass = max(size.volume * wish.density, 1e-3)
    body.friction, body.restitution = wish.friction, wish.restitution
    body.linear_damping, body.angular_damping = 0.01, 0.05
    body.use_deactivation = False
    # Bullet's own margin is part of simple shapes; hulls and meshes get a small one, or they float visibly
    body.use_margin = body.collision_shape in ("MESH", "CONVEX_HULL")
    body.collision_margin = min(0.002, 0.02 * size.size) if body.use_margin else 0.04
    body.kinematic = wish.kind == "ACTIVE" and is_animated(obj)
    notes = []
    if body.kinematic:
        notes.append(f"'{obj.name}' keeps its keyframes: it pushes others, and nothing pushes it.")
    if wish.kind == "ACTIVE" and size.is_sheet:
        notes.append(f"'{obj.name}' encloses nothing: it weighs as much as a sheet of 1 cm.")
    elif wish.kind == "ACTIVE" and wish.shape == "AUTO" and size.hull_share < _HOLLOW:
        notes.append(f"'{obj.name}' is hollow: others bump into its convex hull. Choose the shape Mesh to let them in.")
    return notes


def shape_for(size: Measured, wish: RigidWish) -> str:
    """The collision shape: the simplest that is true, and for what moves one that Bullet is quick and firm with."""
    if wish.shape != "AUTO":
        return wish.shape
    # boxes and balls are thought around the origin, wherever the mesh is
    middle = (size.low + size.high) / 2
    if size.shape in ("BOX", "SPHERE") and np.linalg.norm(middle) < _OFF_CENTRE * size.size:
        return size.shape
    return "MESH" if wish.kind == "PASSIVE" and size.shape == "MESH" else "CONVEX_HULL"


def is_animated(obj: Any) -> bool:
    """Do keyframes, drivers or the NLA move `obj` itself?"""
    data = obj.animation_data
    return bool(data and (data.action or data.drivers or data.nla_tracks))
