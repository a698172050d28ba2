"""What a Blender says of the add-on that is installed in it: `blender -b -P installed.py -- NOTES.json`."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import bpy


def registered(classes: list[type]) -> dict[str, list[str]]:
    """The classes of the add-on that Blender knows, its operators, and the tabs that its panels are in."""
    known = [cls for cls in classes if getattr(cls, "is_registered", False)]
    panels = [cls for cls in known if issubclass(cls, bpy.types.Panel) and not hasattr(cls, "bl_parent_id")]
    return {
        "classes": sorted(cls.__name__ for cls in known),
        "operators": sorted(dir(bpy.ops.simcraft)),
        "left": [name for name in dir(bpy.types) if name.startswith("SIMCRAFT_")],
        "tabs": sorted({panel.bl_category for panel in panels if panel.bl_space_type == "VIEW_3D"}),
    }


def main(notes: Path) -> None:
    (name,) = [addon.module for addon in bpy.context.preferences.addons if addon.module.split(".")[-1] == "simcraft"]
    addon = importlib.import_module(name)
    registration = importlib.import_module(f"{name}.registration")
    classes = [cls for part in registration.MODULES for cls in importlib.import_module(part, name).CLASSES]
    found: dict[str, Any] = {"module": name, "folder": str(Path(addon.__file__).parent)}
    found["declared"] = sorted(cls.__name__ for cls in classes)
    found["enabled"] = registered(classes)
    bpy.ops.preferences.addon_disable(module=name)
    found["disabled"] = registered(classes)
    bpy.ops.preferences.addon_enable(module=name)
    # the modules may have been loaded afresh
    classes = [cls for part in registration.MODULES for cls in importlib.import_module(part, name).CLASSES]
    found["again"] = registered(classes)
    found["own"] = hasattr(bpy.types.Object, "simcraft")
    notes.write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[sys.argv.index("--") + 1]))
