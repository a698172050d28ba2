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
from tests.window.packages import write_packages

PICTURES = Path(os.environ.get("SIMCRAFT_PICTURES", Path(__file__).parents[2] / "out/window"))
"""Where pictures of the window are kept, to be looked at."""
PREPARE = """
import bpy
preferences = bpy.context.preferences
preferences.view.show_splash = False
own = preferences.addons["bl_ext.user_default.simcraft"].preferences
own.engine_folder, own.base_python = {engine!r}, {python!r}
own.packages_from, own.wheel_folder = "FOLDER", {wheels!r}
bpy.ops.wm.save_userpref()
"""
IMPORT = """
from importlib import import_module
controller, engine_state, preferences = (
    import_module("bl_ext.user_default.simcraft." + name) for name in ("controller", "ui.engine_state", "preferences")
)
"""
"""The modules of the add-on that tests ask for what cannot be seen from outside."""
CAN_GENERATE = "bpy.ops.simcraft.generate.poll()"
CLOSE_PREFERENCES = """
for window in bpy.context.window_manager.windows:
    if window.screen.areas[0].type == "PREFERENCES":
        with bpy.context.temp_override(window=window):
            bpy.ops.wm.window_close()
"""


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    if missing := missing_programs():
        pytest.skip(f"no {' and no '.join(missing)} on PATH")
    executable = blender_executable("blender-5.2")
    assert executable is not None
    there = install("blender-5.2", executable, tmp_path_factory.mktemp("home"))
    (init,) = there.home.rglob("simcraft/__init__.py")
    wheels = write_packages(init.parent, tmp_path_factory.mktemp("wheels"))
    engine = tmp_path_factory.mktemp("engine") / "of this test"
    code = PREPARE.format(engine=str(engine), python=sys.executable, wheels=str(wheels))
    done = there.run("-b", "--python-exit-code", 1, "--python-expr", code)
    assert done.returncode == 0, done.stdout + done.stderr
    return there


@pytest.fixture(scope="module")
def blender(installed: Installed) -> Iterator[DrivenBlender]:
    """With the sidebar open, and all panels of the tab SimCraft in it. There is no engine yet."""
    with driven_blender(installed.executable, installed.home, PICTURES) as driven:
        driven.ask(IMPORT)
        open_tab(driven)
        yield driven


@pytest.fixture(scope="module")
def engine(blender: DrivenBlender) -> Path:
    """The folder of the engine that the button in the preferences has installed."""
    assert not blender.value(CAN_GENERATE)
    blender.press("simcraft.fix_problem")
    blender.wait("any(window.screen.areas[0].type == 'PREFERENCES' for window in bpy.context.window_manager.windows)")
    blender.picture("1-no-engine")
    blender.press("simcraft.install_engine", kind="WINDOW", area="PREFERENCES")
    blender.wait("engine_state.ticket is not None")
    blender.picture("2-installing", patience=1)
    blender.wait("not engine_state.is_busy()", 300)
    blender.picture("3-installed")
    # what the window's own button would do, had the screen a window manager
    blender.ask(CLOSE_PREFERENCES)
    return Path(blender.value("str(preferences.engine_folder())"))


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
