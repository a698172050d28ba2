"""The folder of an installed engine: what lies where, and how one tells that it is whole.

engine.json     written last: without it the installation was never finished
environment/    the Python environment
python/         the Python that uv has brought, where none was there
models/         the models that were fetched
cache/          what was fetched so far; gone when all is installed
tools/          uv, where it was not on the computer
log.txt         what the last installation printed
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

MARKER = "engine.json"


@dataclass(frozen=True)
class Installed:
    """What `engine.json` says."""

    simcraft: str
    """Version of the engine."""
    python: str
    """Version of its Python."""
    torch: str
    """Version of torch, whose suffix says for what it was built."""


def environment_folder(folder: Path) -> Path:
    return folder / "environment"


def environment_python(folder: Path) -> Path:
    """The Python of the environment in an engine's folder, whether it is there or not."""
    inside = Path("Scripts/python.exe") if sys.platform == "win32" else Path("bin/python")
    return environment_folder(folder) / inside


def models_folder(folder: Path) -> Path:
    return folder / "models"


def cache_folder(folder: Path) -> Path:
    return folder / "cache"


def tools_folder(folder: Path) -> Path:
    return folder / "tools"


def site_packages(folder: Path) -> Path | None:
    """Where the environment's packages lie; None where there is none yet."""
    environment = environment_folder(folder)
    found = [*environment.glob("lib/python3*/site-packages"), *environment.glob("Lib/site-packages")]
    return found[0] if found else None


def packages_there(folder: Path) -> int:
    """How many packages lie in the environment."""
    found = site_packages(folder)
    return len(list(found.glob("*.dist-info"))) if found else 0


def read_installed(folder: Path) -> Installed | None:
    """What is installed in the folder; None where nothing is, or only a part."""
    try:
        values = json.loads((folder / MARKER).read_text(encoding="utf-8"))
        installed = Installed(**{name: str(values[name]) for name in Installed.__dataclass_fields__})
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return installed if environment_python(folder).is_file() else None


def write_installed(folder: Path, installed: Installed) -> None:
    """Say that the installation is whole."""
    partial = folder / f".{MARKER}.partial"
    partial.write_text(json.dumps(asdict(installed), indent=1) + "\n", encoding="utf-8")
    partial.replace(folder / MARKER)


def forget_installed(folder: Path) -> None:
    """Say that the installation is not whole: it is about to be changed."""
    (folder / MARKER).unlink(missing_ok=True)
