"""Scenes simulated by the add-on and a real engine, told from inside a Blender: motion_simulated.py -- FOLDER."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import bpy

sys.path.insert(0, str(Path(__file__).parents[2]))
import blender_addon
from blender_addon import controller
from blender_addon.control import machine
from blender_addon.control.session import Session
from blender_addon.overlay import layers_in, shown_layer


def set_up(moving: bool) -> Any:
    bpy.ops.wm.read_homefile(use_factory_startup=True)
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 3, 6
    scene.render.resolution_x, scene.render.resolution_y = 96, 64
    scene.simcraft.preview_first_frame = True
    for frame, x in ((3, -1.0), (6, 1.0)) if moving else ():
        scene.objects["Cube"].location.x = x
        scene.objects["Cube"].keyframe_insert("location", frame=frame)
    scene.frame_set(3)
    return scene


def simulated(scene: Any) -> dict[str, Any]:
    """What there is before and after the button, and after the scene has changed."""
    notes: dict[str, Any] = {"before": [controller.motion_of(scene) is None, bpy.ops.simcraft.show_motion.poll()]}
    bpy.ops.simcraft.simulate_motion()
    motion = controller.motion_of(scene)
    notes |= {"warnings": motion.warnings, "frames": motion.frames, "size": motion.size}
    notes["after"] = motion.up_to_date
    notes["layers"] = {name: len(list((motion.overlays / name).glob("*.png"))) for name in layers_in(motion.overlays)}
    for layer in notes["layers"]:
        bpy.ops.simcraft.show_motion(layer=layer)
        assert shown_layer(scene) == layer
    background = scene.camera.data.background_images[0]
    notes["user"] = [background.image_user.frame_start, background.image_user.frame_duration]
    notes["shown"] = controller.motion_of(scene).up_to_date
    scene.objects["Cube"].scale.z = 0.5
    bpy.context.view_layer.update()
    notes["changed"] = controller.motion_of(scene).up_to_date
    return notes


def refusal() -> str:
    """Why the button is grey."""
    try:
        bpy.ops.simcraft.simulate_motion()
    except RuntimeError as error:
        return str(error)
    return "it is not"


def main(folder: Path) -> None:
    blender_addon.register()
    controller._session = Session(folder / "work", machine.engine_command, machine.blender_command)
    notes: dict[str, Any] = {"moving": simulated(set_up(True))}
    still = set_up(False)
    bpy.ops.simcraft.simulate_motion()
    notes["still"] = controller.motion_of(still).warnings
    still.frame_end = still.frame_start
    notes["one frame"] = refusal()
    still.camera, still.frame_end = None, 6
    notes["no camera"] = refusal()
    (folder / "notes.json").write_text(json.dumps(notes), encoding="utf-8")
    blender_addon.unregister()


main(Path(sys.argv[-1]))
