"""Temporary changes to the user's scene, all undone afterwards."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator
from functools import partial
from typing import Any

_PHYSICS_MODIFIERS = {"CLOTH", "SOFT_BODY", "FLUID", "DYNAMIC_PAINT", "PARTICLE_SYSTEM", "COLLISION"}


class Changes:
    """Changes things and remembers how to change them back."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], Any]] = []

    def set(self, owner: Any, name: str, value: Any) -> None:
        """Set an attribute that exists and differs; what it does not have in this Blender is left out."""
        if not hasattr(owner, name) or getattr(owner, name) == value:
            return
        before = getattr(owner, name)
        setattr(owner, name, value)
        # only now: what was refused needs no undoing
        self._undo.append(partial(setattr, owner, name, before))

    def set_item(self, owner: Any, name: str, value: Any) -> None:
        """Set a custom property, which may be new."""
        back = partial(owner.__setitem__, name, owner[name]) if name in owner else partial(owner.__delitem__, name)
        owner[name] = value
        self._undo.append(back)

    def unhide(self, obj: Any, view_layer: Any) -> None:
        """Open an object's eye in the outliner."""
        if obj.name in view_layer.objects and obj.hide_get(view_layer=view_layer):
            obj.hide_set(False, view_layer=view_layer)
            self._undo.append(partial(obj.hide_set, True, view_layer=view_layer))

    def on_undo(self, action: Callable[[], Any]) -> None:
        """Something else to do when everything is put back."""
        self._undo.append(action)

    def undo(self) -> None:
        """Put everything back, last change first. Where that fails the others follow, then the first error."""
        errors = []
        while self._undo:
            try:
                self._undo.pop()()
            except Exception as error:
                errors.append(error)
        if errors:
            raise errors[0]


@contextlib.contextmanager
def temporary_changes(scene: Any) -> Iterator[Changes]:
    """A `Changes` that is undone when the block is left, and with it the scene's current frame and camera.

    An error of the block comes before one of undoing.
    """
    frame, subframe, camera = scene.frame_current, scene.frame_subframe, scene.camera
    changes = Changes()

    def put_back() -> None:
        try:
            changes.undo()
        finally:
            scene.frame_set(frame, subframe=subframe)
            # markers have switched it
            if scene.camera != camera:
                scene.camera = camera

    try:
        yield changes
    except BaseException:
        with contextlib.suppress(Exception):
            put_back()
        raise
    put_back()


def show_as_rendered(scene: Any, view_layer: Any, changes: Changes, needed: Collection[Any] = ()) -> None:
    """Let the viewport's evaluation, which scripts can read, show what a render would show.

    What is hidden from render is not hidden here, but left out later: it may still collide with what is seen. Of the
    objects that are `needed`, even those are shown that nobody wants to see.
    """
    changes.set(scene.render, "simplify_subdivision", scene.render.simplify_subdivision_render)
    changes.set(scene.render, "simplify_child_particles", scene.render.simplify_child_particles_render)
    _show_collections(view_layer.layer_collection, changes)
    for obj in scene.objects:
        if not obj.hide_render or obj.animation_data or obj in needed:
            changes.set(obj, "hide_viewport", False)
            changes.unhide(obj, view_layer)
        changes.set(obj, "show_instancer_for_viewport", obj.show_instancer_for_render)
        _show_modifiers(obj, changes)
        for system in obj.particle_systems:
            changes.set(system.settings, "display_percentage", 100)


def _show_collections(layer: Any, changes: Changes) -> None:
    if not layer.exclude:
        changes.set(layer, "hide_viewport", False)
        if layer.collection.library is None:
            changes.set(layer.collection, "hide_viewport", False)
    for child in layer.children:
        _show_collections(child, changes)


def _show_modifiers(obj: Any, changes: Changes) -> None:
    """Use the modifiers of the render, but leave alone what feeds a simulation: its cache knows the viewport's mesh."""
    simulated = [i for i, m in enumerate(obj.modifiers) if m.type in _PHYSICS_MODIFIERS]
    for modifier in list(obj.modifiers)[simulated[-1] + 1 if simulated else 0 :]:
        changes.set(modifier, "show_viewport", modifier.show_render)
        if modifier.type in {"SUBSURF", "MULTIRES"}:
            changes.set(modifier, "levels", modifier.render_levels)
