"""Build the shipped scenes from code: `blender -b -P scripts/build_scenes.py -- [names] [--out scenes]`.

Run it with the oldest supported Blender (3.4): older Blenders crash on files that 4.3 and later have saved.
"""

from __future__ import annotations

import argparse
import json
import sys
import traceback
from pathlib import Path

import bpy

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts.scene_kit import stage  # noqa: E402
from scripts.scene_kit.catalogue import SCENES  # noqa: E402


def build(name: str, folder: Path) -> Path:
    """Build the scene `name` and save it as `folder/name.blend`."""
    entry = SCENES[name]
    stage.begin(name, entry.frames, entry.seed, entry.substeps)
    entry.build()
    bpy.context.scene.frame_set(1)
    bpy.context.preferences.filepaths.save_version = 0
    path = folder / f"{name}.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path), compress=True)
    return path


def write_index(folder: Path) -> None:
    """List every shipped scene in `folder/index.json`, for people and for the command line."""
    rows = [
        {
            "name": name,
            "title": entry.title,
            "prompt": entry.prompt,
            "frames": entry.frames,
            "fps": 24,
            "seed": entry.seed,
            "papers": list(entry.papers),
        }
        for name, entry in SCENES.items()
    ]
    (folder / "index.json").write_text(json.dumps({"scenes": rows}, indent=2) + "\n", encoding="utf-8")


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="build_scenes.py", description="Build SimCraft's shipped scenes.")
    parser.add_argument("names", nargs="*", metavar="name", help=f"scenes to build, default all: {', '.join(SCENES)}")
    parser.add_argument("--out", type=Path, default=ROOT / "scenes", help="folder to write to")
    request = parser.parse_args(arguments)
    unknown = set(request.names) - set(SCENES)
    if unknown:
        parser.error(f"no scene is called {', '.join(sorted(unknown))}; there are {', '.join(SCENES)}")
    if bpy.app.version >= (4, 0):
        parser.error(
            f"this is Blender {bpy.app.version_string}; its files cannot be opened by Blender 3.4: build with 3.4"
        )
    request.out.mkdir(parents=True, exist_ok=True)
    for name in request.names or SCENES:
        path = build(name, request.out)
        print(f"{path}: {path.stat().st_size / 1024:.0f} kB", flush=True)
    write_index(request.out)


if __name__ == "__main__":
    # Blender returns 0 from a script that raises, so the exit code is set here
    try:
        main(sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else [])
    except Exception:
        traceback.print_exc()
        sys.exit(1)
