"""What the add-on makes of a motion and of videos, told from inside a Blender: results_shown.py -- FOLDER.

FOLDER has video.mp4, frames/ (the same video as pictures), later.mp4, report.png, and overlays/flow and overlays/depth.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))
import blender_addon
from blender_addon import controller
from blender_addon.control import machine, ordering
from blender_addon.control.kept import Result
from blender_addon.control.session import Session

WIDTH, HEIGHT = 64, 48
START, FRAMES = 11, 6
LOOK_AT = 13
"""A frame in the middle of the video: its third one."""


def set_up(folder: Path) -> Any:
    """A scene with a motion and two videos, as if they had been made in this session."""
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = START, START + FRAMES - 1
    scene.render.resolution_x, scene.render.resolution_y = WIDTH, HEIGHT
    scene.view_settings.view_transform = "Standard"
    scene.render.engine, scene.cycles.samples, scene.cycles.use_denoising = "CYCLES", 4, False
    mesh = bpy.data.meshes.new("Cube")
    mesh.from_pydata([(-1, 0, -1), (1, 0, -1), (0, 0, 1)], [], [(0, 1, 2)])
    scene.collection.objects.link(bpy.data.objects.new("Cube", mesh))
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.location, camera.rotation_euler = (3.0, -7.0, 2.0), (1.4, 0.1, 0.4)
    camera.scale = (2.0, 2.0, 2.0)
    camera.data.shift_x, camera.data.lens = 0.2, 35.0
    scene.collection.objects.link(camera)
    scene.camera = camera
    scene.frame_set(START)
    controller._session = Session(folder / "work", machine.engine_command, machine.blender_command)
    keep_motion(scene, folder)
    for number, name in enumerate(("frames", "video.mp4")):
        keep_video(scene, folder, folder / name, float(number))
    return scene


def keep_motion(scene: Any, folder: Path) -> None:
    session = controller.session()
    motion = session.motions.new("shown")
    shutil.copytree(folder / "overlays", motion / "overlays")
    facts = dataclasses.replace(ordering.motion_facts(scene), warnings=("Nothing moves.",), made=time.time())
    session.motions.finish(motion, facts)
    session.made_at[motion] = controller.changes.count


def keep_video(scene: Any, folder: Path, video: Path, made: float) -> None:
    session = controller.session()
    result = Result(
        video=video, generator="warp", prompt="", seed=3, summary="Moved as simulated.", report=None,
        picture=folder / "report.png", made=made, frames=(START, START + FRAMES - 1),
    )  # fmt: skip
    session.results.finish(session.results.new(video.stem), ordering.key_of(scene), result)


def error_of(operator: Callable[..., Any], **options: Any) -> str:
    """What an operator reports as its error."""
    try:
        operator(**options)
    except RuntimeError as error:
        return str(error)
    return "no error"


def user(image_user: Any) -> list[int]:
    return [image_user.frame_start, image_user.frame_duration, image_user.frame_offset]


def mean_colour(scene: Any, folder: Path, frame: int) -> list[float]:
    """Of the picture that is rendered in a frame, 0 to 255, by thirds of its width."""
    scene.frame_set(frame)
    scene.render.filepath = str(folder / "rendered.png")
    bpy.ops.render.render(write_still=True)
    image = bpy.data.images.load(scene.render.filepath)
    pixels = np.empty(WIDTH * HEIGHT * image.channels, np.float32)
    image.colorspace_settings.name = "Non-Color"
    image.pixels.foreach_get(pixels)
    bpy.data.images.remove(image)
    rows = pixels.reshape(HEIGHT, WIDTH, -1)[::-1, :, :3] * 255
    return [float(v) for third in np.split(rows[:, :63], 3, axis=1) for v in third.mean((0, 1))]


# -------------------------------------------------------------------------------------------------------------- motion


def motion_shown(scene: Any) -> dict[str, Any]:
    """Layers over the camera's view, one after the other; then none."""
    notes: dict[str, Any] = {}
    images = {image.name for image in bpy.data.images}
    for layer in ("flow", "depth"):
        bpy.ops.simcraft.show_motion(layer=layer, alpha=0.5)
        (background,) = scene.camera.data.background_images
        notes[layer] = {
            "folder": Path(bpy.path.abspath(background.image.filepath)).parent.name,
            "source": background.image.source,
            "user": user(background.image_user),
            "alpha": background.alpha,
            "front": background.display_depth,
            "method": background.frame_method,
        }
    scene.simcraft_motion_opacity = 0.25
    notes["opacity"] = [scene.simcraft_motion_opacity, background.alpha, scene.simcraft_video_opacity]
    notes["tracks"] = error_of(bpy.ops.simcraft.show_motion, layer="tracks")
    bpy.ops.simcraft.hide_motion()
    notes["left"] = [len(scene.camera.data.background_images), sorted({i.name for i in bpy.data.images} - images)]
    bpy.ops.simcraft.show_motion(layer="flow")
    first, scene.camera = scene.camera, bpy.data.objects.new("Other", bpy.data.cameras.new("Other"))
    bpy.ops.simcraft.hide_motion()
    notes["other camera"] = len(first.data.background_images)
    scene.camera = first
    notes["hide again"] = bpy.ops.simcraft.hide_motion.poll()
    bpy.ops.simcraft.open_motion(layer="flow")
    notes["editor"] = [i.source for i in bpy.data.images if i.name.startswith("flow")]
    return notes


def fitted(scene: Any) -> dict[str, Any]:
    """How the same pictures lie in camera frames of other shapes."""
    notes: dict[str, Any] = {}
    wide = {"resolution_x": 2 * WIDTH}
    for name, sensor_fit, render in (
        ("square", "AUTO", {"resolution_y": WIDTH}),
        ("wide", "AUTO", wide),
        ("vertical", "VERTICAL", wide),
    ):
        scene.render.resolution_x, scene.render.resolution_y = (
            render.get("resolution_x", WIDTH),
            render.get("resolution_y", HEIGHT),
        )
        scene.camera.data.sensor_fit = sensor_fit
        bpy.ops.simcraft.show_motion(layer="flow")
        (background,) = scene.camera.data.background_images
        notes[name] = [background.frame_method, background.scale]
    scene.render.resolution_x, scene.render.resolution_y, scene.camera.data.sensor_fit = WIDTH, HEIGHT, "AUTO"
    bpy.ops.simcraft.hide_motion()
    return notes


def add_arrow(scene: Any) -> None:
    for obj in scene.objects:
        obj.select_set(obj.name == "Cube")
    bpy.ops.simcraft.add_arrow()
    bpy.context.view_layer.update()
    scene.simcraft_arrows[0].source.location.x += 1.0


def disturbed(scene: Any, folder: Path) -> list[str]:
    """What of all that shows motion and videos would have the scene simulated again."""
    frames = str(folder / "frames")
    steps = {
        "flow": lambda: bpy.ops.simcraft.show_motion(layer="flow"),
        "editor": lambda: bpy.ops.simcraft.open_motion(layer="depth"),
        "opacity": lambda: setattr(scene, "simcraft_motion_opacity", 0.25),
        "hide": bpy.ops.simcraft.hide_motion,
        "open": bpy.ops.simcraft.open_video,
        "sequencer": bpy.ops.simcraft.add_to_sequencer,
        "background": bpy.ops.simcraft.set_background,
        "in front": lambda: setattr(scene, "simcraft_video_in_front", True),
        "clear": bpy.ops.simcraft.clear_background,
        "camera plane": lambda: bpy.ops.simcraft.add_video_plane(where="CAMERA", video=frames),
        "cursor plane": lambda: bpy.ops.simcraft.add_video_plane(where="CURSOR", video=frames),
        "arrow": lambda: add_arrow(scene),
        "frame": lambda: scene.frame_set(LOOK_AT),
    }
    found = [] if controller.motion_of(scene).up_to_date else ["nothing"]
    for name, step in steps.items():
        step()
        bpy.context.view_layer.update()
        if not controller.motion_of(scene).up_to_date:
            found.append(name)
            break
    scene.objects["Cube"].location.x += 1.0
    bpy.context.view_layer.update()
    return [*found, "the cube"] if not controller.motion_of(scene).up_to_date else found


# -------------------------------------------------------------------------------------------------------------- videos


def sequenced(scene: Any, folder: Path) -> dict[str, Any]:
    """Both videos in the sequencer, the later frames free; and what it renders."""
    videos = {"movie": str(folder / "video.mp4"), "pictures": str(folder / "frames")}
    for video in videos.values():
        bpy.ops.simcraft.add_to_sequencer(video=video)
    editor = scene.sequence_editor
    strips = editor.strips if hasattr(editor, "strips") else editor.sequences
    notes: dict[str, Any] = {"strips": []}
    for strip in sorted(strips, key=lambda s: s.channel):
        files = [e.filename for e in strip.elements]
        notes["strips"].append([strip.type, strip.channel, strip.frame_final_start, strip.frame_final_end, files])
    for kind, other in (("movie", 1), ("pictures", 0)):
        for index, strip in enumerate(sorted(strips, key=lambda s: s.channel)):
            strip.mute = index == other
        notes[kind] = mean_colour(scene, folder, LOOK_AT)
    for strip in list(strips):
        strips.remove(strip)
    return notes


def background_shown(scene: Any, folder: Path) -> dict[str, Any]:
    bpy.ops.simcraft.set_background(depth="BACK")
    bpy.ops.simcraft.show_motion(layer="flow")
    notes: dict[str, Any] = {
        "images": sorted(b.image.source for b in scene.camera.data.background_images),
        "user": next(user(b.image_user) for b in scene.camera.data.background_images if b.image.source == "MOVIE"),
    }
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "saved.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(folder / "saved.blend"))
    scene = bpy.context.scene
    notes["reloaded"] = sorted(b.image.source for b in scene.camera.data.background_images)
    notes["path"] = next(b.image.filepath for b in scene.camera.data.background_images if b.image.source == "MOVIE")
    return notes


def planes(scene: Any, folder: Path) -> dict[str, Any]:
    """A plane that fills the camera's picture, rendered; and one at the cursor."""
    bpy.ops.simcraft.add_video_plane(where="CAMERA", distance=0.5, video=str(folder / "frames"))
    notes: dict[str, Any] = {"pictures": mean_colour(scene, folder, LOOK_AT)}
    bpy.data.objects.remove(bpy.data.objects["frames"])
    bpy.ops.simcraft.add_video_plane(where="CAMERA", distance=0.0, video=str(folder / "video.mp4"))
    notes["movie"] = mean_colour(scene, folder, LOOK_AT)
    notes["moved"] = []
    scene.camera.location.x += 3.0
    notes["moved"] = mean_colour(scene, folder, LOOK_AT)
    scene.camera.location.x -= 3.0
    scene.cursor.location = (1.0, 2.0, 3.0)
    bpy.ops.simcraft.add_video_plane(where="CURSOR", height=3.0, video=str(folder / "video.mp4"))
    plane = bpy.data.objects["video.001"]
    bpy.context.view_layer.update()
    notes["cursor"] = [list(plane.matrix_world.translation), list(plane.dimensions)]
    notes["materials"] = len({obj.data.materials[0] for obj in bpy.data.objects if obj.name.startswith("video")})
    notes["nodes"] = sorted(node.type for node in plane.data.materials[0].node_tree.nodes)
    return notes


def recorded(scene: Any, folder: Path) -> dict[str, Any]:
    """What a recording has of a scene in which videos stand, and what its first picture shows."""
    from blender_addon._format import recording_format as fmt
    from blender_addon.record import record_scene

    record_scene(scene, folder / "recording", samples=1)
    recording = fmt.load_recording(folder / "recording")
    return {"bodies": [body.name for body in recording.bodies], "colour": recording.image.mean((0, 1)).tolist()}


def copied(folder: Path) -> dict[str, Any]:
    (folder / "taken").mkdir()
    bpy.ops.simcraft.choose_video(video=str(folder / "video.mp4"))
    bpy.ops.simcraft.save_video_as(filepath=str(folder / "new" / "copy.mp4"))
    bpy.ops.simcraft.save_video_as(filepath=str(folder / "new" / "copy"))
    bpy.ops.simcraft.save_video_as(filepath=str(folder / "pictures.mp4"), video=str(folder / "frames"))
    return {
        "same": (folder / "new/copy.mp4").read_bytes() == (folder / "video.mp4").read_bytes(),
        "files": sorted(path.name for path in (folder / "new").iterdir()),
        "pictures": len(list((folder / "pictures").glob("*.png"))),
        "folder": error_of(
            bpy.ops.simcraft.save_video_as, filepath=str(folder / "taken"), video=str(folder / "frames")
        ),
        "itself": error_of(bpy.ops.simcraft.save_video_as, filepath=str(folder / "video.mp4")),
        "no name": error_of(bpy.ops.simcraft.save_video_as),
    }


def chosen(folder: Path) -> dict[str, Any]:
    from blender_addon.ui.result_operators import chosen_result

    notes = {"newest": chosen_result(bpy.context).video.name}
    bpy.ops.simcraft.choose_video(video=str(folder / "frames"))
    notes["earlier"] = chosen_result(bpy.context).video.name
    keep_video(bpy.context.scene, folder, folder / "later.mp4", 20.0)
    notes["another came"] = chosen_result(bpy.context).video.name
    notes["foreign"] = error_of(bpy.ops.simcraft.open_video, video="/nowhere.mp4")
    bpy.ops.simcraft.open_video()
    bpy.ops.simcraft.open_report()
    notes["loaded"] = sorted(i.name for i in bpy.data.images if i.use_fake_user)
    (folder / "later.mp4").unlink()
    notes["gone"] = error_of(bpy.ops.simcraft.open_video)
    return notes


def main(folder: Path) -> None:
    blender_addon.register()
    scene = set_up(folder)
    notes: dict[str, Any] = {"disturbed": disturbed(scene, folder)}
    scene = set_up(folder)
    notes |= {"motion": motion_shown(scene), "fitted": fitted(scene)}
    notes["chosen"] = chosen(folder)
    controller.session().results.forget()
    notes["sequencer"] = sequenced(scene, folder)
    notes["copied"] = copied(folder)
    notes["planes"] = planes(scene, folder)
    notes["recorded"] = recorded(scene, folder)
    notes["background"] = background_shown(scene, folder)
    controller._session = Session(folder / "other work", machine.engine_command, machine.blender_command)
    names = (
        "open_video",
        "add_to_sequencer",
        "set_background",
        "add_video_plane",
        "save_video_as",
        "show_motion",
        "open_motion",
    )
    from blender_addon.ui.words import wrapped

    notes["wrapped"] = [
        wrapped("one two three four", 9, len),
        wrapped("extraordinary a b", 5, len),
        wrapped("", 5, len),
    ]
    notes["without"] = {name: getattr(bpy.ops.simcraft, name).poll() for name in (*names, "clear_background")}
    (folder / "notes.json").write_text(json.dumps(notes), encoding="utf-8")
    blender_addon.unregister()


main(Path(sys.argv[-1]))
