"""An engine's packages as wheels of a few bytes, which stand for those that this very Python has.

The installation is a real one, of the real engine; only that its packages need not be fetched, nor written once more.
"""

from __future__ import annotations

import re
import sysconfig
from importlib.metadata import version
from pathlib import Path

from blender_addon.engine_setup.request import PINS, read_engine
from tests.engine_setup.stand_ins import write_wheel

MARK = "here"
"""Ends the versions, so that pip takes no wheels of the same packages from where this computer's settings say."""


def write_packages(addon: Path, folder: Path) -> Path:
    """Fill `folder` with wheels of all that the engine of the installed `addon` needs, pin these, and return it."""
    (engine,) = (addon / "wheels").glob("*.whl")
    names = [re.split("[^A-Za-z0-9_.-]", needed)[0] for needed in read_engine(engine).requirements]
    versions = {name: f"{version(name).partition('+')[0]}+{MARK}" for name in names}
    # a line of a .pth file is one more folder in which Python looks for packages
    elsewhere = {"packages_of_the_tests.pth": f"{sysconfig.get_path('purelib')}\n"}
    for name, number in versions.items():
        write_wheel(folder, name.replace("-", "_"), number, elsewhere if name == "torch" else {})
    (addon / PINS).write_text("".join(f"{name}=={number}\n" for name, number in versions.items()))
    return folder
