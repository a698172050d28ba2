"""The command lines of uv and pip that make an environment; nothing is run here."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from ..jobs.environment import clean_environment
from . import layout
from .request import BUILDS, Engine, Installation, pinned
from .tools import Tools

# settings of the user that would send packages elsewhere than into the environment
_MISLEADING = ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_REQUIRE_VIRTUALENV", "UV_PROJECT_ENVIRONMENT", "UV_TARGET")


def environment(request: Installation) -> dict[str, str]:
    """For uv and pip: whatever they keep lies in the engine's folder, and certificates are the system's own, if any."""
    values = {name: value for name, value in clean_environment().items() if name not in _MISLEADING}
    cache = layout.cache_folder(request.folder)
    # what a company's proxy signs, only the system knows; the names are those of newer and of older uv
    own = {"UV_SYSTEM_CERTS": "1", "UV_NATIVE_TLS": "1"} if _has_certificates() else {}
    return {
        **own,
        **values,
        "PIP_CACHE_DIR": str(cache / "pip"),
        "PIP_USER": "0",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "UV_CACHE_DIR": str(cache / "uv"),
        "UV_PYTHON_INSTALL_DIR": str(request.folder / "python"),
        "PYTHONUTF8": "1",
        # a torch is larger than many a /tmp
        "TMPDIR": str(cache / "tmp"),
        "TEMP": str(cache / "tmp"),
        "TMP": str(cache / "tmp"),
    }


def _has_certificates() -> bool:
    """Has the system a store of certificates? A bare Linux has none."""
    return sys.platform != "linux" or any(Path("/etc/ssl/certs").glob("*"))


def make_environment(tools: Tools, request: Installation) -> list[str]:
    """Make the environment anew; where none of the Pythons here will do, uv fetches one."""
    target = str(layout.environment_folder(request.folder))
    if tools.uv is None:
        return [str(tools.python), "-m", "venv", "--clear", target]
    if tools.python is not None:
        return [str(tools.uv), "venv", "--clear", "--no-python-downloads", "--python", str(tools.python), target]
    version = ".".join(map(str, tools.version))
    return [str(tools.uv), "venv", "--clear", "--managed-python", "--python", version, target]


def install(tools: Tools, request: Installation, what: list[str]) -> list[str]:
    """Install packages into the environment, in the pinned versions. Nothing is ever built from sources."""
    python = str(layout.environment_python(request.folder))
    if tools.uv is not None:
        start = [str(tools.uv), "pip", "install", "--python", python]
    else:
        start = [python, "-m", "pip", "install", "--no-input", "--no-compile", "--progress-bar", "off"]
    return [*start, "--only-binary=:all:", "--constraint", str(request.pins), *_sources(tools, request), *what]


def install_engine(tools: Tools, request: Installation) -> list[str]:
    """Install the engine's own code, also over the same version of it."""
    again = "--reinstall" if tools.uv is not None else "--force-reinstall"
    return install(tools, request, ["--no-deps", again, str(request.wheel)])


def requirements(request: Installation, engine: Engine, build: str) -> list[str]:
    """All that the engine needs, torch in the wanted build."""
    needed = list(engine.requirements)
    if request.online and request.torch_index and sys.platform != "darwin":
        needed.append(f"torch=={pinned(request.pins, 'torch')}+{BUILDS[build]}")
    return needed


def _sources(tools: Tools, request: Installation) -> list[str]:
    """Where packages come from."""
    folder = ["--find-links", str(request.wheel_folder)] if request.wheel_folder else []
    if not request.online:
        return ["--no-index", *folder, *(["--offline"] if tools.uv else [])]
    if tools.uv is None:
        return ["--index-url", request.index, *_torch_source(request, "--extra-index-url"), *folder]
    # as pip does it: the newest version that the pins allow, in whichever index it lies
    strategy = ["--index-strategy", "unsafe-best-match"]
    return ["--default-index", request.index, *_torch_source(request, "--index"), *strategy, *folder]


def _torch_source(request: Installation, option: str) -> list[str]:
    if not request.torch_index or sys.platform == "darwin":
        return []
    return [option, f"{request.torch_index.rstrip('/')}/{BUILDS[chosen_build(request.build)]}"]


def chosen_build(wanted: str) -> str:
    """The build of torch, one of `BUILDS`: what was asked for, or what suits the NVIDIA card and its driver."""
    if wanted in BUILDS:
        return wanted
    newest = cuda_of_driver(_nvidia_smi())
    if newest is None or newest < 12:
        return "cpu"
    return "cuda13" if newest >= 13 else "cuda12"


def cuda_of_driver(said: str) -> int | None:
    """The newest major version of CUDA that the driver runs, from what nvidia-smi has printed; None without a card."""
    found = re.search(r"CUDA (?:UMD )?Version:\s*(\d+)", said)
    return int(found[1]) if found else None


def _nvidia_smi() -> str:
    program = shutil.which("nvidia-smi") or _windows_nvidia_smi()
    if program is None:
        return ""
    hidden = getattr(subprocess, "CREATE_NO_WINDOW", 0)
    try:
        return subprocess.run(
            [program], capture_output=True, text=True, timeout=20, check=True, creationflags=hidden
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


def _windows_nvidia_smi() -> str | None:
    path = Path(os.environ.get("SYSTEMROOT", "C:/Windows")) / "System32/nvidia-smi.exe"
    return str(path) if path.is_file() else None
