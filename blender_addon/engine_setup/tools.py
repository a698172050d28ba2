"""What makes the environment: uv where it can be had, else a Python of this computer, and never Blender's own."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import stat
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..jobs.environment import clean_environment
from . import layout
from .downloads import Report, download, files_of_package
from .errors import SetupError
from .request import Engine, Installation

UV_VERSION = "0.13.9"
"""Which uv is fetched where none is here."""
_QUESTION = (
    "import importlib.util, json, sys; "
    "print(json.dumps([list(sys.version_info[:2]), sys.executable, sys.prefix, sys.maxsize > 2**32, "
    "all(importlib.util.find_spec(name) for name in ('venv', 'ensurepip'))]))"
)


@dataclass(frozen=True)
class Python:
    """A Python of this computer."""

    path: Path
    version: tuple[int, int]
    has_venv: bool
    """Can it make environments by itself? Debian's cannot without the package python3-venv."""


@dataclass(frozen=True)
class Tools:
    """With what the environment is made; at least one of the two is there."""

    uv: Path | None
    python: Path | None
    """None: uv fetches one."""
    version: tuple[int, int]
    """Of that Python."""


def find_tools(request: Installation, engine: Engine, report: Report) -> Tools:
    """Look for uv and for a Python that the engine runs on; uv is fetched where that is allowed and needed.

    Raises `SetupError` where there is no way.
    """
    uv, python = find_uv(request), find_python(request, engine)
    if uv is None and request.online and (python is None or not python.has_venv):
        uv = fetch_uv(request, report)
    if python is not None and (uv is not None or python.has_venv):
        return Tools(uv, python.path, python.version)
    if uv is not None and request.online:
        return Tools(uv, None, engine.oldest_python)
    if python is not None:
        raise SetupError(
            f"{python.path} cannot make environments.",
            "Install its venv module (Debian, Ubuntu: sudo apt install python3-venv), or put the wheel of uv into the "
            "wheel folder.",
        )
    raise SetupError(
        f"No {engine.pythons} was found.",
        f"Install {engine.pythons} from python.org and press Install Engine again, or allow online access: it is then "
        "fetched.",
    )


# ----------------------------------------------------------------------------------------------------------------- uv


def find_uv(request: Installation) -> Path | None:
    """The uv of this computer, the one fetched before, or the one in the wheel folder."""
    name = "uv.exe" if sys.platform == "win32" else "uv"
    home = Path.home()
    fetched = layout.tools_folder(request.folder) / name
    for path in (fetched, shutil.which("uv"), home / ".local/bin" / name, home / ".cargo/bin" / name):
        if path is not None and _starts(Path(path)):
            return Path(path)
    wheels = sorted(request.wheel_folder.glob("uv-*.whl")) if request.wheel_folder else []
    for wheel in reversed([wheel for wheel in wheels if fits_this_computer(wheel.name)]):
        return unpack_uv(wheel, fetched)
    return None


def _starts(program: Path) -> bool:
    """Is it a program that runs here?"""
    try:
        done = _run([str(program), "--version"])
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def fits_this_computer(wheel: str) -> bool:
    """Is the wheel of this name one of a program for this system and processor?"""
    machine = platform.machine().lower()
    machine = {"amd64": "x86_64", "aarch64": "arm64"}.get(machine, machine)
    if sys.platform == "win32":
        return wheel.endswith({"x86_64": "win_amd64.whl", "arm64": "win_arm64.whl"}.get(machine, "no such"))
    system = "macosx" if sys.platform == "darwin" else "manylinux"
    return system in wheel and wheel.replace("aarch64", "arm64").endswith(f"{machine}.whl")


def unpack_uv(wheel: Path, target: Path) -> Path:
    """Take the program out of uv's wheel."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.partial")
    try:
        with zipfile.ZipFile(wheel) as archive:
            inside = next(name for name in archive.namelist() if name.endswith(f".data/scripts/{target.name}"))
            with archive.open(inside) as source, partial.open("wb") as file:
                shutil.copyfileobj(source, file)
    except (StopIteration, zipfile.BadZipFile) as error:
        raise SetupError(f"{wheel} is not a wheel of uv ({error}).", "Put another into the wheel folder.") from None
    partial.chmod(partial.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    partial.replace(target)
    return target


def fetch_uv(request: Installation, report: Report) -> Path:
    """Fetch uv's wheel from the package index and unpack it. Raises `SetupError`."""
    wanted = re.compile(rf"uv-{re.escape(UV_VERSION)}-.*\.whl$")
    files = files_of_package(request.index, "uv")
    found = [file for file in files if wanted.match(file.name) and fits_this_computer(file.name)]
    if not found:
        raise SetupError(
            f"{request.index} has no uv {UV_VERSION} for this computer.",
            "Install Python 3.11 from python.org, and press Install Engine again.",
        )
    wheel = layout.cache_folder(request.folder) / found[0].name
    download(found[0].address, wheel, found[0].sha256, report)
    name = "uv.exe" if sys.platform == "win32" else "uv"
    return unpack_uv(wheel, layout.tools_folder(request.folder) / name)


# ------------------------------------------------------------------------------------------------------------- Python


def find_python(request: Installation, engine: Engine) -> Python | None:
    """The Python that was asked for, else the first one of this computer that the engine runs on.

    Raises `SetupError` where the one that was asked for will not do.
    """
    if request.python is not None:
        return _asked_for(request.python, request, engine)
    unable = None
    for candidate in _candidates(engine):
        python = examine_python(candidate, request.blenders_python)
        if python is not None and engine.runs_on(python.version):
            if python.has_venv:
                return python
            unable = unable or python
    return unable


def _asked_for(path: Path, request: Installation, engine: Engine) -> Python:
    python = examine_python(path, request.blenders_python)
    if python is None:
        raise SetupError(f"{path} is no Python to build on.", f"Name the program of a {engine.pythons}, not Blender's.")
    if not engine.runs_on(python.version):
        found = ".".join(map(str, python.version))
        raise SetupError(f"{path} is Python {found}.", f"The engine needs {engine.pythons}: name one, or none.")
    return python


def examine_python(path: Path, blenders: Path | None) -> Python | None:
    """What a program says of itself; None where it is no 64-bit Python, or Blender's own."""
    try:
        done = _run([str(path), "-I", "-c", _QUESTION])
        version, executable, prefix, is_64_bit, has_venv = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    if not is_64_bit or _same(prefix, blenders):
        return None
    return Python(Path(executable), (version[0], version[1]), has_venv)


def _same(prefix: str, blenders: Path | None) -> bool:
    """Blender's own Python lies in Blender's folder; that of a Linux distribution is everybody's, and may be used."""
    if blenders is None or blenders in (Path("/usr"), Path("/usr/local")):
        return False
    return Path(prefix).resolve() == blenders.resolve()


def _candidates(engine: Engine) -> Iterator[Path]:
    """Programs that may be a Python, the best tested version first."""
    newest = min(engine.newest_python[1], engine.oldest_python[1] + 10)
    minors = range(engine.oldest_python[1], newest + 1)
    names = [*(f"python3.{minor}" for minor in minors), "python3", "python"]
    for name in names:
        # those of macOS itself only ask whether to install Apple's developer tools
        if (found := shutil.which(name)) and not (sys.platform == "darwin" and found.startswith("/usr/bin/")):
            yield Path(found)
    for minor in minors:
        if sys.platform == "win32":
            for base in (os.environ.get("LOCALAPPDATA", ""), os.environ.get("PROGRAMFILES", "")):
                yield Path(base) / f"Programs/Python/Python3{minor}/python.exe"
                yield Path(base) / f"Python3{minor}/python.exe"
        else:
            # a program that was not started from a terminal does not have all of these on its PATH
            for base in ("/usr/local/bin", "/opt/homebrew/bin", "/usr/bin"):
                yield Path(base) / f"python3.{minor}"
            yield Path(f"/Library/Frameworks/Python.framework/Versions/3.{minor}/bin/python3.{minor}")


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    hidden = getattr(subprocess, "CREATE_NO_WINDOW", 0)
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        stdin=subprocess.DEVNULL,
        env=clean_environment(),
        creationflags=hidden,
    )
