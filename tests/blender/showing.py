"""Results of simulations shown in Blender and rendered there, before a white sky; runs in the child's `build` request.

`data` is a JSON file with the folder of a solved recording beside it, "solved". The pictures go beside it as well.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import bpy
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from zoo import add_cube

VIEWS = {"front": ((0.0, -8.0, 0.0), (np.pi / 2, 0.0, 0.0)), "top": ((0.0, 0.0, 8.0), (0.0, 0.0, 0.0))}
WIDTH, PIXELS = 4.0, 128
NUMBERS = (11, 13, 15)
"""Of the frames: neither from 1 nor one after the other."""


def showing(data: Path) -> None:
    """Show the recording, render it from two sides at its first and last frame, record the scene, hide it all again."""
    from blender_addon.record import record_scene
    from blender_addon.show import hide, show

    scene = _stage()
    add_cube("Statue", (0.0, 0.0, 50.0), 1.0)
    before = _inventory(scene)
    show(data.parent / "solved", scene)
    warnings = show(data.parent / "solved", scene)  # a second time: replaces the first
    shown = _inventory(scene)
    pictures = {f"{view}.{t + 1}": _picture(scene, view, NUMBERS[t]) for view in VIEWS for t in (0, 2)}
    np.savez(data.parent / "pictures.npz", **pictures)
    scene.frame_set(NUMBERS[0])
    record_scene(scene, data.parent / "again", samples=1)
    statue = bpy.data.objects["Statue"].hide_render
    hide(scene)
    notes = {"before": before, "shown": shown, "after": _inventory(scene), "warnings": warnings, "statue": statue}
    notes["statue after"] = bpy.data.objects["Statue"].hide_render
    notes["after an error"] = _failing(scene, data.parent)
    data.write_text(json.dumps(notes), encoding="utf-8")


def _failing(scene: Any, folder: Path) -> dict[str, int]:
    """What is there after results could not be shown, because their pictures had no place."""
    from blender_addon.show import show

    (folder / "a file").write_text("no folder", encoding="utf-8")
    try:
        show(folder / "solved", scene, files=folder / "a file" / "shown")
    except OSError:
        return _inventory(scene)
    raise AssertionError("an error was expected")


def _inventory(scene: Any) -> dict[str, int]:
    blocks = ("objects", "meshes", "materials", "images", "actions", "collections")
    counts = {name: len(getattr(bpy.data, name)) for name in blocks}
    # Blender keeps a place for what it renders
    counts["images"] = sum(image.type == "IMAGE" for image in bpy.data.images)
    return counts | {"in scene": len(scene.objects)}


def _stage() -> Any:
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end, scene.frame_step = NUMBERS[0], NUMBERS[-1], 2
    render = scene.render
    render.resolution_x = render.resolution_y = PIXELS
    render.resolution_percentage, render.engine = 100, "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising, scene.cycles.device = 16, False, "CPU"
    # a pixel is the average over its own square
    scene.cycles.pixel_filter_type = "BOX"
    if hasattr(scene.cycles, "volume_biased"):
        scene.cycles.volume_biased = True
    render.image_settings.file_format, render.image_settings.color_mode = "PNG", "RGB"
    scene.view_settings.view_transform = "Standard"
    scene.world = bpy.data.worlds.new("World")
    scene.world.use_nodes = True
    scene.world.node_tree.nodes["Background"].inputs[0].default_value = (1.0, 1.0, 1.0, 1.0)
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.data.type, camera.data.ortho_scale = "ORTHO", WIDTH
    scene.collection.objects.link(camera)
    scene.camera = camera
    return scene


def _picture(scene: Any, view: str, frame: int) -> np.ndarray:
    """(H, W, 3) float32, linear: what the camera sees from that side."""
    scene.camera.location, scene.camera.rotation_euler = VIEWS[view]
    scene.frame_set(frame)
    path = Path(bpy.app.tempdir) / "picture.png"
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    image = bpy.data.images.load(str(path))
    # nothing is converted: the numbers are those in the file
    image.colorspace_settings.name = "Non-Color"
    values = np.empty(PIXELS * PIXELS * image.channels, np.float32)
    image.pixels.foreach_get(values)
    bpy.data.images.remove(image)
    encoded = values.reshape(PIXELS, PIXELS, -1)[::-1, :, :3]
    return np.where(encoded < 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
