"""SimCraft inside Blender: records what moves in a scene, for any Blender from 3.4 to 5.x and PyPI's bpy.

Blender's Python holds nothing heavy: numpy, the standard library and bpy are all that this package uses.
"""

from __future__ import annotations

bl_info = {
    "name": "SimCraft",
    "author": "The SimCraft developers",
    "version": (0, 1, 0),
    "blender": (3, 4, 0),
    "location": "3D View > Sidebar > SimCraft",
    "description": "Physics becomes video, and the motion is known exactly",
    "category": "Render",
}
# Blender takes bl_info away from extensions once it has loaded them
VERSION = ".".join(map(str, bl_info["version"]))


def register() -> None:
    """Let every object have the properties of `properties.py`, and Blender the panels and operators."""
    from . import properties, registration

    properties.register()
    registration.register_all()


def unregister() -> None:
    """Undo `register`."""
    from . import properties, registration

    registration.unregister_all()
    properties.unregister()
