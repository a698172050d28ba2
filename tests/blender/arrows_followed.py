"""Videos that follow motion arrows, ordered in a Blender: arrows_followed.py -- FOLDER MODEL CHAPTER ...

Writes FOLDER/notes.json: chapter -> what was seen in it. The engine is the one that SIMCRAFT_PYTHON names; MODEL is a
folder of Motion Dreamer's.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix

sys.path.insert(0, str(Path(__file__).parents[2]))
import blender_addon
from blender_addon import controller
from blender_addon.arrow_sources import new_arrow_curve
from blender_addon.arrows import add_arrow
from blender_addon.control import changes
from blender_addon.errors import SceneError
from blender_addon.staging import checks, look
from tests.blender.generating import FRAMES, refusal, stage

STROKE = ((0.3, -1.0, 0.3), (1.0, -1.0, 0.3), (1.0, -1.0, 1.5))
"""Metres: it begins on the front of the cube, and leads to the right and up."""


def set_up(folder: Path, model: str, name: str) -> Any:
    """A cube that moves to the side, and a generator that can be told otherwise, and is."""
    scene = stage(folder, name)
    controller.know_engine()
    settings = scene.simcraft
    settings.generator, settings.model, settings.motion_from = "motion_dreamer", model, "ARROWS"
    settings.use_steps, settings.steps = True, 2
    return scene


def draw_arrow(scene: Any, turned: float = 0.0) -> Any:
    """An arrow of 3 m that leads from the cube to the right, turned to the left by so many radians."""
    scene.frame_set(1)
    select(bpy.data.objects["Cube"])
    bpy.ops.simcraft.add_arrow()
    item = scene.simcraft_arrows[-1]
    item.source.empty_display_size = 3.0
    # its y axis points at the camera
    item.source.matrix_world @= Matrix.Rotation(turned, 4, "Y")
    bpy.context.view_layer.update()
    return item


def select(obj: Any) -> None:
    for other in bpy.context.scene.objects:
        other.select_set(other == obj)
    bpy.context.view_layer.objects.active = obj


def mistake(scene: Any) -> str:
    """What is said of arrows that no video can follow; no job is queued then."""
    bpy.context.view_layer.update()
    try:
        controller.generate(scene)
    except SceneError as error:
        return str(error)
    return "nothing"


# ------------------------------------------------------------------------------------------------------------- chapters


def ordered(folder: Path, model: str) -> dict[str, Any]:
    """What the engine will be asked. Nothing is simulated."""
    scene, session = set_up(folder, model, "ordered"), controller.session()
    notes: dict[str, Any] = {"grey": refusal(bpy.ops.simcraft.generate), "none": mistake(scene)}
    draw_arrow(scene)
    scene.frame_set(3)
    before = changes.count
    tickets = controller.generate(scene, seed=5, variations=2)
    notes["another motion"] = changes.count != before
    notes["frame"] = scene.frame_current
    requests = [step.request for ticket in tickets for step in ticket.job.steps if step.process == "engine"]
    notes["requests"] = json.loads(json.dumps(requests, default=str))
    paths = [Path(request["options"]["arrows"]) for request in notes["requests"] if "options" in request]
    notes["files"] = [json.loads(path.read_text()) for path in paths]
    session.remove(tickets[0])
    notes["left"] = [path.exists() for path in paths]
    scene.simcraft.motion_from = "SIMULATION"
    notes["simulated"] = options_of_order(scene)
    scene.simcraft.motion_from, scene.simcraft.generator = "ARROWS", "warp"
    notes["no arrows taken"] = options_of_order(scene)
    return notes


def options_of_order(scene: Any) -> dict[str, Any]:
    """The names of a video's options, and whether it is told how well it moves as simulated."""
    (ticket,) = controller.generate(scene)
    request = ticket.job.steps[-1].request
    controller.session().remove(ticket)
    return {"arrows": "arrows" in request["options"], "report": "report" in request}


def mistakes(folder: Path, model: str) -> dict[str, Any]:
    """Arrows that no video can follow."""
    scene, notes = set_up(folder, model, "mistakes"), {}
    item = draw_arrow(scene)
    item.frame_start, item.frame_end = FRAMES, FRAMES + 4
    notes["too late"] = mistake(scene)
    item.frame_start, item.frame_end = 1, FRAMES
    ball = bpy.data.objects.new("Ball", None)
    item.target = ball
    notes["gone"] = mistake(scene)
    item.target, item.kind = None, "drag"
    item.source.location.z = 2.5
    notes["on nothing"] = mistake(scene)
    item.source.location.z = 0.0
    notes["on the cube"] = mistake(scene)
    notes["jobs"] = len(tickets := controller.session().tickets)
    controller.session().remove(tickets[0])
    item.source.scale = (0.0, 0.0, 0.0)
    notes["no length"] = mistake(scene)
    return notes


def button(folder: Path, model: str) -> dict[str, Any]:
    """The button that saves arrows for the command line, and what is said of a scene in which nothing else moves."""
    scene, save = set_up(folder, model, "button"), bpy.ops.simcraft.save_arrows
    scene.simcraft.size_from, scene.simcraft.width, scene.simcraft.height = "CUSTOM", 128, 96
    notes: dict[str, Any] = {"grey": save.poll()}
    bpy.data.objects["Cube"].animation_data_clear()
    problems = [[f.problem for f in checks.findings(look.facts_of(scene))]]
    draw_arrow(scene)
    problems.append([f.problem for f in checks.findings(look.facts_of(scene))])
    notes["nothing moves"] = ["MOTION" in found for found in problems]
    before = changes.count
    notes["saved"] = sorted(save(filepath=str(folder / "mine")))
    notes["another motion"] = changes.count != before
    (folder / "file").touch()
    notes["nowhere"] = refusal(save, filepath=str(folder / "file" / "arrows.json"))
    notes["no name"] = refusal(save)
    return notes


def videos(folder: Path, model: str) -> dict[str, Any]:
    """The whole way: a cube that stands still goes to the right, and up, and where a stroke leads that begins on it."""
    scene = set_up(folder, model, "videos")
    sun = bpy.data.objects.new("Sun", bpy.data.lights.new("Sun", "SUN"))
    sun.rotation_euler.x = 1.0
    scene.collection.objects.link(sun)
    cube = bpy.data.objects["Cube"]
    cube.animation_data_clear()
    cube.location.x = 0.0
    notes: dict[str, Any] = {}
    for name, turned in (("right", 0.0), ("up", math.pi / 2)):
        draw_arrow(scene, turned)
        notes[name] = video_of(scene, folder / f"{name}.mp4")
        bpy.ops.simcraft.remove_arrow()
    with changes.uncounted():
        add_arrow(scene, new_arrow_curve(scene, np.array(STROKE)), None, "drag")
    notes["stroke"] = video_of(scene, folder / "stroke.mp4")
    return notes


def video_of(scene: Any, out: Path) -> dict[str, Any]:
    said = sorted(bpy.ops.simcraft.generate(output=str(out)))
    result = controller.result_of(scene)
    kept = (result.generator, result.summary, result.report, result.picture)
    motion = controller.motion_of(scene)
    return {"said": said, "video": str(result.video), "kept": kept, "motion": [motion.folder.name, motion.up_to_date]}


CHAPTERS = (ordered, mistakes, button, videos)


def main(folder: Path, model: str, wanted: list[str]) -> None:
    blender_addon.register()
    notes = {chapter.__name__: chapter(folder, model) for chapter in CHAPTERS if chapter.__name__ in wanted}
    (folder / "notes.json").write_text(json.dumps(notes))
    blender_addon.unregister()


if __name__ == "__main__":
    arguments = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
    main(Path(arguments[0]), arguments[1], arguments[2:])
