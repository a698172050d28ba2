"""One frame after another: which objects the camera may see, where they are, and which shape they have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .errors import RecordFailure
from .shapes import ShapeStore

EXPLODED = 1e6
"""Metres from the origin beyond which a simulation is taken for exploded."""
_SILENT_TYPES = {"MESH", "EMPTY", "CAMERA", "LIGHT", "LIGHT_PROBE", "ARMATURE", "LATTICE", "SPEAKER"}
# these arrive a second time as the mesh that is rendered
_MESH_SOURCES = {"CURVE", "SURFACE", "FONT", "META"}


@dataclass(frozen=True)
class Key:
    """What makes an object or an instance the same one in the next frame."""

    owner: str
    """Full name of the scene's object; of an instance, the one that instances it."""
    source: str
    """Full name of the object whose mesh is shown."""
    persistent_id: tuple[int, ...]
    """Empty for what is no instance."""


@dataclass
class Sightings:
    """One row for each visible thing in each frame."""

    keys: list[Key] = field(default_factory=list)
    frames: list[np.ndarray] = field(default_factory=list)
    """Per recorded frame: (n, 2) int32, the number of the key and of the shape."""
    transforms: list[np.ndarray] = field(default_factory=list)
    """Per recorded frame: (n, 4, 4) float64."""
    faceless: set[str] = field(default_factory=set)
    unsupported: dict[str, str] = field(default_factory=dict)
    """Object name -> type."""
    numbers: dict[Key, int] = field(default_factory=dict)
    last_shape: dict[Key, int] = field(default_factory=dict)


class ChangeLog:
    """Collects, as a frame-change handler, the names of objects whose geometry was evaluated anew."""

    def __init__(self, view_layer: Any) -> None:
        self._view_layer = view_layer.name
        self.names: set[str] = set()

    def __call__(self, scene: Any, depsgraph: Any) -> None:
        if depsgraph.view_layer.name == self._view_layer:
            for update in depsgraph.updates:
                if update.is_updated_geometry:
                    self.names.add(update.id.original.name_full)

    def take(self) -> set[str]:
        """The names since the last call."""
        names, self.names = self.names, set()
        return names


def renderable_objects(layer_collection: Any) -> set[str]:
    """Full names of the objects that some collection offers to the render (their own `hide_render` aside)."""
    collection = layer_collection.collection
    if layer_collection.exclude or collection.hide_render or layer_collection.indirect_only:
        return set()
    names = {obj.name_full for obj in collection.objects}
    return names.union(*(renderable_objects(child) for child in layer_collection.children))


def look(
    depsgraph: Any, frame: int, offered: set[str], changed: set[str], store: ShapeStore, sightings: Sightings
) -> None:
    """Add one frame to `sightings`.

    Parameters
    ----------
    frame: its number, for errors.
    offered: names from `renderable_objects`.
    changed: names of objects whose geometry may differ from when they were last looked at.

    Raises `RecordFailure` where a transform is not finite or far away.
    """
    rows, transforms = [], []
    shapes_now: dict[int, int] = {}
    for key, obj, matrix in _visible(depsgraph, offered, sightings):
        _check_transform(key, matrix, frame)
        shape = sightings.last_shape.get(key)
        if shape is None or key.owner in changed or key.source in changed:
            pointer = obj.data.as_pointer()
            if pointer not in shapes_now:
                shapes_now[pointer] = store.number(obj, shape)
            shape = shapes_now[pointer]
            sightings.last_shape[key] = shape
        rows.append((sightings.numbers.setdefault(key, len(sightings.numbers)), shape))
        transforms.append(matrix)
    sightings.keys = list(sightings.numbers)
    sightings.frames.append(np.array(rows, np.int32).reshape(-1, 2))
    sightings.transforms.append(np.array(transforms, np.float64).reshape(-1, 4, 4))


def _visible(depsgraph: Any, offered: set[str], sightings: Sightings) -> Iterator[tuple[Key, Any, list]]:
    """(key, evaluated mesh object, rows of its matrix) of everything with faces that is rendered.

    The object is only valid until the next step.
    """
    for instance in depsgraph.object_instances:
        obj = instance.object
        owner = instance.parent if instance.is_instance else obj
        name = owner.original.name_full
        if name not in offered or not _is_rendered(instance, obj, owner):
            continue
        if obj.type != "MESH":
            if obj.type not in _SILENT_TYPES | _MESH_SOURCES:
                sightings.unsupported[name] = obj.type
            continue
        if not len(obj.data.polygons):
            sightings.faceless.add(name)
            continue
        persistent_id = tuple(instance.persistent_id) if instance.is_instance else ()
        matrix = [tuple(row) for row in instance.matrix_world]
        if not any(map(any, (row[:3] for row in matrix[:3]))):
            continue  # scaled to nothing, a common way to hide
        yield Key(name, obj.original.name_full, persistent_id), obj, matrix


def _is_rendered(instance: Any, obj: Any, owner: Any) -> bool:
    if owner.hide_render or not obj.visible_camera:
        return False
    if not instance.is_instance:
        return instance.show_self
    # geometry nodes and particles show hidden sources, collection instances do not
    return not (obj.hide_render and owner.instance_type == "COLLECTION")


def _check_transform(key: Key, matrix: list, frame: int) -> None:
    # written so that NaN fails as well
    if not all(abs(x) < EXPLODED for row in matrix for x in row):
        raise RecordFailure(
            f"Object '{key.source}' has exploded at frame {frame}: its transform is not finite or beyond "
            f"{EXPLODED:.0e} metres.",
            "Make the simulation's steps smaller, or look for bodies that start inside each other.",
        )
