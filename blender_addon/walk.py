"""One frame after another: which objects the camera may see, where they are, and which shape they have."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from ._format import recording_format as fmt
from .errors import RecordFailure
from .shapes import ShapeStore

_SILENT_TYPES = {"MESH", "EMPTY", "CAMERA", "LIGHT", "LIGHT_PROBE", "ARMATURE", "LATTICE", "SPEAKER"}
# these arrive a second time as the mesh that is rendered
_MESH_SOURCES = {"CURVE", "SURFACE", "FONT", "META"}


class Key(NamedTuple):
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
    """Per recorded frame: (n, 3) int32, the number of the key, of the shape, and 1 where a camera can see it."""
    transforms: list[np.ndarray] = field(default_factory=list)
    """Per recorded frame: (n, 4, 4) float64."""
    faceless: set[str] = field(default_factory=set)
    unsupported: dict[str, str] = field(default_factory=dict)
    """Object name -> type."""
    numbers: dict[Key, int] = field(default_factory=dict)
    last_shape: dict[Key, int] = field(default_factory=dict)
    first_transforms: np.ndarray = field(default_factory=lambda: np.empty((0, 4, 4)))
    """(keys, 4, 4) float64, of the frame in which each was first seen."""


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


def recorded_layer(scene: Any) -> Any:
    """The view layer that is recorded."""
    return next((layer for layer in scene.view_layers if layer.use), scene.view_layers[0])


def renderable_objects(layer_collection: Any) -> set[str]:
    """Full names of the objects that some collection offers to the render (their own `hide_render` aside)."""
    collection = layer_collection.collection
    if layer_collection.exclude or collection.hide_render or layer_collection.indirect_only:
        return set()
    names = {obj.name_full for obj in collection.objects}
    return names.union(*(renderable_objects(child) for child in layer_collection.children))


def look(
    depsgraph: Any,
    frame: int,
    offered: set[str],
    backstage: set[str],
    changed: set[str],
    store: ShapeStore,
    sightings: Sightings,
) -> None:
    """Add one frame to `sightings`.

    Parameters
    ----------
    frame: its number, for errors.
    offered: names from `renderable_objects`.
    backstage: names of objects that are looked at even where they are not rendered.
    changed: names of objects whose geometry may differ from when they were last looked at.

    Raises `RecordFailure` where a transform is not finite or far from what it was at first.
    """
    numbers: list[int] = []
    shapes: list[int] = []
    shown: list[bool] = []
    transforms = array("d")
    # an object may have materials of its own on a mesh that it shares
    shapes_now: dict[tuple[int, tuple[int, ...]], int] = {}
    for key, obj, matrix, seen in _things(depsgraph, offered, backstage, sightings):
        shape = sightings.last_shape.get(key)
        if shape is None or key.owner in changed or key.source in changed:
            look_of = (obj.data.as_pointer(), tuple(store.materials.slots(obj)))
            if look_of not in shapes_now:
                shapes_now[look_of] = store.number(obj, shape)
            shape = shapes_now[look_of]
            sightings.last_shape[key] = shape
        numbers.append(sightings.numbers.setdefault(key, len(sightings.numbers)))
        shapes.append(shape)
        shown.append(seen)
        transforms.extend(chain.from_iterable(matrix))
    sightings.keys = list(sightings.numbers)
    rows = np.array([numbers, shapes, shown], np.int32).T
    matrices = np.array(transforms, np.float64).reshape(-1, 4, 4)
    _check_transforms(sightings, rows[:, 0], matrices, frame)
    # scaled to nothing: a common way to hide
    has_size = matrices[:, :3, :3].any((1, 2))
    sightings.frames.append(rows[has_size])
    sightings.transforms.append(matrices[has_size])


def _things(
    depsgraph: Any, offered: set[str], backstage: set[str], sightings: Sightings
) -> Iterator[tuple[Key, Any, Any, bool]]:
    """(key, evaluated mesh object, matrix, is it rendered) of everything with faces that is rendered or backstage.

    Object and matrix are only valid until the next step.
    """
    owners: dict[int, tuple[str, bool]] = {}
    for instance in depsgraph.object_instances:
        obj, is_instance = instance.object, instance.is_instance
        owner = instance.parent if is_instance else obj
        pointer = owner.as_pointer()
        if pointer not in owners:
            name = owner.original.name_full
            owners[pointer] = (name, name in offered and not owner.hide_render)
        name, allowed = owners[pointer]
        rendered = allowed and _is_rendered(instance, obj, owner, is_instance)
        if not rendered and (is_instance or name not in backstage):
            continue
        if obj.type != "MESH":
            if obj.type not in _SILENT_TYPES | _MESH_SOURCES:
                sightings.unsupported[name] = obj.type
        elif not len(obj.data.polygons):
            sightings.faceless.add(name)
        else:
            persistent_id = tuple(instance.persistent_id) if is_instance else ()
            yield Key(name, obj.original.name_full, persistent_id), obj, instance.matrix_world, rendered


def _is_rendered(instance: Any, obj: Any, owner: Any, is_instance: bool) -> bool:
    if not obj.visible_camera:
        return False
    if not is_instance:
        # a render hides the original of what is instanced on its parent's vertices or faces; the viewport does not
        return instance.show_self and not (obj.parent and obj.parent.instance_type in {"VERTS", "FACES"})
    # geometry nodes and particles show hidden sources, collection instances do not
    return not (obj.hide_render and owner.instance_type == "COLLECTION")


def _check_transforms(sightings: Sightings, numbers: np.ndarray, matrices: np.ndarray, frame: int) -> None:
    """Raise `RecordFailure` for what moves too far; a sky a thousand kilometres away that stays there does not."""
    seen, first_rows = np.unique(numbers, return_index=True)
    new = first_rows[seen >= len(sightings.first_transforms)]
    sightings.first_transforms = np.concatenate([sightings.first_transforms, matrices[new]])
    # written so that NaN and infinity fail as well
    wrong = ~(np.abs(matrices - sightings.first_transforms[numbers]) < fmt.EXPLODED).all((1, 2))
    if wrong.any():
        key = sightings.keys[numbers[wrong.argmax()]]
        raise RecordFailure(
            f"Object '{key.source}' has exploded at frame {frame}: its transform is not finite or has changed by "
            f"more than {fmt.EXPLODED:.0e} metres.",
            "Make the simulation's steps smaller, or look for bodies that start inside each other.",
        )
