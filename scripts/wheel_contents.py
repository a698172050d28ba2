"""Hatch build hook: a real wheel also carries the add-on, the scenes and their builders, recipes, render_video.py.

An editable install must not (it finds them in the checkout), which is why this is no static table.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class WheelContents(BuildHookInterface):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version != "standard":
            return
        root = Path(self.root)
        assets = [
            *(root / "blender_addon").rglob("*.py"),
            *(path for path in (root / "scenes").rglob("*") if path.suffix in {".blend", ".json", ".py"}),
            *(root / "recipes").glob("*.yaml"),
            root / "scripts/render_video.py",
        ]
        for source in assets:
            build_data["force_include"][str(source)] = f"simcraft/_assets/{source.relative_to(root).as_posix()}"
