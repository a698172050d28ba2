"""The add-on in a real window of Blender: all is pressed with the mouse, and looked at in pictures afterwards."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from blender_addon.engine_setup.layout import environment_python, read_installed
from simcraft.video import load_video
from tests.window.conftest import CAN_GENERATE
from tests.window.driven import DrivenBlender
from tests.window.packages import MARK

pytestmark = [pytest.mark.blender, pytest.mark.slow]

THUMBNAILS = Path(__file__).parents[2] / "blender_addon/thumbnails"
STAGE = "bpy.context.window_manager.simcraft_stage"
IN_PANEL, IN_LIST = 119, 144
"""How many pixels large Blender draws a preset's picture, and those in the list that a click on it opens."""
SETTINGS = """
settings = bpy.context.scene.simcraft
settings.generator = "warp"
settings.size_from, settings.width, settings.height = "CUSTOM", {0}, {0}
settings.preview_first_frame, settings.output = {1!r}, {2!r}
"""
ESTIMATED = "getattr(controller.estimate_of(bpy.context.scene), 'seconds', None)"
"""What a video will cost stands below the button, and moves what is further down when it is known."""
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


def test_the_engine_is_installed(blender: DrivenBlender, engine: Path) -> None:
    assert (found := read_installed(engine)) is not None
    assert found.torch.endswith(MARK)
    assert blender.value("preferences.engine_command().arguments[0]") == str(environment_python(engine))
    assert blender.value("engine_state.said()")["simcraft"] == found.simcraft
    blender.wait(CAN_GENERATE)
    blender.picture("4-engine")
    assert not blender.errors()


def add_dominoes(blender: DrivenBlender) -> None:
    """Choose them in the list of presets that opens, and press the button."""
    blender.ask(f"{STAGE}.preset = 'roll'; redraw()")
    blender.click(*blender.find_picture(THUMBNAILS / "roll.jpg", IN_PANEL))
    place = blender.find_picture(THUMBNAILS / "dominoes.jpg", IN_LIST)
    blender.picture("5-presets")
    blender.click(*place)
    blender.wait(f"{STAGE}.preset == 'dominoes'")
    blender.press("simcraft.add_preset")
    blender.wait("bpy.context.scene.name.startswith('dominoes')")
    blender.picture("6-dominoes")
    assert len(blender.value("[o.name for o in bpy.context.scene.objects if o.name.startswith('domino_')]")) == 20


@pytest.mark.usefixtures("engine")
def test_a_preset_becomes_a_video(blender: DrivenBlender, tmp_path: Path) -> None:
    made = tmp_path / "made.mp4"
    add_dominoes(blender)

    blender.ask(SETTINGS.format(512, False, str(made)))
    blender.wait(ESTIMATED)
    blender.press("simcraft.generate(")
    blender.picture("7-generate")
    blender.wait("controller.session().running is not None")
    blender.wait("controller.session().running.stage == 'render'")
    blender.picture("8-progress")
    blender.press("simcraft.cancel_job")
    blender.wait("[t.state.name for t in controller.session().tickets] == ['STOPPED']")
    blender.scroll(80)
    blender.picture("9-cancelled")
    assert not made.exists()

    blender.ask(SETTINGS.format(256, True, str(made)))
    blender.ask(WATCH)
    blender.wait(ESTIMATED)
    blender.press("simcraft.generate(")
    blender.wait("controller.result_of(bpy.context.scene) is not None", 600)
    seconds = {"ours": blender.value("OURS"), "all": blender.value("GAPS")}
    (blender.pictures / "seconds.json").write_text(json.dumps(seconds, indent=1))
    blender.scroll(80)
    blender.picture("10-result")
    # the job that was cancelled had kept no frame, and gave its name back
    video = Path(blender.value("str(controller.result_of(bpy.context.scene).video)"))
    assert video == made and load_video(video).frames.shape[1:] == (256, 256, 3)

    blender.press("simcraft.show_motion(layer='flow'")
    # one after the other, as when it plays: rigid bodies are where their simulation has come to
    blender.ask("for frame in range(1, 21): bpy.context.scene.frame_set(frame)")
    blender.picture("11-flow")
    blender.press("simcraft.open_video(")
    blender.wait("'IMAGE_EDITOR' in [area.type for area in bpy.context.window_manager.windows[0].screen.areas]")
    blender.picture("12-video")
    blender.press("simcraft.add_to_sequencer")
    strips = blender.wait("[strip.filepath for strip in bpy.context.scene.sequence_editor.strips]")
    assert [Path(path).name for path in strips] == [video.name]
    assert not blender.errors()
