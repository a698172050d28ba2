"""What is to be installed, and from where: the request that travels to the child process."""

from __future__ import annotations

import email.parser
import re
import zipfile
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from .errors import SetupError

PINS = "constraints-numpy2.txt"
"""The versions of all packages of an engine."""
PYPI = "https://pypi.org/simple"
TORCH_BUILDS = "https://download.pytorch.org/whl"
"""Below it lie the indices `cpu`, `cu126` and `cu130` of torch's builds."""
BUILDS = {"cpu": "cpu", "cuda12": "cu126", "cuda13": "cu130"}
"""Build of torch -> its index, which is also the suffix of its version."""


@dataclass(frozen=True)
class Installation:
    """Everything that the child process needs to know. Nothing is fetched from the network unless `online`."""

    folder: Path
    """Where the engine is to lie."""
    wheel: Path
    """The engine's own code."""
    pins: Path
    """The file of the packages' versions."""
    online: bool = False
    build: str = "auto"
    """Of torch: one of `BUILDS`, or "auto": what suits the graphics card."""
    index: str = PYPI
    torch_index: str = TORCH_BUILDS
    """Empty: torch comes from `index`, in the build that lies there."""
    wheel_folder: Path | None = None
    """Wheels that are taken from here; the only source where not `online`."""
    python: Path | None = None
    """The Python to build on; None: one is looked for, or brought by uv."""
    models_address: str = ""
    """Of a zip with one folder a model; empty: none is fetched."""
    models_sha256: str = ""
    blenders_python: Path | None = None
    """The prefix of Blender's own Python, which is never built on."""

    def message(self) -> dict[str, Any]:
        """As JSON values."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: str(value) if isinstance(value, Path) else value for name, value in values.items()}


def parse(message: dict[str, Any]) -> Installation:
    """The reverse of `Installation.message`."""
    paths = ("folder", "wheel", "pins", "wheel_folder", "python", "blenders_python")
    values = {field.name: message[field.name] for field in fields(Installation)}
    for name in paths:
        if values[name] is not None:
            values[name] = Path(values[name])
    return Installation(**values)


@dataclass(frozen=True)
class Engine:
    """What the engine's wheel says of itself."""

    version: str
    requirements: tuple[str, ...]
    """Of the packages that it needs, as pip understands them."""
    oldest_python: tuple[int, int]
    newest_python: tuple[int, int]
    """Both included."""

    def runs_on(self, version: tuple[int, int]) -> bool:
        """Does it run on this version of Python?"""
        return self.oldest_python <= version <= self.newest_python

    @property
    def pythons(self) -> str:
        """The versions it runs on, for people."""
        oldest, newest = (".".join(map(str, version)) for version in (self.oldest_python, self.newest_python))
        return f"Python {oldest}" if oldest == newest else f"Python {oldest} to {newest}"


def read_engine(wheel: Path) -> Engine:
    """Read the wheel's own description. Raises `SetupError` where it is damaged or is none."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
            text = archive.read(name).decode("utf-8")
    except (OSError, StopIteration, zipfile.BadZipFile) as error:
        raise SetupError(f"{wheel.name} cannot be read ({error}).", "Install the add-on again.") from None
    described = email.parser.HeaderParser().parsestr(text)
    needed = [line for line in described.get_all("Requires-Dist", []) if "extra ==" not in line]
    oldest, newest = _python_range(described.get("Requires-Python", ""))
    return Engine(str(described["Version"]), tuple(needed), oldest, newest)


def _python_range(specifier: str) -> tuple[tuple[int, int], tuple[int, int]]:
    """The oldest and the newest version in e.g. ">=3.11,<3.14"."""
    lower, upper = re.search(r">=\s*3\.(\d+)", specifier), re.search(r"<\s*3\.(\d+)", specifier)
    return (3, int(lower[1]) if lower else 11), (3, int(upper[1]) - 1 if upper else 99)


def pinned(pins: Path, package: str) -> str:
    """The version that the file gives a package. Raises `SetupError` where it names none."""
    for line in pins.read_text(encoding="utf-8").splitlines():
        name, equals, version = line.partition("==")
        if equals and name.strip().lower() == package:
            return version.split(";")[0].strip()
    raise SetupError(f"{pins.name} has no version of {package}.", "Install the add-on again.")
