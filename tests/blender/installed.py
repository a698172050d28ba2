"""What a Blender says of the add-on that is installed in it: `blender -b -P installed.py -- NOTES.json`."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import bpy


def registered() -> dict[str, list[str]]:
    """What Blender knows of SimCraft: operators, panels and property groups, and the tabs of the panels."""
    named = [name for name in dir(bpy.types) if name.startswith("SIMCRAFT_")]
    panels = [getattr(bpy.types, name) for name in named if "_PT_" in name]
    return {
        "classes": sorted(named),
        "operators": sorted(dir(bpy.ops.simcraft)),
        "tabs": sorted({getattr(panel, "bl_category", "") for panel in panels if not hasattr(panel, "bl_parent_id")}),
    }


def main(notes: Path) -> None:
    (module,) = [addon.module for addon in bpy.context.preferences.addons if addon.module.split(".")[-1] == "simcraft"]
    addon = importlib.import_module(module)
    registration = importlib.import_module(f"{module}.registration")
    declared = sorted(
        cls.__name__ for name in registration.MODULES for cls in importlib.import_module(name, module).CLASSES
    )
    found: dict[str, Any] = {"module": module, "folder": str(Path(addon.__file__).parent), "declared": declared}
    found["enabled"] = registered()
    bpy.ops.preferences.addon_disable(module=module)
    found["disabled"] = registered()
    bpy.ops.preferences.addon_enable(module=module)
    found["again"] = registered()
    found["own"] = hasattr(bpy.types.Object, "simcraft")
    notes.write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[sys.argv.index("--") + 1]))
