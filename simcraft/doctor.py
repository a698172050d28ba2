"""`simcraft doctor`: what is installed, what is missing, and the line that gets it."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path

import simcraft
from simcraft.errors import SimcraftError

SYSTEM_LIBRARIES = {
    "libX11.so.6": "libx11-6",
    "libXi.so.6": "libxi6",
    "libXxf86vm.so.1": "libxxf86vm1",
    "libXfixes.so.3": "libxfixes3",
    "libXrender.so.1": "libxrender1",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libSM.so.6": "libsm6",
    "libICE.so.6": "libice6",
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libgomp.so.1": "libgomp1",
}
"""What the bpy wheel loads but a bare Debian or Ubuntu lacks: library -> package."""

PACKAGES = ("numpy", "taichi", "torch", "opencv-python-headless", "zarr", "imageio-ffmpeg", "OpenEXR")
OPTIONAL = {"phiflow": "the reference of the fluid solvers", "jax": "PhiFlow's second back end"}
"""Packages that are extras of the same name, and what for."""


@dataclass(frozen=True)
class Check:
    """One line of the doctor's report."""

    name: str
    state: str
    """"ok", "missing" (something will not work) or "note"."""
    found: str
    fix: str = ""
    about: tuple[str, ...] = ()
    """As that of an error, see `simcraft.errors`."""


def examine() -> list[Check]:
    """Look at the whole installation; changes nothing, and a part that cannot be examined is itself a finding."""
    checks = [
        Check("SimCraft", "ok", simcraft.__version__),
        Check("Python", "ok", f"{platform.python_version()} at {sys.executable}"),
        *(package(name) for name in PACKAGES),
        *(optional(name, extra) for name, extra in OPTIONAL.items()),
    ]
    for name, look in (("Blender", blender), ("System libraries", system_libraries), ("Device", device)):
        checks.append(attempt(name, look))
    return [*checks, attempt("Shipped scenes", scenes), *models()]


def attempt(name: str, look: Callable[[], Check]) -> Check:
    """`look()`, or its error as a finding: the doctor is called when things are broken."""
    try:
        return look()
    except SimcraftError as error:
        return Check(name, "missing", error.message, error.fix, error.about)
    except Exception as error:
        return Check(
            name, "missing", f"{type(error).__name__}: {error}", "Install SimCraft again: make demo", ("engine",)
        )


def package(name: str) -> Check:
    """Is the Python package installed, and which version?"""
    try:
        return Check(name, "ok", metadata.version(name))
    except metadata.PackageNotFoundError:
        fix = "Run: make demo (or pip install -c constraints.txt -e .)"
        return Check(name, "missing", "not installed", fix, ("engine",))


def blender() -> Check:
    """The bpy package, or a Blender executable: either will do."""
    from simcraft.sim.blender import blender_version, find_blender

    found = find_blender()
    if found.executable is None:
        return Check("Blender", "ok", f"the bpy package {metadata.version('bpy')}")
    return Check("Blender", "ok", f"{blender_version(found.executable)} at {found.executable}")


def optional(name: str, extra: str) -> Check:
    """Is the Python package installed that only some settings need?"""
    try:
        return Check(name, "ok", metadata.version(name))
    except metadata.PackageNotFoundError:
        return Check(name, "note", "not installed", f"For {extra}: pip install -c constraints.txt -e .[{name}]")


def missing_libraries() -> list[str]:
    """Debian packages of the system libraries that cannot be loaded; empty where bpy does not need them."""
    if not sys.platform.startswith("linux"):
        return []
    missing = []
    for library, debian_package in SYSTEM_LIBRARIES.items():
        try:
            ctypes.CDLL(library)
        except OSError:
            missing.append(debian_package)
    return missing


def system_libraries() -> Check:
    """Can everything be loaded that the bpy package loads?"""
    missing = missing_libraries()
    if not missing:
        return Check("System libraries", "ok", "all that bpy loads")
    return Check("System libraries", "missing", " ".join(missing), f"Run: sudo apt-get install {' '.join(missing)}")


@dataclass(frozen=True)
class Device:
    """What torch computes on."""

    name: str
    memory_bytes: int
    """0 where the system does not tell."""
    is_gpu: bool


def compute_device() -> Device:
    """What torch would compute on here."""
    import torch

    if torch.cuda.is_available():
        card = torch.cuda.get_device_properties(0)
        return Device(f"{card.name} ({torch.cuda.device_count()} GPU)", int(card.total_memory), True)
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 0
    if torch.backends.mps.is_available():
        return Device("Apple GPU", memory, True)
    threads = torch.get_num_threads()
    return Device(f"CPU, {threads} {'thread' if threads == 1 else 'threads'}", memory, False)


def device() -> Check:
    """What torch would compute on, and is that the best that is here?"""
    found = compute_device()
    memory = f", {found.memory_bytes / 2**30:.0f} GiB" if found.memory_bytes else ""
    if found.is_gpu or not shutil.which("nvidia-smi"):
        return Check("Device", "ok" if found.is_gpu else "note", f"{found.name}{memory}")
    fix = "torch was built for the CPU; install a CUDA build from pytorch.org"
    return Check("Device", "note", f"{found.name}{memory}", fix, ("engine",))


def scenes() -> Check:
    """Are the shipped scenes where they should be?"""
    from simcraft.demos import titles

    return Check("Shipped scenes", "ok", ", ".join(titles()))


def models() -> list[Check]:
    """The embedded models, one line each, and which generator is the best here."""
    from simcraft.generate.embedded import best_generator, embedded_models

    def best() -> Check:
        choice = best_generator()
        return Check("Best generator", "ok", choice.sentence)

    try:
        found = embedded_models()
    except SimcraftError as error:
        return [Check("Embedded models", "missing", error.message, error.fix, error.about)]
    if not found:
        fix = "Only motioncraft needs them: train them (docs/training.md), or name their folder in SIMCRAFT_MODELS"
        return [Check("Embedded models", "note", "none", fix, ("models",))]
    checks = [attempt(f"Model {name}", partial(model, name, folder)) for name, folder in found.items()]
    return [*checks, attempt("Best generator", best)]


def model(name: str, folder: Path) -> Check:
    """How large a model is, and which one: its UNet's fingerprint."""
    from simcraft.clip.files import sha256_of
    from simcraft.generate.embedded import model_bytes

    size = model_bytes(folder) / 1e6
    weights = sorted((folder / "unet").glob("*.safetensors"))
    if not weights:
        return Check(f"Model {name}", "missing", f"{folder} has no unet/*.safetensors", "Get it again, or train it")
    return Check(f"Model {name}", "ok", f"{size:.1f} MB, UNet sha256 {sha256_of(weights[0])[:12]}, in {folder}")


def show(checks: list[Check]) -> None:
    """Print the report, one line a check, and the fix below what is missing."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    marks = {"ok": ("ok", "green"), "missing": ("missing", "red"), "note": ("note", "yellow")}
    width = max(len(check.name) for check in checks)
    for check in checks:
        word, colour = marks[check.state]
        console.print(Text.assemble((f"{word:<8}", colour), f"{check.name:<{width}}  {check.found}"), soft_wrap=True)
        if check.fix:
            console.print(Text(f"{'':<8}{'':<{width}}  -> {check.fix}", "bold"), soft_wrap=True)
