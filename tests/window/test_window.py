"""The add-on in a real window of Blender: all is pressed with the mouse, and looked at in pictures afterwards."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from simcraft.video import load_video
from tests.window.driven import DrivenBlender

pytestmark = [pytest.mark.blender, pytest.mark.slow]

SETTINGS = """
import importlib
controller = importlib.import_module("bl_ext.user_default.simcraft.controller")
settings = bpy.context.scene.simcraft
settings.generator = "warp"
settings.size_from, settings.width, settings.height = "CUSTOM", {0}, {0}
settings.preview_first_frame, settings.output = {1!r}, {2!r}
"""
ESTIMATED = "getattr(controller.estimate_of(bpy.context.scene), 'seconds', None)"
"""What a video will cost stands above the button, and moves it when it is known."""
WATCH = """
OURS = {}
def watched(name, function):
    def call(*arguments, **options):
        begin = time.perf_counter()
        try:
            return function(*arguments, **options)
        finally:
            OURS[name] = max(OURS.get(name, 0.0), time.perf_counter() - begin)
    return call
controller.generate = watched("generate", controller.generate)
controller.session().pump = watched("pump", controller.session().pump)
def watch_panel(panel):
    draw = watched(panel.__name__, panel.draw)
    # Blender counts the arguments
    panel.draw = lambda self, context: draw(self, context)
for name in dir(bpy.types):
    if name.startswith("SIMCRAFT_PT_"):
        watch_panel(getattr(bpy.types, name))
GAPS.update(largest=0.0, sum=0.0, count=0)
"""
"""From now on, how long our own functions keep the window waiting at most, and how long anything does."""


def press(blender: DrivenBlender, command: str, **where: float) -> None:
    blender.click(*blender.find(command, **where))


def test_a_preset_becomes_a_video(blender: DrivenBlender, tmp_path: Path) -> None:
    made = tmp_path / "made.mp4"
    blender.picture("1-tab")
    press(blender, "simcraft.add_preset")
    blender.wait("bpy.context.scene.name.startswith('dominoes')")
    blender.picture("2-preset")

    blender.ask(SETTINGS.format(512, False, str(made)))
    blender.wait(ESTIMATED)
    press(blender, "simcraft.generate(")
    blender.picture("3-generate")
    blender.wait("controller.session().running is not None")
    blender.wait("controller.session().running.stage == 'render'")
    blender.picture("4-progress")
    press(blender, "simcraft.cancel_job")
    blender.wait("[t.state.name for t in controller.session().tickets] == ['STOPPED']")
    blender.scroll(80)
    blender.picture("5-cancelled")
    assert not made.exists()

    blender.ask(SETTINGS.format(256, True, str(made)))
    blender.ask(WATCH)
    blender.wait(ESTIMATED)
    press(blender, "simcraft.generate(")
    blender.wait("controller.result_of(bpy.context.scene) is not None", 600)
    seconds = {"ours": blender.value("OURS"), "all": blender.value("GAPS")}
    (blender.pictures / "seconds.json").write_text(json.dumps(seconds, indent=1))
    blender.scroll(80)
    blender.picture("6-result")
    # the name is still that of the job that was cancelled, and may go on
    video = Path(blender.value("str(controller.result_of(bpy.context.scene).video)"))
    assert video.parent == made.parent and load_video(video).frames.shape[1:] == (256, 256, 3)

    press(blender, "simcraft.show_motion(layer='flow'")
    # one after the other, as when it plays: rigid bodies are where their simulation has come to
    blender.ask("for frame in range(1, 21): bpy.context.scene.frame_set(frame)")
    blender.picture("7-flow")
    press(blender, "simcraft.open_video(")
    blender.wait("'IMAGE_EDITOR' in [area.type for area in bpy.context.window_manager.windows[0].screen.areas]")
    blender.picture("8-video")
    assert not blender.errors()
