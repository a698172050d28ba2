"""The add-on that these builders work with: the package around them in its zip, `blender_addon` elsewhere."""

from __future__ import annotations

import importlib

_around = __package__.rpartition(".")[0]
# in a checkout they are imported as scenes.builders, or by a name without a package around it
_name = _around if _around not in ("", "scenes") else "blender_addon"

effects = importlib.import_module(f"{_name}.effects")
properties = importlib.import_module(f"{_name}.properties")
fmt = importlib.import_module(f"{_name}._format").recording_format
