"""What a scene itself says of its motion and its first frame, in one short text: another text is another motion.

Its objects and their data are not looked into, that would take too long; `changes.py` counts their changes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import bpy

from ..results import MARK, VIDEOS

_SIMPLE = frozenset({"BOOLEAN", "INT", "FLOAT", "STRING", "ENUM"})
# where Blender writes its own renders, and whether it writes over files, is no part of a picture
_NO_MATTER = frozenset({"filepath", "use_file_extension", "use_overwrite", "use_placeholder", "use_lock_interface"})
# Blender complains where they are read: a setting of viewports, and what this computer cannot do
_UNREADABLE = frozenset({"wireframe_color_type", "denoiser", "preview_denoiser"})
_ENGINE_SETTINGS = {"CYCLES": "cycles", "BLENDER_EEVEE": "eevee", "BLENDER_EEVEE_NEXT": "eevee"}


def signature(scene: Any, size: tuple[int, int]) -> str:
    """Of a scene whose video has `size` pixels, with the settings of `Scene.simcraft` that say how it begins."""
    settings = scene.simcraft
    facts = [
        size,
        settings.preview_first_frame,
        settings.samples,
        _timeline(scene),
        _camera(scene),
        [_values(part) for part in _parts(scene)],
        scene.world.name_full if scene.world else "",
        sorted((key, str(value)) for key, value in _own_properties(scene)),
        [list(_layers(layer.layer_collection)) for layer in scene.view_layers if layer.use],
        sorted(_members(collection) for collection in _collections(scene)),
    ]
    return hashlib.sha1(json.dumps(facts, default=str).encode(), usedforsecurity=False).hexdigest()


def _timeline(scene: Any) -> list[Any]:
    return [scene.frame_start, scene.frame_end, scene.frame_step, scene.use_gravity, tuple(scene.gravity)]


def _camera(scene: Any) -> Any:
    """The camera's name; where markers switch cameras, all of them: which one is the scene's depends on the frame."""
    markers = [(m.frame, m.camera.name_full) for m in scene.timeline_markers if m.camera]
    return markers or (scene.camera.name_full if scene.camera else "")


def _parts(scene: Any) -> Iterator[Any]:
    """The groups of settings that a render or a simulation may depend on."""
    world = scene.rigidbody_world
    for part in (
        scene.render,
        scene.view_settings,
        scene.display_settings,
        scene.unit_settings,
        scene.display.shading if scene.render.engine == "BLENDER_WORKBENCH" else None,
        getattr(scene, _ENGINE_SETTINGS.get(scene.render.engine, ""), None),
        world,
        world.effector_weights if world else None,
    ):
        if part is not None:
            yield part
    if world:
        cache = world.point_cache
        # what is in it changes while frames are looked at
        yield {"start": cache.frame_start, "end": cache.frame_end, "baked": cache.is_baked}


def _values(part: Any) -> dict[str, Any]:
    """The plain settings in a group."""
    if isinstance(part, dict):
        return part
    values = {}
    for prop in part.bl_rna.properties:
        if prop.type in _SIMPLE and not prop.is_readonly and prop.identifier not in _NO_MATTER | _UNREADABLE:
            value = getattr(part, prop.identifier)
            values[prop.identifier] = _plain(value, prop)
    return values


def _plain(value: Any, prop: Any) -> Any:
    if isinstance(value, set):
        return sorted(value)
    return list(value) if getattr(prop, "is_array", False) else value


def _own_properties(scene: Any) -> Iterator[tuple[str, Any]]:
    """Custom properties, such as "seed" and "caption"; drivers may read any of them."""
    for key, value in scene.items():
        if isinstance(value, (int, float, str)) and not key.startswith("simcraft"):
            yield key, value


def _layers(layer: Any) -> Iterator[tuple[str, bool, bool]]:
    if not _is_result(layer.collection):
        yield layer.name, layer.exclude, layer.holdout
        for child in layer.children:
            yield from _layers(child)


def _collections(scene: Any) -> Iterator[Any]:
    yield scene.collection
    yield from (collection for collection in bpy.data.collections if not _is_result(collection))


def _members(collection: Any) -> list[Any]:
    """Objects that come and go change their collection and nothing else."""
    names = sorted(obj.name_full for obj in collection.objects if not _is_result(obj))
    return [collection.name_full, collection.hide_render, collection.hide_viewport, names]


def _is_result(block: Any) -> bool:
    return MARK in block or VIDEOS in block
