"""The script that runs in the child process: opens or builds scenes in Blender and records them, one after another.

Two ways in, one contract: `python -P blender_child.py CORES FOLDER` where the bpy package is installed, and
`blender -b --factory-startup -P blender_child.py -- CORES FOLDER` elsewhere. It imports nothing of simcraft, because
Blender's own Python does not have it; the exporter is the add-on's, loaded from the path in the request. CORES are the
numbers of those to run on, as in "0,1"; it may find itself on fewer, so that Blender works with fewer threads. FOLDER
is for Blender's temporary files.

A request is a line of JSON on stdin. It has

`addon`     folder of the add-on package `blender_addon`; the same in all requests to one child
`out`       folder to write the recording to
`blend`     path of a .blend to open, never executing its scripts; or null and then
`build`     {"script": path of a Python file, "function": its function's name, "data": path handed to it}: the script is
            loaded and `function(Path(data))` called in an empty scene of Blender's factory settings. It fills
            `bpy.context.scene` (frame range, resolution, camera, engine, physics caches) or returns another scene.
            Next to bpy it may use numpy and the standard library. An error it raises is shown to the user when it has
            `message` and `fix`, and counts as the user's mistake where its class is a ValueError.
`options`   keyword arguments for `blender_addon.record.record_scene`
`images`    folder to make; or null, or missing, where the parent simulates no effects

A scene may ask for effects, which Blender does not simulate and the parent does. Where it does, and pictures are wanted
of it, and there is a folder `images` for them, then the child records everything but the pictures, says {"event":
"recorded", "path"}, and waits with the scene open for one line of JSON on stdin: {"solved": folder of the recording
with the effects' results}. It shows them in the scene, renders into `images` (see `record.render_solved`), and is done;
the path it then tells is that of `images`. Otherwise there is one pass, and the path is the recording's.

It answers on stdout with lines of `@simcraft ` and JSON: {"event": "progress", "stage", "step", "steps"}, then
{"event": "done", "path"} or {"event": "error", "kind": "user" | "failure" | "disk full", "message", "fix"}. Everything
else that appears there is Blender's own chatter. When it is done it waits for the next request; after an error it
leaves.

Its stdin is a pipe that the parent holds: where it ends, the parent is gone or wants no more, and the child leaves at
once, whatever it is doing, and takes FOLDER with it.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import queue
import shutil
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

PREFIX = "@simcraft "


class UnreadableFile(ValueError):
    """Blender cannot open the .blend."""

    def __init__(self, path: str, error: Exception) -> None:
        reason = str(error).strip().rpartition(": ")[2]
        self.message = f"{path} is damaged or incomplete: {reason}."
        self.fix = "Copy it again, or save it again from Blender."
        super().__init__(self.message)


def say(**event: Any) -> None:
    """Send one event to the parent; Blender's chatter may have left a line unfinished."""
    sys.stdout.write(f"\n{PREFIX}{json.dumps(event)}\n")
    sys.stdout.flush()


def progress(stage: str, step: int, steps: int) -> None:
    """Tell the parent where the work is."""
    say(event="progress", stage=stage, step=step, steps=steps)


def load_package(folder: Path) -> ModuleType:
    """Import the package in `folder`, once, under its folder's name, without putting its neighbours on sys.path."""
    if folder.name in sys.modules:
        return sys.modules[folder.name]
    spec = importlib.util.spec_from_file_location(
        folder.name, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    return _execute(spec, folder)


def load_function(script: Path, function: str) -> Callable[[Path], Any]:
    """The function named `function` in the Python file `script`."""
    return getattr(_execute(importlib.util.spec_from_file_location(script.stem, script), script), function)


def _execute(spec: Any, path: Path) -> ModuleType:
    if spec is None or spec.loader is None:
        raise FileNotFoundError(path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def open_scene(request: dict[str, Any]) -> Any:
    """The scene to record: from the .blend, or built by the script of the request."""
    import bpy

    if request.get("blend"):
        progress("open", 0, 1)
        try:
            bpy.ops.wm.open_mainfile(filepath=request["blend"], load_ui=False, use_scripts=False)
        except RuntimeError as error:
            raise UnreadableFile(request["blend"], error) from None
        return bpy.context.scene
    progress("build", 0, 1)
    build = request["build"]
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = load_function(Path(build["script"]), build["function"])(Path(build["data"]))
    return scene or bpy.context.scene


def run(request: dict[str, Any], messages: queue.Queue[dict[str, Any]]) -> Path:
    """Record what the request asks for; returns the folder of the finished recording, or of the pictures of it."""
    addon = load_package(Path(request["addon"]))
    # before the scene is opened: what it says of simulations is among these properties
    addon.register()
    record = importlib.import_module(f"{addon.__name__}.record")
    scene, options = open_scene(request), request["options"]
    wants_pictures = not options.get("preview") or options.get("true_frames")
    if not (request.get("images") and wants_pictures and record.asks_for_effects(scene)):
        return record.record_scene(scene, request["out"], progress=progress, **options)
    first_pass = {**options, "preview": True, "true_frames": False}
    path = record.record_scene(scene, request["out"], progress=progress, **first_pass)
    say(event="recorded", path=str(path))
    chosen = {name: options[name] for name in ("preview", "true_frames", "samples", "engine") if name in options}
    return record.render_solved(scene, messages.get()["solved"], request["images"], progress=progress, **chosen)


def explain(error: BaseException) -> dict[str, str]:
    """The error event for an exception; one without `message` and `fix` is not the user's and goes to the log."""
    message = getattr(error, "message", None)
    if isinstance(message, str) and hasattr(error, "fix"):
        mistake = isinstance(error, ValueError) or type(error).__name__ == "SceneError"
        kind = "disk full" if type(error).__name__ == "DiskFull" else "user" if mistake else "failure"
        return {"kind": kind, "message": message, "fix": error.fix}
    traceback.print_exception(error)
    if isinstance(error, ModuleNotFoundError) and error.name == "numpy":
        fix = "Install it for Blender's Python; on Debian and Ubuntu: apt install python3-numpy."
        return {"kind": "failure", "message": "This Blender's Python has no numpy.", "fix": fix}
    return {"kind": "failure", "message": f"{type(error).__name__}: {str(error).strip()}", "fix": ""}


def listen_to_parent(folder: Path) -> queue.Queue[dict[str, Any]]:
    """What the parent writes to stdin, a line a message; where it ends the process leaves, and `folder` goes with it.

    From a thread of its own: Blender lets others run while it simulates, renders or opens a file.
    """
    messages: queue.Queue[dict[str, Any]] = queue.Queue()

    def listen() -> None:
        rest = b""
        while block := os.read(0, 65536):
            *lines, rest = (rest + block).split(b"\n")
            for line in lines:
                messages.put(json.loads(line))
        # a parent that was killed cannot
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    return messages


def spread(cores: set[int]) -> None:
    """Let this process run on all these cores, now that Blender knows how many threads it may have."""
    import bpy  # noqa: F401

    if not cores:
        return
    # each thread has cores of its own
    for thread in Path("/proc/self/task").iterdir():
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(int(thread.name), cores)


def main() -> int:
    """Carry out requests until one fails; returns the exit code."""
    messages = listen_to_parent(Path(sys.argv[-1]))
    try:
        spread({int(core) for core in sys.argv[-2].split(",") if core})
        while True:
            path = run(messages.get(), messages)
            say(event="done", path=str(path))
    except Exception as error:
        say(event="error", **explain(error))
        return 1


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # not sys.exit: bpy hangs there when a driver or handler is still registered, and all is said
    os._exit(code)
