"""The add-on in a real window of Blender: all is pressed with the mouse, and looked at in pictures afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from simcraft.video import load_video
from tests.window.driven import DrivenBlender

pytestmark = [pytest.mark.blender, pytest.mark.slow]

STATES = "[t.state.name for t in controller.session().tickets]"
SETTINGS = """
import importlib
controller = importlib.import_module("bl_ext.user_default.simcraft.controller")
settings = bpy.context.scene.simcraft
settings.generator = "warp"
settings.size_from, settings.width, settings.height = "CUSTOM", {0}, {0}
settings.preview_first_frame, settings.output = {1!r}, {2!r}
"""


def press(blender: DrivenBlender, command: str) -> None:
    blender.click(*blender.find(command))


def test_a_preset_becomes_a_video(blender: DrivenBlender, tmp_path: Path) -> None:
    made = tmp_path / "made.mp4"
    blender.picture("1-tab")
    press(blender, "simcraft.add_preset")
    blender.wait("bpy.context.scene.name.startswith('dominoes')")
    blender.picture("2-preset")

    blender.ask(SETTINGS.format(512, False, str(made)))
    press(blender, "simcraft.generate(")
    blender.picture("3-generate")
    blender.wait("controller.session().running is not None")
    blender.wait("controller.session().running.fraction")
    blender.picture("4-progress")
    press(blender, "simcraft.cancel_job")
    blender.wait(f"{STATES}[0] == 'STOPPED'")
    blender.picture("5-cancelled")
    assert not made.exists()

    blender.ask(SETTINGS.format(128, True, str(made)))
    press(blender, "simcraft.generate(")
    blender.wait(f"{STATES}[-1] == 'DONE'", 600)
    blender.scroll(50)
    blender.picture("6-result")
    assert load_video(made).frames.shape[1:] == (128, 128, 3)
    assert not blender.errors()
