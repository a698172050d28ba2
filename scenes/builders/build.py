"""Builds a scene of a family in Blender: the script that `simcraft.sim.blender_child` calls.

`scene.json` in the folder handed over has `name`, `seed` and `parameters` (what was set, by name).
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

PACKAGE = "simcraft_scene_builders"


class WrongSetting(ValueError):
    """A parameter is unknown, or its value out of range."""

    def __init__(self, family: str, reason: str) -> None:
        self.message = f"Scene '{family}': {reason}."
        self.fix = f"Run `simcraft simulate {family} --help` for the parameters, their units and ranges."
        super().__init__(self.message)


def build(folder: Path) -> Any:
    """Fill Blender with the scene that `folder/scene.json` asks for, and return it.

    Raises `WrongSetting` where a parameter is unknown or out of range.
    """
    request = json.loads((folder / "scene.json").read_text(encoding="utf-8"))
    setting_error = _module("family").fmt.SettingError
    try:
        return _module("catalogue").build(request["name"], request["seed"], request["parameters"])
    except setting_error as error:
        raise WrongSetting(request["name"], str(error)) from None


def _module(name: str) -> Any:
    """A module of the package around this file, which goes by a name that no other package has."""
    if PACKAGE not in sys.modules:
        here = Path(__file__).resolve().parent
        spec = importlib.util.spec_from_file_location(
            PACKAGE, here / "__init__.py", submodule_search_locations=[str(here)]
        )
        assert spec is not None and spec.loader is not None
        package = importlib.util.module_from_spec(spec)
        sys.modules[PACKAGE] = package
        spec.loader.exec_module(package)
    return importlib.import_module(f"{PACKAGE}.{name}")
