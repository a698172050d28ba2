"""Hatch build hook: a real wheel also carries the add-on, scenes and their builders, recipes, render_video.py, models.

An editable install must not (it finds them in the checkout), which is why this is no static table.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

LIMIT = 100_000_000
"""Bytes of all files in the wheel, before they are packed: package registries take no larger file."""


class WheelContents(BuildHookInterface):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version != "standard":
            return
        root = Path(self.root)
        files = assets(root)
        problem = too_large(root, files)
        if problem:
            self.app.abort(problem)
        for source in files:
            build_data["force_include"][str(source)] = f"simcraft/_assets/{source.relative_to(root).as_posix()}"


def assets(root: Path) -> list[Path]:
    """What the package finds through `simcraft.assets`; of a model all but pictures and hidden files."""
    return [
        *(path for path in (root / "blender_addon").rglob("*") if path.suffix in {".py", ".jpg"}),
        *(path for path in (root / "scenes").rglob("*") if path.suffix in {".blend", ".json", ".py"}),
        *(root / "recipes").glob("*.yaml"),
        root / "scripts/render_video.py",
        *(path for path in sorted((root / "models").rglob("*")) if _of_a_model(path)),
    ]


def _of_a_model(path: Path) -> bool:
    wanted = path.suffix in {".safetensors", ".json", ".txt", ".md", ".yaml"} or path.name == "LICENSE"
    return path.is_file() and wanted and not path.name.startswith(".")


def too_large(root: Path, files: list[Path], limit: int = LIMIT) -> str:
    """Why the wheel would be too large, with what to do; "" where it is not."""
    packaged = [*files, *(root / "simcraft").rglob("*.py")]
    total = sum(path.stat().st_size for path in packaged)
    if total <= limit:
        return ""
    largest = sorted(files, key=lambda path: -path.stat().st_size)[:3]
    named = ", ".join(f"{path.relative_to(root).as_posix()} ({path.stat().st_size / 1e6:.0f} MB)" for path in largest)
    return (
        f"The wheel would hold {total / 1e6:.0f} MB; the limit is {limit / 1e6:.0f} MB. Largest: {named}. Move a model "
        "out of models/ and offer it as a download; SIMCRAFT_MODELS names the folder that it is unpacked in."
    )
