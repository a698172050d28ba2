"""What the add-on registers in Blender, module by module.

A module that registers something has a tuple `CLASSES`, and, for what is not a class (properties of Blender's own
types, handlers, timers, keymaps), functions `register_more` and `unregister_more`.
"""

from __future__ import annotations

import atexit
import importlib
from types import ModuleType

MODULES: tuple[str, ...] = (
    ".scene_settings",
    ".controller",
    ".ui.engine_state",
    ".ui.engine_operators",
    ".preferences",
    ".ui.thumbnails",
    ".ui.scene_state",
    ".ui.preset_operators",
    ".ui.physics_operators",
    ".ui.scene_operators",
    ".ui.scene_panel",
    ".ui.staging_panels",
    ".ui.effect_panel",
    ".ui.generate_operators",
    ".ui.generate_panel",
    ".arrows",
    ".ui.arrow_operators",
    ".ui.background_properties",
    ".ui.motion_operators",
    ".ui.motion_panel",
    ".ui.result_operators",
    ".ui.result_panel",
)
"""Relative names, in the order of registration: a class comes after those that it refers to."""

_registered: list[ModuleType] = []


def register_all() -> None:
    """Register every module of `MODULES`. Where one fails, those before are taken back, and its error is raised."""
    import bpy

    if _registered:
        return
    try:
        for name in MODULES:
            module = importlib.import_module(name, __package__)
            _registered.append(module)
            register_module(module)
    except BaseException:
        unregister_all()
        raise
    if getattr(bpy.app, "module", False):
        # the bpy package hangs at exit while a class is registered
        atexit.register(unregister_all)


def unregister_all() -> None:
    """Undo `register_all`."""
    atexit.unregister(unregister_all)
    while _registered:
        unregister_module(_registered.pop())


def register_module(module: ModuleType) -> None:
    """Register what one module has."""
    import bpy

    for cls in module.CLASSES:
        bpy.utils.register_class(cls)
    if hasattr(module, "register_more"):
        module.register_more()


def unregister_module(module: ModuleType) -> None:
    """Undo `register_module`, also where that has failed half-way."""
    import bpy

    if hasattr(module, "unregister_more"):
        module.unregister_more()
    for cls in reversed(module.CLASSES):
        if getattr(cls, "is_registered", False):
            bpy.utils.unregister_class(cls)
