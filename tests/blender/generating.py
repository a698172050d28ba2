"""Videos ordered inside a Blender, and what happens to the file meanwhile: generating.py -- FOLDER [CHAPTER ...].

Writes FOLDER/notes.json: chapter -> what was seen in it. The engine is the one that SIMCRAFT_PYTHON names.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import bpy

sys.path.insert(0, str(Path(__file__).parents[2]))
import blender_addon
from blender_addon import controller
from blender_addon.control import changes, fixes, ordering, signature
from blender_addon.effects import give_role, make_domain
from blender_addon.jobs import State
from blender_addon.ui import progress

SIZE, FRAMES = 64, 4


def stage(folder: Path, name: str = "fall") -> Any:
    """A new file with a scene in which a cube moves to the side, saved as `name`.blend."""
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, FRAMES
    scene.render.resolution_x = scene.render.resolution_y = SIZE
    bpy.ops.mesh.primitive_cube_add()
    cube = bpy.context.object
    for frame, x in ((1, -1.0), (FRAMES, 1.0)):
        cube.location.x = x
        cube.keyframe_insert("location", frame=frame)
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.location, camera.rotation_euler = (0.0, -8.0, 0.0), (1.5708, 0.0, 0.0)
    scene.collection.objects.link(camera)
    scene.camera = camera
    settings = scene.simcraft
    settings.generator, settings.preview_first_frame = "warp", True
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / f"{name}.blend"))
    return scene


def reopen() -> Any:
    """The scene of the open file, read again from disk."""
    bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)
    return bpy.context.scene


def refusal(operator: Any, **properties: Any) -> str:
    """What an operator says that does not do what it is asked."""
    try:
        operator(**properties)
    except RuntimeError as error:
        return str(error).strip()
    return "nothing"


def is_fresh(scene: Any) -> bool | None:
    """Is the scene's motion up to date? None where it has none."""
    bpy.context.view_layer.update()
    controller._facts.clear()
    motion = controller.motion_of(scene)
    return None if motion is None else motion.up_to_date


def motions() -> list[str]:
    return sorted(path.parent.name for path in controller.session().work.glob("motions/*/motion.json"))


def pump_until(condition: Any) -> None:
    last = time.monotonic() + 240
    while not condition():
        assert time.monotonic() < last, [(t.state, t.stage, t.problem) for t in controller.session().tickets]
        controller.session().pump()
        time.sleep(0.02)


# ------------------------------------------------------------------------------------------------------------- chapters


def first_video(folder: Path) -> dict[str, Any]:
    """One press, then others: the motion is made once."""
    scene = stage(folder)
    notes = {"before": is_fresh(scene), "said": sorted(bpy.ops.simcraft.generate())}
    result, motion = controller.result_of(scene), controller.motion_of(scene)
    notes |= {"video": str(result.video), "summary": result.summary, "report": result.report.is_file()}
    notes |= {"picture": result.picture.is_file(), "frames": list(result.frames), "size": list(motion.size)}
    notes["overlays"] = sorted(path.name for path in motion.overlays.iterdir())
    notes["recording"] = (motion.recording / "recording.json").is_file()
    notes["clip"] = motion.clip.exists()
    notes["copy"] = list(map(str, motion.folder.glob("*.blend*")))
    before = motions()
    bpy.ops.simcraft.generate(variations=3, seed=5)
    notes["again"] = [str(r.video) for r in (controller.result_of(scene), *controller.result_of(scene).earlier)]
    notes["same motion"] = motions() == before
    bpy.ops.simcraft.generate(output=str(folder / "own" / "name.gif"))
    notes["own"] = (folder / "own" / "name.gif").is_file()
    notes["jobs"] = len(controller.session().tickets)
    return notes


def same_file(folder: Path) -> dict[str, Any]:
    """A video of the file that `first_video` has left, which another Blender may have open as well."""
    bpy.ops.wm.open_mainfile(filepath=str(folder / "fall.blend"))
    bpy.data.objects["Cube"].location.z = 1.0
    bpy.ops.simcraft.generate()
    scene = bpy.context.scene
    result, motion = controller.result_of(scene), controller.motion_of(scene)
    return {"video": str(result.video), "motion": motion.folder.name, "fresh": is_fresh(scene)}


def what_is_a_change(folder: Path) -> dict[str, Any]:
    """What makes a motion outdated and what does not."""
    scene = stage(folder, "changes")
    bpy.ops.simcraft.generate()
    cube = bpy.data.objects["Cube"]
    notes: dict[str, Any] = {"made": is_fresh(scene)}

    def after(what: str, *actions: Any) -> None:
        before = signature.signature(scene, (SIZE, SIZE)), changes.count
        for action in actions:
            action()
        bpy.context.view_layer.update()
        notes[what] = before == (signature.signature(scene, (SIZE, SIZE)), changes.count)

    def assign(owner: Any, name: str, value: Any) -> Any:
        return lambda: setattr(owner, name, value)

    after("frames", lambda: scene.frame_set(3), lambda: scene.frame_set(1))
    after("selection", lambda: cube.select_set(False), lambda: cube.select_set(True))
    after("prompt", assign(scene.simcraft, "prompt", "a cube"), assign(scene.simcraft, "seed", 4))
    after("where renders go", assign(scene.render, "filepath", "/tmp/elsewhere"))
    notes["still"] = is_fresh(scene)
    after("place", assign(cube, "location", (0.0, 0.0, 1.0)))
    after("place and frame", assign(cube, "location", (0.0, 0.0, 2.0)), lambda: scene.frame_set(2))
    after("size", assign(scene.render, "resolution_x", SIZE + 2))
    after("end", assign(scene, "frame_end", FRAMES + 1))
    after("first frame", assign(scene.simcraft, "preview_first_frame", False))
    after("custom property", lambda: scene.__setitem__("seed", 3))
    after("hidden", assign(cube, "hide_render", True))
    after("new object", lambda: scene.collection.objects.link(bpy.data.objects.new("New", None)))
    after("gone object", lambda: bpy.data.objects.remove(bpy.data.objects["New"]))
    after("role", lambda: give_role(cube, "ignore"))
    notes["now"] = is_fresh(scene)
    return notes


def files(folder: Path) -> dict[str, Any]:
    """The motion is kept with the file: saved, renamed, opened again, in another session."""
    stage(folder, "kept")
    bpy.ops.simcraft.generate()
    notes = {"reopened": is_fresh(reopen())}
    bpy.context.scene.objects["Cube"].location.z += 1
    notes["edited"] = is_fresh(bpy.context.scene)
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "copy.blend"), copy=True)
    notes["a copy was saved"] = is_fresh(bpy.context.scene)
    notes["reverted"] = is_fresh(reopen())
    stage(folder, "renamed from")
    bpy.ops.simcraft.generate()
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "renamed to.blend"))
    notes["renamed"] = is_fresh(bpy.context.scene)
    controller.close()
    notes["another session"] = is_fresh(reopen())
    stage(folder, "renamed from")
    notes["the old name"] = is_fresh(bpy.context.scene)
    keys = []
    for _ in range(2):
        bpy.ops.wm.read_homefile(use_factory_startup=True)
        keys.append(ordering.key_of(bpy.context.scene))
    notes["two that were never saved"] = len(set(keys))
    return notes


def meanwhile(folder: Path) -> dict[str, Any]:
    """While a job runs: the file is changed and saved, the job's scene deleted, another file opened, work undone."""
    scene = stage(folder, "meanwhile")
    tickets = controller.generate(scene, variations=1, output=str(folder / "meanwhile.mp4"))
    pump_until(lambda: tickets[0].stage)
    bpy.ops.ed.undo_push(message="before")
    bpy.data.objects["Cube"].location.z += 1
    bpy.ops.ed.undo_push(message="moved")
    bpy.ops.ed.undo()
    controller.session().pump()
    bpy.ops.wm.save_mainfile()
    scene = bpy.context.scene
    other = bpy.data.scenes.new("Other")
    if bpy.context.window is not None:
        bpy.context.window.scene = other
    bpy.data.scenes.remove(scene)
    controller.session().pump()
    stage(folder, "another")
    controller.wait(tickets)
    return {"state": tickets[0].state.value, "video": (folder / "meanwhile.mp4").is_file(), "fresh": motions_seen()}


def motions_seen() -> bool | None:
    return is_fresh(bpy.context.scene)


def stopped(folder: Path) -> dict[str, Any]:
    """Cancelled, resumed, removed."""
    scene, session = stage(folder, "stopped"), controller.session()
    notes = {"idle": [bpy.ops.simcraft.cancel_job.poll(), bpy.ops.simcraft.resume_job.poll()]}
    (ticket,) = controller.generate(scene, output=str(folder / "stopped.mp4"))
    pump_until(lambda: ticket.stage == "start Blender")
    begun = time.monotonic()
    bpy.ops.simcraft.cancel_job()
    pump_until(lambda: ticket.state.ended)
    notes["stopped"], notes["seconds"] = ticket.state.value, time.monotonic() - begun
    bpy.ops.simcraft.resume_job()
    notes["resumed"] = (folder / "stopped.mp4").is_file()
    (first,) = controller.generate(scene, output=str(folder / "one.mp4"))
    (second,) = controller.generate(scene, output=str(folder / "two.mp4"))
    bpy.ops.simcraft.remove_job(job=session.entries[second].number)
    notes["removed"] = [t is first for t in session.tickets]
    controller.wait([first])
    notes["which"] = [(folder / name).exists() for name in ("one.mp4", "two.mp4")]
    notes["second"] = second.state is State.STOPPED
    return notes


def fail(scene: Any, out: Path) -> Any:
    """A job that has failed: while it waited, the folder of its video has become a file."""
    (ticket,) = controller.generate(scene, output=str(out / "video.mp4"))
    shutil.rmtree(out)
    out.touch()
    controller.wait([ticket])
    return ticket


def problems(folder: Path) -> dict[str, Any]:
    """What is wrong is said in a sentence, and what the buttons do about it."""
    scene = stage(folder, "problems")
    generate, fix = bpy.ops.simcraft.generate, bpy.ops.simcraft.fix_problem
    notes: dict[str, Any] = {"ending": refusal(generate, output=str(folder / "video.txt"))}
    (folder / "file").touch()
    notes["in a file"] = refusal(generate, output=str(folder / "file" / "video.mp4"))
    ticket = fail(scene, folder / "first")
    notes["problem"], notes["actions"] = ticket.problem.message, list(ticket.problem.actions)
    (folder / "first").unlink()
    notes["retry"] = sorted(fix(action="retry"))
    notes["made"] = (folder / "first" / "video.mp4").is_file()
    fail(scene, folder / "second")
    notes["offload"] = refusal(fix, action="offload")
    notes["smaller"] = refusal(fix, action="smaller")
    (folder / "second").unlink()
    notes["fewer"] = sorted(fix(action="fewer frames"))
    notes["frames"] = [scene.frame_end, list(controller.result_of(scene).frames)]
    scene.camera = None
    notes["no camera"] = refusal(generate)
    scene.camera = bpy.data.objects["Camera"]
    scene.frame_end = 1
    notes["one frame"] = refusal(generate)
    notes["no job"] = refusal(fix, action="retry")
    bpy.ops.wm.read_homefile(use_factory_startup=True)
    notes["no folder"] = refusal(generate, output="//video.mp4")
    return notes


def variations(folder: Path) -> dict[str, Any]:
    """Several videos share one motion, which is a job of its own; to remove it removes them all."""
    scene, session = stage(folder, "variations"), controller.session()
    scene.simcraft.generator, scene.simcraft.prompt, scene.simcraft.seed = "motioncraft", "a cube", 7
    scene.simcraft.variations = 3
    tickets = controller.generate(scene)
    notes: dict[str, Any] = {"jobs": [[step.request["request"] for step in ticket.job.steps] for ticket in tickets]}
    paints = [ticket.job.steps[-1].request for ticket in tickets[1:]]
    notes["seeds"] = [request["options"]["seed"] for request in paints]
    notes["videos"] = [Path(request["out"]).name for request in paints]
    notes["clips"] = len({request["clip"] for request in paints})
    # another press finds the motion in the making, and names that are taken
    (another,) = controller.generate(scene, variations=1, output=str(folder / "variations_seed7.mp4"))
    notes["another"] = [step.request["request"] for step in another.job.steps]
    notes["its name"] = Path(another.job.steps[-1].request["out"]).name
    work = session.entries[tickets[0]].order.motion_folder
    notes["for all"] = [video.options["seed"] for video in fixes.videos_of(session, tickets[0])]
    notes["for one"] = [video.options["seed"] for video in fixes.videos_of(session, tickets[2])]
    notes["copy"] = (work / "scene.blend").is_file()
    bpy.ops.simcraft.remove_job(job=session.entries[tickets[0]].number)
    notes["left"] = [len(session.tickets), work.exists()]
    return notes


def told_once(folder: Path) -> dict[str, Any]:
    """Which panel tells of a job: of a motion alone, of a video, of a motion that videos wait for, of another scene."""
    scene, session = stage(folder, "told"), controller.session()
    other = scene.copy()
    alone, (video,) = controller.simulate(scene), controller.generate(scene)
    other.simcraft.generator = "motioncraft"
    shared, *_ = controller.generate(other, variations=2)
    by_motion = {
        name: [progress.is_told_by_motion(ticket, place) for place in (scene, other)]
        for name, ticket in (("alone", alone), ("video", video), ("shared", shared))
    }
    makers = [progress.motion_job(place, State.WAITING) for place in (scene, other)]
    for ticket in (alone, shared):
        session.remove(ticket)
    return {"by motion": by_motion, "makers": makers == [alone, shared], "left": len(session.tickets)}


def automatic(folder: Path) -> dict[str, Any]:
    """The generator that the engine thinks best, and what it costs, asked of the engine."""
    scene = stage(folder, "automatic")
    scene.simcraft.generator = "auto"
    scene.simcraft.prompt = "a cube"
    notes: dict[str, Any] = {"asked": sorted(bpy.ops.simcraft.ask_engine())}
    knowledge = controller.session().knowledge
    notes["best"] = knowledge.best
    notes["generators"] = [name for name, _, _ in knowledge.generators]
    scene.simcraft.generator = "warp"
    pump_until(lambda: controller.estimate_of(scene) is not None)
    estimate = controller.estimate_of(scene)
    notes["seconds"], notes["basis"] = estimate.seconds, estimate.basis
    return notes


def smoke(folder: Path) -> dict[str, Any]:
    """A scene that Blender does not simulate itself, with its smoke in the rendered first frame."""
    scene = stage(folder, "smoke")
    scene.render.engine = "CYCLES"
    scene.simcraft.preview_first_frame, scene.simcraft.samples = False, 1
    bpy.ops.mesh.primitive_cube_add(size=3.0)
    domain = make_domain(bpy.context.object, "smoke", resolution=12, warm_up=0.2)
    give_role(bpy.data.objects["Cube"], "emitter", domain)
    bpy.ops.simcraft.generate()
    motion = controller.motion_of(scene)
    stages = (motion.folder / "recording" / "recording.json").read_text()
    return {"image": '"image"' in stages, "video": controller.result_of(scene).video.is_file()}


CHAPTERS = (
    first_video,
    same_file,
    what_is_a_change,
    files,
    meanwhile,
    stopped,
    problems,
    variations,
    told_once,
    automatic,
    smoke,
)


def main(folder: Path, wanted: list[str]) -> None:
    blender_addon.register()
    notes = {}
    for chapter in CHAPTERS:
        if chapter.__name__ in wanted:
            print("chapter", chapter.__name__, flush=True)
            notes[chapter.__name__] = chapter(folder)
    Path(os.environ.get("NOTES_FILE", folder / "notes.json")).write_text(json.dumps(notes))
    blender_addon.unregister()


if __name__ == "__main__":
    arguments = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
    main(Path(arguments[0]), arguments[1:])
