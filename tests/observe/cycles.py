"""Blender's Cycles as the oracle: a Recording rebuilt in bpy, and its 1-sample Vector, Depth and Object Index passes.

`cycles_passes` starts a child process, because bpy can abort and keeps its memory::

    python -m tests.observe.cycles RECORDING OUT.npz FRAME [FRAME ...]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from simcraft.recording import DeformingBody, Recording, RigidBody, load_recording, save_recording

BACKGROUND = 1e9
"""Metres; the Depth pass has 1e10 where nothing was hit."""
BLENDER_CAMERA = np.diag([1.0, -1.0, -1.0, 1.0])
"""OpenCV camera axes to Blender's (y up, z backward)."""


@dataclass(frozen=True)
class Passes:
    """What Cycles says about some frames, F of them."""

    forward: np.ndarray
    """(F, H, W, 2) float32, pixels to the next frame, y down."""
    backward: np.ndarray
    """(F, H, W, 2) float32, pixels to the previous frame."""
    depth: np.ndarray
    """(F, H, W) float32, metres, +inf for background."""
    index: np.ndarray
    """(F, H, W) uint16, the object's place among the bodies from 1 on; 0 for background."""
    seconds: np.ndarray
    """(F,) float64, wall time of each render with its passes."""


def cycles_passes(recording: Recording, frames: Sequence[int]) -> Passes:
    """Render frame indices `frames` of rigid and deforming bodies in a child process."""
    with tempfile.TemporaryDirectory(prefix="simcraft-cycles-") as folder:
        saved, out = Path(folder) / "recording", Path(folder) / "passes.npz"
        save_recording(recording, saved)
        command = [sys.executable, "-m", "tests.observe.cycles", str(saved), str(out), *map(str, frames)]
        root = Path(__file__).parents[2]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
        if not out.is_file():
            raise RuntimeError(f"Cycles failed:\n{done.stdout}\n{done.stderr}")
        with np.load(out, allow_pickle=False) as arrays:
            return Passes(**arrays)


def build_scene(recording: Recording) -> Any:
    """The recording as a Blender scene; frame index t is Blender's frame t + 1."""
    import bpy

    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, recording.frame_count
    for number, body in enumerate(recording.bodies, start=1):
        if not isinstance(body, RigidBody | DeformingBody):
            raise TypeError(f"{body.name}: only rigid and deforming bodies are rebuilt.")
        rest = body.vertices if isinstance(body, RigidBody) else body.vertices[0]
        mesh = bpy.data.meshes.new(body.name)
        mesh.from_pydata(np.asarray(rest).tolist(), [], np.asarray(body.mesh.faces).tolist())
        thing = bpy.data.objects.new(body.name, mesh)
        scene.collection.objects.link(thing)
        thing.pass_index = number
        if isinstance(body, RigidBody):
            _animate_pose(thing, body.transforms)
        else:
            _animate_vertices(thing, body.vertices)
    _add_camera(scene, recording)
    return scene


def _animate_pose(thing: Any, transforms: np.ndarray) -> None:
    import mathutils

    thing.rotation_mode = "QUATERNION"
    still = (np.asarray(transforms) == transforms[0]).all()
    for t, matrix in enumerate(transforms[:1] if still else transforms):
        thing.matrix_world = mathutils.Matrix(np.asarray(matrix).tolist())
        if not still:
            for path in ("location", "rotation_quaternion", "scale"):
                thing.keyframe_insert(path, frame=t + 1)


def _animate_vertices(thing: Any, vertices: np.ndarray) -> None:
    """One shape key a frame, fully on in its own frame only."""
    thing.shape_key_add(name="Basis")
    for t, frame in enumerate(vertices):
        key = thing.shape_key_add(name=f"frame {t}")
        key.data.foreach_set("co", np.asarray(frame, np.float32).ravel())
        for other in range(len(vertices)):
            key.value = float(other == t)
            key.keyframe_insert("value", frame=other + 1)


def _add_camera(scene: Any, recording: Recording) -> None:
    import bpy

    track, (width, height) = recording.camera, recording.size
    data = bpy.data.cameras.new("camera")
    thing = bpy.data.objects.new("camera", data)
    scene.collection.objects.link(thing)
    scene.camera = thing
    _animate_pose(thing, track.camera_to_world @ BLENDER_CAMERA)
    data.sensor_fit = "HORIZONTAL"
    focal = float(track.intrinsics[0, 0, 0])
    if track.projection == "perspective":
        data.lens = focal / width * data.sensor_width
    else:
        data.type, data.ortho_scale = "ORTHO", width / focal
    data.clip_start, data.clip_end = float(track.clip_start[0]), float(track.clip_end[0])
    scene.render.resolution_x, scene.render.resolution_y = width, height


def set_up_passes(scene: Any) -> None:
    """The cheapest render whose Vector pass is exact: one sample, a pixel filter of nearly no width, no bounces."""
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising, scene.cycles.max_bounces = 1, False, 0
    scene.cycles.pixel_filter_type, scene.cycles.filter_width = "BLACKMAN_HARRIS", 0.01
    scene.render.use_motion_blur = False
    scene.render.use_persistent_data = True
    layer = scene.view_layers[0]
    layer.use_pass_vector = layer.use_pass_z = layer.use_pass_object_index = True
    image = scene.render.image_settings
    image.file_format, image.color_depth, image.exr_codec = "OPEN_EXR_MULTILAYER", "32", "NONE"


def render_passes(scene: Any, frames: Sequence[int], folder: Path) -> Passes:
    """Render and read back `frames`."""
    import bpy

    results, seconds = [], []
    for t in frames:
        scene.frame_set(t + 1)
        scene.render.filepath = str(folder / f"{t}.exr")
        start = time.perf_counter()
        bpy.ops.render.render(write_still=True)
        seconds.append(time.perf_counter() - start)
        results.append(read_passes(Path(scene.render.filepath)))
    return Passes(*(np.stack(arrays) for arrays in zip(*results, strict=True)), np.array(seconds))


def read_passes(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Forward, backward, depth and index of one multilayer EXR; Cycles' signs are (-Z, +W) and (X, -Y) for y down."""
    import OpenEXR

    with OpenEXR.File(str(path), separate_channels=True) as file:
        channels = {name: channel.pixels for part in file.parts for name, channel in part.channels.items()}

    def channel(ending: str) -> np.ndarray:
        return next(pixels for name, pixels in channels.items() if name.endswith(ending))

    forward = np.stack([-channel("Vector.Z"), channel("Vector.W")], axis=-1)
    backward = np.stack([channel("Vector.X"), -channel("Vector.Y")], axis=-1)
    depth = channel("Depth.Z")
    return forward, backward, np.where(depth > BACKGROUND, np.inf, depth), channel("IndexOB.X").astype(np.uint16)


def main() -> None:
    """The child: render, and hand the arrays over in a file."""
    recording, out, frames = load_recording(sys.argv[1]), Path(sys.argv[2]), [int(t) for t in sys.argv[3:]]
    scene = build_scene(recording)
    set_up_passes(scene)
    passes = render_passes(scene, frames, out.parent)
    np.savez(out, **vars(passes))


if __name__ == "__main__":
    main()
