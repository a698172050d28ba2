"""Build the add-on's two zips, for Blender 4.2 and newer (an extension) and for 3.4 to 4.1 (the former kind of add-on).

    make addon          or: .venv/bin/python scripts/build_addon.py --out dist

Both hold all that Blender needs: the add-on, the Recording format, the builders of the shipped scenes, and the engine's
own code as a wheel. The same sources give the same bytes.
"""

from __future__ import annotations

import argparse
import ast
import runpy
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import tomllib

ROOT = Path(__file__).resolve().parent.parent
ADDON = ROOT / "blender_addon"
MANIFEST = "blender_manifest.toml"
LEGACY_FOLDER = "simcraft"
"""The folder in the zip for older Blenders, which is the name that the add-on has there."""
WHEEL_LIMIT = 1_000_000
"""Bytes of the engine's own code: models and scenes have no place in it."""
REST_LIMIT = 500_000
"""Bytes of all else in a zip."""
SHIPPED = {".py", ".toml", ".png", ".webp", ".jpg", ".json", ".md", ".txt"}
_DATE = (1980, 1, 1, 0, 0, 0)


class BuildError(RuntimeError):
    """What is in the way of the zips, in one sentence."""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="build_addon.py", description="Build the add-on's zips.")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="folder to write to (default: dist)")
    request = parser.parse_args(arguments)
    try:
        for path in build(request.out.resolve()):
            print(f"{path} ({path.stat().st_size / 1000:.0f} kB)")
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def build(out: Path) -> tuple[Path, Path]:
    """Write the extension and the legacy zip into `out`, and return their paths.

    Raises `BuildError` where versions differ or something has grown too large.
    """
    version = released_version()
    with tempfile.TemporaryDirectory() as work:
        wheel = build_wheel(Path(work))
        engine = f"wheels/{wheel.name}"
        files = {**addon_files(), engine: wheel.read_bytes()}
    out.mkdir(parents=True, exist_ok=True)
    extension = out / f"simcraft-blender-{version}.zip"
    write_zip(extension, files)
    rest = extension.stat().st_size - len(files[engine])
    if rest > REST_LIMIT:
        raise BuildError(f"Without its wheel {extension.name} holds {rest} bytes, the limit is {REST_LIMIT}.")
    legacy = out / f"simcraft-blender-{version}-legacy.zip"
    write_zip(legacy, {f"{LEGACY_FOLDER}/{name}": data for name, data in files.items() if name != MANIFEST})
    return extension, legacy


def released_version() -> str:
    """The version of simcraft/version.py, which the manifest and `bl_info` repeat for Blender to read.

    Raises `BuildError` where they differ.
    """
    version = str(runpy.run_path(str(ROOT / "simcraft/version.py"))["__version__"])
    manifest = tomllib.loads((ADDON / MANIFEST).read_text(encoding="utf-8"))["version"]
    info = ".".join(map(str, _bl_info()["version"]))
    for place, found in ((f"blender_addon/{MANIFEST}", manifest), ("bl_info in blender_addon/__init__.py", info)):
        if found != version:
            raise BuildError(f"{place} says version {found}, simcraft/version.py says {version}: make them the same.")
    return version


def _bl_info() -> dict:
    """As Blender itself reads it: without running the module."""
    tree = ast.parse((ADDON / "__init__.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "bl_info":
            return ast.literal_eval(node.value)
    raise BuildError("blender_addon/__init__.py has no bl_info.")


def addon_files() -> dict[str, bytes]:
    """What the zips hold beside the wheel: path in the extension -> content."""
    files = _shipped(ADDON)
    for name, source in (("recording_format", "simcraft/recording/format"), ("builders", "scenes/builders")):
        files |= {f"{name}/{path}": data for path, data in _shipped(ROOT / source).items()}
    # the constraints are the versions of the engine's packages, which the add-on installs
    same = "LICENSE", "constraints-numpy2.txt"
    for name, source in (("builders/index.json", "scenes/index.json"), *zip(same, same, strict=True)):
        files[name] = (ROOT / source).read_bytes()
    return files


def _shipped(folder: Path) -> dict[str, bytes]:
    """The files below `folder` that belong into a zip."""
    found = {path.relative_to(folder): path for path in folder.rglob("*") if path.suffix in SHIPPED}
    return {
        relative.as_posix(): path.read_bytes()
        for relative, path in found.items()
        if not any(part.startswith(".") or part == "__pycache__" for part in relative.parts)
    }


def build_wheel(folder: Path) -> Path:
    """The engine's own code as a wheel in `folder`, without what the wheel's hook adds: scenes, models, the add-on.

    Raises `BuildError` where it cannot be built or is too large.
    """
    command = [
        sys.executable,
        "-m",
        "hatchling",
        "build",
        "--target",
        "wheel",
        "--no-hooks",
        "--directory",
        str(folder),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildError(f"The wheel cannot be built: {done.stderr.strip() or done.stdout.strip()}")
    (wheel,) = folder.glob("*.whl")
    if wheel.stat().st_size > WHEEL_LIMIT:
        raise BuildError(f"The engine's wheel holds {wheel.stat().st_size} bytes, the limit is {WHEEL_LIMIT}.")
    return wheel


def write_zip(path: Path, files: dict[str, bytes]) -> None:
    """A zip whose bytes depend on `files` alone, under its name only when it is complete."""
    partial = path.with_name(f".{path.name}.partial")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _DATE)
            entry.external_attr = 0o644 << 16
            # a wheel is packed already
            entry.compress_type = zipfile.ZIP_STORED if name.endswith(".whl") else zipfile.ZIP_DEFLATED
            archive.writestr(entry, files[name])
    partial.replace(path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
