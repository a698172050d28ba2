"""Finds the facts about a scene: quickly, and what takes long is kept until the scene changes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrows import shown_arrows
from ..physics import Cache, caches
from ..properties import NONE
from .boxes import corners_of
from .facts import Movers, SceneFacts
from .framing import sees
from .motion import movers

_NEEDS = {"smoke": "emitter", "fire": "emitter", "liquid": "emitter", "material": "emitter"}
"""The role without which an effect cannot be simulated."""
_REST = 20.0
"""After a look at all objects, so many times as long as it took passes before the next one."""
_MOST_SEEN = 200
"""Objects that are looked for in the camera's picture."""


def facts_of(scene: Any) -> SceneFacts:
    """Everything about `scene` as it is now."""
    return _with_objects(scene, _look(scene))


@dataclass(frozen=True)
class _Objects:
    """What a look at all objects of a scene has found."""

    movers: Movers
    caches: tuple[Cache, ...]
    hungry: tuple[tuple[str, str], ...]
    seen: float
    has_light: bool


def _look(scene: Any) -> _Objects:
    found = movers(scene)
    return _Objects(found, tuple(caches(scene)), _hungry(scene), _seen(scene, found), _has_light(scene))


def _with_objects(scene: Any, objects: _Objects) -> SceneFacts:
    import bpy

    render = scene.render
    settings = getattr(scene, "simcraft", None)
    own_size = settings is not None and settings.size_from == "CUSTOM"
    scale = 0 if own_size else render.resolution_percentage / 100
    units = scene.unit_settings
    return SceneFacts(
        scene.frame_start,
        scene.frame_end,
        scene.frame_step,
        int(render.resolution_x * scale),
        int(render.resolution_y * scale),
        scene.camera is not None or any(marker.camera for marker in scene.timeline_markers),
        objects.has_light,
        1.0 if units.system == "NONE" else units.scale_length,
        bool(bpy.data.filepath),
        objects.movers,
        objects.caches,
        objects.hungry,
        objects.seen,
        settings is not None and settings.motion_from == "ARROWS" and bool(shown_arrows(scene)),
    )


def _hungry(scene: Any) -> tuple[tuple[str, str], ...]:
    """(name, role) of domains of which nothing has the role that they need."""
    domains = [obj for obj in scene.objects if obj.simcraft.kind in _NEEDS]
    fed = {(obj.simcraft.role, obj.simcraft.domain) for obj in scene.objects if obj.simcraft.role != NONE}
    needs = [(domain, _NEEDS[domain.simcraft.kind]) for domain in domains]
    return tuple((d.name, role) for d, role in needs if (role, d) not in fed and (role, None) not in fed)


def _seen(scene: Any, found: Movers) -> float:
    """The share of the corners of what moves that the camera sees; 1 where there is nothing to see, or no camera."""
    camera = scene.camera
    if camera is None or camera.type != "CAMERA" or camera.data.type == "PANO" or not found.names:
        return 1.0
    names = set(found.names[:_MOST_SEEN])
    corners = [corners_of(obj) for obj in scene.objects if obj.name in names]
    return sees(scene, camera, np.concatenate(corners)) if corners else 1.0


def _has_light(scene: Any) -> bool:
    if scene.render.engine == "BLENDER_WORKBENCH" or any(
        o.type == "LIGHT" and not o.hide_render for o in scene.objects
    ):
        return True
    world = scene.world
    if world is None:
        return _glows(scene)
    if not (world.use_nodes and world.node_tree):
        return max(world.color) > 0.02 or _glows(scene)
    backgrounds = [node for node in world.node_tree.nodes if node.type == "BACKGROUND"]
    return any(_shines(node) for node in backgrounds) or not backgrounds or _glows(scene)


def _shines(background: Any) -> bool:
    colour, strength = background.inputs[0], background.inputs[1]
    dark = not colour.is_linked and max(colour.default_value[:3]) < 0.02
    return not dark and (strength.is_linked or strength.default_value > 0)


def _glows(scene: Any) -> bool:
    """Has something a material that shines by itself?"""
    materials = {slot.material for obj in scene.objects for slot in obj.material_slots if slot.material is not None}
    trees = [material.node_tree for material in materials if material.node_tree is not None]
    return any(node.type == "EMISSION" for tree in trees for node in tree.nodes)


@dataclass
class _Kept:
    objects: _Objects
    version: int
    until: float
    """`time.monotonic` before which the objects are not looked at again."""


_version = 0
_kept: dict[str, _Kept] = {}


def quick_facts_of(scene: Any) -> SceneFacts:
    """Like `facts_of`, for drawing: objects are looked at again when something has changed, and not all the time."""
    kept = _kept.get(scene.name_full)
    now = time.monotonic()
    if kept is None or (kept.version != _version and now >= kept.until):
        objects = _look(scene)
        spent = time.monotonic() - now
        kept = _kept[scene.name_full] = _Kept(objects, _version, now + spent * (1 + _REST))
    return _with_objects(scene, kept.objects)


def something_changed(*_: Any) -> None:
    """What was seen of objects may no longer be true."""
    global _version
    _version += 1


def forget(*_: Any) -> None:
    """Another file was opened."""
    _kept.clear()
    something_changed()
