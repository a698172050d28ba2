"""A Blender 5.2 with the installed add-on, in a window that tests drive."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.blender.conftest import blender_executable
from tests.blender.installing import Installed, install
from tests.window.driven import DrivenBlender, driven_blender, missing_programs

PICTURES = Path(os.environ.get("SIMCRAFT_PICTURES", Path(__file__).parents[2] / "out/window"))
"""Where pictures of the window are kept, to be looked at."""
PREPARE = """
import bpy
preferences = bpy.context.preferences
preferences.view.show_splash = False
own = preferences.addons["bl_ext.user_default.simcraft"].preferences
own.engine, own.engine_python = "PYTHON", {python!r}
bpy.ops.wm.save_userpref()
"""


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    if missing := missing_programs():
        pytest.skip(f"no {' and no '.join(missing)} on PATH")
    executable = blender_executable("blender-5.2")
    assert executable is not None
    there = install("blender-5.2", executable, tmp_path_factory.mktemp("home"))
    done = there.run("-b", "--python-exit-code", 1, "--python-expr", PREPARE.format(python=sys.executable))
    assert done.returncode == 0, done.stdout + done.stderr
    return there


@pytest.fixture(scope="module")
def blender(installed: Installed) -> Iterator[DrivenBlender]:
    """With the sidebar open, and all panels of the tab SimCraft in it."""
    with driven_blender(installed.executable, installed.home, PICTURES) as driven:
        open_tab(driven)
        yield driven


def open_tab(driven: DrivenBlender) -> None:
    """Press N over the 3D view, and then the tab, which stands at the sidebar's right border."""
    left, top, width, height = driven.value("rectangle('WINDOW')")
    driven.move(left + width / 2, top + height / 2)
    driven.key("n")
    driven.wait("rectangle('UI')[2] > 50")
    left, top, width, height = driven.value("rectangle('UI')")
    for y in range(top + 15, top + height, 20):
        if driven.value("region_of('UI')['region'].active_panel_category") == "SimCraft":
            return
        driven.click(left + width - 10, y)
    assert driven.value("region_of('UI')['region'].active_panel_category") == "SimCraft"
