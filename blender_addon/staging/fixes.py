"""What the buttons of the check list do: one function for each problem of `checks.PROBLEMS`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from bpy.app.translations import pgettext_tip as tip

from ..effects import give_role
from ..errors import SceneError
from ..physics import point_caches
from . import boxes, framing
from .checks import USUAL_SIDE
from .look import facts_of
from .motion import keyed_frames, movers
from .rigid import RigidWish, follow_range, is_animated, make_rigid, rigid_world
from .substances import SUBSTANCES

SHORT, SHORTENED = 48, 250
"""Frames of a scene that had none, and of one that had too many."""
_FLAT = 0.2
"""Height over width, up to which the lowest thing counts as ground."""


@dataclass(frozen=True)
class Situation:
    """What a fix works on."""

    scene: Any
    depsgraph: Any
    collection: Any
    """Where new objects go."""
    selected: Sequence[Any]
    rotation: Any
    """How a camera would be turned: as the user looks."""


def fix(problem: str, at: Situation) -> str:
    """Solve one problem; returns what was done, in a sentence. Raises `SceneError` where that cannot be."""
    return _FIXES[problem](at)


def _camera(at: Situation) -> str:
    points = framing.points_to_show(at.scene)
    if not len(points):
        raise SceneError("There is nothing for a camera to look at.", "Add a mesh or a preset first.")
    camera = at.scene.camera
    free = camera is not None and camera.parent is None and not camera.constraints and keyed_frames(camera) is None
    if free and camera.type == "CAMERA":
        framing.place_camera(at.scene, camera, points, camera.matrix_world.to_3x3().normalized())
        return tip("The camera '{}' sees what moves").format(camera.name)
    camera = framing.add_camera(at.scene, at.collection, points, at.rotation, 50.0)
    return tip("The new camera '{}' sees what moves").format(camera.name)


def _motion(at: Situation) -> str:
    """What is selected falls; or everything, onto the lowest thing where that is flat."""
    seen = [o for o in at.scene.objects if o.type == "MESH" and _can_fall(o)]
    falling = [o for o in seen if o in at.selected] or seen
    if not falling:
        raise SceneError("There is no mesh that could move.", "Add one, or a preset.")
    ground = _ground(seen)
    falling = [o for o in falling if o is not ground] or falling
    wood = SUBSTANCES["WOOD"]
    wish = RigidWish("ACTIVE", wood.density, wood.friction, wood.restitution)
    make_rigid(at.scene, at.depsgraph, falling, wish)
    if ground is not None and ground not in falling and ground.rigid_body is None:
        stone = SUBSTANCES["STONE"]
        make_rigid(at.scene, at.depsgraph, [ground], RigidWish("PASSIVE", stone.density, stone.friction, 0.4))
        return tip("{} bodies fall onto '{}'").format(len(falling), ground.name)
    return tip("{} bodies fall").format(len(falling))


def _can_fall(obj: Any) -> bool:
    own = obj.simcraft
    return not obj.hide_render and own.kind == own.role == "NONE" and obj.library is None and len(obj.data.polygons) > 0


def _ground(objects: Sequence[Any]) -> Any | None:
    """The widest of the objects, where it is flat and nothing lies deeper."""
    if len(objects) < 2:
        return None
    around = {obj: box for obj in objects if (box := boxes.box_around([obj])) is not None}
    widest = max(objects, key=lambda obj: float(around[obj].size[:2].prod()))
    box = around[widest]
    lowest = min(float(other.high[2]) for other in around.values())
    flat = box.size[2] <= _FLAT * box.size[:2].max()
    return widest if flat and box.high[2] <= lowest + 1e-3 and not is_animated(widest) else None


def _asleep(at: Situation) -> str:
    rigid_world(at.scene)
    follow_range(at.scene)
    return tip("Rigid bodies are simulated")


def _when(at: Situation) -> str:
    first, last = movers(at.scene).frames
    at.scene.frame_start, at.scene.frame_end = int(np.floor(first)), int(np.ceil(last))
    return _frames_of(at.scene)


def _frames_of(scene: Any) -> str:
    return tip("The scene has the frames {} to {}").format(scene.frame_start, scene.frame_end)


def _range(at: Situation) -> str:
    scene = at.scene
    scene.frame_step = 1
    scene.frame_end = scene.frame_start + SHORT - 1
    return _frames_of(scene)


def _long(at: Situation) -> str:
    scene = at.scene
    scene.frame_end = scene.frame_start + SHORTENED * max(scene.frame_step, 1) - 1
    return tip("The scene ends in frame {}").format(scene.frame_end)


def _cache(at: Situation) -> str:
    import bpy

    scene = at.scene
    for obj in scene.objects:
        for modifier in obj.modifiers:
            if modifier.type == "FLUID" and modifier.fluid_type == "DOMAIN":
                _fluid_cache(scene, obj, modifier.domain_settings)
    for cache in point_caches(scene):
        if cache.is_baked:
            with bpy.context.temp_override(scene=scene, point_cache=cache):
                bpy.ops.ptcache.free_bake()
        cache.frame_end = max(cache.frame_end, scene.frame_end)
        cache.frame_start = min(cache.frame_start, scene.frame_start)
    return tip("Simulations cover the frames {} to {}").format(scene.frame_start, scene.frame_end)


def _fluid_cache(scene: Any, obj: Any, settings: Any) -> None:
    covers = settings.cache_frame_start <= scene.frame_start and settings.cache_frame_end >= scene.frame_end
    if covers:
        return
    if settings.has_cache_baked_any:
        raise SceneError(f"The fluid of '{obj.name}' is baked.", "Free its bake (Physics > Fluid), and press again.")
    settings.cache_frame_end = max(settings.cache_frame_end, scene.frame_end)
    settings.cache_frame_start = min(settings.cache_frame_start, scene.frame_start)


def _source(at: Situation) -> str:
    names = [name for name, _ in facts_of(at.scene).hungry]
    if not names:
        raise SceneError("Every simulation has what it needs.")
    for name in names:
        domain = at.scene.objects[name]
        box = boxes.box_around([domain])
        assert box is not None
        radius = 0.15 * float(box.size.min())
        ball = boxes.add_ball(at.collection, f"{name} source", box.middle, radius)
        give_role(ball, "emitter", domain)
        ball.hide_render = domain.simcraft.kind != "material"
    return tip("Something comes out of a ball in {}").format(", ".join(names))


def _size(at: Situation) -> str:
    render = at.scene.render
    sides = np.array([render.resolution_x, render.resolution_y], np.float64)
    width, height = np.maximum(np.round(sides * USUAL_SIDE / sides.max() / 8) * 8, 64).astype(int).tolist()
    render.resolution_x, render.resolution_y, render.resolution_percentage = width, height, 100
    return tip("The picture has {} x {} pixels").format(width, height)


def _light(at: Situation) -> str:
    import bpy
    from mathutils import Euler

    data = bpy.data.lights.new("Sun", "SUN")
    data.energy, data.angle = 3.0, 0.03
    sun = bpy.data.objects.new("Sun", data)
    sun.rotation_euler = Euler((0.7, 0.2, 0.6))
    sun.location = (0.0, 0.0, 5.0)
    at.collection.objects.link(sun)
    if at.scene.world is None:
        # so that shadows are not black
        at.scene.world = bpy.data.worlds.new("World")
        at.scene.world.color = (0.2, 0.23, 0.27)
    return tip("A sun shines")


def _units(at: Situation) -> str:
    at.scene.unit_settings.scale_length = 1.0
    return tip("One unit is one metre")


def _save(at: Situation) -> str:
    import bpy

    if bpy.app.background:
        raise SceneError("The file has no name.", "Save it with bpy.ops.wm.save_as_mainfile(filepath=...).")
    bpy.ops.wm.save_as_mainfile("INVOKE_DEFAULT")
    return ""


_FIXES: dict[str, Callable[[Situation], str]] = {
    "CAMERA": _camera,
    "VIEW": _camera,
    "MOTION": _motion,
    "ASLEEP": _asleep,
    "WHEN": _when,
    "RANGE": _range,
    "LONG": _long,
    "CACHE": _cache,
    "SOURCE": _source,
    "SIZE": _size,
    "LIGHT": _light,
    "UNITS": _units,
    "SAVE": _save,
}
