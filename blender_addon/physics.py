"""What simulates the scene, in which frames it does so, and from where the frames have to be stepped."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from .errors import SceneError
from .restore import Changes
from .timeline import Timeline

# modifier type -> solver's name in the recording
_POINT_CACHED = {"CLOTH": "cloth", "SOFT_BODY": "soft body"}


@dataclass(frozen=True)
class Cache:
    """The frames of one simulation."""

    owner: str
    """For messages, such as "the cloth of 'Flag'"."""
    first: int
    last: int
    baked: bool
    stale: bool = False
    """Baked with settings or for frames that are no longer the scene's."""
    freezes_before: bool = True
    """Before the first of these frames what it simulates stands still although it should not."""
    freezes_after: bool = True
    """The same after the last."""


@dataclass(frozen=True)
class Physics:
    """How to walk through the frames."""

    start: int
    """The first frame to step to; frames before the first recorded one only advance the simulation."""
    every_frame: bool
    """Step through the frames between the recorded ones as well."""
    warnings: tuple[str, ...]


def solvers(scene: Any) -> dict[str, str]:
    """Full name of each simulated or rigged object -> the name of its solver in the recording."""
    names = {}
    for obj in scene.objects:
        kinds = [m.type for m in obj.modifiers]
        simulated = next((_POINT_CACHED[k] for k in kinds if k in _POINT_CACHED), None)
        if simulated is None and _fluid_domain(obj) is not None:
            simulated = "mantaflow"
        if simulated is None and obj.rigid_body and obj.rigid_body.type == "ACTIVE" and not obj.rigid_body.kinematic:
            simulated = "bullet"
        if simulated is None and ("ARMATURE" in kinds or obj.parent_type == "ARMATURE" or obj.parent_bone):
            simulated = "armature"
        if simulated is not None:
            names[obj.name_full] = simulated
    # objects that exist only inside instanced collections keep the plain answer: keyframes or static
    return names


def emitters(scene: Any) -> set[str]:
    """Full names of the objects whose particle systems emit."""
    return {o.name_full for o in scene.objects if any(s.settings.type == "EMITTER" for s in o.particle_systems)}


def caches(scene: Any) -> Iterator[Cache]:
    """All simulations that the scene's frames depend on."""
    world = scene.rigidbody_world
    if world and world.enabled and world.collection and len(world.collection.objects):
        yield _point_cache("the rigid-body world", world.point_cache)
    for obj in scene.objects:
        for modifier in obj.modifiers:
            if modifier.type in _POINT_CACHED and modifier.show_render:
                owner = f"the {_POINT_CACHED[modifier.type]} of '{obj.name}'"
                yield _point_cache(owner, modifier.point_cache)
        for system in obj.particle_systems:
            if system.settings.type == "EMITTER" or system.use_hair_dynamics:
                yield _particle_cache(obj, system)
        domain = _fluid_domain(obj)
        if domain is not None:
            owner = f"the fluid of '{obj.name}'"
            baked = bool(domain.has_cache_baked_any)
            yield Cache(owner, domain.cache_frame_start, domain.cache_frame_end, baked)


def plan_physics(scene: Any, timeline: Timeline, is_module: bool) -> tuple[Timeline, Physics]:
    """Check the frames against every cache, and say where to start.

    Frames outside a cache are refused when they were asked for by number, and cut off with a warning when they come
    from the scene: simulated bodies stand still there although the scene would go on.

    Raises `SceneError` for such frames, and for a fluid that this Blender cannot simulate.
    """
    _refuse_fluids(scene, is_module)
    found = list(caches(scene))
    warnings = [
        f"The cache of {c.owner} was baked with other settings or for other frames; it was used as it is. "
        "Free and bake it again to see the present scene."
        for c in found
        if c.stale
    ]
    for cache in found:
        timeline, cut = _within(timeline, cache)
        warnings += cut
    live = [c.first for c in found if not c.baked]
    if has_simulation_nodes(scene):
        live.append(scene.frame_start)
    return timeline, Physics(min([timeline.first, *live]), bool(live), tuple(warnings))


def _within(timeline: Timeline, cache: Cache) -> tuple[Timeline, list[str]]:
    inside = tuple(
        f
        for f in timeline.frames
        if (f >= cache.first or not cache.freezes_before) and (f <= cache.last or not cache.freezes_after)
    )
    if inside == timeline.frames:
        return timeline, []
    what = (
        f"Frames {timeline.first}:{timeline.last} reach beyond {cache.first}:{cache.last}, the cache of {cache.owner}"
    )
    if timeline.explicit or not inside:
        raise SceneError(
            f"{what}, and outside of it everything stands still.",
            f"Ask for frames within {cache.first}:{cache.last}, or change the cache's range in Blender.",
        )
    cut = dataclasses.replace(timeline, frames=inside)
    return cut, [f"{what}: only frames {cut.first}:{cut.last} were recorded."]


def reset_caches(scene: Any) -> None:
    """Forget unbaked results that were saved with the .blend: they may be older than its settings."""
    world = scene.rigidbody_world
    if world and world.point_cache and not world.point_cache.is_baked:
        # writing the property, even unchanged, makes Blender drop the cached frames
        world.time_scale = world.time_scale
    for cache in _live_caches(scene):
        cache.frame_start = cache.frame_start


def hold_caches(scene: Any, changes: Changes) -> None:
    """Keep the frames that were stepped as they are: going back, Blender 3.4 would simulate some of them anew."""
    import bpy

    def release(cache: Any) -> None:
        with bpy.context.temp_override(scene=scene, point_cache=cache):
            bpy.ops.ptcache.free_bake()

    for cache in _live_caches(scene):
        with bpy.context.temp_override(scene=scene, point_cache=cache):
            bpy.ops.ptcache.bake_from_cache()
        changes.on_undo(partial(release, cache))


def point_caches(scene: Any) -> Iterator[Any]:
    """Blender's caches of all that it simulates in `scene`, fluids aside."""
    world = scene.rigidbody_world
    if world and world.point_cache:
        yield world.point_cache
    for obj in scene.objects:
        yield from (m.point_cache for m in obj.modifiers if m.type in _POINT_CACHED)
        yield from (s.point_cache for s in obj.particle_systems)


def _live_caches(scene: Any) -> list[Any]:
    """The point caches that are not baked."""
    return [cache for cache in point_caches(scene) if not cache.is_baked]


def _point_cache(owner: str, cache: Any) -> Cache:
    baked = bool(cache.is_baked)
    stale = baked and (bool(cache.is_outdated) or _cached_frames(cache) < cache.frame_end - cache.frame_start + 1)
    return Cache(owner, cache.frame_start, cache.frame_end, baked, stale)


def _particle_cache(obj: Any, system: Any) -> Cache:
    """An emitter's cache fits itself to its particles' lives: where there are none before or after, none could stop."""
    cache = _point_cache(f"the particles '{system.name}' of '{obj.name}'", system.point_cache)
    settings = system.settings
    if settings.type != "EMITTER":
        return cache
    return dataclasses.replace(
        cache,
        freezes_before=cache.first > math.ceil(settings.frame_start),
        freezes_after=cache.last < settings.frame_end + settings.lifetime,
    )


def _cached_frames(cache: Any) -> float:
    """How many frames are stored, as Blender's own text tells; infinitely many where it does not."""
    number = re.match(r"\s*(\d+)\s", cache.info)
    return int(number[1]) if number and cache.frame_step == 1 else float("inf")


def _fluid_domain(obj: Any) -> Any | None:
    fluid = next((m for m in obj.modifiers if m.type == "FLUID" and m.fluid_type == "DOMAIN"), None)
    return None if fluid is None else fluid.domain_settings


def smoke_domains(scene: Any) -> set[str]:
    """Full names of the objects that hold gas: their mesh is only the box around it."""
    domains = ((o.name_full, _fluid_domain(o)) for o in scene.objects)
    return {name for name, domain in domains if domain is not None and domain.domain_type == "GAS"}


def fluid_velocities(scene: Any) -> dict[str, np.ndarray]:
    """Full name of each fluid domain -> (3, 3) matrix from its mesh's velocity attribute to world metres a second.

    Mantaflow moves u cells in its unit of time, of which a frame is D = 2.5 / fps times the domain's time scale, and a
    cell is the domain's longest side / resolution. Blender stores u / resolution * fps / 2.5, along the domain's axes.
    """
    fps = scene.render.fps / scene.render.fps_base
    matrices = {}
    for obj in scene.objects:
        domain = _fluid_domain(obj)
        if domain is not None:
            # the mesh as it was drawn: the evaluated one is the liquid's surface
            corners = np.array([v.co for v in obj.data.vertices], np.float64)
            side = float((np.ptp(corners, axis=0) * np.abs(obj.matrix_world.to_scale())).max())
            rotation = np.array(obj.matrix_world.to_quaternion().to_matrix(), np.float64)
            matrices[obj.name_full] = rotation * (side * 6.25 * domain.time_scale / fps)
    return matrices


def _refuse_fluids(scene: Any, is_module: bool) -> None:
    for obj in scene.objects:
        domain = _fluid_domain(obj)
        if domain is None:
            continue
        if is_module:
            # its Mantaflow neither reads a bake nor makes one
            raise SceneError(
                f"'{obj.name}' is a fluid, and the bpy package cannot run fluids.",
                "Name a Blender executable (blender=, --blender or SIMCRAFT_BLENDER).",
            )
        if domain.cache_type != "REPLAY" and not domain.has_cache_baked_any:
            raise SceneError(
                f"The fluid of '{obj.name}' is not baked.", "Bake it in Blender (Physics > Fluid > Bake) and save."
            )


def has_simulation_nodes(scene: Any) -> bool:
    """Does a geometry-nodes modifier contain a simulation zone (Blender 3.6 and newer)?"""
    trees = [m.node_group for o in scene.objects for m in o.modifiers if m.type == "NODES" and m.node_group]
    seen = set()
    while trees:
        tree = trees.pop()
        if tree.name_full in seen:
            continue
        seen.add(tree.name_full)
        for node in tree.nodes:
            if node.bl_idname == "GeometryNodeSimulationOutput":
                return True
            if node.type == "GROUP" and node.node_tree:
                trees.append(node.node_tree)
    return False
