"""Uses the preferences inside a Blender: `blender -b -P engine_preferences.py -- REQUEST.json NOTES.json`.

The request has the name of the add-on's package, a folder to import it from (null where it is installed), the folder
for the engine and that of the wheels.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
from pathlib import Path
from typing import Any

import bpy


def refused(operator: Any, **properties: Any) -> str:
    """What an operator reports when it refuses; empty where it does not."""
    try:
        operator(**properties)
    except RuntimeError as error:
        return str(error)
    return ""


def unknown_names(package: str) -> list[str]:
    """What the advice for panel users calls by a name that no panel and no setting has."""
    advice = importlib.import_module(f"{package}.jobs.in_panel").ADVICE
    named = {name for text in advice.values() for name in re.findall("'([^']+)'", text)}
    modules = [importlib.import_module(m, package) for m in importlib.import_module(f"{package}.registration").MODULES]
    classes = [cls for module in modules for cls in module.CLASSES]
    shown = {prop.name for cls in classes for prop in cls.bl_rna.properties}
    shown |= {cls.bl_label for cls in classes if hasattr(cls, "bl_label")}
    return sorted(named - shown)


def use(package: str, engine: Path, wheels: str) -> dict[str, Any]:
    """Install, test and choose engines as a user does; returns what came of it."""
    preferences = importlib.import_module(f"{package}.preferences")
    state = importlib.import_module(f"{package}.ui.engine_state")
    settings = preferences.addon_preferences()
    simcraft = bpy.ops.simcraft
    found: dict[str, Any] = {"has_settings": settings is not None, "folder": str(preferences.default_folder())}
    found["unknown_names"] = unknown_names(package)
    found["before"] = preferences.engine_command().message
    found["can_test"] = [simcraft.test_engine.poll()]
    found["offline"] = refused(simcraft.install_engine, folder=str(engine))
    found["no_wheels"] = refused(simcraft.install_engine, folder=str(engine), wheel_folder=f"{wheels} not")
    assert not engine.exists()

    found["installed"] = list(simcraft.install_engine(folder=str(engine), wheel_folder=wheels))
    found["said"] = state.said()
    found["log"] = state.log().is_file()
    if settings is None:
        return found
    found["used_folder"] = settings.engine_folder
    found["command"] = preferences.engine_command().arguments
    found["can_test"].append(simcraft.test_engine.poll())
    found["tested"] = list(simcraft.test_engine())

    settings.engine, settings.remote_command = "COMMAND", " ".join(found["command"])
    found["remote"] = preferences.engine_command().remote
    found["tested_remote"] = list(simcraft.test_engine())
    settings.remote_command = ""
    found["no_command"] = preferences.engine_command().message

    settings.engine, settings.engine_python = "PYTHON", found["command"][0]
    found["existing"] = preferences.engine_command().arguments
    settings.engine_python = str(engine)
    found["no_python"] = preferences.engine_command().message

    settings.engine = "INSTALLED"
    marker = engine / "engine.json"
    marker.write_text(marker.read_text().replace('"0.1.0"', '"0.0.9"'))
    found["older"] = preferences.engine_command().message
    found["can_test"].append(simcraft.test_engine.poll())
    settings.packages_from, settings.wheel_folder = "FOLDER", wheels
    found["updated"] = list(simcraft.install_engine())
    found["after"] = preferences.engine_command().arguments
    return found


def main(request: dict[str, Any], notes: Path) -> None:
    package = request["package"]
    if request["from"]:
        sys.path.insert(0, request["from"])
        addon = importlib.import_module(package)
        addon.register()
        if request["has_settings"]:
            bpy.context.preferences.addons.new().module = package
        # bpy as a package hangs at exit while classes are registered; on any way out
        try:
            found = use(package, Path(request["engine"]), request["wheels"])
        finally:
            addon.unregister()
    else:
        found = use(package, Path(request["engine"]), request["wheels"])
    notes.write_text(json.dumps(found))


if __name__ == "__main__":
    given, written = sys.argv[sys.argv.index("--") + 1 :]
    main(json.loads(Path(given).read_text()), Path(written))
