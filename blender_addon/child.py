"""The script of a child Blender: records a copy of a scene, while the Blender that it comes from goes on.

Started as `blender -b -P child.py`, or as `python -P child.py` where the bpy package is installed. It speaks the JSON
lines of `jobs.child_side`: one request on stdin, events on stdout, and Blender's own chatter on stderr. Requests are::

    {"request": "record", "blend": FILE, "scene": NAME, "recording": DIR, "frames": [A, B] or null,
     "size": [W, H] or null, "preview": false, "seed": null, "samples": null}          see `record.record_scene`
    {"request": "first_frame", "blend": FILE, "scene": NAME, "recording": DIR, "samples": null}
                                                               see `record.add_first_frame`

Both answer with {"recording": DIR, "warnings": [...]}. Scripts in the file are run only where
the user's preferences say so.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

HERE = Path(__file__).resolve().parent


def load_package() -> ModuleType:
    """The add-on whose file this is. Where Blender has it enabled, that one, under the name that it has there."""
    for module in list(sys.modules.values()):
        if (file := getattr(module, "__file__", None)) and Path(file) == HERE / "__init__.py":
            return module
    init = HERE / "__init__.py"
    spec = importlib.util.spec_from_file_location("simcraft_child", init, submodule_search_locations=[str(HERE)])
    assert spec is not None and spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = package
    spec.loader.exec_module(package)
    return package


def part(name: str) -> Any:
    """A module of the add-on."""
    return importlib.import_module(f"{load_package().__name__}.{name}")


def answer(request: dict[str, Any], progress: Any) -> dict[str, Any]:
    """Do what is asked; raises `SceneError` and `RecordFailure`."""
    kind, recording = request["request"], Path(request["recording"])
    if kind not in ("record", "first_frame"):
        raise part("errors").SceneError(f"A child Blender is asked to '{kind}', which it cannot.")
    if importlib.util.find_spec("numpy") is None:
        fix = "Install it for Blender's Python; on Debian and Ubuntu: apt install python3-numpy."
        raise part("errors").SceneError("This Blender's Python has no numpy.", fix)
    # what the scene says of simulations is among these properties
    part("properties").register()
    scene = open_scene(Path(request["blend"]), request["scene"], progress)
    if kind == "record":
        record(scene, request, recording, progress)
    else:
        part("record").add_first_frame(scene, recording, samples=request.get("samples"), progress=progress)
    warnings = part("_format").recording_format.load_recording(recording).warnings
    return {"recording": str(recording), "warnings": list(warnings)}


def record(scene: Any, request: dict[str, Any], recording: Path, progress: Any) -> None:
    """Record the scene as the request says."""
    part("record").record_scene(
        scene,
        recording,
        frames=pair(request.get("frames")),
        size=pair(request.get("size")),
        preview=request.get("preview", False),
        seed=request.get("seed"),
        samples=request.get("samples"),
        progress=progress,
    )


def pair(value: list[int] | None) -> tuple[int, int] | None:
    """Two numbers of a request; None where it has none, for what the scene says."""
    return None if value is None else (value[0], value[1])


def open_scene(path: Path, name: str, progress: Any) -> Any:
    """The scene called `name` in the .blend; raises `SceneError` where it cannot be opened or is not there."""
    import bpy

    scene_error = part("errors").SceneError
    progress("open", 0, 1)
    try:
        bpy.ops.wm.open_mainfile(filepath=str(path), load_ui=False)
    except RuntimeError as error:
        reason = str(error).strip().rpartition(": ")[2]
        raise scene_error(f"The copy of the scene, {path}, cannot be opened: {reason}.", "Simulate again.") from None
    scene = bpy.data.scenes.get(name)
    if scene is None:
        raise scene_error(f"The copy of the file, {path}, has no scene '{name}'.", "Simulate again.")
    if bpy.context.window is not None:
        bpy.context.window.scene = scene
    progress("open", 1, 1)
    return scene


if __name__ == "__main__":
    code = part("jobs.child_side").serve(answer)
    sys.stderr.flush()
    # not sys.exit: bpy hangs there while a class is registered, and all is said
    os._exit(code)
