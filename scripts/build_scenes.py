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

from scenes.builders import catalogue  # noqa: E402


def save(name: str, folder: Path) -> Path:
    """Build the scene `name` as it is shipped and save it as `folder/name.blend`."""
    catalogue.build(name)
    for image in bpy.data.images:
        image.pack()
    bpy.context.preferences.filepaths.save_version = 0
    path = folder / f"{name}.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path), compress=True)
    return path


def main(arguments: list[str]) -> None:
    names = ", ".join(catalogue.FAMILIES)
    parser = argparse.ArgumentParser(prog="build_scenes.py", description="Build SimCraft's shipped scenes.")
    parser.add_argument("names", nargs="*", metavar="name", help=f"scenes to build, default all: {names}")
    parser.add_argument("--out", type=Path, default=ROOT / "scenes", help="folder to write to")
    request = parser.parse_args(arguments)
    unknown = set(request.names) - set(catalogue.FAMILIES)
    if unknown:
        parser.error(f"no scene is called {', '.join(sorted(unknown))}; there are {names}")
    if bpy.app.version >= (4, 0):
        parser.error(
            f"this is Blender {bpy.app.version_string}; its files cannot be opened by Blender 3.4: build with 3.4"
        )
    request.out.mkdir(parents=True, exist_ok=True)
    for name in request.names or catalogue.FAMILIES:
        path = save(name, request.out)
        print(f"{path}: {path.stat().st_size / 1024:.0f} kB", flush=True)
    index = json.dumps(catalogue.index(), indent=2)
    (request.out / "index.json").write_text(f"{index}\n", encoding="utf-8")


if __name__ == "__main__":
    # Blender returns 0 from a script that raises, so the exit code is set here
    try:
        main(sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else [])
    except Exception:
        traceback.print_exc()
        sys.exit(1)
