"""SimCraft inside Blender: records what moves in a scene, for any Blender from 3.4 to 5.x and PyPI's bpy.

Blender's Python holds nothing heavy: numpy, the standard library and bpy are all that this package uses.
"""

from __future__ import annotations

bl_info = {
    "name": "SimCraft",
    "author": "The SimCraft developers",
    "version": (0, 1, 0),
    "blender": (3, 4, 0),
    "location": "Python: record_scene(scene, folder)",
    "description": "Records physics and animation exactly, to drive video generators",
    "category": "Render",
}

CLASSES: tuple[type, ...] = ()


def register() -> None:
    import bpy

    for cls in CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    import bpy

    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
