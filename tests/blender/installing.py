"""The add-on's zips, built once, and Blenders that they are installed in, each with a home folder of its own."""

from __future__ import annotations

import os
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from scripts import build_addon

FOREIGN = ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "BLENDER_USER_RESOURCES", "SIMCRAFT_PYTHON")
"""Variables of the developer's own that an installed add-on must not need."""


@dataclass(frozen=True)
class Zips:
    extension: Path
    legacy: Path


_folder = tempfile.TemporaryDirectory(prefix="simcraft-zips-")  # gone when Python exits


@cache
def zips() -> Zips:
    return Zips(*build_addon.build(Path(_folder.name)))


@dataclass(frozen=True)
class Installed:
    """A Blender with a home folder of its own, in which a zip is installed and enabled."""

    kind: str
    executable: str
    home: Path

    def run(self, *arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
        """`blender ARGUMENTS`, e.g. -b."""
        kept = {name: value for name, value in os.environ.items() if name not in FOREIGN}
        return subprocess.run(
            [self.executable, *map(str, arguments)],
            env={**kept, "HOME": str(self.home), **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )

    def files(self) -> dict[str, bytes]:
        """The add-on's own folder as it is now, without what Python compiled."""
        (init,) = self.home.rglob("simcraft/__init__.py")
        paths = [path for path in init.parent.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        return {path.relative_to(init.parent).as_posix(): path.read_bytes() for path in paths}


def install(kind: str, executable: str, home: Path) -> Installed:
    """Install the zip that this kind of Blender takes ("blender" the legacy one), as users do, and enable it."""
    blender = Installed(kind, executable, home)
    if kind == "blender":
        code = f"import bpy; bpy.ops.preferences.addon_install(filepath={str(zips().legacy)!r}); "
        code += "bpy.ops.preferences.addon_enable(module='simcraft'); bpy.ops.wm.save_userpref()"
        done = blender.run("-b", "--python-exit-code", 1, "--python-expr", code)
    else:
        done = blender.run("--command", "extension", "install-file", "-r", "user_default", "-e", zips().extension)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr, done.stdout + done.stderr
    return blender
